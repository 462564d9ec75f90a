"""The whole path on a real socket: the honest mock conforms."""

from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import FORMATS
from echosounder.wire.target import target

# A mock without delays has no flow to judge, and the small suite asks for one document alone where documents are compared;
# no stream of an honest target breaks off with an error.
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
} | COMPARED


def test_the_honest_mock_conforms(mock, tmp_path):
    outcome = check(
        CheckOptions(target(mock.url), tmp_path, "sk-test-0123456789", suite=Suite.SMOKE, formats=tuple(FORMATS))
    )
    assert (outcome.exit_code, outcome.stopped) == (0, None)
    others = {result.requirement for result in outcome.results if result.verdict not in {"pass", "not-applicable"}}
    assert others <= UNTOLD
