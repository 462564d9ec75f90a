"""A run by its parts: levels of a load that changes, lengths of a sweep, items of a scenario."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace as but

from echosounder.load.demands import checked
from echosounder.load.engine import new_tally, run
from echosounder.load.figures.analysis import report
from echosounder.load.figures.levels import levels
from echosounder.load.options import Options
from echosounder.load.sample import Sample
from echosounder.load.worker.workload import TEMPLATE, Item, Workload
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.reports import parts_of_load, render, schema
from echosounder.wire.errors import UsageError
from echosounder.wire.stream import StreamEnd

S = 1_000_000_000
MS = 1_000_000
OPTIONS = Options(url="http://127.0.0.1:9", duration=12.0)


SHAPES: list[tuple[dict[str, str], list[tuple[str, float, float]]]] = [
    ({"rate": "20"}, []),
    ({"users": "4"}, []),
    ({"rate": "4,8,16"}, [("4", 0, 4), ("8", 4, 8), ("16", 8, 12)]),
    ({"rate": "10^100@5+2"}, [("10", 0, 5), ("100", 5, 7), ("10", 7, 12)]),
    ({"users": "5,10"}, [("5", 0, 6), ("10", 6, 12)]),
    ({"rate": "4,8", "users": "5"}, [("4", 0, 6), ("8", 6, 12)]),
    ({"rate": "0..10"}, [(f"{n}..{n + 2}", 1.2 * n, 1.2 * n + 2.4) for n in range(0, 10, 2)]),
    ({"by_input_length": "1k, 500"}, [("1k", 0, 6), ("500", 6, 12)]),
]


@pytest.mark.parametrize(("load", "expected"), SHAPES, ids=[str(row[0]) for row in SHAPES])
def test_a_load_that_changes_has_levels(load: dict[str, str], expected: list[tuple[str, float, float]]) -> None:
    found = levels(replace(OPTIONS, **load))
    assert [level.name for level in found] == [name for name, _, _ in expected]
    assert [(level.begin, level.end) for level in found] == [pytest.approx(row[1:]) for row in expected]


def answered(number: int, due_ms: int, ttft_ms: int, name: str = "chat", **more: Any) -> Sample:
    due = S + due_ms * MS
    stamps = {"t_sent": due, "t_first_token": due + ttft_ms * MS, "t_closed": due + 2 * ttft_ms * MS}
    return but(Sample(f"0-{number}", name, "measured", StreamEnd.DONE, due, due, **stamps, status=200), **more)


def made(options: Options, samples: list[Sample], names: tuple[str, ...] = ()) -> dict[str, Any]:
    tally = new_tally(options, names)
    ticks = [
        {"kind": "tick", "worker": 0, "at": S + at * S, "lag_us": {lag: 100}, "delay_us": {}, "cpu": 0.1, "kernel": 0, "user": 9}
        | dict.fromkeys(("scheduled", "skipped", "unsent", "in_flight", "completed", "failed"), 0)
        for at, lag in ((1, "1"), (9, "200000"))
    ]  # fmt: skip
    tally.enter([{"kind": "worker", "worker": 0, "begin": S, "wall_offset": 0}, *samples, *ticks])
    return report(options, tally, "")


def test_each_level_has_figures_objectives_and_a_validity_of_its_own() -> None:
    """Slow, and with a late client, from second 6 on; what is due in a level belongs to it, whenever it ends."""
    options = replace(OPTIONS, rate="1,2", slo=("ttft_p50<100ms", "failures<1%", "usd<1"))
    samples = [answered(n, n * 150, 20 if n < 40 else 400) for n in range(80)]
    document = made(options, [*samples, answered(99, 5999, 20, end=StreamEnd.RESET, failure="reset", t_closed=13 * S)])
    first, second = document["levels"]
    assert [level["counts"]["sent"] for level in (first, second)] == [41, 40]
    assert [level["metrics"]["ttft_ms"]["p50"] for level in (first, second)] == pytest.approx([20, 400], rel=0.001)
    assert [[slo["met"] for slo in level["slo"]] for level in (first, second)] == [[True, False], [False, True]]
    assert [slo["expr"] for slo in first["slo"]] == ["ttft_p50<100ms", "failures<1%"], "the price is that of all"
    assert [level["measurement"]["verdict"] for level in (first, second)] == ["valid", "invalid"]
    assert first["throughput"]["requests_per_s"] == pytest.approx(40 / 6, abs=0.2)
    assert "items" not in document
    jsonschema.validate(document, schema("load"))


def test_each_item_of_a_scenario_has_figures_of_its_own() -> None:
    options = replace(OPTIONS, rate="5", slo=("ttft_p50<100ms", "goodput>1/s"))
    samples = [answered(n, n * 100, 20 + 200 * (n % 2), "slow" if n % 2 else "quick") for n in range(60)]
    document = made(options, samples, ("quick", "slow"))
    found = {item["item"]: item for item in document["items"]}
    assert {name: item["counts"]["sent"] for name, item in found.items()} == {"quick": 30, "slow": 30}
    assert {name: [slo["met"] for slo in item["slo"]] for name, item in found.items()} == {
        "quick": [True],
        "slow": [False],
    }
    assert "items" not in made(options, samples, ("quick",))
    assert document["metrics"]["ttft_ms"]["count"] == 60


def test_every_output_shows_them() -> None:
    options = replace(OPTIONS, rate="1,2,3", slo=("ttft_p50<100ms",))
    samples = [answered(n, n * 150, 20 if n < 40 else 400, "a" if n % 3 else "b") for n in range(80)]
    document = made(options, samples, ("a", "b"))
    assert [table.title for table in parts_of_load.tables(document)] == ["By level of load", "By item of the scenario"]
    junit, page, summary = (render(name, document) for name in ("junit", "html", "md"))
    assert [f'<testsuite name="{name}"' in junit for name in ("level 1", "level 3", "item b")] == [True] * 3
    assert junit.count('<failure type="slo"') == 1, "of the last level; the second and the whole are undecided"
    assert ("✗ missed ttft_p50&lt;100ms" in page, "level to level" in page) == (True, True)
    assert "| 1 |" in summary


def test_the_length_of_prompts_follows_the_time_of_a_sweep() -> None:
    workload = Workload([Item("chat")], "m", sweep=lambda at: 100 if at < 3 else 400)
    assert [workload.job(7, at).prompt_tokens for at in (-1.0, 2.9, 3.0, 99.0)] == [100, 100, 400, 400]


MISTAKES = [
    ({"by_input_length": "1k,x"}, "cannot read the length of prompt 'x'"),
    ({"by_input_length": "1k,"}, "cannot read the length of prompt ''"),
    ({"by_input_length": "0"}, "cannot read the length of prompt '0'"),
    ({"by_input_length": "9000k"}, "cannot read the length of prompt '9000k'"),
    ({"by_input_length": "1k", "prompt_tokens": "9"}, "already determines the length of prompts; omit --prompt-tokens"),
    ({"by_input_length": "1k", "rate": "4,8"}, "sweeps at one load"),
    ({"by_input_length": "1k", "users": "1..8"}, "sweeps at one load"),
]


@pytest.mark.parametrize(("options", "says"), MISTAKES, ids=[str(row[0]) for row in MISTAKES])
def test_a_sweep_that_cannot_be_is_named(options: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        checked(replace(OPTIONS, **options))


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with spawn(seed=1, ttft_ms=20, itl_ms=1) as running:
        yield running


def test_a_sweep_sends_each_length_in_its_time(mock: RunningMock, tmp_path: Path) -> None:
    options = Options(url=mock.url, api_key="sk-x", out=tmp_path, users="2", duration=1.2, flush=0.2)
    found = run(replace(options, by_input_length="100,1k", warmup=0.2)).report["levels"]
    assert [(level["level"], level["input_tokens"]) for level in found] == [("100", 100), ("1k", 1024)]
    for level in found:
        told = level["cache"]["prompt_tokens"] / level["counts"]["completed"]
        assert level["input_tokens"] < told <= level["input_tokens"] + TEMPLATE, "the template is all that is added"
        assert level["prefill_tokens_per_s"] > 0
