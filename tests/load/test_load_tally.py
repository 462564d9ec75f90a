"""A tally over recorded samples: the same figures however they are shared out, and money to the last digit."""

import dataclasses
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from load.analysis import attach_conformance, exit_code, report
from load.latency import outcome, tpot_us
from load.money import Money
from load.options import Options
from load.sample import Sample
from load.slo import parse
from load.tally import Tally
from specs import Rates
from wire.prices import bill_usage
from wire.stream import StreamEnd
from wire.usage import Usage

SECOND = 1_000_000_000
MS = 1_000_000
BASE = Sample("0-1", "chat", "measured", StreamEnd.DONE, 1000, 1000)
OPTIONS = Options(url="http://x", users="1", duration=10.0)
DAY, NIGHT = (
    Rates(Decimal("0.014"), Decimal("0.44"), Decimal("1.32")),
    Rates(Decimal("0.007"), Decimal("0.22"), Decimal("0.66")),
)


def recorded(count: int, seed: int = 5) -> list[Sample]:
    draw = random.Random(seed)
    samples = []
    for number in range(count):
        due = SECOND + number * 10 * MS
        sent = due + draw.randrange(2 * MS)
        first = sent + round(draw.expovariate(1 / (200 * MS)))
        gaps = tuple(round(draw.lognormvariate(9.9, 0.3)) for _ in range(draw.randrange(1, 60)))
        last = first + sum(gaps) * 1000
        usage = Usage(prompt=draw.randrange(1, 900), completion=len(gaps) + 1, hit=0)
        usage = (
            dataclasses.replace(usage, hit=usage.prompt // 64 * 64, miss=usage.prompt % 64) if usage.prompt else usage
        )
        stamps = {
            "t_sent": sent,
            "t_first_token": first,
            "t_last_token": last,
            "t_closed": last + MS,
            "t_first_byte": first,
        }
        end = draw.choice([StreamEnd.DONE] * 9 + [StreamEnd.CHUNK_TRUNCATED])
        failure = "" if end is StreamEnd.DONE else "chunk-truncated"
        samples.append(
            Sample(
                f"0-{number}",
                "chat",
                "measured",
                end,
                due,
                due,
                failure=failure,
                gaps_us=gaps,
                token_events=len(gaps) + 1,
                usage=usage,
                **stamps,
            )
        )
    return samples


def tallied(shares: list[list[Sample]]) -> Tally:
    tally = Tally((parse("ttft_p95<600ms"), parse("gap_p99<60ms")), Money(lambda at: DAY))
    for worker, share in enumerate(shares):
        tally.workers[worker] = {"begin": SECOND, "wall_offset": 0}
        tally.ended[worker] = 11 * SECOND
        tally.samples([replace(sample, id=f"{worker}-{sample.id}") for sample in share])
    return tally


def test_one_worker_or_four_the_figures_are_the_same() -> None:
    samples = recorded(800)
    shares = [samples[worker::4] for worker in range(4)]
    one, four = report(OPTIONS, tallied([samples]), ""), report(OPTIONS, tallied(shares), "")
    for member in ("metrics", "counts", "failures", "throughput", "cache", "cost", "slo"):
        assert one[member] == four[member], member
    assert one["metrics"]["gap_ms"]["p99_ci"] is not None


def test_percentiles_are_those_of_the_sorted_values() -> None:
    samples = recorded(1000)
    ttft = sorted((sample.t_first_token or 0) - (sample.t_sent or 0) for sample in samples)
    figures = report(OPTIONS, tallied([samples]), "")["metrics"]["ttft_ms"]
    assert figures["p95"] == pytest.approx(ttft[949] / MS, rel=0.001)
    assert figures["p999"] == pytest.approx(ttft[998] / MS, rel=0.001)
    assert figures["max"] == pytest.approx(ttft[-1] / MS, rel=0.001)


def test_the_bill_is_the_sum_of_the_bills_whatever_the_price_does_meanwhile() -> None:
    samples = recorded(200)
    rates = lambda at: DAY if at.minute % 2 else NIGHT  # noqa: E731
    money = Money(rates)
    expected = Decimal(0)
    for number, sample in enumerate(samples):
        at = number * 7 * SECOND
        money.add(sample, at)
        assert sample.usage is not None
        expected += bill_usage(sample.usage, rates(datetime.fromtimestamp(at // SECOND, UTC))).total
    spent = money.spent()
    assert spent is not None
    assert spent.usd == expected
    assert spent.without_cache > spent.usd


OUTCOMES = [
    (StreamEnd.DONE, {}, "completed"),
    (StreamEnd.FINISH_WITHOUT_DONE, {}, "completed"),
    (StreamEnd.EOF_WITHOUT_FINISH, {}, "truncated"),
    (StreamEnd.CHUNK_TRUNCATED, {}, "truncated"),
    (StreamEnd.RESET, {"t_first_byte": 5}, "truncated"),
    (StreamEnd.RESET, {}, "failed"),
    (StreamEnd.REFUSED, {}, "rejected"),
    (StreamEnd.CONNECT_FAILED, {}, "failed"),
    (StreamEnd.ERROR_EVENT, {}, "failed"),
    (StreamEnd.IDLE_TIMEOUT, {}, "failed"),
    (StreamEnd.CLIENT_CANCELLED, {}, "in_flight"),
]


@pytest.mark.parametrize(("end", "stamps", "expected"), OUTCOMES)
def test_every_end_counts_once(end: StreamEnd, stamps: dict[str, int], expected: str) -> None:
    sample = replace(BASE, end=end, failure="" if end is StreamEnd.DONE else str(end), **stamps)
    assert outcome(sample) == expected
    counts = report(OPTIONS, tallied([[sample]]), "")["counts"]
    assert {
        name: counts[name] for name in ("completed", "failed", "rejected", "truncated", "in_flight") if counts[name]
    } == {expected: 1}


def test_tpot_takes_the_reported_tokens_and_not_the_reads() -> None:
    """Ten tokens in three reads: nine gaps of 20 ms."""
    sample = replace(BASE, t_first_token=0 + MS, t_last_token=181 * MS, gaps_us=(90_000, 90_000), token_events=3)
    assert tpot_us(replace(sample, usage=Usage(completion=10))) == 20_000
    assert tpot_us(sample) == 90_000
    assert tpot_us(replace(sample, end=StreamEnd.CHUNK_TRUNCATED)) is None


def test_goodput_counts_complete_answers_within_every_objective() -> None:
    fast = replace(
        BASE, t_sent=1000, t_first_token=1000 + 100 * MS, t_closed=SECOND + 100 * MS, gaps_us=(20_000, 30_000)
    )
    slow = replace(fast, t_first_token=1000 + 700 * MS)
    jerky = replace(fast, gaps_us=(20_000, 90_000))
    cut = replace(fast, end=StreamEnd.CHUNK_TRUNCATED, failure="chunk-truncated")
    made = report(OPTIONS, tallied([[fast, fast, slow, jerky, cut]]), "")
    assert made["throughput"] == {"requests_per_s": 0.4, "output_tokens_per_s": 0.0, "goodput_per_s": 0.2}


CODES = [
    ([], "valid", True, 0),
    ([], "degraded", True, 0),
    ([], "valid", False, 1),
    ([], "invalid", False, 4),
    (["budget"], "valid", True, 0),
    (["key-refused"], "valid", True, 3),
    (["interrupted"], "invalid", True, 3),
]


@pytest.mark.parametrize(("stops", "verdict", "met", "code"), CODES)
def test_exit_codes(stops: list[str], verdict: str, met: bool, code: int) -> None:
    made = {
        "stopped": [{"kind": kind} for kind in stops],
        "counts": {"sent": 5},
        "measurement": {"verdict": verdict},
        "slo": [{"met": met}],
    }
    assert exit_code(made) == code
    assert exit_code({**made, "counts": {"sent": 0}}) == 3
    assert attach_conformance(made, 3, {"b": 1, "a": 2})["conformance"] == {"sampled": 3, "failing": {"a": 2, "b": 1}}
