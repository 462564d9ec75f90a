"""The whole path on a real socket: the honest mock conforms."""

from echosounder import specs
from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import FORMATS
from echosounder.wire.target import target

# A mock without delays has no flow to judge, and the small suite asks for one document alone where documents are compared, and for
# few items, blocks and lengths of prompts;
# no stream of an honest target breaks off with an error, and no answer of it says what it cost.
COMPARED = {
    f"{form}.{name}" for form in ("responses", "messages") for name in ("stream-same-text", "usage-same-in-both-modes")
}
UNTOLD = {
    "stream.unbuffered",
    "stream.headers-early",
    "chat.id-unique",
    "chat.answers-fresh",
    "stream.error-class",
    "stream.error-not-done",
    "usage.cost-stated",
    "usage.prompt-within-bytes",
    "stream.flows",
    "responses.item-ids",
    "messages.one-block-at-a-time",
} | COMPARED


def test_the_honest_mock_conforms(mock, tmp_path):
    outcome = check(
        CheckOptions(target(mock.url), tmp_path, "sk-test-0123456789", suite=Suite.SMOKE, formats=tuple(FORMATS))
    )
    assert (outcome.exit_code, outcome.stopped) == (0, None)
    others = {result.requirement for result in outcome.results if result.verdict not in {"pass", "not-applicable"}}
    assert others <= UNTOLD


def test_the_honest_mock_keeps_to_the_letter_where_that_is_disputed(mock, tmp_path):
    rows = [
        row.id
        for row in specs.requirements(specs.DEFAULT_PROFILE)
        if row.conflict and not row.excluded and "proxy" not in row.features
    ]
    outcome = check(
        CheckOptions(
            target(mock.url),
            tmp_path,
            "sk-test-0123456789",
            suite=Suite.THOROUGH,
            only=tuple(rows),
            policy="documented",
            formats=tuple(FORMATS),
        )
    )
    assert (outcome.exit_code, outcome.stopped) == (0, None)
    others = {row.requirement: row.verdict for row in outcome.results if row.verdict not in {"pass", "not-applicable"}}
    assert {"messages.thinking-missing-refused", "stream.finish-delta"} <= {row.requirement for row in outcome.results}
    assert others.keys() <= UNTOLD
