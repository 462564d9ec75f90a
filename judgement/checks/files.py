"""Files that the server keeps: the data that it returns about them, and their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from echosounder.judgement.answers import ok
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Pick,
    Problem,
    Problems,
    Unsupported,
    check,
    check_group,
    excerpt,
    picks,
)
from echosounder.judgement.checks.account import listed, rows
from echosounder.judgement.checks.outcomes import outcome, steps, unserved
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

LISTS = ("ascending", "descending", "limited", "after")
NOT_HERE = {404, 405, 501}


def answered(*names: str) -> Pick:
    """Exchanges of one of these steps that brought a JSON object with status 200."""
    tried = steps(*names)
    return picks(f"{' or '.join(names)}, with status 200")(
        lambda exchange: tried(exchange) and ok(exchange) and isinstance(exchange.json, dict)
    )


@check("files.accepted", steps("upload", "upload-expiring"))
def accepted(exchange: Exchange, case: Case) -> Problems:
    if exchange.status in NOT_HERE:
        raise Unsupported(f"files: {outcome(exchange)}")
    if exchange.status != 200:
        yield unserved(exchange)


@check("files.upload-told", answered("upload", "upload-expiring"))
def upload_told(exchange: Exchange, case: Case) -> Problems:
    sent = exchange.notes["file"]
    for name in ("bytes", "filename", "purpose"):
        if exchange.json.get(name) != sent[name]:
            got = excerpt(exchange.json.get(name))
            yield Problem(f"{name} is {got}, expected {excerpt(sent[name])} as uploaded", pointer=f"/{name}")


@check("files.expiry", answered("upload-expiring"))
def expiry(exchange: Exchange, case: Case) -> Problems:
    begun, ends = exchange.json.get("created_at"), exchange.json.get("expires_at")
    wanted = int(exchange.notes["file"]["expires_after[seconds]"])
    if not isinstance(begun, int) or not isinstance(ends, int) or abs(ends - begun - wanted) > 1:
        yield Problem(
            f"expires_at is {excerpt(ends)}, expected created_at {excerpt(begun)} + {wanted}", pointer="/expires_at"
        )


def uploaded(exchanges: Sequence[Exchange]) -> dict[str, dict[str, Any]]:
    """The uploaded files as the answers report them, by id."""
    told = [each.json for each in exchanges if each.step.startswith("upload") and ok(each)]
    return {each["id"]: each for each in told if isinstance(at(each, "id"), str)}


@check_group("files.retrieved")
def retrieved(exchanges: Sequence[Exchange], case: Case) -> Problems:
    known, asked = uploaded(exchanges), [each for each in exchanges if each.step == "retrieve"]
    if not known or not asked:
        raise Inconclusive("no upload was answered with an id")
    for exchange in asked:
        told = known.get(exchange.request.path.rpartition("/")[2])
        if not ok(exchange):
            yield Problem(f"GET of the uploaded file got {outcome(exchange)}, expected status 200", exchange=exchange)
        elif told != exchange.json:
            yield Problem(
                f"the file object is {excerpt(exchange.json)}, expected {excerpt(told)} as at its upload",
                exchange=exchange,
            )


@check_group("files.listed")
def files_listed(exchanges: Sequence[Exchange], case: Case) -> Problems:
    known = uploaded(exchanges)
    lists = [each for each in exchanges if each.step in ("ascending", "descending")]
    if not known or not lists:
        raise Inconclusive("no upload was answered with an id")
    for exchange in lists:
        if not ok(exchange):
            yield Problem(f"GET of the list of files got {outcome(exchange)}, expected status 200", exchange=exchange)
            continue
        ids = listed(exchange)
        for id in known:
            if ids.count(id) != 1 and not (id not in ids and at(exchange.json, "has_more") is True):
                yield Problem(
                    f"the file {id} is listed {ids.count(id)} times, expected once", pointer="/data", exchange=exchange
                )


@check("files.list-limit", answered("limited"))
def list_limit(exchange: Exchange, case: Case) -> Problems:
    if len(listed(exchange)) > 1:
        yield Problem(f"limit=1 lists {len(listed(exchange))} files, expected one", pointer="/data")
    elif not listed(exchange):
        raise Inconclusive("there is no file to list")


@check("files.list-after", answered("after"))
def list_after(exchange: Exchange, case: Case) -> Problems:
    behind = exchange.request.path.rpartition("after=")[2]
    if not listed(exchange):
        raise Inconclusive("the list after the file is empty")
    if behind in listed(exchange):
        yield Problem(f"the list with after={behind} contains that file, expected only later files", pointer="/data")


@check_group("files.list-order", answered("ascending", "descending"))
def list_order(exchanges: Sequence[Exchange], case: Case) -> Problems:
    if all(len(listed(exchange)) < 2 for exchange in exchanges):
        raise Inconclusive("no list has two files")
    for exchange in exchanges:
        times = [row.get("created_at") for _, row in rows(exchange.json, "data")]
        for one, two in pairwise(time for time in times if isinstance(time, int)):
            if two < one if exchange.step == "ascending" else two > one:
                yield Problem(f"created_at {two} follows {one}, expected {exchange.step} order", exchange=exchange)
    yield from _not_reversed(exchanges)


def _not_reversed(exchanges: Sequence[Exchange]) -> Iterator[Problem]:
    """Files of one second have no order by time, but the two lists are still each other's reverse."""
    by_step = {exchange.step: exchange for exchange in exchanges}
    if len(by_step) < 2 or any(each.json.get("has_more") is True for each in exchanges):
        return
    up, down = (listed(by_step[step]) for step in ("ascending", "descending"))
    if sorted(map(str, up)) == sorted(map(str, down)) and up != down[::-1]:
        yield Problem("order=desc is not the reverse of order=asc", pointer="/data", exchange=by_step["descending"])


@check("files.deleted", steps("delete"))
def deleted(exchange: Exchange, case: Case) -> Problems:
    id = exchange.request.path.rpartition("/")[2]
    if exchange.status != 200:
        yield Problem(f"DELETE of a file got {outcome(exchange)}, expected status 200")
    elif at(exchange.json, "deleted") is not True or at(exchange.json, "id") != id:
        yield Problem(f"DELETE of {id} is answered with {excerpt(exchange.json)}, expected its id and deleted true")
