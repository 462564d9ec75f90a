"""A small gateway that translates: Messages or Responses in front, chat behind. Written for the tests, from what the formats look like
on the wire and from nothing of ours, so that a mistake of ours is not made twice.

``Flaws`` are what gateways get wrong (each was seen in the wild: reasoning dropped, arguments lost, usage at nought, …).
"""

import http.client
import json
import socket
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FRONTS = {"/anthropic/v1/messages": "messages", "/responses": "responses"}


@dataclass(frozen=True)
class Flaws:
    no_front: bool = False  # neither format is there
    answers_chat: bool = False  # the chat completion of the upstream goes back as it is
    forgets_system: bool = False
    drops_results: bool = False
    drops_thoughts: bool = False  # of the history
    drops_tools: bool = False
    drops_bound: bool = False
    drops_reasoning: bool = False  # of the answer
    drops_text: bool = False
    drops_arguments: bool = False
    drops_usage: bool = False
    says_stop: bool = False  # whatever ended the answer
    text_first: bool = False
    one_block: bool = False  # events of all blocks, or items, have the index 0
    buffers: bool = False
    masks_status: bool = False
    masks_error: bool = False
    masks_cut: bool = False
    holds_on: bool = False  # to the upstream when the client hangs up


# ------------------------------------------------------------------------------------------------------ requests


def texts(content):
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())


def function(name, description, schema):
    about = {"name": name, "parameters": schema} | ({"description": description} if description else {})
    return {"type": "function", "function": about}


def call(id, name, arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def turns_of_messages(body):
    if body.get("system"):
        yield {"role": "system", "content": texts(body["system"])}
    for turn in body["messages"]:
        blocks = turn["content"] if isinstance(turn["content"], list) else [{"type": "text", "text": turn["content"]}]
        kinds = {kind: [each for each in blocks if each["type"] == kind] for kind in ("text", "thinking", "tool_use")}
        for block in blocks:
            if block["type"] == "tool_result":
                yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": texts(block.get("content"))}
        made = {"role": turn["role"], "content": texts(kinds["text"])}
        if kinds["thinking"]:
            made["reasoning_content"] = "".join(each["thinking"] for each in kinds["thinking"])
        if kinds["tool_use"]:
            calls = [(each["id"], each["name"], json.dumps(each["input"])) for each in kinds["tool_use"]]
            made["tool_calls"] = [call(*each) for each in calls]
        if len(made) > 2 or made["content"]:
            yield made


def turns_of_responses(body):
    if body.get("instructions"):
        yield {"role": "system", "content": body["instructions"]}
    given, pending = body.get("input"), None
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given or ():
        if other := others(item):
            yield from [pending] if pending else []
            yield other
            pending = None
        else:
            pending = pending or {"role": "assistant", "content": ""}
            add(pending, item)
    yield from [pending] if pending else []


def others(item):
    """The turn of an item that is not the assistant's."""
    if item.get("type") == "function_call_output":
        return {"role": "tool", "tool_call_id": item["call_id"], "content": texts(item["output"])}
    if item.get("type", "message") == "message" and item["role"] != "assistant":
        role = "system" if item["role"] == "developer" else item["role"]
        return {"role": role, "content": texts(item["content"])}
    return None


def add(turn, item):
    match item.get("type", "message"):
        case "message":
            turn["content"] += texts(item["content"])
        case "reasoning":
            turn["reasoning_content"] = turn.get("reasoning_content", "") + texts(item.get("content"))
        case "function_call":
            turn.setdefault("tool_calls", []).append(call(item["call_id"], item["name"], item["arguments"]))


CHOICES = {"any": "required", "auto": "auto", "none": "none"}


def to_chat(front, body, flaws):
    if front == "messages":
        turns, bound, effort = list(turns_of_messages(body)), body.get("max_tokens"), body.get("thinking")
        tools = [
            function(each["name"], each.get("description"), each["input_schema"]) for each in body.get("tools", ())
        ]
        thinking = {"type": effort["type"]} if effort else None
        choice = CHOICES.get((body.get("tool_choice") or {}).get("type"))
    else:
        turns, bound, effort = list(turns_of_responses(body)), body.get("max_output_tokens"), body.get("reasoning")
        tools = [function(each["name"], each.get("description"), each["parameters"]) for each in body.get("tools", ())]
        thinking = {"type": "disabled" if effort.get("effort") == "none" else "enabled"} if effort else None
        choice = body.get("tool_choice")
    if flaws.forgets_system:
        turns = [each for each in turns if each["role"] != "system"]
    if flaws.drops_results:
        for each in turns:
            each["content"] = "" if each["role"] == "tool" else each["content"]
    if flaws.drops_thoughts:
        for each in turns:
            each.pop("reasoning_content", None)
    made = {
        "model": body["model"],
        "messages": turns,
        "max_tokens": None if flaws.drops_bound else bound,
        "temperature": body.get("temperature"),
        "tools": None if flaws.drops_tools else tools or None,
        "tool_choice": choice if tools and not flaws.drops_tools else None,
        "thinking": thinking,
        "stop": body.get("stop_sequences"),
        "stream": body.get("stream"),
        "stream_options": {"include_usage": True} if body.get("stream") else None,
    }
    return {name: value for name, value in made.items() if value is not None}


# ------------------------------------------------------------------------------------------------------- answers

STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


DELTAS = {
    "thought": ("thinking_delta", "thinking"),
    "text": ("text_delta", "text"),
    "call": ("input_json_delta", "partial_json"),
}
KINDS = {"thought": "reasoning_text", "text": "output_text", "call": "function_call_arguments"}


class Answer:
    """What came of a chat, and the two ways to say it. ``parts``: thought, text and calls in order, each ``[kind, text, id, name]``."""

    def __init__(self, front, model, flaws):
        self.front, self.model, self.flaws = front, model, flaws
        self.parts, self.finish, self.usage, self.id = [], None, {}, uuid.uuid4().hex
        self.created = int(time.time())

    def counts(self):
        raw = {} if self.flaws.drops_usage else self.usage
        hit = raw.get("prompt_cache_hit_tokens", 0)
        if self.front == "messages":
            return {
                "input_tokens": raw.get("prompt_tokens", 0) - hit,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": hit,
                "output_tokens": raw.get("completion_tokens", 0),
            }
        details = raw.get("completion_tokens_details") or {}
        return {
            "input_tokens": raw.get("prompt_tokens", 0),
            "input_tokens_details": {"cached_tokens": hit},
            "output_tokens": raw.get("completion_tokens", 0),
            "output_tokens_details": {"reasoning_tokens": details.get("reasoning_tokens", 0)},
            "total_tokens": raw.get("prompt_tokens", 0) + raw.get("completion_tokens", 0),
        }

    def message(self, content, reason, usage):
        about = {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": content}
        return {**about, "stop_reason": reason, "stop_sequence": None, "usage": usage}

    def reason(self):
        return "end_turn" if self.flaws.says_stop else STOPS.get(self.finish, "end_turn")

    def block(self, part, full=True):
        kind, text, id, name = part
        if kind == "thought":
            return {"type": "thinking", "thinking": text if full else "", "signature": self.id if full else ""}
        if kind == "text":
            return {"type": "text", "text": text if full else ""}
        return {"type": "tool_use", "id": id, "name": name, "input": json.loads(text or "{}") if full else {}}

    def item(self, place, part, full=True):
        kind, text, id, name = part
        about = {"id": f"{self.id}-{place}", "status": "completed" if full else "in_progress"}
        if kind == "thought":
            content = [{"type": "reasoning_text", "text": text}] if full else []
            return {"type": "reasoning", **about, "summary": [], "content": content}
        if kind == "text":
            return {"type": "message", **about, "role": "assistant", "content": [self.piece(text)] if full else []}
        return {"type": "function_call", **about, "call_id": id, "name": name, "arguments": text if full else ""}

    @staticmethod
    def piece(text):
        return {"type": "output_text", "text": text, "annotations": []}

    def response(self, status, output, usage, why=None):
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "model": self.model,
            "status": status,
            "output": output,
            "usage": usage,
            "error": None,
            "incomplete_details": {"reason": why} if why else None,
            "store": False,
            "previous_response_id": None,
            "parallel_tool_calls": True,
        }

    def whole(self):
        parts = sorted(self.parts, key=lambda part: part[0] != "text") if self.flaws.text_first else self.parts
        if self.front == "messages":
            return self.message([self.block(part) for part in parts], self.reason(), self.counts())
        items = [self.item(place, part) for place, part in enumerate(parts)]
        cut = self.finish == "length" and not self.flaws.says_stop
        return self.response(
            "incomplete" if cut else "completed", items, self.counts(), "max_output_tokens" if cut else None
        )


class Events(Answer):
    """The same as a stream: ``take`` gets the chunks of a chat and gives events, ``close`` the rest of them."""

    number = 0
    opened = False

    def named(self, kind, **more):
        more = {"type": kind, **more}
        if self.front == "responses":
            more["sequence_number"] = self.number
            self.number += 1
        return f"event: {kind}\ndata: {json.dumps(more)}\n\n"

    def place(self):
        return 0 if self.flaws.one_block else len(self.parts) - 1

    def start(self):
        if self.front == "messages":
            begun = {
                "input_tokens": 1,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "output_tokens": 0,
            }
            yield self.named("message_start", message=self.message([], None, begun))
            return
        for kind in ("response.created", "response.in_progress"):
            yield self.named(kind, response=self.response("in_progress", [], None))

    def begin(self, kind, id=None, name=None):
        yield from self.shut()
        self.parts.append([kind, "", id, name])
        self.opened = True
        place, part = self.place(), self.parts[-1]
        if self.front == "messages":
            yield self.named("content_block_start", index=place, content_block=self.block(part, full=False))
            return
        yield self.named("response.output_item.added", output_index=place, item=self.item(place, part, full=False))
        if kind == "text":
            where = {"item_id": f"{self.id}-{place}", "output_index": place, "content_index": 0}
            yield self.named("response.content_part.added", **where, part=self.piece(""))

    def more(self, kind, text):
        self.parts[-1][1] += text
        place = self.place()
        if self.front == "messages":
            type_, member = DELTAS[kind]
            yield self.named("content_block_delta", index=place, delta={"type": type_, member: text})
            return
        where = {"item_id": f"{self.id}-{place}", "output_index": place}
        part = {} if kind == "call" else {"content_index": 0}
        yield self.named(f"response.{KINDS[kind]}.delta", **where, **part, delta=text)

    def shut(self):
        if not self.opened:
            return
        self.opened = False
        place, (kind, text, *_) = self.place(), self.parts[-1]
        if self.front == "messages":
            if kind == "thought":
                signed = {"type": "signature_delta", "signature": self.id}
                yield self.named("content_block_delta", index=place, delta=signed)
            yield self.named("content_block_stop", index=place)
            return
        where = {"item_id": f"{self.id}-{place}", "output_index": place}
        part = {} if kind == "call" else {"content_index": 0}
        yield self.named(
            f"response.{KINDS[kind]}.done", **where, **part, **{"arguments" if kind == "call" else "text": text}
        )
        if kind == "text":
            yield self.named("response.content_part.done", **where, content_index=0, part=self.piece(text))
        yield self.named("response.output_item.done", output_index=place, item=self.item(place, self.parts[-1]))

    def take(self, chunk):
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices", ())[:1]:
            delta = choice.get("delta") or {}
            self.finish = choice.get("finish_reason") or self.finish
            for kind, member, dropped in (
                ("thought", "reasoning_content", self.flaws.drops_reasoning),
                ("text", "content", self.flaws.drops_text),
            ):
                if delta.get(member) and not dropped:
                    if not self.opened or self.parts[-1][0] != kind:
                        yield from self.begin(kind)
                    yield from self.more(kind, delta[member])
            for each in delta.get("tool_calls") or ():
                if each.get("id"):
                    yield from self.begin("call", each["id"], each["function"]["name"])
                if (given := each["function"].get("arguments")) and not self.flaws.drops_arguments:
                    yield from self.more("call", given)

    def close(self):
        yield from self.shut()
        if self.front == "messages":
            ends = {"stop_reason": self.reason(), "stop_sequence": None}
            yield self.named("message_delta", delta=ends, usage=self.counts())
            yield self.named("message_stop")
            return
        made = self.whole()
        yield self.named(f"response.{made['status']}", response=made)


def read_whole(answer, document):
    choice = document["choices"][0]
    message, flaws = choice["message"], answer.flaws
    if message.get("reasoning_content") and not flaws.drops_reasoning:
        answer.parts.append(["thought", message["reasoning_content"], None, None])
    if message.get("content") and not flaws.drops_text:
        answer.parts.append(["text", message["content"], None, None])
    for each in message.get("tool_calls") or ():
        given = "" if flaws.drops_arguments else each["function"]["arguments"]
        answer.parts.append(["call", given, each["id"], each["function"]["name"]])
    answer.finish, answer.usage = choice["finish_reason"], document["usage"]
    return answer.whole()


# --------------------------------------------------------------------------------------------------------- the server


class Gateway(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream, flaws):
        super().__init__(("127.0.0.1", 0), Handler)
        self.place, self.flaws = urlsplit(upstream), flaws


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *said):
        pass

    def do_GET(self):
        answer = self.upstream("GET", self.path, None)
        self.say(answer.status, answer.read())

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        front, flaws = FRONTS.get(self.path), self.server.flaws
        if front is None:
            answer = self.upstream("POST", self.path, raw)
            self.say(answer.status, answer.read())
            return
        if flaws.no_front:
            self.say(404, b'{"error":{"message":"Not found"}}')
            return
        body = json.loads(raw)
        answer = self.upstream("POST", "/chat/completions", json.dumps(to_chat(front, body, flaws)))
        with suppress(OSError):
            self.translate(front, body, answer, flaws)
        self.link.close()

    def upstream(self, method, path, body):
        key = self.headers.get("authorization") or f"Bearer {self.headers.get('x-api-key')}"
        self.link = http.client.HTTPConnection(self.server.place.hostname, self.server.place.port, timeout=20)
        self.link.request(method, path, body, {"authorization": key, "content-type": "application/json"})
        return self.link.getresponse()

    def translate(self, front, body, answer, flaws):
        if answer.status != 200:
            said = answer.read()
            hidden = b'{"error":{"message":"upstream failed"}}'
            self.say(500 if flaws.masks_status else answer.status, hidden if flaws.masks_error else said)
        elif body.get("stream"):
            self.stream(Events(front, body["model"], flaws), answer, flaws)
        else:
            document = json.loads(answer.read())
            made = document if flaws.answers_chat else read_whole(Answer(front, body["model"], flaws), document)
            self.say(200, json.dumps(made).encode())

    def stream(self, events, answer, flaws):
        self.send_response_only(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        held = []

        def out(made):
            for event in made:
                held.append(event)
                if not flaws.buffers:
                    self.flush(held, flaws)

        out(events.start())
        if self.chunks(events, answer, out) or flaws.masks_cut:
            out(events.close())
            self.flush(held, flaws)
            self.wfile.write(b"0\r\n\r\n")
        else:  # what broke off behind breaks off in front
            self.flush(held, flaws)
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def chunks(self, events, answer, out):
        """Did the chat come to its end?"""
        with suppress(http.client.HTTPException, OSError):
            for line in answer:
                data = line.removeprefix(b"data: ").strip()
                if data == b"[DONE]":
                    return True
                if line.startswith(b"data: "):
                    chunk = json.loads(data)
                    if "error" in chunk:
                        return False
                    out(events.take(chunk))
        return False

    def flush(self, held, flaws):
        data = "".join(held).encode()
        held.clear()
        if not data:
            return
        try:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        except OSError:
            if not flaws.holds_on:
                self.link.close()
                raise

    def say(self, status, body):
        self.send_response_only(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def gateway(upstream, **flaws):
    """A gateway in front of *upstream*; yields its base URL."""
    server = Gateway(upstream, Flaws(**flaws))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
