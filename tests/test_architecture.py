"""The tree is the architecture: who may import whom, and what the wheel holds."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from echosounder.wire.formats import FORMATS

ROOT = Path(__file__).parents[1]
# Each stands at the top of the repository and is imported as ``echosounder.<name>``, by a link.
LINKED = {
    "specs": set(),
    "wire": {"specs"},
    "judgement": {"specs", "wire"},
    "conformance": {"specs", "wire", "judgement"},
    "load": {"specs", "wire", "judgement"},
    "mock_server": {"specs", "wire"},
    "reports": {"wire"},
}
OURS = LINKED | {"echosounder": {"specs", "wire", "judgement", "conformance", "load", "mock_server", "reports"}}
# A library that a package alone may import, or that only some of its modules may: importing it costs or changes something.
FENCED = {
    "locust": {"load/worker/locustfile.py", "load/stream_user.py"},  # patches sockets at import
    "gevent": {"load/"},
    "httpx": {"conformance/", "echosounder/"},
    "openapi_core": {"judgement/"},
    "hypothesis": {"conformance/"},
    "pytest": {"conformance/pytest_plugin.py", "conformance/pytest_front.py", "conformance/suite/", "echosounder/"},
    "httptools": {"mock_server/", "load/"},
    "typer": {"echosounder/", "mock_server/__main__.py"},
}
# wire is sans-IO, but for the log file it reads and writes.
NO_IO = {"socket", "ssl", "select", "asyncio", "subprocess", "time", "threading", "http", "urllib.request", "os"}


# Members, markers and paths of a chat or FIM request or answer. Counts that our own reports and scenarios name alike
# (prompt_tokens, completion_tokens) are none of them, nor are words that other libraries have too (choices).
MEMBERS = {
    "delta", "finish_reason", "[DONE]", "max_tokens", "messages", "reasoning_content", "tool_calls", "include_usage",
    "stream_options", "suffix", "response_format", "total_tokens", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens",
    "cached_tokens", "reasoning_tokens", "/chat/completions", "/beta/chat/completions", "/beta/completions", "/completions",
}  # fmt: skip
# Where they are at home: the formats, what judges one, what asks in one (probes and generators), what spoils one.
FORMAT_ROOMS = (
    "wire/formats/",
    "judgement/checks/",
    "judgement/pairs/checks/",
    "judgement/client/checks/",
    "conformance/client/drivers/",
    "conformance/probes/",
    "conformance/proxy/probes/",
    "conformance/generate/",
    "conformance/mutations.py",
    "conformance/content_mutations.py",
    "mock_server/formats/",
    "mock_server/deviations/",
)
# Every other module that knows one, and why.
KNOWS_A_FORMAT = {
    "wire/target.py": "a URL that ends in the path of an endpoint is a mistake of the user's, and is named",
    "judgement/answers.py": "walks through choices and deltas for the checks that are about them",
    "judgement/differences.py": "names the member in its report",
    "judgement/pairs/alignment.py": "aligns what a proxy changed, member by member",
    "judgement/schema.py": "members of free text, whose content no schema judges",
    "conformance/ask.py": "probes give their conversations in the format's own words",
    "conformance/budget.py": "what a server bills at worst, by any name that it may take for a bound",
    "conformance/detours.py": "the members of nearly every request that some target refuses, and the way around each",
    "mock_server/admission/deserialise.py": "the newer name of a bound, in one vendor's shape",
    "mock_server/answering/planner.py": "the finish reason that a call has",
}


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))  # does not follow links to folders


@cache
def parsed(path):
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path):
    for node in parsed(path):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "echosounder":
            yield from (f"echosounder.{name.name}" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def ours(imported):
    """The package of ours that an import names, or None."""
    top, _, rest = imported.partition(".")
    if top in LINKED:
        return f"{top}, not by its one name"
    below = rest.split(".")[0]
    return None if top != "echosounder" else below if below in LINKED else "echosounder"


@pytest.mark.parametrize("package", OURS)
def test_packages_import_only_what_the_table_allows(package):
    allowed = OURS[package] | {package}
    wrong = [
        (str(p.relative_to(ROOT)), m)
        for p in modules(package)
        for m in imports(p)
        if (found := ours(m)) and found not in allowed and m != "echosounder.__version__"
    ]
    assert wrong == []


@pytest.mark.parametrize("library", FENCED)
def test_fenced_libraries_stay_behind_their_fence(library):
    homes = tuple(FENCED[library])
    users = {
        str(p.relative_to(ROOT))
        for package in OURS
        for p in modules(package)
        if library in {m.split(".")[0] for m in imports(p)}
    }
    assert {user for user in users if not user.startswith(homes)} == set()


def test_wire_opens_no_socket_and_reads_no_clock():
    found = [(p.name, m) for p in modules("wire") for m in imports(p) if m in NO_IO]
    # The trust store: conformance and load must not import each other, and both must believe the same authorities.
    assert sorted(found) == [("trust.py", "os"), ("trust.py", "ssl")]


def test_the_packages_are_linked_into_the_one_name():
    links = {p.name: p.readlink().as_posix() for p in (ROOT / "echosounder").iterdir() if p.is_symlink()}
    assert links == {package: f"../{package}" for package in LINKED}
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert config["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["echosounder"]
    assert config["tool"]["mypy"]["packages"] == ["echosounder"]
    assert (ROOT / "echosounder" / "py.typed").exists()


EVERYTHING = [*OURS, "tests", "docs", "benchmarks"]


def opened_as_the_locale_says(path):
    """The lines that read or write text in an encoding that is not named."""
    for call in parsed(path):
        if isinstance(call, ast.Call) and not any(word.arg == "encoding" for word in call.keywords):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            by_locale = len(call.args) <= {"read_text": 0, "write_text": 1}.get(name, -1)
            as_text = any(word.arg == "text" and isinstance(word.value, ast.Constant) for word in call.keywords)
            if by_locale or as_text or (name == "open" and not binary(call)):
                yield call.lineno


def binary(call):
    """Whether a call of `open` has a mode with a b, or is of the system's."""
    modes = [word.value for word in call.keywords if word.arg == "mode"] + call.args[isinstance(call.func, ast.Name) :]
    return ast.unparse(call.func) == "os.open" or any("b" in ast.unparse(mode) for mode in modes[:1])


@pytest.mark.parametrize("folder", EVERYTHING)
def test_text_is_read_and_written_in_an_encoding_that_is_named(folder):
    found = [f"{p.relative_to(ROOT)}:{line}" for p in modules(folder) for line in opened_as_the_locale_says(p)]
    assert found == []


# What a command builds on; every other module of the folder is a command, or the part of one that has a file of its own.
SHARED = {
    "analysed",
    "complete",
    "described",
    "duration",
    "network",
    "options",
    "passing",
    "printed",
    "progress",
    "results",
    "said",
    "settings",
}
PARTS = {"compare": {"compare_live"}}


def test_no_command_imports_another():
    found = {
        (path.stem, module.rpartition(".")[2])
        for path in (ROOT / "echosounder" / "cli").glob("*.py")
        for module in imports_from_cli(path)
    }
    assert {(a, b) for a, b in found if b not in SHARED | PARTS.get(a, set())} == set()


def imports_from_cli(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "echosounder.cli":
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("echosounder.cli."):
            yield node.module


def literals(path):
    """The strings of a module that are no documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and id(node) not in prose:
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def knows_a_format(text):
    """Is it a member, a marker or a path, or a JSON pointer with one? A sentence that mentions one is not."""
    return text in MEMBERS or (text.startswith("/") and bool(MEMBERS & set(text.split("/"))))


def test_members_of_a_format_are_known_in_its_rooms_and_in_ten_other_modules_at_most():
    found = {
        str(p.relative_to(ROOT)) for package in OURS for p in modules(package) if any(map(knows_a_format, literals(p)))
    }
    assert {module for module in found if not module.startswith(FORMAT_ROOMS)} == set(KNOWS_A_FORMAT)
    assert len(KNOWS_A_FORMAT) <= 10


def test_a_wire_format_has_facts_a_reader_and_a_mock():
    """``specs/formats``, ``FORMATS`` of ``wire.formats`` and the folders of ``mock_server/formats`` name the same."""
    facts = {file.stem for file in (ROOT / "specs/formats").glob("*.yaml")}
    assert set(FORMATS) == facts
    assert {file.parent.name for file in (ROOT / "mock_server/formats").glob("*/__init__.py")} == facts


# One word, one thing. These classes have a namesake in another package, for a reason.
SAME_NAME = {
    "Format": "a wire grammar; the mock's is written apart from the harness's",
    "Question": "what a request asks for in no format's words; written apart likewise",
    "TimerFd": "the same system call; the load client and the mock share no code, and wire does no I/O",
    "_Itimerspec": "its argument",
    "_Timespec": "its argument",
}


def test_a_class_name_means_one_thing():
    homes = {}
    for path in (path for package in OURS for path in modules(package)):
        for node in parsed(path):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1 and name not in SAME_NAME} == {}
    assert {name for name in SAME_NAME if len(homes.get(name, ())) < 2} == set()  # still needed


# A module is named after what it is about, and the folder says from which side: the checks, probes and format of one feature,
# the command of a run, the renderer of what another module computes. Such folders may repeat the names of others.
SIDES = ("echosounder/cli/", "judgement/checks/", "judgement/pairs/", "conformance/probes/", "conformance/proxy/", "reports/",
         "judgement/client/", "conformance/client/", "mock_server/formats/", "wire/formats/", "load/scenarios/")  # fmt: skip
# Elsewhere the same word for the same thing, seen from two packages that may not import each other, or of two experiments.
SAME_SUBJECT = {
    "__init__", "__main__", "budget", "connection", "evidence", "judge", "latency", "limiter", "money", "options", "planner", "prices",
    "refusals", "report", "schedule", "schema",
}  # fmt: skip


def test_a_module_name_means_one_thing():
    homes = {}
    for package in OURS:
        for name in (str(path.relative_to(ROOT)) for path in modules(package)):
            if not name.startswith(SIDES):
                homes.setdefault(Path(name).stem, []).append(name)
    assert {stem: paths for stem, paths in homes.items() if len(paths) > 1 and stem not in SAME_SUBJECT} == {}
    assert {stem for stem in SAME_SUBJECT if len(homes.get(stem, ())) < 2} == set()


@pytest.mark.parametrize("folder", EVERYTHING)
def test_no_tuple_is_unpacked_only_to_please_the_formatter(folder):
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules(folder)
        for node in parsed(path)
        if isinstance(node, ast.Starred) and isinstance(node.value, (ast.Tuple, ast.List))
    ]
    assert found == []


@pytest.mark.parametrize("folder", EVERYTHING)
def test_comments_stand_above_what_they_are_about_where_a_line_has_no_room(folder):
    """The formatter puts the value into parentheses of its own otherwise."""
    torn = re.compile(r"\(\n\s+[\w.\"'\[\]| ]+  # [^\n]*\n\s+\)\n")
    found = [str(p.relative_to(ROOT)) for p in modules(folder) if torn.search(p.read_text(encoding="utf-8"))]
    assert found == []
