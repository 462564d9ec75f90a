"""Waiting times of a client, and its handling of idle connections. Times are those of the mock and the command."""

from __future__ import annotations

from echosounder.judgement.check import Case, Inconclusive, Problem, Problems
from echosounder.judgement.client.check import check
from echosounder.judgement.client.scene import Scene

HELD_S = 5.0
"""``no-close-after-done`` of the scenario keeps the body open for a second longer."""
LINGER_S = 0.25
"""A connection that closes less than this before its process ends may have been closed by the end of the process."""


@check("client.gives-up-stream", "client.gives-up-document", "client.ends")
def gives_up(scene: Scene, case: Case) -> Problems:
    command = scene.command
    if command.hung:
        what = f"with {command.deviations!r} the command" if command.deviations else "the command"
        yield Problem(
            f"{what} was still running after {command.limit_s:g} s and had to be stopped, expected to end by itself"
        )


@check("client.done-is-the-end")
def done_is_the_end(scene: Scene, case: Case) -> Problems:
    """The client does not wait after the last event of a stream."""
    honest = scene.reference
    if honest is None:
        raise Inconclusive("the run against the correct server has no result")
    waited = scene.command.seconds - honest.seconds
    if scene.command.succeeded and waited > HELD_S:
        yield Problem(
            f"the command waited {waited:.1f} s for the end of the body, expected it to end at the last event"
        )


@check("client.abort-closes")
def abort_closes(scene: Scene, case: Case) -> Problems:
    """An abandoned stream is closed immediately, not when the process ends."""
    for exchange in scene.asked:
        closed = exchange.notes.get("closed")
        if closed is None:
            how = "was read to its end" if not exchange.notes.get("open") else "is still open"
            yield Problem(f"the stream that the caller gave up {how}", exchange=exchange)
        elif (scene.command.ended - closed) / 1e9 < LINGER_S:
            yield Problem(
                "the connection of the stream that was given up closed only when the process ended", exchange=exchange
            )


@check("client.idle-connections-closed")
def idle_connections_closed(scene: Scene, case: Case) -> Problems:
    still = [
        exchange for exchange in scene.exchanges if exchange.notes.get("open") and not exchange.notes.get("closed")
    ]
    for exchange in still[:1]:
        yield Problem("the command has ended, and its request is still open at the server", exchange=exchange)
