"""The list of models and the balance."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import ok
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Judge,
    Pick,
    Problem,
    Problems,
    Untestable,
    check,
    excerpt,
    literal,
)
from echosounder.judgement.checks.outcomes import outcome, tried
from echosounder.wire.exchange import Exchange, Observed
from echosounder.wire.outside import amount
from echosounder.wire.strict_json import at

MILLISECONDS = 10**11
"""More than this are not seconds: 3,000 years hence."""
AMOUNTS = ("total_balance", "granted_balance", "topped_up_balance")
EXPECTED = {
    "models.expected-2024-07": {"deepseek-chat", "deepseek-coder"},
    "models.expected-2024-12": {"deepseek-chat"},
    "models.expected-2025": {"deepseek-chat", "deepseek-reasoner"},
    "models.expected-v4": {"deepseek-v4-flash", "deepseek-v4-pro"},
    "models.expected-v4-1": {"deepseek-flash", "deepseek-v4-pro"},
}


def rows(value: Any, name: str) -> list[tuple[int, dict[str, Any]]]:
    """``(position, entry)`` of the entries that are objects."""
    found = at(value, name)
    return (
        [(position, row) for position, row in enumerate(found) if isinstance(row, dict)]
        if isinstance(found, list)
        else []
    )


def listing(exchange: Exchange) -> bool:
    return ok(exchange) and isinstance(at(exchange.json, "data"), list)


def of_list(requirement: str, overheard: Pick | None = None) -> Callable[[Judge], Judge]:
    """Registers a judge of lists that hold a model. The schema of the profile judges empty lists."""

    def register(judge: Judge) -> Judge:
        @wraps(judge)
        def filled(exchange: Exchange, case: Case) -> Problems:
            if not rows(exchange.json, "data"):
                raise Inconclusive("the list holds no model")
            yield from judge(exchange, case)

        check(requirement, listing, unasked=overheard)(filled)
        return judge

    return register


def listed(exchange: Exchange) -> list[Any]:
    return [row.get("id") for _, row in rows(exchange.json, "data")]


@check("models.content-type", tried, rests=[Observed.HEADERS])
def models_content_type(exchange: Exchange, case: Case) -> Problems:
    if exchange.status != 200:
        yield Problem(f"GET /models got {outcome(exchange)}, expected status 200")
    elif exchange.media_type != "application/json":
        yield Problem(f"content-type is {exchange.header('content-type') or 'absent'}, expected application/json")


ABOUT = (
    "name",
    "context_window",
    "max_output_tokens",
    "input_modalities",
    "output_modalities",
    "effort",
    "api_capabilities",
)


@of_list("models.entry-members", unasked.under("/models"))
def entry_members(exchange: Exchange, case: Case) -> Problems:
    for position, row in rows(exchange.json, "data"):
        if missing := [name for name in ABOUT if name not in row]:
            yield Problem(
                f"{excerpt(row.get('id'))} lacks the members {', '.join(missing)}", pointer=f"/data/{position}"
            )


@of_list("models.unique", unasked.under("/models"))
def models_unique(exchange: Exchange, case: Case) -> Problems:
    ids = listed(exchange)
    for position, id in enumerate(ids):
        if id in ids[:position]:
            yield Problem(f"the model {excerpt(id)} is listed twice", pointer=f"/data/{position}/id")


@of_list("models.tested-model-listed")
def tested_listed(exchange: Exchange, case: Case) -> Problems:
    name = case.subject.model
    if not {name, case.subject.limits.aliases.get(name, name)} & set(map(str, listed(exchange))):
        yield Problem(
            f"the model {name} is served but not listed; the list holds {excerpt(listed(exchange))}", pointer="/data"
        )


@of_list("models.owned-by")
def owned_by(exchange: Exchange, case: Case) -> Problems:
    for position, row in rows(exchange.json, "data"):
        if row.get("owned_by") != "deepseek":
            yield Problem(
                f"owned_by is {excerpt(row.get('owned_by'))}, expected 'deepseek'", pointer=f"/data/{position}/owned_by"
            )


@of_list("models.created", unasked.under("/models"))
def created(exchange: Exchange, case: Case) -> Problems:
    for position, row in rows(exchange.json, "data"):
        value = row.get("created")
        if not isinstance(value, int) or isinstance(value, bool):
            got = literal(value) if "created" in row else "absent"
            yield Problem(f"created is {got}, expected whole Unix seconds", pointer=f"/data/{position}/created")
        elif not 0 <= value < MILLISECONDS:
            yield Problem(
                f"created is {value}, expected a plausible time in Unix seconds", pointer=f"/data/{position}/created"
            )


@of_list("models.created-seconds", unasked.under("/models"))
def created_seconds(exchange: Exchange, case: Case) -> Problems:
    told = [(place, row["created"]) for place, row in rows(exchange.json, "data") if row.get("created") is not None]
    if not told:
        raise Inconclusive("no entry has the member created")
    for position, value in told:
        if type(value) is not int or not 0 <= value < MILLISECONDS:
            yield Problem(
                f"created is {literal(value)}, expected whole Unix seconds", pointer=f"/data/{position}/created"
            )


def expect(requirement: str, names: set[str]) -> None:
    def judge(exchange: Exchange, case: Case) -> Problems:
        if missing := sorted(names - set(map(str, listed(exchange)))):
            yield Problem(f"{', '.join(missing)} is not in the list {excerpt(listed(exchange))}", pointer="/data")

    of_list(requirement)(judge)


for requirement, names in EXPECTED.items():
    expect(requirement, names)


def accounted(exchange: Exchange) -> bool:
    return ok(exchange) and bool(rows(exchange.json, "balance_infos"))


@check("balance.string-amounts", accounted, unasked=unasked.under("/user/balance"))
def string_amounts(exchange: Exchange, case: Case) -> Problems:
    for position, row in rows(exchange.json, "balance_infos"):
        for name in AMOUNTS:
            if amount(row.get(name)) is None:
                yield Problem(
                    f"{name} is {literal(row.get(name))}, expected a string with a decimal number",
                    pointer=f"/balance_infos/{position}/{name}",
                )


@check("balance.total-is-sum", accounted, unasked=unasked.under("/user/balance"))
def total_is_sum(exchange: Exchange, case: Case) -> Problems:
    for position, row in rows(exchange.json, "balance_infos"):
        total, granted, topped = (amount(row.get(name)) for name in AMOUNTS)
        if total is None or granted is None or topped is None:
            raise Untestable("the amounts are not decimal numbers")
        if total != granted + topped:
            yield Problem(
                f"total_balance is {total}, expected {granted} + {topped}",
                pointer=f"/balance_infos/{position}/total_balance",
            )


@check("balance.currency-known", accounted, unasked=unasked.under("/user/balance"))
def currency_known(exchange: Exchange, case: Case) -> Problems:
    seen: list[Any] = []
    for position, row in rows(exchange.json, "balance_infos"):
        currency = row.get("currency")
        if currency not in ("CNY", "USD") or currency in seen:
            yield Problem(
                f"currency is {excerpt(currency)}, expected CNY or USD, each once",
                pointer=f"/balance_infos/{position}/currency",
            )
        seen.append(currency)


@check("balance.available", accounted, unasked=unasked.under("/user/balance"))
def available(exchange: Exchange, case: Case) -> Problems:
    totals = [amount(row.get("total_balance")) for _, row in rows(exchange.json, "balance_infos")]
    if not any(total is not None and total > 0 for total in totals):
        raise Inconclusive("the balance is not positive")
    if exchange.json.get("is_available") is not True:
        yield Problem(
            f"is_available is {excerpt(exchange.json.get('is_available'))}, expected true: a balance is positive",
            pointer="/is_available",
        )
