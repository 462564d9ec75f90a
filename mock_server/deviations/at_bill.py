"""Charges that differ from the usage. Only the balance shows them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from echosounder import specs
from echosounder.mock_server.answering.plan import AnswerPlan, Surcharge
from echosounder.mock_server.deviations.registry import Context, Layer, deviation


class Charged(StrEnum):
    """Kinds of tokens that are charged."""

    HIT = "hit"
    MISS = "miss"
    OUTPUT = "output"


@deviation("bill-hit-as-miss", Layer.PLAN, {"cache.discount"})
def bill_hit_as_miss(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Cache hits are charged at the price of misses."""
    return replace(plan, surcharge=Surcharge(hit=-plan.prompt.hit, miss=plan.prompt.hit))


@deviation("bill-off-by-one", Layer.PLAN, {"balance.charged"})
def bill_off_by_one(plan: AnswerPlan, context: Context, *, kind: Charged = Charged.OUTPUT, by: int = 1) -> AnswerPlan:
    """One more token is charged than usage counts."""
    return replace(plan, surcharge=Surcharge(**{kind.value: by}))


@deviation("bill-wrong-window", Layer.PLAN, {"balance.price-window"})
def bill_wrong_window(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Prices of the wrong time apply: the clock is off by hours or uses another time zone; in a week with holidays, it is off by days."""
    created = specs.profile(context.profile).priced(datetime.fromtimestamp(plan.created, UTC))
    hours = (timedelta(hours=hour) for hour in range(1, 24 * 12))
    shift = next((each for each in hours if _rates(plan.model, created + each) != _rates(plan.model, created)), None)
    return plan if shift is None else replace(plan, surcharge=Surcharge(shift_s=shift.total_seconds()))


@deviation("bill-streams-dearer", Layer.PLAN, {"balance.stream-same-price"})
def bill_streams_dearer(plan: AnswerPlan, context: Context, *, percent: int = 110) -> AnswerPlan:
    """A streaming response costs more than the same non-streaming response."""
    return replace(plan, surcharge=Surcharge(percent=percent)) if plan.stream else plan


@deviation("bill-drifts", Layer.PLAN, {"balance.charged"})
def bill_drifts(plan: AnswerPlan, context: Context, *, pico: int = 1) -> AnswerPlan:
    """The balance loses an extra trillionth with each answer: amounts are stored as floats, or rounded."""
    return replace(plan, surcharge=Surcharge(pico=pico))


@deviation("cost-stated", Layer.PLAN)
def cost_stated(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Legal: a header states the cost of the answer, as gateways do."""
    return _told(plan, context, plan.prompt.hit)


@deviation("cost-stated-uncached", Layer.PLAN, {"usage.cost-stated"})
def cost_stated_uncached(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """The cost in a header ignores the cache: a gateway prices all tokens of the prompt alike."""
    return _told(plan, context, 0)


@deviation("cost-stated-wrong", Layer.PLAN, {"usage.cost-stated", "proxy.cost-stated"})
def cost_stated_wrong(plan: AnswerPlan, context: Context, *, percent: int = 50) -> AnswerPlan:
    """The cost in a header uses a wrong price, such as that of a different time of day."""
    return _told(plan, context, plan.prompt.hit, percent)


def _told(plan: AnswerPlan, context: Context, hit: int, percent: int = 100) -> AnswerPlan:
    rates = _rates(plan.model, specs.profile(context.profile).priced(datetime.fromtimestamp(plan.created, UTC)))
    if rates is None:
        return plan
    tokens = zip(rates, (hit, plan.prompt.tokens - hit, plan.completion_tokens), strict=True)
    dollars = float(sum(rate * count for rate, count in tokens)) * percent / 1e8
    return replace(plan, headers=(*plan.headers, ("x-litellm-response-cost", str(dollars))))


def _rates(model: str, at: datetime) -> specs.Rates | None:
    try:
        price = specs.price(model, at)
    except specs.UnknownPriceError:
        return None
    return specs.Rates(price.hit, price.miss, price.output)
