"""Prepares the requests from the options: the scenario's items, with the user's overrides, a trace's lengths, the prices."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.load import sharegpt
from echosounder.load.options import MAX_SECONDS, MAX_TOKENS, SHORTEST, Options
from echosounder.load.scenarios import SCENARIOS
from echosounder.load.scenarios.file import read_scenario
from echosounder.load.trace_error import TraceError
from echosounder.load.traces import rows
from echosounder.load.worker.workload import Item
from echosounder.wire import formats
from echosounder.wire.errors import UsageError
from echosounder.wire.files import text
from echosounder.wire.prices import Rated, dearest

BEHIND = 0.001  # s; the last request is due at the open end of the window
TRACE_LINE = '{"offset": 1.5, "prompt_tokens": 200, "output_tokens": 64}'


@dataclass(frozen=True, slots=True)
class Due:
    """A line of a trace: the time in seconds from the start, and the number of prompt and output tokens."""

    offset: float
    prompt_tokens: int
    output_tokens: int
    blocks: tuple[int, ...] = ()  # blocks of the prompt; prompts with the same first blocks share a prefix


def items(options: Options) -> tuple[Item, ...]:
    """The items of the scenario, from a file or built in; the profile must serve their formats.

    Raises :class:`UsageError` for an unknown scenario and for invalid files.
    """
    if options.scenario in SCENARIOS:
        served = specs.behaviour(options.profile).formats
        found = tuple(item for item in SCENARIOS[options.scenario]() if not item.format or item.format in served)
    elif Path(options.scenario).suffix in {".yaml", ".yml"}:
        found = read_scenario(Path(options.scenario))
    else:
        raise UsageError(
            f"unknown scenario {options.scenario!r}; choose from {', '.join(SCENARIOS)}, or give a .yaml file"
        )
    if options.prompt_tokens:
        found = tuple(replace(item, prompt_tokens=_range(options.prompt_tokens)) for item in found)
    if options.output_tokens:
        found = tuple(replace(item, output_tokens=_range(options.output_tokens)[1]) for item in found)
    if options.format:
        found = tuple(item if item.format else _asked_in(item, options.format) for item in found)
    if options.prompts:
        found = _with_prompts(found, options.prompts)
    fixed = "--trace" if options.trace else "--by-input-length" if options.by_input_length else None
    if fixed and (session := next((item.name for item in found if item.session), None)):
        raise UsageError(
            f"{fixed} sets the length of each prompt, but in a session ({session}) the answers do; omit one of them"
        )
    return found


def _with_prompts(found: tuple[Item, ...], path: Path) -> tuple[Item, ...]:
    """The items with a user's own texts; with ShareGPT's conversations those of chat are sessions."""
    lines = list(_lines(path))
    if not sharegpt.recognised(lines):
        prompts = tuple(_prompts(path, lines))
        return tuple(replace(item, prompts=prompts) for item in found)
    try:
        talks = tuple(sharegpt.talks(lines))
    except TraceError as error:
        raise UsageError(f"{path}:{error.number}: {error}") from None
    if other := next((item.name for item in found if item.kind != "chat"), None):
        raise UsageError(
            f"{path} holds conversations, which item {other!r} cannot have: give them to a scenario of chat"
        )
    return tuple(replace(item, talks=talks, session=True) for item in found)


def _asked_in(item: Item, format: str) -> Item:
    """Raise :class:`UsageError` if the format has no request of the item's kind."""
    kinds = formats.named(format).grammar.kinds
    if item.kind not in kinds:
        raise UsageError(
            f"--format {format} can ask {', '.join(kinds)}, not {item.kind} of item {item.name!r}; leave --format out, "
            "or write a scenario of your own"
        )
    return replace(item, format=format)


def trace(path: Path) -> list[Due]:
    """JSON lines of ``{"offset": s, "prompt_tokens": n, "output_tokens": n}``, or what :mod:`load.traces` converts, sorted by offset.

    Raises :class:`UsageError` that names a bad line.
    """
    try:
        found = [_due(path, number, row) for number, row in rows(list(_lines(path)))]
    except TraceError as error:
        raise UsageError(f"{path}:{error.number}: not a request of a trace ({error}); write {TRACE_LINE}") from None
    if not found:
        raise UsageError(
            f"{path}: no span has input and output tokens (gen_ai.usage.input_tokens, gen_ai.usage.output_tokens)"
        )
    return sorted(found, key=lambda due: due.offset)


def duration(path: Path, warmup: float) -> float:
    """Seconds until the last request of a trace is due; the first *warmup* seconds of the trace are not counted."""
    last = trace(path)[-1].offset
    if last < warmup:
        raise UsageError(f"{path} ends after {last:g} s, within the warm-up of {warmup:g} s: nothing would be measured")
    return max(last - warmup + BEHIND, SHORTEST)


def beyond(options: Options) -> int | None:
    """Number of requests of the trace that are due after the end of sending; None without a trace."""
    return sum(due.offset >= options.seconds for due in trace(options.trace)) if options.trace else None


def worst(options: Options) -> Rated | None:
    """Prices for a spending cap: those given, else the highest of the price list during the run; None if the model has no known price."""
    lasts = timedelta(seconds=options.seconds + options.drain)
    return dearest(options.model or "", datetime.now(UTC), _given(options), lasts)


def prices(options: Options) -> Callable[[datetime], Rated | None]:
    """The given prices, else those of the price list at that time."""
    fixed = _given(options)

    def at(instant: datetime) -> Rated | None:
        try:
            return fixed or specs.price(options.model or "", instant)
        except specs.UnknownPriceError:
            return None

    return at


def paid(options: Options) -> Callable[[], Rated | None]:
    """The prices at the current time, looked up at most once a minute, because they change only at whole minutes."""
    at = prices(options)

    @lru_cache(maxsize=2)
    def minute(number: int) -> Rated | None:
        return at(datetime.fromtimestamp(number * 60, UTC))

    return lambda: minute(int(time.time()) // 60)


def _given(options: Options) -> specs.Rates | None:
    return None if options.prices is None else specs.Rates(*map(Decimal, options.prices))


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    if not low.isdecimal() or not (high or low).isdecimal() or not 1 <= int(low) <= int(high or low) <= MAX_TOKENS:
        raise UsageError(f"cannot read the number of tokens {text!r}; write 200 or 100-400")
    return int(low), int(high or low)


def _due(path: Path, number: int, row: dict[str, Any]) -> Due:
    try:
        offset, *tokens = row["offset"], row["prompt_tokens"], row["output_tokens"]
    except KeyError as error:
        raise UsageError(f"{path}:{number}: not a request of a trace ({error!r}); write {TRACE_LINE}") from None
    if type(offset) not in {int, float} or not 0 <= offset <= MAX_SECONDS:  # also refuses NaN
        raise UsageError(f"{path}:{number}: offset must be seconds between 0 and {MAX_SECONDS}, not {offset!r}")
    for count in tokens:
        if type(count) is not int or not 1 <= count <= MAX_TOKENS:
            raise UsageError(f"{path}:{number}: tokens must be whole numbers from 1 to {MAX_TOKENS}, not {count!r}")
    return Due(float(offset), tokens[0], tokens[1], row.get("blocks", ()))


def _prompts(path: Path, lines: Sequence[tuple[int, str]]) -> Iterator[str]:
    """One prompt per line: a JSON string, a JSON object with a string under ``prompt``, or else the line as it is."""
    for number, line in lines:
        try:
            value = json.loads(line) if line.startswith(("{", '"')) else line
        except (ValueError, RecursionError):  # a quotation or code, which is also text
            value = line
        prompt = value.get("prompt") if isinstance(value, dict) else value
        if not isinstance(prompt, str) or not prompt or _half(prompt):
            raise UsageError(f'{path}:{number}: no prompt in it; write {{"prompt": "…"}}, or the prompt itself')
        yield prompt


def _half(text: str) -> bool:
    """Whether a value holds a lone surrogate, which JSON can represent but UTF-8 cannot."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:  # split at line feeds only, because JSON may contain the other separators of str.splitlines
        lines = text(path).split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    found = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError(f"{path} is empty")
    yield from found
