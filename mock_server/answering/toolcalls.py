"""Function calls of a cooperative model: which functions, with which arguments."""

import json
import re
from dataclasses import dataclass
from typing import Any

from echosounder.mock_server.answering import schema
from echosounder.mock_server.answering.intent import hints
from echosounder.mock_server.answering.plan import Question
from echosounder.mock_server.answering.schema import Hints

MOST = 8  # parallel calls
_STOP = re.compile(
    "the|and|for|with|from|this|that|what|which|into|your|you|get|set|current|given|function|tool|returns?"
)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call; ``arguments`` is the JSON text as the model writes it."""

    name: str
    arguments: str


def calls(question: Question) -> list[ToolCall]:
    """The calls for a prompt; empty if the model answers in text. Several names, such as cities, and one tool give parallel calls."""
    choice, prompt = question.tool_choice, question.asked
    if not question.tools or choice == "none":
        return []
    tools = {tool["name"]: tool for tool in question.tools}
    if isinstance(choice, tuple):
        chosen = list(choice)
    else:
        chosen = _relevant(tools, prompt)
        if not chosen:
            if choice == "auto":
                return []
            chosen = [next(iter(tools))]
    functions = [tools[name] for name in chosen]
    return _for_each(functions, prompt)[: MOST if question.parallel else 1]


def _relevant(tools: dict[str, dict[str, Any]], prompt: str) -> list[str]:
    """Tools that share words with the prompt, in the order in which those words appear in it."""
    said = _words(prompt)
    first: dict[str, int] = {}
    for name, function in tools.items():
        if name.lower() in prompt.lower():
            first[name] = prompt.lower().index(name.lower())
            continue
        shared = _words(name).keys() & said.keys() or _words(function.get("description") or "").keys() & said.keys()
        if shared:
            first[name] = min(said[word] for word in shared)
    named = [name for name in first if name.lower() in prompt.lower()]
    return sorted(named or first, key=first.__getitem__)


def _words(text: str) -> dict[str, int]:
    """Stems of a text and where each first occurs."""
    stems: dict[str, int] = {}
    for found in re.finditer(r"[A-Za-z]{3,}", text.replace("_", " ")):
        word = found[0].lower()
        if not _STOP.fullmatch(word):
            stems.setdefault(word.rstrip("s"), found.start())
    return stems


def _for_each(functions: list[dict[str, Any]], prompt: str) -> list[ToolCall]:
    found = hints(prompt)
    names = found.names or found.quoted
    if len(functions) > 1:
        return [_call(function, found, _nth(names, index)) for index, function in enumerate(functions)]
    function = functions[0]
    if _wants_a_name(function) and len(names) > 1:
        return [_call(function, found, name) for name in names]
    return [_call(function, found, None)]


def _nth(names: list[str], index: int) -> str | None:
    return names[min(index, len(names) - 1)] if names else None


def _wants_a_name(function: dict[str, Any]) -> bool:
    """Whether exactly one free-text parameter is required; each name in the prompt then gets its own call."""
    parameters = function.get("parameters") or {}
    properties = parameters.get("properties") or {}
    needed = [properties.get(name) or {} for name in parameters.get("required") or properties]
    free = [
        one
        for one in needed
        if one.get("type", "string") == "string" and not one.keys() & {"enum", "const", "pattern", "format"}
    ]
    return len(free) == 1


def _call(function: dict[str, Any], found: Hints, name: str | None) -> ToolCall:
    used = Hints(
        [name] if name else list(found.names), list(found.numbers), found.text, [] if name else list(found.quoted)
    )
    parameters = function.get("parameters")
    arguments = _arguments(parameters, used) if parameters else {}
    return ToolCall(function["name"], json.dumps(arguments, ensure_ascii=False))


def _arguments(parameters: Any, hints: Hints) -> Any:
    """Arguments for a schema; empty if the schema is invalid, such as one with a string as minimum, which the real API does not check."""
    try:
        return schema.value(parameters, hints)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return {}
