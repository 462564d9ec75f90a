"""Judges recordings and traffic logs again, without sending anything, in one pass and bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.passive import judged
from echosounder.judgement.passive_report import report, results
from echosounder.judgement.rates import BROKEN, BreakRates
from echosounder.listening import parted_log
from echosounder.listening.witness import TrafficCounts, Witness
from echosounder.load.figures.traffic import Traffic, wall_offset
from echosounder.load.sample import from_record
from echosounder.wire.errors import LogError
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import Header, header_from
from echosounder.wire.recordings.kinds import exchanges
from echosounder.wire.runlog import exchange_from
from echosounder.wire.verdict import Finding, Result, Verdict

Document = dict[str, Any]


def recording(path: Path, witness: Witness, baseline: Baseline) -> Document:
    """Judge a recording of another tool. A damaged file is judged up to the damage, which ``reason`` describes."""
    unread, reason = 0, ""
    try:
        for exchange in exchanges(path):
            if exchange is None:
                unread += 1
            else:
                witness.take(exchange)
    except LogError as error:
        if not witness.counts.requests:
            raise
        reason = str(error)
    document = witness.report({"unread": unread, "reason": reason}, baseline)
    witness.log.close({"interrupted": reason} if reason else {})
    return document


def log(folder: Path, policy: str, baseline: Baseline) -> Document:
    """Return the report of a log of ``listen``. Completely recorded exchanges are judged by the current checks; the
    others keep their verdicts.

    Raises :class:`LogError`, also for invalid records: the log is untrusted.
    """
    with _readable(folder):
        return _Again(folder, policy).document(baseline)


def verdicts(folder: Path, policy: str) -> tuple[Header, tuple[Result, ...]]:
    """The material for the report of :func:`log`. Raises the same exceptions."""
    with _readable(folder):
        return _Again(folder, policy).results()


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, specs.SpecError) as error:
        raise LogError(f"{folder}: a record is missing or not of a log of listen ({error!r})") from None


class _Again:
    def __init__(self, folder: Path, policy: str) -> None:
        records = parted_log.records(folder)
        self._records, self._policy = records, policy
        self._header: Header = header_from(next(records))
        clock = self._header.clock
        self._rates, self._counts = BreakRates(), TrafficCounts()
        self._traffic = Traffic(wall_offset(clock.unix, clock.monotonic_ns) if clock else 0)
        self._sets: dict[int, list[str]] = {}
        self._fresh: dict[str, list[Result]] = {}
        self._footer: dict[str, Any] | None = None
        self._first = True

    def results(self) -> tuple[Header, tuple[Result, ...]]:
        self._read()
        return self._header, results(self._rates, self._header.profile, self._policy)

    def _read(self) -> None:
        for record in self._records:
            self._take(record)

    def document(self, baseline: Baseline) -> Document:
        self._read()
        said = (self._footer or {}).get("traffic") or {}
        more = {"reason": "", **said, "ended": self._footer is not None and "interrupted" not in self._footer}
        known = {**self._counts.record(), **self._traffic.report(), "parts_dropped": int(not self._first), **more}
        return report(self._header, self._policy, self._rates, known, baseline)

    def _take(self, record: dict[str, Any]) -> None:
        kind = record["kind"]
        if kind == "carried" and self._first and not self._counts.requests:
            self._rates, self._counts, self._first = _carried(record), _counts(record["counts"]), False
        elif kind == "judged":
            self._sets[record["set"]] = [str(each) for each in record["results"]]
        elif kind == "exchange":
            self._whole(exchange_from(record))
        elif kind == "sample":
            self._sample(record)
        elif kind == "footer":
            self._footer = record

    def _whole(self, exchange: Exchange) -> None:
        if exchange.notes.get("bodies") != "left out":
            self._fresh[exchange.id] = list(judged(exchange, self._header.profile, self._policy, self._header.clock))

    def _sample(self, record: dict[str, Any]) -> None:
        one, client = from_record(record), str(record["client"])
        results = self._fresh.pop(one.id.partition("-")[2], None)
        if results is None:
            results = list(_said(record, self._sets))
        place = {"model": one.model or "", "path": str(record["path"]), "client": client}
        self._rates.add(results, place)
        self._counts.requests += 1
        self._counts.streams += one.stream
        self._counts.judged += bool(results)
        self._counts.cancelled += one.end == "client-cancelled"
        self._counts.broken += any(result.verdict in BROKEN for result in results)
        self._counts.statuses[str(one.status or one.end)] += 1
        if one.name != "unknown":
            self._traffic.add(one, client)


def _said(record: dict[str, Any], sets: dict[int, list[str]]) -> Iterator[Result]:
    """The findings recorded when the exchange was observed."""
    found = [Finding(**each) for each in record.get("findings", ())]
    for name in sets[record["set"]] if "set" in record else record["results"]:
        requirement, _, verdict = name.partition("=")
        specs.requirement(requirement)
        mine = tuple(each for each in found if each.requirement == requirement)
        yield Result(requirement, Verdict(verdict), mine)


def _carried(record: dict[str, Any]) -> BreakRates:
    for requirement, *_ in record["rates"]["counts"]:
        specs.requirement(requirement)
    return BreakRates.carried(record["rates"])


def _counts(record: dict[str, Any]) -> TrafficCounts:
    counts = TrafficCounts(**{name: value for name, value in record.items() if name != "statuses"})
    counts.statuses.update(record["statuses"])
    return counts


def known(path: Path) -> bool:
    """Whether a folder or log was written by ``listen``."""
    folder = path if path.is_dir() else path.parent
    logs = [*parted_log.parts(folder), folder / "run.jsonl"]
    if (path.is_file() and path.name != "run.jsonl") or not any(each.exists() for each in logs):
        return False
    with next(each for each in logs if each.exists()).open(encoding="utf-8", errors="replace") as file:
        try:
            return json.loads(file.readline(1 << 20)).get("kind_of_run") in {"listen", "recording"}
        except (ValueError, AttributeError, TypeError):
            return False
