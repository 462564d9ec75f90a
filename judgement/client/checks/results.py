"""Results of a client: the same for legal variants as for honest answers, and no success for faulty ones."""

from __future__ import annotations

import json
from typing import Any

from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, excerpt
from echosounder.judgement.client.check import Where, check
from echosounder.judgement.client.scene import Scene, result
from echosounder.wire.command import ClientRun
from echosounder.wire.exchange import End

LEGAL = (
    "comments",
    "line-endings",
    "field-spacing",
    "blank-lines",
    "split-reads",
    "joined-events",
    "chunking",
    "long-lines",
    "unknown-members",
    "json-spelling",
    "header-forms",
    "interim-responses",
    "body-length",
    "compression",
    "usage-place",
    "null-content",
    "first-chunk",
    "other-ids",
    "blank-lines-first",
    "slow-answers",
    "text-beside-calls",
    "optional-events",
    "closed-connections",
)
SURVIVED = (
    "end-marker",
    "event-fields",
    "chunk-members",
    "finish-forms",
    "usage-forms",
    "reasoning-forms",
    "call-forms",
    "recovered",
    "limit-passed",
    "kept-alive",
)
TOLERATED = (
    "mangled-events",
    "wrong-compression",
    "other-medium",
    "end-marker",
    "cut-after-end",
    "event-fields",
    "chunk-members",
    "finish-forms",
    "usage-forms",
    "reasoning-forms",
    "call-forms",
)
BROKEN = (
    "cut-stream",
    "reset-stream",
    "half-closed-stream",
    "unended-stream",
    "error-event",
    "cut-document",
    "cut-before-head",
    "blank-document",
    "no-choices",
    "error-as-success",
    "stalled-stream",
    "stalled-document",
    "refused-key",
    "refused-request",
    "no-money",
    "too-many-requests",
    "overloaded",
    "error-forms",
)


@check(*(f"client.{name}" for name in LEGAL), *(f"client.survives-{name}" for name in SURVIVED))
def same_result(scene: Scene, case: Case) -> Problems:
    """Standard output and exit status are those of the honest run."""
    expected, command = _reference(scene), scene.command
    if not scene.same:
        how = f"with {command.deviations!r} the command" if command.deviations else "the command"
        yield Problem(
            f"{how} {_ended(command)}, expected {_shown(expected)} as from a correct server",
            excerpt=command.stderr[-600:] or command.stdout,
        )


@check(*(f"client.{name}-is-error" for name in BROKEN))
def is_error(scene: Scene, case: Case) -> Problems:
    """A command that never received the whole answer ends with a status other than 0."""
    _reference(scene)
    command = scene.command
    if command.succeeded:
        shorter = "" if result(command) == result(_reference(scene)) else " as if the answer were complete"
        yield Problem(
            f"{command.deviations!r} broke the answer, and the command {_ended(command)}{shorter}, expected an error",
            excerpt=command.stdout,
        )


@check(*(f"client.{name}-whole-or-error" for name in TOLERATED))
def whole_or_error(scene: Scene, case: Case) -> Problems:
    expected, command = _reference(scene), scene.command
    if command.succeeded and not scene.same:
        yield Problem(
            f"with {command.deviations!r} the command succeeds with another result: {_shown(command)}, expected "
            f"{_shown(expected)} or an error",
            excerpt=command.stdout,
        )


def _reference(scene: Scene) -> ClientRun:
    if scene.reference is None:
        raise Inconclusive(f"the run of the use {scene.command.use} against the correct server has no result")
    return scene.reference


def _ended(command: ClientRun) -> str:
    if command.hung:
        return f"was still running after {command.limit_s:g} s"
    if command.succeeded:
        return f"succeeds with {_shown(command)}"
    said = command.stderr.strip().splitlines()
    last = f": {excerpt(said[-1])}" if said else ""
    return f"ended with status {command.status}{last}"


def _shown(command: ClientRun) -> str:
    told = result(command)
    return excerpt(json.dumps(told, ensure_ascii=False) if isinstance(told, dict) else told) or "no output"


# --- honest answers


def answers(scene: Scene, case: Case) -> Problems:
    if scene.command.status != 0:
        yield Problem(
            f"a correct server answered, but the command {_ended(scene.command)}", excerpt=scene.command.stderr[-600:]
        )


def _of(use: str) -> Where:
    return lambda scene: scene.command.use == use


for _use in ("chat", "stream", "json", "tools", "tools-stream"):
    check("client.answers" if _use == "chat" else f"client.answers-{_use}", where=_of(_use))(answers)


@check("client.prints")
def prints(scene: Scene, case: Case) -> Problems:
    if scene.command.succeeded and not scene.command.stdout.strip():
        yield Problem("the command printed nothing: its results can be compared by exit status alone")


@check("client.text-verbatim")
def text_verbatim(scene: Scene, case: Case) -> Problems:
    """The text of the last answer, as the mock wrote it, is in the output."""
    told = scene.command.told.get("text")
    texts = [exchange.answer.content for exchange in scene.asked if exchange.answer.content]
    if not scene.command.succeeded or not texts:
        raise Inconclusive("the run against the correct server printed no text")
    printed = told if isinstance(told, str) else scene.command.stdout
    if not any(text.strip() in printed for text in texts):
        yield Problem(f"the output is {excerpt(printed)}, expected the answer {excerpt(texts[-1])}", excerpt=printed)


def tells_calls(scene: Scene) -> bool:
    return isinstance(scene.command.told.get("calls"), list)


def tells_texts(scene: Scene) -> bool:
    return isinstance(scene.command.told.get("texts"), list)


@check("client.calls-verbatim", where=tells_calls)
def calls_verbatim(scene: Scene, case: Case) -> Problems:
    """The calls that a driver reports are those of the answer, in order."""
    told = scene.command.told["calls"]
    given = [[call.name, _value(call.arguments)] for exchange in scene.asked for call in exchange.answer.calls]
    got = [[call.get("name"), _value(call.get("arguments"))] for call in told if isinstance(call, dict)]
    if given != got:
        yield Problem(f"the client reports the calls {excerpt(got)}, expected {excerpt(given)}")


def _value(arguments: Any) -> Any:
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return arguments


@check("client.ended-early-shown")
def ended_early_shown(scene: Scene, case: Case) -> Problems:
    """Either an error, or a finish reason other than that of a complete answer."""
    command, expected = scene.command, _reference(scene)
    if command.succeeded and (scene.same or command.told.get("finish", "") == expected.told.get("finish", "")):
        reason = next((each.answer.finish for each in reversed(scene.asked) if each.answer.finish), None)
        yield Problem(
            f"the client reports a complete answer, {_shown(command)}, expected an error or the finish reason {reason!r}"
        )


# --- several streams at a time


@check("client.parallel-unmixed", "client.parallel-fault-contained", where=tells_texts)
def parallel_streams(scene: Scene, case: Case) -> Problems:
    """Results of parallel streams: each stream yields its own text; a truncated stream yields none."""
    told, brought = scene.command.told["texts"], _brought(scene)
    if told != brought:
        yield Problem(f"the client reports {excerpt(told)} for the parallel streams, expected {excerpt(brought)}")


def _brought(scene: Scene) -> list[str | None]:
    """For each prompt, in order: the text of the answer that came whole, None where none did."""
    texts: dict[bytes, str | None] = {}
    for exchange in sorted(scene.asked, key=lambda exchange: exchange.request.body):
        whole = exchange.answer.content if exchange.end is End.COMPLETE else None
        texts[exchange.request.body] = texts.get(exchange.request.body) or whole
    return list(texts.values())
