"""Conduct of a command towards its caller: error messages, disclosed secrets, leftovers."""

from __future__ import annotations

from echosounder.judgement.check import Case, Problem, Problems, excerpt
from echosounder.judgement.client.check import check
from echosounder.judgement.client.scene import Scene


def failed(scene: Scene) -> bool:
    """Whether the command ended by itself, with an error."""
    return scene.command.status not in (0, None)


def refused(scene: Scene) -> bool:
    return failed(scene) and (scene.asked[-1].status or 0) >= 400


def explained(scene: Scene) -> bool:
    return refused(scene) and isinstance(_message(scene), str)


def _said(scene: Scene) -> str:
    """All that it printed."""
    return scene.command.stdout + scene.command.stderr


def _message(scene: Scene) -> object:
    """What the server says of the last refusal."""
    exchange = scene.asked[-1]
    return exchange.reader.message(exchange.reader.error_of(exchange.json or {}))


@check("client.key-not-shown")
def key_not_shown(scene: Scene, case: Case) -> Problems:
    for place in scene.command.leaks:
        yield Problem(
            f"{place} contains the API key of the client, expected it hidden", excerpt=getattr(scene.command, place)
        )


@check("client.no-children")
def no_children(scene: Scene, case: Case) -> Problems:
    if scene.command.left:
        yield Problem(
            f"the command left {scene.command.left} processes running at its end (stopped now), expected none"
        )


@check("client.error-told", where=failed)
def error_told(scene: Scene, case: Case) -> Problems:
    if not _said(scene).strip():
        yield Problem(
            f"standard error and output have no message, expected the reason for exit status {scene.command.status}"
        )


@check("client.no-crash")
def no_crash(scene: Scene, case: Case) -> Problems:
    status = scene.command.status
    if status is not None and status < 0:
        yield Problem(
            f"the command was ended by signal {-status}, expected an exit status", excerpt=scene.command.stderr[-600:]
        )


@check("client.status-told", where=refused)
def status_told(scene: Scene, case: Case) -> Problems:
    said, status = _said(scene), scene.asked[-1].status
    if str(status) not in said:
        yield Problem(f"the error message is {excerpt(said.strip()[-150:])}, expected the HTTP status {status} in it")


@check("client.message-told", where=explained)
def message_told(scene: Scene, case: Case) -> Problems:
    message, said = str(_message(scene)), _said(scene)
    if message[:40] not in said:
        yield Problem(
            f"the error message is {excerpt(said.strip()[-150:])}, expected the message of the server in it: {excerpt(message)}"
        )
