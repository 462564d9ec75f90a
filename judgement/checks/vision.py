"""Images in messages: their cost."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder import specs
from echosounder.judgement.answers import completion
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check_group
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at


def counts(exchanges: Sequence[Exchange]) -> dict[str, tuple[int, Exchange]]:
    """``prompt_tokens`` by step."""
    found = {each.step: (at(each.json, "usage", "prompt_tokens"), each) for each in exchanges}
    return {step: (count, each) for step, (count, each) in found.items() if type(count) is int}


@check_group("vision.tokens", completion)
def tokens(exchanges: Sequence[Exchange], case: Case) -> Problems:
    known, found = specs.attachments(case.profile), counts(exchanges)
    if known is None or "plain" not in found or len(found) < 2:
        raise Inconclusive("the request was not answered both with and without an image")
    plain, _ = found.pop("plain")
    for step, (count, exchange) in found.items():
        if not 0 < count - plain <= known.image_tokens:
            yield Problem(
                f"prompt_tokens is {count} with an image in detail {step}, expected 1 to "
                f"{known.image_tokens} more than the {plain} without",
                pointer="/usage/prompt_tokens",
                exchange=exchange,
            )


@check_group("vision.low-detail", completion)
def low_detail(exchanges: Sequence[Exchange], case: Case) -> Problems:
    found = counts(exchanges)
    if not {"low", "high"} <= found.keys():
        raise Inconclusive("the image was not answered in both details")
    (low, exchange), (high, _) = found["low"], found["high"]
    if low > high:
        yield Problem(
            f"prompt_tokens is {low} in detail low, expected at most the {high} of detail high",
            pointer="/usage/prompt_tokens",
            exchange=exchange,
        )
