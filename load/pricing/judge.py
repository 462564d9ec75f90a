"""What the requirements on usage, cache and bill say about a run. Pure: answers, balances and the oracle's expectations in, results out."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import specs
from load.pricing.diagnose import CLOCKS, Cause
from load.pricing.lab import Answer, Lab
from load.pricing.oracle import BLOCKS, MODELS
from wire.usage import disagreements
from wire.verdict import Finding, Result, Verdict

WITHHELD = 1 / 3  # share of promised hits that may be missed before it is worth a finding: caching is best effort
FEWEST = 3

Judge = Callable[["Evidence"], Iterator[Finding]]


class Evidence:
    """A run as the judges see it: ``model`` and ``unit`` are those of the profile's cache, ``causes`` what is wrong with the bill."""

    def __init__(self, lab: Lab, profile: str, model: str, causes: Sequence[Cause]) -> None:
        limits = specs.limits(profile, model)
        self.lab, self.causes = lab, causes
        self.unit, self.model = limits.cache_unit, limits.cache_model or BLOCKS
        self.answers = [answer for answer in lab.answers if answer.outcome.status == 200]
        self.counted = [answer for answer in self.answers if answer.hit is not None]

    def promised(self, answer: Answer) -> int:
        return answer.expected.promised[self.model]

    @property
    def disturbed(self) -> bool:
        return bool(self.lab.idle and self.lab.idle.fell)


def results(evidence: Evidence, profile: str) -> list[Result]:
    """One result for each requirement of the profile that this run could judge."""
    admitted = {row.id for row in specs.requirements(profile)}
    return [_result(name, evidence) for name in (*USAGE, *CACHE, *BILL) if name in admitted]


def _result(name: str, evidence: Evidence) -> Result:
    if not evidence.answers:
        return Result(name, Verdict.INCONCLUSIVE, note="nothing was served")
    if name in CACHE and not evidence.counted:
        return Result(name, Verdict.INCONCLUSIVE, note="usage does not say what was cached")
    if name in BILL and (why := _why_not(evidence)):
        return Result(name, Verdict.INCONCLUSIVE, note=why)
    judge = USAGE.get(name) or CACHE.get(name) or BILL[name]
    findings = tuple(judge(evidence))
    failed = Verdict.FAIL if specs.requirement(name).level == "MUST" else Verdict.NONSTRICT
    return Result(name, failed if findings else Verdict.PASS, findings)


def _why_not(evidence: Evidence) -> str:
    """Why the bill cannot be judged; empty where it can."""
    if evidence.disturbed:
        return "the balance moved while nothing was sent: somebody else uses the account, so the bill cannot be held against it"
    if not any(entry.explained is not None for entry in evidence.lab.entries):
        return "there is no balance to read (GET /user/balance), so what was charged cannot be verified"
    clocks = [cause for cause in evidence.causes if cause.name == CLOCKS]
    return clocks[0].says if clocks and len(clocks) == len(evidence.causes) else ""


def _finding(name: str, message: str, answer: Answer, pointer: str | None = None) -> Finding:
    return Finding(name, f"{answer.name}: {message}", f"0-{answer.outcome.ask.id}", pointer=pointer)


# -------------------------------------------------------------------------------------------------------------- usage


def _split(evidence: Evidence) -> Iterator[Finding]:
    for answer in evidence.answers:
        usage = answer.usage
        if usage is None or usage.hit is None or usage.miss is None:
            yield _finding(
                "usage.cache-split",
                "usage has no prompt_cache_hit_tokens and prompt_cache_miss_tokens",
                answer,
                "/usage",
            )
            return
    yield from _sums(evidence, "usage.cache-split", "/prompt_tokens")


def _cached(evidence: Evidence) -> Iterator[Finding]:
    yield from _sums(evidence, "usage.cached-tokens-agree", "/prompt_tokens_details/cached_tokens")


def _sums(evidence: Evidence, name: str, pointer: str) -> Iterator[Finding]:
    for answer in evidence.answers:
        for where, says in disagreements(answer.usage) if answer.usage else ():
            if where == pointer:
                yield _finding(name, says, answer, f"/usage{where}")


def _modes_agree(evidence: Evidence) -> Iterator[Finding]:
    """Of the same prompt at the same warmth: not only the prompt, all counts."""
    twins = [answer for answer in evidence.counted if answer.about == "twin" and answer.usage]
    documents, streams = [a for a in twins if not a.stream], [a for a in twins if a.stream]
    for document, stream in zip(documents, streams, strict=False):
        if document.usage != stream.usage:
            yield _finding(
                "usage.modes-agree",
                f"as a stream {_counts(stream)}, as a document {_counts(document)}",
                stream,
                "/usage",
            )
            return


def _repeatable(evidence: Evidence) -> Iterator[Finding]:
    lengths: dict[object, dict[int, Answer]] = defaultdict(dict)
    for answer in evidence.answers:
        if answer.usage and answer.usage.prompt is not None:
            lengths[answer.prompt].setdefault(answer.usage.prompt, answer)
    for counts in lengths.values():
        if len(counts) > 1:
            shown = " and ".join(map(str, sorted(counts)))
            yield _finding(
                "usage.repeatable",
                f"the same prompt has {shown} tokens",
                next(iter(counts.values())),
                "/usage/prompt_tokens",
            )


def _completion(evidence: Evidence) -> Iterator[Finding]:
    for answer in evidence.answers:
        finish = answer.outcome.sample.finish if answer.outcome.sample else None
        counted = answer.usage.completion if answer.usage else None
        if finish == "length" and counted not in (None, answer.tokens):
            message = f"cut at max_tokens {answer.tokens}, but completion_tokens is {counted}"
            yield _finding("usage.completion-counted", message, answer, "/usage/completion_tokens")


def _counts(answer: Answer) -> str:
    usage = answer.usage
    return f"{usage.prompt} + {usage.completion} tokens, {usage.hit} cached" if usage else "nothing"


# -------------------------------------------------------------------------------------------------------------- cache


def _within(evidence: Evidence) -> Iterator[Finding]:
    """Hits that no earlier prompt of this account and user explains."""
    for answer in evidence.counted:
        if (answer.hit or 0) > answer.expected.most and not answer.about.startswith("other-"):
            says = f"{answer.hit} tokens are reported as hits, but the prompt shares at most {answer.expected.most} with any before it"
            yield _finding("cache.hits-within-prefix", says, answer, "/usage/prompt_cache_hit_tokens")


def _fresh(evidence: Evidence) -> Iterator[Finding]:
    for answer in evidence.counted:
        if answer.about in ("cold", "fresh") and answer.hit:
            says = f"a prompt that was never sent before is reported to hit {answer.hit} tokens"
            yield _finding("cache.first-misses", says, answer, "/usage/prompt_cache_hit_tokens")


def _leak(about: str, name: str, whose: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Finding]:
        for answer in evidence.counted:
            if answer.about == about and (answer.hit or 0) > answer.expected.most:
                says = f"{answer.hit} tokens hit what another {whose} had sent: prompts leak between {whose}s"
                yield _finding(name, says, answer, "/usage/prompt_cache_hit_tokens")

    return judge


def _repeats(evidence: Evidence) -> Iterator[Finding]:
    repeats = [answer for answer in evidence.counted if answer.about == "repeat" and evidence.promised(answer)]
    if len(repeats) >= FEWEST and not any(answer.hit for answer in repeats):
        says = f"of {len(repeats)} long prompts that were sent before none hit: cache hits are withheld"
        yield _finding("cache.repeat-hits", says, repeats[0], "/usage/prompt_cache_hit_tokens")


def _as_promised(evidence: Evidence) -> Iterator[Finding]:
    """More missing than best effort excuses."""
    ready = [answer for answer in evidence.counted if answer.ready and evidence.promised(answer)]
    short = [answer for answer in ready if (answer.hit or 0) < evidence.promised(answer)]
    if len(ready) >= FEWEST and len(short) > WITHHELD * len(ready):
        missing = sum(evidence.promised(answer) - (answer.hit or 0) for answer in short)
        promised = sum(evidence.promised(answer) for answer in ready)
        says = f"{missing} of {promised} tokens that should have hit did not, in {len(short)} of {len(ready)} requests: hits are withheld"
        yield _finding("load.hits-as-expected", says, short[0], "/usage/prompt_cache_hit_tokens")


def _units(name: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Finding]:
        for answer in evidence.counted:
            if evidence.unit and (answer.hit or 0) % evidence.unit:
                says = f"{answer.hit} cached tokens are no multiple of {evidence.unit}"
                yield _finding(name, says, answer, "/usage/prompt_cache_hit_tokens")
                return

    return judge


def _third_hits(evidence: Evidence) -> Iterator[Finding]:
    third = next((answer for answer in evidence.counted if answer.name == "long text, D"), None)
    if third is not None and not third.hit and evidence.promised(third):
        says = f"the third prompt with the same {third.expected.shared} first tokens hits none of them"
        yield _finding("cache.common-prefix-unit", says, third, "/usage/prompt_cache_hit_tokens")


# --------------------------------------------------------------------------------------------------------------- bill


def _caused(name: str) -> Judge:
    def judge(evidence: Evidence) -> Iterator[Finding]:
        for cause in evidence.causes:
            if cause.requirement == name:
                yield Finding(name, f"{cause.says} ({', '.join(cause.entries)})", cause=cause.name)

    return judge


def _adds_up(evidence: Evidence) -> Iterator[Finding]:
    last = next((entry for entry in evidence.lab.entries if entry.name == "many at once"), None)
    if last is not None and last.explained is False:
        says = f"the balance fell by {last.fell:f}, the bill of {len(last.charges)} requests is {last.billed:f}"
        yield Finding("load.bill-adds-up", says)


def _fim_price(evidence: Evidence) -> Iterator[Finding]:
    entry = next((entry for entry in evidence.lab.entries if entry.name == "fim"), None)
    if entry is not None and entry.explained is False:
        yield Finding(
            "fim.same-price", f"the balance fell by {entry.fell:f}, at chat prices it would be {entry.billed:f}"
        )


USAGE: dict[str, Judge] = {
    "usage.cache-split": _split,
    "usage.cached-tokens-agree": _cached,
    "usage.modes-agree": _modes_agree,
    "usage.repeatable": _repeatable,
    "usage.completion-counted": _completion,
}
CACHE: dict[str, Judge] = {
    "cache.hits-within-prefix": _within,
    "cache.first-misses": _fresh,
    "cache.user-id-isolates": _leak("other-user", "cache.user-id-isolates", "user"),
    "cache.account-isolates": _leak("other-account", "cache.account-isolates", "account"),
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


def confusion(evidence: Evidence) -> dict[str, dict[str, int]]:
    """Per cache model, requests after the first were stored: expected against reported.

    ``as-expected-hit``, ``as-expected-miss``, ``withheld`` (nothing of what was promised), ``partly`` (less than promised), ``more``
    (more than promised, though no more than is shared), ``invented`` (more than is shared).
    """
    ready = [answer for answer in evidence.counted if answer.ready]
    table = {}
    for model in MODELS:
        counts = dict.fromkeys(("as-expected-hit", "as-expected-miss", "withheld", "partly", "more", "invented"), 0)
        for answer in ready:
            counts[_cell(answer.expected.promised[model], answer.expected.most, answer.hit or 0)] += 1
        table[model] = counts
    return table


def _cell(promised: int, most: int, hit: int) -> str:
    if hit > most:
        return "invented"
    if hit == promised:
        return "as-expected-hit" if hit else "as-expected-miss"
    if hit > promised:
        return "more"
    return "partly" if hit else "withheld"
