"""Compares the charges of an account with usage and prices, as recorded by an experiment, and judges the requirements on bills.

The rules on usage and cache are those of :mod:`judgement.metered`, which the checks on exchanges share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from echosounder.judgement import metered as rules
from echosounder.judgement.check import Inconclusive, Problem, Problems, Untestable
from echosounder.judgement.evidence import NO_OCCASION, Checks, first_of_each
from echosounder.judgement.metered import Metered

WITHHELD = 1 / 3  # share of promised hits that may be missed before it is worth a finding: caching is best effort
FEWEST = 3  # prompts that should have hit


class Role(Enum):
    """Purpose of a request, or of a group of requests."""

    THIRD = auto()  # the third prompt with the same long beginning
    FIM = auto()
    TOGETHER = auto()  # many at once
    TIMED = auto()  # whether a hit brings the first token sooner


@dataclass(frozen=True, slots=True)
class Told:
    """A served request: ``answer`` is None if it does not report usage; ``counted``: usage reports cached tokens; ``user``: the request
    named one. ``shared``: number of tokens that its prefix shares with an earlier one; ``promised``: how many of them must hit.
    """

    answer: Metered | None = None
    counted: bool = False
    user: bool = False
    shared: int = 0
    promised: int = 0
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class BalanceStep:
    """Requests between two balances: the balance ``fell`` by one amount, another was ``billed``, and ``explained`` tells whether they
    agree (None: unknown). ``hits``: some of the prompts were cached; ``modes``: streamed or not; ``coarse``: the bill has digits
    that the balance does not show.
    """

    name: str
    fell: Decimal | None
    billed: Decimal
    explained: bool | None
    requests: int = 0
    hits: bool = False
    modes: frozenset[bool] = frozenset()
    roles: frozenset[Role] = frozenset()
    coarse: bool = False


@dataclass(frozen=True, slots=True)
class BillCause:
    """The explanation of a wrong bill: ``name`` for programs, ``says`` for display, the broken ``requirement``, and the ``entries``
    that it explains.
    """

    name: str
    says: str
    requirement: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BillEvidence:
    """``whole`` is all of ``entries`` as one. ``unit``: granularity of hits in tokens. ``unverified``: why the bill cannot be compared
    with the balance, else empty. ``skew_s``: error of the target's clock, if it is too large to determine the prices.
    ``same_account``: whether two keys share an account, None if unknown.
    """

    answers: Sequence[Told]
    entries: Sequence[BalanceStep] = ()
    whole: BalanceStep | None = None
    causes: Sequence[BillCause] = ()
    unit: int | None = None
    unverified: str = ""
    skew_s: float | None = None
    same_account: bool | None = None

    @property
    def counted(self) -> list[tuple[Told, Metered]]:
        """The answers that report cached tokens."""
        return [(each, each.answer) for each in self.answers if each.counted and each.answer is not None]

    @property
    def invented(self) -> list[tuple[Told, Metered]]:
        """Hits that no earlier prompt of any user explains."""
        return [(each, said) for each, said in self.counted if said.hit > said.known.most]

    @property
    def leaked(self) -> list[tuple[Told, Metered]]:
        """Hits on prompts of other users or other accounts. Unknown if hits are invented."""
        return [] if self.invented else [(each, said) for each, said in self.counted if said.hit > said.known.own]

    @property
    def wanting(self) -> tuple[list[tuple[Told, Metered]], list[tuple[Told, Metered]]]:
        """The answers that should have hit, and those of them with too few hits."""
        due = [(each, said) for each, said in self.counted if each.promised]
        return due, [(each, said) for each, said in due if said.hit < each.promised]


bill: Checks[BillEvidence] = Checks()


# -------------------------------------------------------------------------------------------------------------- usage


def _told(found: BillEvidence) -> list[Metered]:
    """Raises where nothing was served, or where no answer tells its usage, which another MUST demands."""
    if not found.answers:
        raise Inconclusive("nothing was served")
    told = [each.answer for each in found.answers if each.answer is not None]
    if not told:
        raise Untestable("answers do not report usage")
    return told


def _each(rule: Callable[[Metered], Problems]) -> Callable[[BillEvidence], Problems]:
    def judge(found: BillEvidence) -> Problems:
        yield from first_of_each(_told(found), rule)

    judge.__name__ = rule.__name__
    return judge


def _all(rule: Callable[[Sequence[Metered]], Problems]) -> Callable[[BillEvidence], Problems]:
    def judge(found: BillEvidence) -> Problems:
        yield from rule(_told(found))

    judge.__name__ = rule.__name__
    return judge


bill("usage.cache-split")(_each(rules.cache_split))
bill("usage.cached-tokens-agree")(_each(rules.cached_agree))
bill("usage.modes-agree")(_all(rules.modes_agree))
bill("usage.repeatable")(_all(rules.repeatable))
bill("usage.completion-counted")(_each(rules.completion_counted))


# -------------------------------------------------------------------------------------------------------------- cache


def _split(found: BillEvidence) -> list[tuple[Told, Metered]]:
    _told(found)
    if not found.counted:
        raise Untestable("usage does not say what was cached")
    return found.counted


def _cached(found: BillEvidence) -> list[Metered]:
    return [said for _, said in _split(found)]


@bill("cache.hits-within-prefix")
def hits_within_prefix(found: BillEvidence) -> Problems:
    yield from rules.hits_within_prefix(_cached(found))


@bill("cache.first-misses")
def first_misses(found: BillEvidence) -> Problems:
    yield from first_of_each(_cached(found), rules.first_misses)


@bill("cache.user-id-isolates")
def users_isolated(found: BillEvidence) -> Problems:
    _trustworthy(found)
    if not any(each.user for each, _ in found.counted):
        raise Inconclusive("the run was over before two users were tried")
    yield from rules.users_isolated(_cached(found))


@bill("cache.account-isolates")
def accounts_isolated(found: BillEvidence) -> Problems:
    _trustworthy(found)
    if found.same_account is not False:
        raise Inconclusive("a second key, of another account, is needed")
    for _, said in found.leaked:
        if said.hit > said.known.account:
            yield said.wrong(
                f"{said.hit} tokens hit the prompt of another account, expected 0: prompts leak between accounts",
                said.at("hit"),
            )


def _trustworthy(found: BillEvidence) -> None:
    _split(found)
    if found.invented:
        raise Inconclusive("hits are invented, so their account is unknown")


@bill("cache.repeat-hits")
def repeat_hits(found: BillEvidence) -> Problems:
    yield from rules.repeat_hits(_cached(found))


@bill("load.hits-as-expected")
def as_promised(found: BillEvidence) -> Problems:
    """Problems if more hits are missing than best effort allows."""
    _split(found)
    due, short = found.wanting
    if len(due) < FEWEST:
        raise Inconclusive(NO_OCCASION)
    if len(short) > WITHHELD * len(due):
        missing = sum(each.promised - said.hit for each, said in short)
        promised = sum(each.promised for each, _ in due)
        says = f"{missing} of {promised} tokens that should have hit did not, in {len(short)} of {len(due)} requests"
        yield short[0][1].wrong(f"{says}: hits are withheld", short[0][1].at("hit"))


@bill("cache.unit-64", "cache.unit-128")
def in_units(found: BillEvidence) -> Problems:
    yield from first_of_each(_cached(found), lambda each: rules.in_units(each, found.unit))


@bill("cache.common-prefix-unit")
def third_hits(found: BillEvidence) -> Problems:
    third = next(((each, said) for each, said in _split(found) if each.role is Role.THIRD and each.promised), None)
    if third is None:
        raise Inconclusive(NO_OCCASION)
    each, said = third
    if not said.hit:
        yield said.wrong(f"the third prompt with the same {each.shared} first tokens hits none of them", said.at("hit"))


# --------------------------------------------------------------------------------------------------------------- bill


def _verified(found: BillEvidence) -> Sequence[BalanceStep]:
    """The entries that could be held against the balance. Raises where none can."""
    if not found.answers:
        raise Inconclusive("nothing was served")
    if found.unverified:
        raise Inconclusive(found.unverified)
    return [entry for entry in found.entries if entry.explained is not None]


def _caused(
    requirement: str, occasion: Callable[[Sequence[BalanceStep]], bool] = lambda known: True
) -> Callable[[BillEvidence], Problems]:
    def judge(found: BillEvidence) -> Problems:
        known = _verified(found)
        causes = [cause for cause in found.causes if cause.requirement == requirement]
        if not causes and not occasion(known):
            raise Inconclusive(NO_OCCASION)
        for cause in causes:
            yield Problem(f"{cause.says} ({', '.join(cause.entries)})", cause=cause.name)

    return judge


bill("balance.charged")(_caused("balance.charged"))
bill("cache.discount")(_caused("cache.discount", lambda known: any(entry.hits for entry in known)))


@bill("balance.price-window")
def price_window(found: BillEvidence) -> Problems:
    _verified(found)
    if found.skew_s is not None:
        where = "ahead of" if found.skew_s > 0 else "behind"
        raise Inconclusive(
            f"the target's clock is {abs(found.skew_s):.0f} s {where} ours, so which prices were valid cannot be told"
        )
    yield from _caused("balance.price-window")(found)


bill("balance.stream-same-price")(
    _caused(
        "balance.stream-same-price", lambda known: frozenset().union(*(entry.modes for entry in known)) == {False, True}
    )
)


@bill("load.bill-adds-up")
def adds_up(found: BillEvidence) -> Problems:
    known = _verified(found)
    every = [*([found.whole] if found.whole else []), *found.entries]
    wrong = next((entry for entry in every if entry.explained is False and entry.fell is not None), None)
    if wrong is None and not any(Role.TOGETHER in entry.roles for entry in known):
        raise Inconclusive(NO_OCCASION)
    if wrong is not None:
        says = f"the balance fell by {wrong.fell:f}, expected {wrong.billed:f}, the bill of {wrong.requests} requests"
        yield Problem(f"{wrong.name}: {says}")


@bill("fim.same-price")
def fim_price(found: BillEvidence) -> Problems:
    known = _verified(found)
    alone = next((entry for entry in found.entries if entry.roles == {Role.FIM}), None)
    if not any(Role.FIM in entry.roles and (entry is alone or not entry.coarse) for entry in known):
        raise Inconclusive(NO_OCCASION)
    if alone is None or alone.explained is not False:
        return
    if all(each.explained for each in found.entries if each is not alone):
        yield Problem(f"the balance fell by {alone.fell:f}, expected {alone.billed:f} at chat prices")
