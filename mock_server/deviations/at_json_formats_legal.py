"""Legal behavior of other Responses and Messages servers that clients must accept."""

import json
import re
from typing import Any

from echosounder.mock_server.deviations.asked import objects
from echosounder.mock_server.deviations.at_json_formats_usage import counts_of
from echosounder.mock_server.deviations.at_json_messages import PATH as MESSAGES_PATH
from echosounder.mock_server.deviations.at_json_responses import NUMBERED, SHOWN, items_of, response_of
from echosounder.mock_server.deviations.at_json_responses import PATH as RESPONSES_PATH
from echosounder.mock_server.deviations.named import Document, Table

RESPONSES, MESSAGES = Table(__name__, "responses"), Table(__name__, "messages")

# --- Responses


def _prefixed(text: Any, prefix: str) -> Any:
    return prefix + text.replace("-", "") if isinstance(text, str) and not text.startswith(prefix) else text


def _ids_of_openai(event: Document) -> None:
    for holder, name, prefix in (
        (response_of(event), "id", "resp_"),
        (event, "item_id", "item_"),
        *((item, "id", "item_") for item in items_of(event)),
    ):
        if name in holder:
            holder[name] = _prefixed(holder[name], prefix)


RESPONSES.changed(
    "responses-ids-of-openai",
    (),
    "Legal: ids begin with a prefix for their type, as at OpenAI.",
    NUMBERED,
    _ids_of_openai,
)
RESPONSES.changed(
    "responses-obfuscated",
    (),
    "Legal: deltas come with padding of random length, as at OpenAI.",
    ("response.output_text.delta", "response.function_call_arguments.delta"),
    lambda event: event.update(obfuscation="x" * (len(str(event.get("delta"))) * 7 % 16)),
)
RESPONSES.changed(
    "responses-unknown-members",
    (),
    "Legal: a response has undocumented members.",
    SHOWN,
    lambda event: response_of(event).update(billing={"payer": "developer"}, tool_usage={}),
)
RESPONSES.changed(
    "responses-tier-changes",
    (),
    "Legal: the service tier is ``auto`` at the beginning and ``default`` at the end, as at OpenAI.",
    SHOWN[:2],
    lambda event: response_of(event).update(service_tier="auto"),
)


def _without_logprobs(event: Document) -> None:
    for holder in (
        event,
        event.get("part") or {},
        *(part for item in items_of(event) for part in objects(item.get("content"))),
    ):
        if holder.get("logprobs") == []:
            del holder["logprobs"]


RESPONSES.changed(
    "responses-no-logprobs",
    (),
    "Legal: parts lack the empty array of log probabilities.",
    NUMBERED,
    _without_logprobs,
)


def _without_phase(event: Document) -> None:
    for item in items_of(event):
        item.pop("phase", None)


RESPONSES.changed(
    "responses-no-phase",
    (),
    "Legal: messages lack ``phase``, which only DeepSeek has.",
    NUMBERED,
    _without_phase,
)
RESPONSES.rewritten(
    "responses-commented",
    (),
    "Legal: every tenth event is preceded by a comment.",
    lambda raw: b": keep-alive\n\n" + raw if re.search(rb'"sequence_number":\d*0}', raw) else raw,
    RESPONSES_PATH,
)


# --- Messages

MESSAGES.dropped("messages-no-ping", (), "Legal: a stream has no ``ping``.", "ping")
MESSAGES.repeated("messages-many-pings", (), "Legal: several pings.", "ping", times=3)


def _id_of_anthropic(document: Document) -> None:
    message = document.get("message") or document
    if isinstance(message.get("id"), str):
        message["id"] = "msg_" + message["id"].replace("-", "")


MESSAGES.changed(
    "messages-ids-of-anthropic",
    (),
    "Legal: ids begin with ``msg_``.",
    ("message", "message_start"),
    _id_of_anthropic,
)


def _output_alone(event: Document) -> None:
    event["usage"] = {"output_tokens": counts_of(event).get("output_tokens")}


MESSAGES.changed(
    "messages-output-counted-alone",
    (),
    "Legal: the usage of ``message_delta`` counts only the output.",
    ("message_delta",),
    _output_alone,
)


def _more_members(document: Document) -> None:
    message: dict[str, Any] = document.get("message") or document
    message["container"] = None


MESSAGES.changed(
    "messages-unknown-members",
    (),
    "Legal: a message has undocumented members.",
    ("message", "message_start"),
    _more_members,
)


def _spaced(raw: bytes) -> bytes:
    head, colon, text = raw.partition(b"\ndata: ")
    return head + colon + json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n\n"


MESSAGES.rewritten(
    "messages-spaced",
    (),
    "Legal: JSON has spaces after its colons and commas.",
    _spaced,
    MESSAGES_PATH,
)
