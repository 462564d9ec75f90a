"""Targets as they were met: nothing served is not conforming, and a legal request that is refused is the first finding.

Each stand-in is an honest mock behind a relay that answers some requests itself: ``(rule, exit code, how the first line begins)``.
"""

import io
import json
import re
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from rich.console import Console

from echosounder.conformance.check_run import check
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.reports import summary, terminal
from echosounder.wire.target import target

sys.path.insert(0, str(Path(__file__).parent))
from relay import refusal, relay

KEY = "sk-test-0123456789"
BOUNDS = Bounds(idle_s=3.0, refusal_s=1.0, total_s=10.0, settle_s=0.0)


def posts(status, value):
    return lambda asked: (status, value) if asked.method == "POST" else None


def models(value, then=lambda asked: None):
    return lambda asked: (200, value) if asked.path == "/models" else then(asked)


def listing(*names):
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "x"} for name in names]}


def unknown(asked):
    return (404, {"detail": "The model `x` does not exist."}) if asked.chat else None


NOTHING_SERVED = {
    "503": (posts(*refusal(503, "Overloaded")), "no chat was served: ", "× 503; run it again"),
    "429 in plain text": (posts(429, b"slow down"), "no chat was served: ", "× 429"),
    "402": (posts(*refusal(402, "Insufficient Balance")), "no chat was served: ", "× 402; top up"),
    "a dead engine": (posts(*refusal(500, "EngineDeadError")), "no chat was served: ", "does its engine run?"),
    "a dead engine behind a front": (posts(502, b"Bad Gateway"), "no chat was served: ", "× 502"),
    "a wrong base path": (posts(404, {"detail": "Not Found"}), "there is no chat at http://", "/v1?"),
    "no POST": (posts(405, {"detail": "Method Not Allowed"}), "there is no chat at http://", "/v1?"),
    "another dialect": (posts(*refusal(400, "Unrecognized request argument")), "no chat was served: ", "--profile"),
    "a wrong model, an empty list": (models(listing(), unknown), "http://", "--model: its list of models names none"),
    "a wrong model, any listed": (models(listing("*"), unknown), "http://", "--model: its list of models names none"),
}


def run(mock, folder, rule, suite=Suite.SMOKE, edit=None, passed_on=None, **members):
    with relay(mock.url, rule, edit, passed_on) as url:
        return check(CheckOptions(target(url), folder, KEY, suite=suite, bounds=BOUNDS, **members))


def shown(outcome):
    console = Console(file=io.StringIO(), width=200, highlight=False)
    terminal.show(outcome.report, None, console)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("rule", "begins", "advice"), NOTHING_SERVED.values(), ids=NOTHING_SERVED)
def test_where_nothing_is_served_one_line_says_so_and_what_to_try(mock, tmp_path, rule, begins, advice):
    outcome = run(mock, tmp_path, rule)
    assert (outcome.exit_code, outcome.report["verdict"]) == (3, "inconclusive")
    reason = str(outcome.stopped)
    assert reason.startswith(begins)
    assert advice in reason
    assert shown(outcome) == [f"? INCONCLUSIVE  {reason}"]


def test_the_count_of_what_was_not_served_is_that_of_the_legal_requests(mock, tmp_path):
    outcome = run(mock, tmp_path, posts(*refusal(503, "Overloaded")))
    [row] = [each for each in outcome.report["served"] if each["path"] == "/chat/completions"]
    assert (row["served"], len(row["unserved"])) == (0, row["legal"])
    assert f"{row['legal']} × 503" in str(outcome.stopped)


def test_a_target_that_goes_away_after_its_first_answer_gets_one_line(tmp_path):
    body = b'{"object":"list","data":[{"id":"m","object":"model","owned_by":"x"}]}'
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once():
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
                        body
                    )
                    connection.sendall(head + body)
                    listener.close()

        threading.Thread(target=once, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        outcome = check(CheckOptions(target(url), tmp_path, KEY, suite=Suite.SMOKE, bounds=BOUNDS))
    assert outcome.exit_code == 3
    assert str(outcome.stopped).startswith("the target stopped answering: 5 requests in a row")
    assert outcome.report["cost"]["requests"] == 6
    assert len(shown(outcome)) == 1


def chat(status, message, when):
    return lambda asked: refusal(status, message) if asked.chat and when(asked) else None


UNSERVED = {
    "a call that must be, refused in words of its schema": (
        chat(
            422,
            "tool_choice: Input should be 'none' or 'auto'",
            lambda asked: asked.body.get("tool_choice") == "required",
        ),
        "tools.required (first), got status 422",
    ),
    "any newline": (chat(500, "boom", lambda asked: b"\\n" in asked.raw), "chat.unicode (first), got status 500"),
    "a call that must be, failed": (
        chat(500, "boom", lambda asked: asked.body.get("tool_choice") == "required"),
        "tools.required (first), got status 500",
    ),
    "a call that must be, refused": (
        chat(422, "no", lambda asked: asked.body.get("tool_choice") == "required"),
        "tools.required (first), got status 422",
    ),
    "a named call, refused": (
        chat(422, "no", lambda asked: isinstance(asked.body.get("tool_choice"), dict)),
        "tools.named, got status 422",
    ),
}


@pytest.mark.parametrize(("rule", "says"), UNSERVED.values(), ids=UNSERVED)
def test_a_legal_request_that_is_not_served_is_a_finding_and_the_root_of_what_follows(mock, tmp_path, rule, says):
    outcome = run(mock, tmp_path, rule, Suite.STANDARD, only=("request.served", "chat.*", "tools.*"))
    assert outcome.exit_code == 1
    rows = {row["id"]: row for row in outcome.report["requirements"]}
    assert any(says in finding["message"] for finding in rows["request.served"]["findings"])
    untestable = [row for row in rows.values() if row["verdict"] == "untestable"]
    assert [row["id"] for row in untestable if row.get("explained_by") != "request.served"] == []
    assert "legal requests served; not " in shown(outcome)[1]


def test_a_crash_is_a_finding_in_the_smallest_suite(mock, tmp_path):
    outcome = run(mock, tmp_path, UNSERVED["a call that must be, failed"][0])
    assert outcome.exit_code == 1
    assert "a legal request, tools.required" in str(outcome.report["requirements"])


def test_a_forced_call_that_is_refused_is_no_want_of_tools_in_the_smallest_suite_either(mock, tmp_path):
    outcome = run(mock, tmp_path, UNSERVED["a call that must be, refused"][0])
    assert outcome.exit_code == 1
    assert "a legal request, tools.required (first), got status 422" in str(outcome.report["requirements"])
    assert not any(
        row["verdict"] == "unsupported" for row in outcome.report["requirements"] if row["id"][:6] == "tools."
    )


def test_a_feature_that_is_refused_as_a_whole_is_absent_and_no_finding(mock, tmp_path):
    rule = chat(400, "tools are not supported", lambda asked: "tools" in asked.body)
    outcome = run(mock, tmp_path, rule)
    [row] = [each for each in outcome.report["requirements"] if each["id"] == "request.served"]
    assert (row["verdict"], row["findings"]) == ("pass", [])


def test_a_feature_that_only_ever_met_a_full_house_is_not_evidence(mock, tmp_path):
    rule = chat(503, "Overloaded", lambda asked: asked.body.get("stream") is True)
    outcome = run(mock, tmp_path, rule)
    assert outcome.exit_code == 3
    assert str(outcome.stopped).startswith("no stream was served: ")


def test_an_honest_target_says_how_much_it_served(mock, tmp_path):
    outcome = run(mock, tmp_path, lambda asked: None)
    assert outcome.exit_code == 0
    [row] = [each for each in outcome.report["served"] if each["path"] == "/chat/completions"]
    assert row["served"] == row["legal"] > 8
    assert f"POST /chat/completions: {row['served']} of {row['legal']} legal requests served" in shown(outcome)


def test_an_embedding_model_is_not_chosen_where_another_is_listed(mock, tmp_path):
    outcome = run(mock, tmp_path, models(listing("text-embedding-3-small", "chatty")), only=("chat.role-assistant",))
    assert outcome.report["target"]["model"] == "chatty"


def embeds(asked):
    return refusal(400, "this model does not chat") if asked.chat and asked.body["model"] == "gte-large" else None


def test_a_model_that_turns_out_not_to_chat_is_not_blamed_on_the_target(mock, tmp_path):
    rule = models(listing("gte-large", "chatty"), embeds)
    known = lambda asked: asked.raw.replace(b'"chatty"', b'"deepseek-flash"')  # noqa: E731
    outcome = run(mock, tmp_path, rule, passed_on=known, only=("chat.role-assistant", "request.served"))
    assert (outcome.exit_code, outcome.report["target"]["model"]) == (0, "chatty")


def refuses(*members, but=()):
    """A server that refuses these members, each with any value but those given."""

    def rule(asked):
        wrong = [name for name in members if asked.chat and asked.body.get(name) not in (None, *but)]
        return refusal(400, f"Unsupported parameter: {wrong[0]}") if wrong else None

    return rule


def unthinking(asked):
    """The mock thinks unless it is told not to; a server that does not know the member does not."""
    new = asked.chat and asked.body and "thinking" not in asked.body
    return json.dumps(asked.body | {"thinking": {"type": "disabled"}}).encode() if new else asked.raw


def broken(outcome):
    held = {"fail", "untestable", "nonstrict", "error"}
    return {row["id"]: len(row["findings"]) for row in outcome.report["requirements"] if row["verdict"] in held}


MEMBERS = {
    "thinking": ("2026-11", refuses("thinking"), 1, {"request.members-served": 1}),
    "max_tokens, at OpenAI": ("openai", refuses("max_tokens"), 0, {"request.members-known": 1}),
    "any temperature but 1": ("openai", refuses("temperature", but=(1,)), 0, {"request.members-known": 1}),
    "two of them": ("openai", refuses("temperature", "max_tokens"), 0, {"request.members-known": 2}),
}


@pytest.fixture(scope="module")
def mocks():
    """Mocks by profile, for targets of another dialect."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(spawn(profile=name, ttft_ms=0.0, itl_ms=0.0)) for name in ("2026-11", "openai")
        }


@pytest.mark.parametrize(("profile", "rule", "code", "found"), MEMBERS.values(), ids=MEMBERS)
def test_a_member_that_is_refused_in_every_request_is_one_finding(mocks, tmp_path, profile, rule, code, found):
    outcome = run(mocks[profile], tmp_path, rule, Suite.STANDARD, passed_on=unthinking, profile=profile)
    assert (broken(outcome), outcome.exit_code) == (found, code)
    row = next(each for each in outcome.report["served"] if each["path"] == "/chat/completions")
    assert row["served"] > 30


def test_a_dead_engine_is_given_up_after_a_few_requests_whatever_is_refused(mock, tmp_path):
    outcome = run(mock, tmp_path, posts(*refusal(500, "EngineDeadError")), Suite.STANDARD)
    assert (outcome.exit_code, shown(outcome)) == (3, [f"? INCONCLUSIVE  {outcome.stopped}"])
    assert str(outcome.stopped).startswith("no chat was served: 5 × 500")
    assert "though GET /models is answered" in str(outcome.stopped)
    assert outcome.report["cost"]["requests"] < 20


def test_an_engine_that_refuses_once_and_then_serves_is_judged(mock, tmp_path):
    rule = lambda asked: refusal(500, "warming up") if asked.chat and asked.number == 1 else None  # noqa: E731
    outcome = run(mock, tmp_path, rule)
    assert outcome.exit_code == 1
    assert "a legal request, chat.basic, got status 500" in str(outcome.report["requirements"])


def torn(streams, documents):
    """The last character that is not ASCII of each text becomes U+FFFD, as a tokenizer does that knows no such character."""

    def edit(asked, body):
        wanted = streams if asked.body.get("stream") is True else documents
        return re.sub(rb"(?:[\xe2-\xf4][\x80-\xbf]+)", "\ufffd".encode(), body) if asked.chat and wanted else body

    return edit


@pytest.mark.parametrize(
    ("streams", "documents", "verdicts"),
    [
        (False, False, {"pass"}),
        (True, True, {"pass", "inconclusive"}),
        (True, False, {"fail"}),
    ],
    ids=["in none", "in both modes: the model's own", "in streams alone"],
)
def test_a_torn_character_is_the_servers_where_the_document_of_the_same_question_has_it_whole(
    mock, tmp_path, streams, documents, verdicts
):
    ids = ("chat.unicode", "stream.utf8")
    outcome = run(mock, tmp_path, lambda asked: None, Suite.STANDARD, torn(streams, documents), only=ids)
    assert {result.requirement for result in outcome.results} == set(ids)
    assert {str(result.verdict) for result in outcome.results} <= verdicts


def test_a_run_that_conforms_by_its_baseline_says_so(mock, tmp_path):
    baseline = tmp_path / "baseline.toml"
    entry = '[[accepted]]\nid = "request.served"\nreason = "known"\nexpires = 2999-12-31\n'
    baseline.write_text(entry, encoding="utf-8")
    rule = chat(500, "boom", lambda asked: isinstance(asked.body.get("tool_choice"), dict))
    outcome = run(mock, tmp_path, rule, Suite.STANDARD, only=("request.served", "chat.object"), baseline=baseline)
    assert outcome.exit_code == 0
    assert shown(outcome)[0].startswith("✓ CONFORMS, 1 accepted  ")
    assert summary.render(outcome.report).startswith("# Conformance: ✓ conforms, 1 accepted")
