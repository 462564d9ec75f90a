"""Each kind of broken data is found, with its file and line, by ``python -m echosounder.specs``."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from echosounder import specs
from echosounder.specs.lines import PURE, load
from echosounder.specs.lint import problems

SOURCE = Path(specs.__file__).parent
FIRST = "- id: stream.content-type"
# file, text to find, text to put there, pattern of the problem; {line} is the line of the change
BREAKS = [
    ("requirements/stream.yaml", FIRST, "- id: Stream Content", "specs/requirements/stream.yaml:{line}: .*does not match"),
    ("requirements/stream.yaml", FIRST, "- id: usage.present", "specs/requirements/usage.yaml:2: .*exists already at .*stream.yaml:{line}"),
    ("requirements/stream.yaml", "level: MUST", "level: CAN", "stream.yaml:{line}: 'CAN' is not one of"),
    ("requirements/stream.yaml", "page: recordings/ruby_llm", "page: hearsay", "stream.yaml:{line}: source 'hearsay' is not in"),
    ("requirements/chat.yaml", "since: 2024-12", "since: 2024-11", "chat.yaml:{line}: since names no profile: '2024-11'"),
    ("requirements/account.yaml", "until: 2025-12", "until: 2024-12", "account.yaml:[0-9]+: since is later than until"),
    ("requirements/cache.yaml", "probes: [cache.repeat]", "excluded: no", "cache.yaml:{line}: 'no' is too short"),
    ("requirements/cache.yaml", "probes: [cache.repeat]", "level: MUST", "cache.yaml:{line}: key 'level' occurs twice"),
    ("requirements/cache.yaml", "  probes: [cache.repeat]\n", "", "cache.yaml:[0-9]+: .*is not valid under any"),
    ("requirements/json.yaml", "features: [json]", "features: [json", "json.yaml:[0-9]+: "),
    ("requirements/json.yaml", "date: 2024-07-25", "date: yesterday", "json.yaml:{line}: 'yesterday' does not match"),
    ("sources.yaml", "whatwg-sse:", "w3c-sse:", "sources.yaml:{line}: source 'w3c-sse' is used by nothing"),
    ("sources.yaml", "  kind: norm", "  sort: norm", "sources.yaml:[0-9]+: a source has title, kind and where"),
    ("vendors/deepseek/profiles/2024-07.yaml", "target: $.servers", "target: $.waiters", "profiles/2024-07.yaml:{line}: .*matches nothing"),
    ("vendors/deepseek/openapi.yaml", "    Stop:", "    Halt:", "profiles/2024-07.yaml:[0-9]+: .*'Stop'.*matches nothing"),
    ("vendors/deepseek/prices.yaml", "hit: '0.014'", "hit: 0.014", "prices.yaml:[0-9]+: broken price row: .*in quotes"),
    ("vendors/deepseek/prices.yaml", "2025-02-08T16:00:00+00:00',\n", "2025-03-08T16:00:00+00:00',\n", "prices.yaml:.*: two USD"),
    ("vendors/deepseek/prices.yaml", "source: news/news0802", "source: a-friend", "prices.yaml:[0-9]+: source 'a-friend'"),
    ("vendors/deepseek/limits.yaml", "    context: 131072\n", "", "limits.yaml:[0-9]+: deepseek-chat: missing .* members: context"),
    ("vendors/openai/limits.yaml", "    context: null\n", "", "openai/limits.yaml:[0-9]+: .*missing .* members: context"),
    ("vendors/deepseek/prices.yaml", "days: workdays", "days: fridays", "prices.yaml:[0-9]+: broken .*fridays. is none of daily"),
    ("vendors/deepseek/prices.yaml", "per_thousand: '0.75'", "per_thousand: 0.75", "prices.yaml:[0-9]+: broken price of a use: .*quotes"),
    ("vendors/deepseek/calendar.yaml", "last: 2026-01-03", "last: 2027-01-03", "calendar.yaml:{line}: a holiday of 2026 lies in that year"),
    ("vendors/deepseek/calendar.yaml", "zone: '+08:00'", "zone: Beijing", "calendar.yaml:{line}: write the zone as an offset"),
    ("vendors/deepseek/limits.yaml", "like: 2024-12", "like: 2026-08", "deepseek/limits.yaml:{line}: like names no row before"),
    ("vendors/deepseek/behaviour.yaml", "  balance: true\n", "", "behaviour.yaml:[0-9]+: 2024-07: missing or unknown members: balance"),
    ("vendors/deepseek/behaviour.yaml", "{problem}'", "{problem'", "behaviour.yaml:[0-9]+: broken refusal"),
    ("vendors/deepseek/behaviour.yaml", "\n2024-12:", "\n2024-13:", "behaviour.yaml:[0-9]+: no row 2024-12: .*{{like: 2024-07}}"),
    ("vendors/deepseek/behaviour.yaml", "\n2026-11:", "\n2024-13: {like: 2024-07}\n\n2026-11:", "behaviour.yaml:[0-9]+: the profiles are"),
    ("vendors/deepseek/limits.yaml", "  aliases: {", "  alias: {", "limits.yaml:[0-9]+: .*missing or unknown members: alias, aliases"),
    ("vendors/openai/profiles/openai.yaml", "../../deepseek/openapi.yaml", "../nowhere.yaml", "openai.yaml:{line}: extends names no file"),
    ("vendors/deepseek/profiles/2025-12.yaml", "date: 2025-12-01", "date: 2025-01-01", "2025-12.yaml:{line}: the date .* is not later"),
    ("vendors/deepseek/profiles/2026-11.yaml", "  priced_at:", "  prized_at:", "2026-11.yaml:[0-9]+: x-profile lacks priced_at,"),
    ("vendors/deepseek/profiles/2026-11.yaml", "date: 2026-10-17", "date: October", "2026-11.yaml:{line}: date is 'October': write a day"),
    ("vendors/deepseek/profiles/2026-09.yaml", "04:00:00+00:00'", "04:00:00'", "2026-09.yaml:{line}: begins is .*: write an instant"),
    ("vendors/deepseek/attachments.yaml", "\n2026-11:", "\n2026-08:", "attachments.yaml:[0-9]+: no row 2026-11, .*{{like: 2026-09}}"),
    ("requirements/account.yaml", "vendors: [deepseek]", "vendors: [nobody]", "account.yaml:{line}: there is no vendor 'nobody'"),
    ("vendors/deepseek/limits.yaml", "\n2024-12:", "\n2024-13:", "limits.yaml:[0-9]+: no row 2024-12: add one"),
    ("formats/chat.yaml", "bound: max_tokens", "limit: max_tokens", "formats/chat.yaml:[0-9]+: missing or unknown members: bound, limit"),
    ("formats/chat.yaml", "length: bounded", "length: cut", "formats/chat.yaml:{line}: 'cut' is not one of bounded, called"),
    ("formats/chat.yaml", "parts: replaced", "parts: all", "formats/chat.yaml:{line}: 'all' is not one of merged, replaced"),
    ("formats/chat.yaml", "  parts: replaced  # of", "  # of", "formats/chat.yaml:[0-9]+: missing or unknown members of usage: parts"),
    ("formats/chat.yaml", "error: {at:", "error: {in:", "formats/chat.yaml:{line}: missing or unknown members of error: at, in"),
    ("formats/fim.yaml", "    hit: /", "    hits: /", "formats/fim.yaml:{line}: 'hits' is not one of cached, completion"),
    ("formats/fim.yaml", "  data: '[DONE]'", "  word: '[DONE]'", "formats/fim.yaml:[0-9]+: a stream ends with"),
    ("formats/fim.yaml", "paths: [/beta/completions]", "paths: [/chat/completions]", "formats/fim.yaml:{line}: .*another format"),
    ("formats/fim.yaml", "[api/create-completion]", "[hearsay]", "formats/fim.yaml:{line}: source 'hearsay' is not in"),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "specs", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "specs"


def test_ours_are_clean():
    assert list(problems()) == []


@pytest.mark.parametrize(("file", "old", "new", "pattern"), BREAKS)
def test_a_break_is_found(copy, file, old, new, pattern):
    text = (copy / file).read_text(encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1 + old.startswith("\n")
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    found = "\n".join(problems(copy))
    assert re.search(pattern.format(line=line), found), found or "no problem found"


def test_a_wire_format_is_a_feature(copy):
    fim, rows = copy / "formats" / "fim.yaml", copy / "requirements" / "fim.yaml"
    ping = fim.read_text(encoding="utf-8").replace("/beta/completions", "/ping")
    (copy / "formats" / "ping.yaml").write_text(ping, encoding="utf-8")
    rows.write_text(rows.read_text(encoding="utf-8").replace("features: [fim", "features: [ping"), encoding="utf-8")
    assert list(problems(copy)) == []


def test_the_command_exits_1_and_prints_file_and_line(copy):
    file = copy / "requirements" / "stream.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(FIRST, FIRST + "\n  titel: x", 1), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "echosounder.specs", str(copy)], capture_output=True, encoding="utf-8", check=False
    )
    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.startswith("specs/requirements/stream.yaml:2: ")
    assert "titel" in run.stdout


def test_scalars_follow_yaml_1_2(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "a: no\nb: 16:30\nc: 2024-07-25\nd: true\ne: 1.50\nf: 0o7\ng: null\nh: 12\n", encoding="utf-8"
    )
    expected = {"a": "no", "b": "16:30", "c": "2024-07-25", "d": True, "e": 1.5, "f": "0o7", "g": None, "h": 12}
    assert load("x.yaml", tmp_path).value == expected


@pytest.mark.parametrize("name", sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.yaml")))
def test_every_file_reads_alike_without_libyaml(name):
    """PyYAML's own parser knows YAML 1.1's rules for plain scalars in flow mappings, which libyaml does not mind."""
    quick, pure = load(name), load(name, loader_class=PURE)
    assert (quick.value, quick.lines) == (pure.value, pure.lines)
