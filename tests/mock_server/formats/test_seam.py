"""The seam of formats, put to the test with two that exist here only: one in the manner of Responses, one in that of Messages.

Several named events a step, blocks, counts in several events, no ``[DONE]``, another header for the key: nothing outside of the
two knows of them, and time, limits, bill and deviations work on them as on chat.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from echosounder.mock_server import formats
from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.admission.serde import Shape, boolean, integer, string
from echosounder.mock_server.answering.endpoints import Answers
from echosounder.mock_server.answering.plan import Question
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.deviations import Armoury, Layer, all_deviations
from echosounder.mock_server.formats.format import Edits, Format, Script
from echosounder.mock_server.formats.rules import Rules, model_exists
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.wire import sse
from echosounder.wire.strict_json import compact

KEY = "sk-test-0000000000"
MODEL = "deepseek-v4-flash"


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {compact({'type': kind, **members})}\n\n".encode()


def read(body, limits, beta, split):
    return Question(
        body["model"],
        ["<begin>", *split(body["input"])],
        body["input"],
        body.get("bound") or 100,
        body["input"],
        wanted=body.get("bound"),
        stream=bool(body.get("stream")),
    )


class InResponses:
    """A block has a beginning and two events for its end, which come with its last piece; the counts are in the last event."""

    def usage(self, plan, limits):
        return {"input_tokens": plan.prompt.tokens, "output_tokens": plan.completion_tokens}

    def whole(self, plan, limits, usage):
        return compact({"output_text": "".join(plan.content), "id": plan.id, "usage": usage}).encode()

    def parts(self, plan, limits):
        return [event("text.delta", delta=piece) for piece in plan.content]

    def stream(self, plan, limits, usage, parts):
        spoken = parts or self.parts(plan, limits)
        done = [event("text.done", text="".join(plan.content)), event("item.done")]
        end = event("completed", response={"id": plan.id, "usage": usage})
        steps = [*range(len(spoken)), *[len(spoken) - 1] * len(done)]
        return Script([event("created"), event("item.added"), *spoken, *done, end], 2, 1, steps)


class ResponsesEdits(Edits):
    counts: ClassVar = {"prompt": "input_tokens", "completion": "output_tokens"}

    def ends(self, raw: bytes) -> bool:
        return raw.startswith(b"event: completed\n")

    def texts(self, document):
        yield from ((document, name) for name in ("delta", "output_text") if isinstance(document.get(name), str))

    def usages(self, document):
        for holder in (document, document.get("response") or {}):
            yield from [holder["usage"]] if isinstance(holder.get("usage"), dict) else []

    def finishes(self, document) -> bool:
        return document.get("type") == "completed"


class InMessages(InResponses):
    """The prompt is counted in the first event, the answer in the last but one."""

    def stream(self, plan, limits, usage, parts):
        spoken = parts or self.parts(plan, limits)
        start = event("message_start", message={"usage": {"input_tokens": usage["input_tokens"]}})
        delta = event("message_delta", usage={"output_tokens": usage["output_tokens"]})
        return Script([start, *spoken, delta, event("message_stop")], 1, 2)


class MessagesEdits(ResponsesEdits):
    def ends(self, raw: bytes) -> bool:
        return raw.startswith(b"event: message_stop\n")

    def usages(self, document):
        yield from super().usages(document)
        if "message" in document:
            yield document["message"]["usage"]


SHAPE = Shape.of({"model": string, "input": string}, {"stream": boolean, "bound": integer(32)})
RESPONSES = Format(
    "responses-like",
    lambda profile: SHAPE,
    Rules(("model", model_exists)),
    read,
    InResponses(),
    ResponsesEdits(),
    envelope=lambda message, kind, code, param: {"type": "error", "error": {"message": message}},
)
MESSAGES = replace(
    RESPONSES,
    name="messages-like",
    render=InMessages(),
    edits=MessagesEdits(),
    credentials=("authorization", "x-api-key"),
)
FORMATS = {"/answers": RESPONSES, "/messages": MESSAGES}


@pytest.fixture(autouse=True)
def two_more_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    known = formats.paths("2026-08")
    monkeypatch.setattr(formats, "paths", lambda profile: known | FORMATS)


def server(**more: Any) -> Answers:
    return Answers(Config(**{"seed": 1, "ttft_ms": 100, "itl_ms": 10, **more}), Clock(0.0))


def request(path: str = "/answers", headers: dict[str, str] | None = None, **more: Any) -> HttpRequest:
    body = {"model": MODEL, "input": "Repeat exactly: one two three", **more}
    if path == "/chat/completions":
        body["messages"] = [{"role": "user", "content": body.pop("input")}]
    sent = {"content-type": "application/json", **(headers or {"authorization": f"Bearer {KEY}"})}
    return HttpRequest("POST", path, sent, json.dumps(body).encode(), 0)


def answered(answers: Answers, asked: HttpRequest, number: int = 1):
    flight = InFlight(number, "", asked)
    return flight, answers.respond(asked, flight)


@pytest.mark.parametrize("path", FORMATS)
def test_events_of_a_step_are_due_with_it_and_carry_its_tokens_once(path: str) -> None:
    flight, response = answered(server(), request(path, stream=True))
    kinds = [each.splitlines()[0].removeprefix(b"event: ").decode() for each in response.body]
    offsets = dict(zip(kinds, response.due, strict=True))  # of each kind the last
    assert sum(response.tokens) == flight.facts.usage["output_tokens"] == 3
    assert response.due == sorted(response.due)
    spoken = [at for kind, at in zip(kinds, response.due, strict=True) if kind == "text.delta"]
    assert spoken == [100_000_000, 110_000_000, 120_000_000]
    if path == "/answers":
        assert kinds == ["created", "item.added", *["text.delta"] * 3, "text.done", "item.done", "completed"]
        assert offsets["text.done"] == 120_000_001
        assert offsets["item.done"] == 120_000_002
        assert offsets["completed"] >= 130_000_000
        assert response.tokens == [0, 0, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("path", FORMATS)
def test_the_bill_is_that_of_chat(path: str) -> None:
    answers = server()
    before = answers.completions.accounts.of(KEY).total
    flight, _ = answered(answers, request(path, stream=True))
    flight.complete = True
    answers.completions.settle(flight)
    assert before - answers.completions.accounts.of(KEY).total == flight.facts.price > 0
    assert flight.facts.price == answers.completions.prices.rates(MODEL, 0).bill(
        0, flight.facts.usage["input_tokens"], 3
    )


def test_limits_hold_and_a_refusal_has_the_shape_of_the_format() -> None:
    answers = server(limit=("concurrency:count=1",))
    answered(answers, request())
    for path, shape in (("/answers", {"type", "error"}), ("/chat/completions", {"error"})):
        with pytest.raises(Refused) as raised:
            answered(answers, request(path), 2)
        response = raised.value.response()
        assert (response.status, json.loads(response.body[0]).keys()) == (429, shape)


def test_a_key_may_stand_in_the_headers_of_the_format_alone() -> None:
    other = {"x-api-key": KEY}
    assert answered(server(), request("/messages", other))[1].status == 200
    with pytest.raises(Refused, match="Authentication Fails"):
        answered(server(), request("/answers", other))
    both = {"x-api-key": KEY, "authorization": "Bearer wrong"}  # Authorization wins
    with pytest.raises(Refused, match="Authentication Fails"):
        answered(server(), request("/messages", both))


def test_a_stream_that_comes_again_is_made_from_its_parts() -> None:
    answers = server()
    streams = [answered(answers, request(stream=True))[1].body for _ in range(4)]
    assert [each[2:-1] for each in streams] == [streams[0][2:-1]] * 4


# --- deviations


def applied(path: str, name: str, **more: Any) -> tuple[bool, list[str]]:
    """Whether the deviation changed what is written, and why not where it failed."""
    asked = request(path, **more)
    armed = Armoury((name,)).arm(asked, 1)
    assert armed is not None
    flight = InFlight(1, "", asked, armed)
    try:
        asked = armed.request(asked)
        response = armed.admission(asked) or server(ttft_ms=0, itl_ms=0).respond(asked, flight)
    except Refused as refused:
        response = refused.response()
    list(armed.wire(armed.reply(response), True))
    return any(each["applied"] for each in armed.record()), [
        each["reason"] for each in armed.record() if "reason" in each
    ]


def cases() -> Iterator[dict[str, Any]]:
    yield from ({"stream": True}, {"stream": False}, {"model": "nobody"})


# What only the grammar of chat has: choices, or [DONE] as a text of its own.
OF_CHAT = {"data-in-several-lines", "done-not-exact", "finish-before-reset"}
BELOW_DOCUMENTS = [each.name for each in all_deviations() if each.layer in (Layer.SSE, Layer.HTTP, Layer.TCP)]


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize("name", [name for name in BELOW_DOCUMENTS if name not in OF_CHAT])
def test_deviations_below_documents_work_on_any_format(path: str, name: str) -> None:
    for case in cases():
        ours, failures = applied(path, name, **case)
        assert failures == []
        assert ours or not applied("/chat/completions", name, **case)[0]


WALKS = {
    "cumulative-delta": {"stream": True},
    "completion-tokens-off-by-one": {"stream": True},
    "usage-sum-mismatch": None,  # there is no total to be wrong
    "completion-count-zero": {"stream": False},
    "role-missing-first-chunk": None,  # there are no roles
}


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize("name", WALKS)
def test_deviations_of_documents_find_what_the_format_has(path: str, name: str) -> None:
    case = WALKS[name]
    assert applied(path, name, **(case or {"stream": True}))[0] is (case is not None)


def test_a_named_event_keeps_its_name_when_its_document_changes() -> None:
    asked = request(stream=True)
    armed = Armoury(("completion-tokens-off-by-one:by=5",)).arm(asked, 1)
    reply = armed.reply(server().respond(asked, InFlight(1, "", asked, armed)))
    last = [frame.raw for frame in reply.frames][-1]
    assert last.startswith(b"event: completed\ndata: {")
    (decoded,) = sse.Decoder().feed(last)
    assert json.loads(decoded.data)["response"]["usage"]["output_tokens"] == 8
