"""Instructions in a prompt that a cooperative model follows, found by plain patterns: repeat, count, name, fill in."""

import json
import re
from math import isfinite
from typing import Any

from echosounder.mock_server.answering.schema import Hints

_REPEAT = re.compile(
    r"\b(?:repeat|echo)\b[^:\n]{0,60}\b(?:exactly|verbatim)\b[^:\n]{0,40}:[ \t]*\n?(.*)", re.IGNORECASE | re.DOTALL
)
_SAY = re.compile(
    r"\b(?:say|reply|answer|respond)\b(?: back)?(?: with)?(?: only| just| exactly)?(?: with)?(?: only| just| exactly)?"
    r"(?: the)?(?: single)?(?: word| text| phrase)?:?\s+[\"'“‘`]([^\"'”’`\n]{1,200})[\"'”’`]",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\bstart your answer with these first (two|four|eight|sixteen) words above\W*$", re.IGNORECASE)
_COUNTS = {"two": 2, "four": 4, "eight": 8, "sixteen": 16}
_WORDS = re.compile(r"\b(\d{1,6})[ -]+(?:words?|tokens?)\b")
_ONE_WORD = re.compile(r"\b(?:one|a single|single)[ -]word\b")
_LONG = re.compile(r"\b(?:long|essay|detailed|story|as much as|count from)\b")
_NAME = re.compile(r"\b[A-Z][\w'’-]+(?:[ ](?:[A-Z][\w'’-]+))*")
_NUMBER = re.compile(r"(?<![\w.])-?\d++(?:\.\d++)?(?![\w.]*\w)")
_QUOTED = re.compile(r"[\"“`]([^\"”`\n]{1,200})[\"”`]")
_COMMON = re.compile(
    "what|which|who|where|when|why|how|is|are|do|does|can|could|would|will|please|call|use|using|get|give|tell|find|look|"
    "check|say|set|book|write|repeat|reply|respond|hello|hi|ok|yes|no|i|the|a|an|and|then|if|in|on|for|my|your|return|answer|"
    "also|now|today|json|show|compare|let",
    re.IGNORECASE,
)

REACH = 2000  # characters
TRIES = 50  # maximum number of braces examined per prompt


def repeated(prompt: str, gist: str) -> str | None:
    """The text to repeat. *gist* is :func:`gist` of the prompt; it avoids a search through the whole prompt."""
    if "repeat" in gist or "echo" in gist:
        found = _REPEAT.search(prompt)
        if found and found[1]:
            return found[1]
    said = _SAY.search(prompt) if "say" in gist or "reply" in gist or "answer" in gist or "respond" in gist else None
    return said[1] if said else None


def opening(prompt: str, gist: str) -> str:
    """The prompt's first words if it asks for them; else an empty string."""
    found = _FIRST.search(gist) if "first" in gist else None
    return " ".join(prompt.split(None, 16)[: _COUNTS[found[1]]]) if found else ""


def length(gist: str) -> int | None:
    """Requested length of prose, in tokens; None if unspecified."""
    if "word" not in gist and "token" not in gist:
        return None
    asked = _WORDS.search(gist)
    if asked:
        return int(asked[1])
    return 1 if _ONE_WORD.search(gist) else None


def open_ended(gist: str) -> bool:
    """Whether the longest possible answer is requested."""
    return _LONG.search(gist) is not None


def gist(prompt: str) -> str:
    """The prompt's beginning and end in lower case; instructions are not expected in the middle of a long text."""
    return (prompt if len(prompt) <= 2 * REACH else f"{prompt[:REACH]}\n{prompt[-REACH:]}").lower()


def hints(prompt: str) -> Hints:
    """Names, numbers and quotations in the prompt, in order, without duplicates."""
    names = [name for found in _NAME.finditer(prompt) if (name := _strip_common(found[0]))]
    numbers = [value for text in _NUMBER.findall(prompt) if isfinite(value := float(text))]  # JSON has no infinity
    return Hints(list(dict.fromkeys(names)), list(dict.fromkeys(numbers)), prompt, _QUOTED.findall(prompt))


def _strip_common(name: str) -> str:
    words = name.split(" ")
    while words and _COMMON.fullmatch(re.split("['’]", words[0])[0]):
        words.pop(0)
    return " ".join(words)


def example(prompt: str) -> dict[str, Any] | None:
    """The last JSON object in the prompt: an example of the requested shape."""
    return next((value for _, _, value in reversed(_objects(prompt))), None)


def without_examples(prompt: str) -> str:
    """The prompt without its JSON objects, which leaves the text about the subject."""
    for start, end, _ in reversed(_objects(prompt)):
        prompt = prompt[:start] + prompt[end:]
    return prompt


def _objects(prompt: str) -> list[tuple[int, int, dict[str, Any]]]:
    """Outermost non-empty JSON objects: start, end and value of each."""
    decoder, found, start = json.JSONDecoder(), [], prompt.find("{")
    for _ in range(TRIES):
        if start < 0:
            break
        try:
            value, end = decoder.raw_decode(prompt, start)
            found += [(start, end, value)] if value else []
        except (ValueError, RecursionError):
            end = start + 1
        start = prompt.find("{", end)
    return found
