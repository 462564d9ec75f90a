"""A tally over recorded samples: the same figures however they are shared out, and money to the last digit."""

import random
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from echosounder.load.calibration import Calibration, Cell
from echosounder.load.figures.analysis import attach_conformance, exit_code, report
from echosounder.load.figures.latency import outcome, tpot_us
from echosounder.load.figures.money import Money
from echosounder.load.figures.slo import parse
from echosounder.load.figures.tally import Tally
from echosounder.load.figures.throughput import Throughput
from echosounder.load.options import Options
from echosounder.load.sample import Sample
from echosounder.specs import Rates
from echosounder.wire.prices import bill_usage
from echosounder.wire.stream import StreamEnd
from echosounder.wire.usage import Usage

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
        usage = replace(usage, hit=usage.prompt // 64 * 64, miss=usage.prompt % 64) if usage.prompt else usage
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
    assert figures["max"] == ttft[-1] // 1000 / 1000


def test_the_bill_is_the_sum_of_the_bills_whatever_the_price_does_meanwhile() -> None:
    samples = recorded(200)
    rates = lambda at: DAY if at.minute % 2 else NIGHT  # noqa: E731
    money = Money(rates)
    expected = Decimal(0)
    for number, sample in enumerate(samples):
        at = number * 7 * SECOND
        money.add([sample], at - (sample.t_sent or 0))
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


def test_an_answer_without_a_token_is_not_within_the_time_to_first_token() -> None:
    """Role, finish and end, but nothing in between. What an answer may lack, as gaps, it lacks by right."""
    empty = replace(BASE, t_sent=1000, t_closed=SECOND + 100 * MS)
    short = replace(empty, t_first_token=2000)
    made = report(OPTIONS, tallied([[empty, short]]), "")
    assert (made["throughput"]["requests_per_s"], made["throughput"]["goodput_per_s"]) == (0.2, 0.1)


def test_throughput_is_that_of_the_window_however_long_the_streams_are() -> None:
    """Three streams of 10 tokens/s: from before the window into it, across all of it, and from it until after it."""
    passed = Throughput()
    passed.begin(SECOND)
    spans = [(1, 6), (2, 20), (8, 13)]
    passed.add([(begin * SECOND, end * SECOND, 10 * (end - begin), True, end < 10) for begin, end in spans])
    passed.add([(7 * SECOND, 7 * SECOND, 5, False, False)])
    found = passed.between(4 * SECOND, 12 * SECOND)
    assert (found.seconds, found.answers, found.good) == (8, 1, 1)
    assert found.tokens == pytest.approx(20 + 80 + 40 + 5)
    assert passed.between(4 * SECOND, 4 * SECOND + 50 * MS).seconds == 0, "less than a slot tells nothing"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000), st.integers(0, 500)), max_size=30),
    st.integers(0, 90),
    st.integers(0, 90),
)
def test_tokens_in_a_window_are_the_sum_of_each_streams_share(
    streams: list[tuple[int, int, int]], begin: int, length: int
) -> None:
    passed = Throughput()
    passed.begin(5)
    rows = [(5 + since * MS, 5 + (since + took) * MS, tokens) for since, took, tokens in streams]
    passed.add([(since, closed, tokens, True, True) for since, closed, tokens in rows])
    low, high = 5 + begin * 100 * MS, 5 + (begin + length) * 100 * MS
    expected = 0.0
    for since, closed, tokens in rows:
        if closed == since:
            expected += tokens * (low <= closed < high)
        else:
            expected += tokens * max(min(closed, high) - max(since, low), 0) / (closed - since)
    found = passed.between(low, high)
    assert found.tokens == pytest.approx(expected, abs=1e-6)
    assert found.answers == sum(low <= closed < high for _, closed, _ in rows)


def test_what_a_run_keeps_does_not_grow_with_its_requests() -> None:
    """The same requests again, in the same time, add nothing; what is measured besides are the interpreter's own lists."""
    tally, samples = Tally(), recorded(1000)
    tally.samples(samples)
    tracemalloc.start()
    try:
        tally.samples(samples)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 20 * len(samples), "bytes"


def test_cost_says_what_it_does_not_know() -> None:
    told = replace(BASE, t_sent=1000, usage=Usage(prompt=10, completion=5, hit=0, miss=10))
    silent = replace(BASE, t_sent=1000)
    refused = replace(silent, end=StreamEnd.REFUSED, failure="http-429", status=429)
    unsent = replace(BASE, end=StreamEnd.CONNECT_FAILED, failure="connect-failed")
    cost = [
        report(OPTIONS, tallied([samples]), "")["cost"] for samples in ([told, silent], [silent], [refused, unsent])
    ]
    assert [each["unpriced"] for each in cost] == [1, 1, 0]
    assert [each["usd"] is None for each in cost] == [False, True, False], "what is not known is not nothing"
    assert float(cost[2]["usd"]) == 0, "nobody pays for a refusal"


def test_tokens_that_were_paid_for_include_those_of_the_warm_up() -> None:
    told = replace(BASE, t_sent=1000, usage=Usage(prompt=10, completion=5, hit=4, miss=6))
    made = report(OPTIONS, tallied([[told, replace(told, phase="warm-up")]]), "")
    assert made["cost"]["tokens"] == {"prompt": 20, "hit": 8, "output": 10}
    assert made["cache"]["prompt_tokens"] == 10


def test_keep_alives_are_told() -> None:
    """Four comments a second apart, then the answer, in two reads of which one brought three events."""
    kept = replace(
        BASE,
        t_first_keepalive=SECOND,
        t_last_keepalive=4 * SECOND,
        t_first_event=5 * SECOND,
        keepalives=4,
        token_events=4,
        gaps_us=(20_000,),
        malformed=1,
    )
    made = report(OPTIONS, tallied([[kept, replace(BASE, token_events=1)]]), "")
    assert made["metrics"]["keepalive_interval_ms"]["max"] == 1000
    assert made["metrics"]["keepalive_ms"]["max"] == 4000
    assert made["stream"] == {
        "token_events": 5,
        "token_reads": 3,
        "malformed_events": 1,
        "keepalives": 4,
        "requests_with_keepalives": 1,
        "bytes": 0,
    }


def hung(age_ms: int, **stamps: int) -> Sample:
    """A request that was given up after so long."""
    given_up = replace(BASE, end=StreamEnd.CLIENT_CANCELLED, failure="not-finished")
    return replace(given_up, t_sent=1000, t_closed=1000 + age_ms * MS, **stamps)


def test_requests_that_hang_meet_no_objective_on_time() -> None:
    quick = replace(
        BASE, t_sent=1000, t_first_token=1000 + 20 * MS, t_last_token=1000 + 40 * MS, t_closed=1000 + 50 * MS
    )
    slos = ("ttft_p50<500ms", "ttft_p99<500ms", "e2e_p99<500ms", "gap_p99<500ms", "failures<1%")
    tally = Tally(tuple(map(parse, slos)))
    tally.samples([replace(quick, gaps_us=(20_000,))] * 100)
    tally.samples([hung(3000)] * 30)
    tally.samples([hung(3000, t_first_token=1000 + 20 * MS, t_last_token=1000 + 30 * MS)] * 20)
    made = report(OPTIONS, tally, "")
    assert [slo["met"] for slo in made["slo"]] == [True, False, False, False, False]
    ttft, e2e, gap = (made["metrics"][name] for name in ("ttft_ms", "e2e_ms", "gap_ms"))
    assert (ttft["count"], ttft["censored"]) == (120, 30)
    assert (e2e["count"], e2e["censored"]) == (100, 50)
    assert (gap["count"], gap["censored"]) == (100, 20)
    assert gap["p95"] == pytest.approx(2970, rel=0.001)
    assert ttft["p95"] == pytest.approx(3000, rel=0.001)


def test_nothing_is_measured_where_nothing_is_answered() -> None:
    refused = replace(BASE, t_sent=1000, end=StreamEnd.REFUSED, failure="http-503", status=503)
    made = report(OPTIONS, tallied([[refused] * 7]), "")
    assert made["measurement"]["verdict"] == "invalid"
    assert made["measurement"]["reasons"] == ["not one of 7 requests was answered: nothing was measured"]
    assert exit_code(made) == 3
    cut = hung(3000, t_first_token=1000 + 20 * MS)
    made = report(OPTIONS, tallied([[cut]]), "")
    assert made["measurement"]["verdict"] == "degraded"
    assert exit_code(made) == 3


ERRORS = [
    ("ttft_ms", 0.0, 2.0),  # from the request to a read that can be late: too long, if anything
    ("e2e_from_schedule_ms", 0.0, 2.0),
    ("gap_ms", 0.7, 0.7),  # between two reads either may be the late one
    ("keepalive_ms", 0.7, 0.7),
]


def test_the_clients_error_has_a_direction() -> None:
    cell = Cell(64, 200.0, 1, 0.1, 2.0, 0.1, 0.7, 5.0, 9.0, "kernel", 0.1, 0.0)
    tally = tallied([[replace(sample, t_first_keepalive=1, t_first_event=2) for sample in recorded(50)]])
    tally.stamps["kernel"] = 5
    metrics = report(OPTIONS, tally, "", calibration=Calibration("m", "today", (cell,)))["metrics"]
    assert [(name, *metrics[name]["client_ms"].values()) for name, _, _ in ERRORS] == ERRORS
    assert metrics["dispatch_delay_ms"]["client_ms"] is None
    tally.stamps["user"] = 9
    own = report(OPTIONS, tally, "", calibration=Calibration("m", "today", (cell,)))
    assert own["metrics"]["gap_ms"]["client_ms"] == {"plus": 9.0, "minus": 9.0}, (
        "what the kernel's stamps had spared us"
    )


CODES = [
    ([], "valid", True, 0),
    ([], "degraded", True, 0),
    ([], "valid", False, 1),
    ([], "valid", None, 3),
    ([], "invalid", None, 4),
    ([], "invalid", False, 4),
    (["budget"], "valid", True, 0),
    (["key-refused"], "valid", True, 3),
    (["interrupted"], "invalid", True, 3),
]


@pytest.mark.parametrize(("stops", "verdict", "met", "code"), CODES)
def test_exit_codes(stops: list[str], verdict: str, met: bool | None, code: int) -> None:
    made = {
        "stopped": [{"kind": kind} for kind in stops],
        "counts": {"sent": 5, "completed": 4},
        "measurement": {"verdict": verdict},
        "slo": [{"met": met}],
    }
    assert exit_code(made) == code
    assert exit_code({**made, "counts": {"sent": 5, "completed": 0}}) == 3
    assert attach_conformance(made, 3, {"b": 1, "a": 2})["conformance"] == {"sampled": 3, "failing": {"a": 2, "b": 1}}
