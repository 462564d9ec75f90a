"""A small clone of DeepSeek's API as a newcomer writes it, with those of fifteen mistakes that the command line names.

python tests/field/newcomer.py 8000 crash envelope key …
"""

import json
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MISTAKES = ("crash", "envelope", "key", "model", "media", "done", "role", "sum", "id", "object", "finish", "created", "length",
            "arguments", "usage")  # fmt: skip
WRONG = frozenset(sys.argv[2:])
MODEL = "deepseek-v4-flash"
WORDS = [
    "Streams",
    "carry",
    "words",
    "one",
    "by",
    "one",
    "and",
    "end",
    "with",
    "a",
    "marker",
    "that",
    "says",
    "so.",
    "",
]


class Clone(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def send(self, status, body, media="application/json"):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, message, type="invalid_request_error"):
        whole = {"error": {"message": message, "type": type, "param": None, "code": "invalid_request_error"}}
        self.send(status, {"error": message} if "envelope" in WRONG else whole)

    def known(self):
        if "key" in WRONG or self.headers.get("Authorization", "").lower() == "bearer sk-newcomer":
            return True
        self.refuse(401, "Authentication fails, the API key is invalid", "authentication_error")
        return False

    def do_GET(self):
        if not self.known():
            return
        if self.path.endswith("/models"):
            self.send(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "newcomer"}]})
        elif self.path.endswith("/user/balance"):
            money = {"currency": "USD", "total_balance": "5.00", "granted_balance": "0.00", "topped_up_balance": "5.00"}
            self.send(200, {"is_available": True, "balance_infos": [money]})
        else:
            self.refuse(404, "there is no such path")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if not self.known():
            return
        if "messages" not in body:
            if "crash" in WRONG:
                self.send(500, "KeyError: 'messages'", "text/plain")
            else:
                self.refuse(400, "messages is missing")
        elif body.get("model") != MODEL and "model" not in WRONG:
            self.refuse(400, f"Model Not Exist: {body.get('model')}")
        elif body.get("stream"):
            self.stream(body)
        else:
            self.answer(body)

    def said(self, body):
        """The pieces of text, the calls, the finish reason and the usage."""
        prompt = sum(len(str(message.get("content")).split()) for message in body["messages"]) + 3
        bound = len(WORDS) if "length" in WRONG else min(body.get("max_tokens") or len(WORDS), len(WORDS))
        calls, pieces = [], [f"{word} " for word in WORDS[:bound]]
        if body.get("tools") and body.get("tool_choice") != "none":
            function = body["tools"][0]["function"]
            made = {
                name: 1 if of.get("type") in ("integer", "number") else "Paris"
                for name, of in function["parameters"]["properties"].items()
            }
            written = made if "arguments" in WRONG else json.dumps(made)
            calls, pieces = (
                [
                    {
                        "id": f"call_{uuid.uuid4().hex[:8]}",
                        "type": "function",
                        "function": {"name": function["name"], "arguments": written},
                    }
                ],
                [],
            )
        finish = "tool_calls" if calls else "length" if len(pieces) < len(WORDS) and "length" not in WRONG else "stop"
        count = len(pieces) or 8
        usage = {"prompt_tokens": prompt, "completion_tokens": count, "total_tokens": prompt + (0 if "sum" in WRONG else count),
                 "prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": prompt,
                 "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip
        return pieces, calls, finish, usage

    def head(self, object, id):
        return {
            "id": id,
            "object": object,
            "created": time.time() if "created" in WRONG else int(time.time()),
            "model": MODEL,
            "system_fingerprint": "fp_1",
        }

    def answer(self, body):
        pieces, calls, finish, usage = self.said(body)
        message = {"role": "assistant", "content": "".join(pieces)} | ({"tool_calls": calls} if calls else {})
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        self.send(200, self.head("chat.completion", str(uuid.uuid4())) | {"choices": [choice], "usage": usage})

    def stream(self, body):
        pieces, calls, finish, usage = self.said(body)
        head = self.head("chat.completion" if "object" in WRONG else "chat.completion.chunk", str(uuid.uuid4()))
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if "media" in WRONG else "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        deltas = [
            {"content": ""} if "role" in WRONG else {"role": "assistant", "content": ""},
            *({"content": piece} for piece in pieces),
        ]
        deltas += [{"tool_calls": [{"index": 0, **call}]} for call in calls]
        for number, delta in enumerate([*deltas, {"content": ""}]):
            last = number == len(deltas)
            choice = {"index": 0, "delta": delta, "logprobs": None} | (
                {} if "finish" in WRONG and not last else {"finish_reason": finish if last else None}
            )
            self.event(
                head
                | ({"id": str(uuid.uuid4())} if "id" in WRONG else {})
                | {"choices": [choice], "usage": usage if last and "usage" not in WRONG else None}
            )
        if "done" not in WRONG:
            self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, value):
        line = f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Clone) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
