"""Help and findings keep to plain English: the patterns of docs/glossary.md that readers stumbled over most do not come back."""

import ast
import re
from pathlib import Path

import pytest
import typer.main

from echosounder.__main__ import registered
from echosounder.cli import settings

ROOT = Path(__file__).parents[1]
WORST = {
    "nobody, somebody as actors": r"\b(nobody|somebody|anybody|whoever)\b",
    "old words": r"\b(anew|mend(s|ed)?|by right|made whole|so that many)\b",
    "negation": r"(?<!there )\b(is|are|was|were) no (?!longer|more\b|less\b)[a-z]+",
    "quantity": r"\b(so many (at once|in all)?|so often|after so long)\b",
    "type names": r"\bexpected a (text|list|mapping)\b",
    "an order not to": r"^Never ",
    "half characters": r"\bhalf (a )?characters?\b",
    "what was not the target's": r"did not do its part",
}


def helps():
    program = typer.main.get_command(registered([], Path("nowhere") / settings.FILE))
    for name, command in program.commands.items():
        yield name, command.help or ""
        for each in command.params:
            yield f"{name} {each.name}", getattr(each, "help", None) or ""


def findings():
    """The words of every finding, note and reason of the rules."""
    for path in sorted((ROOT / "judgement").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in WRITTEN:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", _words(node)


WRITTEN = {"Problem", "Inconclusive", "Untestable", "Unsupported", "Result"}


def _words(call):
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    parts = (each.value for one in arguments for each in ast.walk(one) if isinstance(each, ast.Constant))
    return " ".join(part for part in parts if isinstance(part, str))


TEXTS = {"help": list(helps()), "findings": list(findings())}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("pattern", WORST.values(), ids=WORST)
def test_the_worst_patterns_do_not_come_back(kind, pattern):
    assert len(TEXTS[kind]) > 200
    found = re.compile(pattern)
    assert [(place, text) for place, text in TEXTS[kind] if found.search(text)] == []
