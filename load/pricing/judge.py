"""What the requirements on usage, cache and bill say about a run. Pure: evidence in, results out."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from echosounder import specs
from echosounder.load.pricing.evidence import Counted, Evidence
from echosounder.load.pricing.lab import Answer
from echosounder.load.pricing.ledger import merged, money
from echosounder.load.pricing.occasions import FEWEST, gave_occasion
from echosounder.wire.usage import disagreements
from echosounder.wire.verdict import Finding, Result, Verdict

WITHHELD = 1 / 3  # share of promised hits that may be missed before it is worth a finding: caching is best effort
UNITS = 10  # of the balance's last digit that a bill must come to
HIT = "/usage/prompt_cache_hit_tokens"

Judge = Callable[[Evidence], Iterator[Finding]]


def results(evidence: Evidence) -> list[Result]:
    """One result for each requirement of the profile that this run could judge."""
    admitted = {row.id for row in specs.requirements(evidence.profile)}
    return [_result(name, evidence) for name in (*USAGE, *CACHE, *BILL) if name in admitted]


def _result(name: str, evidence: Evidence) -> Result:
    if why := _why_not(name, evidence):
        return Result(name, Verdict.INCONCLUSIVE, note=why)
    judge = USAGE.get(name) or CACHE.get(name) or BILL[name]
    findings = tuple(judge(evidence))
    if not findings and not gave_occasion(name, evidence):
        return Result(name, Verdict.INCONCLUSIVE, note="the run gave no occasion to judge it")
    failed = Verdict.FAIL if specs.requirement(name).level == "MUST" else Verdict.NONSTRICT
    return Result(name, failed if findings else Verdict.PASS, findings)


def _why_not(name: str, evidence: Evidence) -> str:
    """Why it cannot be judged; empty where it can."""
    if not evidence.answers:
        return "nothing was served"
    if name in CACHE:
        return _why_no_cache(name, evidence)
    if name in BILL:
        return unverified(evidence) or _why_no_window(name, evidence)
    return ""


def _why_no_cache(name: str, evidence: Evidence) -> str:
    if not evidence.counted:
        return "usage does not say what was cached"
    if name in LEAKS and evidence.invented:
        return "hits are invented, so whose they are cannot be told"
    if name == "cache.account-isolates" and evidence.lab.same_account is not False:
        return "it takes a second key of another account"
    if name == "cache.user-id-isolates" and not any(each.answer.send.user_id for each in evidence.counted):
        return "the run was over before two users were tried"
    return ""


def unverified(evidence: Evidence) -> str:
    """Why the bill cannot be held against the balance; empty where it can."""
    lab = evidence.lab
    if evidence.disturbed:
        return "the balance moved while nothing was sent: somebody else uses the account, so the bill cannot be held against it"
    if not lab.accountant.available:
        said = (
            f"tells no {lab.tariff.currency}"
            if lab.accountant.status == 200
            else f"is answered with {lab.accountant.status}"
        )
        return f"GET /user/balance {said}, so what was charged cannot be verified"
    if not evidence.told and any(entry.unknown for entry in evidence.entries):
        return "answers do not tell their usage, so there is no bill to hold against the balance"
    return _too_small(evidence) if evidence.told else "the run was over before anything was charged"


def _too_small(evidence: Evidence) -> str:
    """A bill of a cent comes out to the cent whatever is wrong with it. What does not come out even so is worth a finding."""
    whole = merged(evidence.entries, "all")
    if evidence.causes or not whole.coarse or whole.billed >= UNITS * whole.unit:
        return ""
    unit, billed, least = (money(amount) for amount in (whole.unit, whole.billed, UNITS * whole.unit))
    return f"the balance shows nothing below {unit}, so a bill of {billed} cannot be held against it; it takes one of {least}"


def _why_no_window(name: str, evidence: Evidence) -> str:
    if name != "balance.price-window" or evidence.lab.clocks_agree or evidence.lab.skew is None:
        return ""
    seconds = evidence.lab.skew.total_seconds()
    where = "ahead of" if seconds > 0 else "behind"
    return f"the target's clock is {abs(seconds):.0f} s {where} ours, so which prices were valid cannot be told"


def _finding(name: str, message: str, answer: Answer, pointer: str | None = None) -> Finding:
    return Finding(name, f"{answer.name}: {message}", f"0-{answer.outcome.ask.id}", pointer=pointer)


# -------------------------------------------------------------------------------------------------------------- usage


def _split(evidence: Evidence) -> Iterator[Finding]:
    for answer in evidence.answers:
        usage = answer.usage
        if usage is None or usage.hit is None or usage.miss is None:
            says = "usage has no prompt_cache_hit_tokens and prompt_cache_miss_tokens"
            yield _finding("usage.cache-split", says, answer, "/usage")
            return
    yield from _sums("usage.cache-split", "/prompt_tokens")(evidence)


def _sums(name: str, pointer: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Finding]:
        for answer in evidence.answers:
            for where, says in disagreements(answer.usage) if answer.usage else ():
                if where == pointer:
                    yield _finding(name, says, answer, f"/usage{where}")

    return judge


def _modes_agree(evidence: Evidence) -> Iterator[Finding]:
    """Of the same prompt; what was cached may differ, for that is best effort."""
    twins = [answer for answer in evidence.answers if answer.send.name == "twin" and answer.usage]
    documents, streams = ([each for each in twins if each.send.stream is kind] for kind in (False, True))
    for document, stream in zip(documents, streams, strict=False):
        if _counts(document) != _counts(stream):
            says = f"as a stream {_counts(stream)}, as a document {_counts(document)}"
            yield _finding("usage.modes-agree", says, stream, "/usage")
            return


def _repeatable(evidence: Evidence) -> Iterator[Finding]:
    lengths: dict[object, dict[int, Answer]] = defaultdict(dict)
    for answer in evidence.answers:
        if answer.usage and answer.usage.prompt is not None:
            lengths[answer.send.prompt].setdefault(answer.usage.prompt, answer)
    for counts in lengths.values():
        if len(counts) > 1:
            says = f"the same prompt has {' and '.join(map(str, sorted(counts)))} tokens"
            yield _finding("usage.repeatable", says, next(iter(counts.values())), "/usage/prompt_tokens")


def _completion(evidence: Evidence) -> Iterator[Finding]:
    for answer in evidence.answers:
        finish = answer.outcome.sample.finish if answer.outcome.sample else None
        counted, most = answer.usage.completion if answer.usage else None, answer.send.tokens
        if finish == "length" and counted not in (None, most):
            says = f"cut at max_tokens {most}, but completion_tokens is {counted}"
            yield _finding("usage.completion-counted", says, answer, "/usage/completion_tokens")
            return


def _counts(answer: Answer) -> str:
    usage = answer.usage
    return f"{usage.prompt} + {usage.completion} tokens" if usage else "nothing"


# -------------------------------------------------------------------------------------------------------------- cache


def _within(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.invented:
        most = each.expected.anyone
        says = f"hits are invented: {each.hit} tokens are reported, where the prompt shares at most {most} with any before it"
        yield _finding("cache.hits-within-prefix", says, each.answer, HIT)


def _fresh(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.invented:
        if not each.expected.shared:
            says = f"a prompt that was never sent before is reported to hit {each.hit} tokens"
            yield _finding("cache.first-misses", says, each.answer, HIT)


def _users(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.leaked:
        if each.hit <= each.expected.account:
            yield _leak("cache.user-id-isolates", "user", each)


def _accounts(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.leaked:
        if each.hit > each.expected.account:
            yield _leak("cache.account-isolates", "account", each)


def _leak(name: str, whose: str, each: Counted) -> Finding:
    says = f"{each.hit} tokens hit what another {whose} had sent: prompts leak between {whose}s"
    return _finding(name, says, each.answer, HIT)


def _repeats(evidence: Evidence) -> Iterator[Finding]:
    prompts = {each.answer.send.prompt for each in evidence.wanting[0]}
    repeats = [
        each
        for each in evidence.wanting[0]
        if each.answer.send.prompt in prompts and each.expected.shared >= each.answer.send.prompt.size
    ]
    if len(repeats) >= FEWEST and not any(each.hit for each in repeats):
        says = f"of {len(repeats)} long prompts that were sent before none hit: hits are withheld"
        yield _finding("cache.repeat-hits", says, repeats[0].answer, HIT)


def _as_promised(evidence: Evidence) -> Iterator[Finding]:
    """More missing than best effort excuses."""
    due, short = evidence.wanting
    if len(due) >= FEWEST and len(short) > WITHHELD * len(due):
        missing, promised = (sum(map(evidence.promised, group)) for group in (short, due))
        missing -= sum(each.hit for each in short)
        says = f"{missing} of {promised} tokens that should have hit did not, in {len(short)} of {len(due)} requests: hits are withheld"
        yield _finding("load.hits-as-expected", says, short[0].answer, HIT)


def _units(name: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Finding]:
        for each in evidence.counted:
            if evidence.unit and each.hit % evidence.unit:
                yield _finding(name, f"{each.hit} cached tokens are no multiple of {evidence.unit}", each.answer, HIT)
                return

    return judge


def _third_hits(evidence: Evidence) -> Iterator[Finding]:
    third = next((each for each in evidence.counted if each.answer.name == "long text 3: D"), None)
    if third is not None and not third.hit and evidence.promised(third):
        says = f"the third prompt with the same {third.expected.shared} first tokens hits none of them"
        yield _finding("cache.common-prefix-unit", says, third.answer, HIT)


# --------------------------------------------------------------------------------------------------------------- bill


def _caused(name: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Finding]:
        for cause in evidence.causes:
            if cause.requirement == name:
                yield Finding(name, f"{cause.says} ({', '.join(cause.entries)})", cause=cause.name)

    return judge


def _adds_up(evidence: Evidence) -> Iterator[Finding]:
    whole = merged(evidence.entries, "all")
    wrong = next((entry for entry in (whole, *evidence.entries) if entry.explained is False), None)
    if wrong is not None and wrong.fell is not None:
        says = f"the balance fell by {wrong.fell:f}, the bill of {len(wrong.charges)} requests is {wrong.billed:f}"
        yield Finding("load.bill-adds-up", f"{wrong.name}: {says}")


def _fim_price(evidence: Evidence) -> Iterator[Finding]:
    entry = next((entry for entry in evidence.entries if entry.name == "fim"), None)
    if (
        entry is not None
        and entry.explained is False
        and all(each.explained for each in evidence.entries if each is not entry)
    ):
        yield Finding(
            "fim.same-price", f"the balance fell by {entry.fell:f}, at chat prices it would be {entry.billed:f}"
        )


LEAKS: dict[str, Judge] = {"cache.user-id-isolates": _users, "cache.account-isolates": _accounts}
USAGE: dict[str, Judge] = {
    "usage.cache-split": _split,
    "usage.cached-tokens-agree": _sums("usage.cached-tokens-agree", "/prompt_tokens_details/cached_tokens"),
    "usage.modes-agree": _modes_agree,
    "usage.repeatable": _repeatable,
    "usage.completion-counted": _completion,
}
CACHE: dict[str, Judge] = {
    "cache.hits-within-prefix": _within,
    "cache.first-misses": _fresh,
    **LEAKS,
    "cache.repeat-hits": _repeats,
    "load.hits-as-expected": _as_promised,
    "cache.unit-64": _units("cache.unit-64"),
    "cache.unit-128": _units("cache.unit-128"),
    "cache.common-prefix-unit": _third_hits,
}
BILL: dict[str, Judge] = {
    "balance.charged": _caused("balance.charged"),
    "cache.discount": _caused("cache.discount"),
    "balance.price-window": _caused("balance.price-window"),
    "balance.stream-same-price": _caused("balance.stream-same-price"),
    "load.bill-adds-up": _adds_up,
    "fim.same-price": _fim_price,
}
