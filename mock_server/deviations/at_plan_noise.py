"""Random mistakes of a working model, which differ when it is asked again and are not faults of the server."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from echosounder.mock_server.answering.plan import AnswerPlan, Pieces, PlannedCall
from echosounder.mock_server.deviations.asked import wants_json, whole_number
from echosounder.mock_server.deviations.registry import Context, Layer, deviation

Slip = Callable[[Pieces, int], Pieces]
"""Changes the pieces of a text at one place."""

LONGER: tuple[Slip, ...] = (
    lambda pieces, at: ["Sure", "!", " ", *pieces],
    lambda pieces, at: [*pieces[:at], pieces[at], *pieces[at:]],
    lambda pieces, at: [*pieces, "\n"],
    lambda pieces, at: ['"', *pieces, '"'],
)
AS_LONG: tuple[Slip, ...] = (
    lambda pieces, at: [*pieces[: at - 1], pieces[at], pieces[at - 1], *pieces[at + 1 :]],
    lambda pieces, at: [piece.lower() for piece in pieces],
    lambda pieces, at: [*pieces[:at], " something", *pieces[at + 1 :]],
    lambda pieces, at: ["\n" if piece == " " else piece for piece in pieces],
)
SHORTER: tuple[Slip, ...] = (
    lambda pieces, at: [*pieces[:at], *pieces[at + 1 :]],
    lambda pieces, at: pieces[:at],
    lambda pieces, at: ["I", " would", " rather", " not", "."][: len(pieces)],
)
LEAST = 3
"""Minimum number of pieces of a text in which a mistake is made."""
PERCENT = 100


@deviation("noisy-model", Layer.PLAN)
def noisy_model(plan: AnswerPlan, context: Context, *, percent: int = 5, calls: bool = False) -> AnswerPlan:
    """Legal: in ``percent`` of the answers the model makes a random mistake in its text; with ``calls`` also in the arguments of its
    calls.
    """
    if context.rng.randrange(PERCENT) >= percent or wants_json(context.body):
        return plan
    return misspoken(plan, context) if plan.content else miscalled(plan, context.rng) if calls and plan.calls else plan


def misspoken(plan: AnswerPlan, context: Context) -> AnswerPlan:
    room = (whole_number(context.body, "max_tokens") or 1 << 30) - plan.completion_tokens
    slips = AS_LONG if plan.finish == "length" else (*AS_LONG, *SHORTER, *(LONGER if room >= LEAST else ()))
    if len(plan.content) < LEAST or plan.stopped:
        return plan
    said = context.rng.choice(slips)(plan.content, context.rng.randrange(1, len(plan.content) - 1))
    return replace(plan, content=said, completion_tokens=plan.completion_tokens + len(said) - len(plan.content))


def miscalled(plan: AnswerPlan, rng: Random) -> AnswerPlan:
    """Damage one call: its last piece is missing, one piece is doubled, or it is written as Python."""
    number = rng.randrange(len(plan.calls))
    call = plan.calls[number]
    made = replace(call, arguments=_wrong(call, rng)) if len(call.arguments) >= LEAST else call
    count = plan.completion_tokens + len(made.arguments) - len(call.arguments)
    return replace(plan, calls=(*plan.calls[:number], made, *plan.calls[number + 1 :]), completion_tokens=count)


def _wrong(call: PlannedCall, rng: Random) -> Pieces:
    pieces, at = call.arguments, rng.randrange(1, len(call.arguments) - 1)
    slips = ([*pieces[:-1]], [piece.replace('"', "'") for piece in pieces], [*pieces[:at], *pieces[at + 1 :]])
    return rng.choice(slips)
