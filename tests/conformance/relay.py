"""A server in front of an honest mock that answers some requests itself: the stand-ins of targets that went wrong."""

import http.client
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"transfer-encoding", "connection", "keep-alive", "content-length"}


def refusal(status, message, **members):
    return status, {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": "x", **members}
    }


class Asked:
    """A request as a rule sees it: ``number`` counts the POSTs from 1, ``body`` is its JSON or {}."""

    def __init__(self, handler, raw, number):
        self.method, self.path, self.raw, self.number = handler.command, handler.path.partition("?")[0], raw, number
        self.headers = handler.headers
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        self.body = body if isinstance(body, dict) else {}

    @property
    def chat(self):
        return self.method == "POST" and self.path.endswith("/chat/completions")


class Relay(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream, rule, edit, passed_on):
        super().__init__(("127.0.0.1", 0), Handler)
        self.place, self.rule, self.edit, self.posts = urlsplit(upstream), rule, edit, 0
        self.passed_on = passed_on or (lambda asked: asked.raw)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *said):
        pass

    def do_GET(self):
        raw = whole(self)
        self.server.posts += self.command == "POST"
        asked = Asked(self, raw, self.server.posts)
        own = self.server.rule(asked)
        if own is None:
            self.say(*self.forwarded(asked))
        else:
            status, value = own
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.say(status, [("content-type", "application/json")], body)

    do_POST = do_GET  # noqa: N815  (the name that http.server calls)

    def forwarded(self, asked):
        connection = http.client.HTTPConnection(self.server.place.hostname, self.server.place.port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", *HOP}}
        connection.request(self.command, self.path, self.server.passed_on(asked), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        kept = [each for each in answer.getheaders() if each[0].lower() not in HOP]
        return answer.status, kept, self.server.edit(asked, body) if self.server.edit else body

    def say(self, status, headers, body):
        self.send_response_only(status)
        for name, value in [*headers, ("content-length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def whole(handler):
    if handler.headers.get("transfer-encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length") or 0))
    parts = []
    while size := int(handler.rfile.readline().partition(b";")[0], 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)


@contextmanager
def relay(upstream, rule, edit=None, passed_on=None):
    """*rule* gives a request's ``(status, JSON value or bytes)``, or None: then the mock answers, and *edit* may change its body.

    *passed_on* gives the body that the mock gets.
    """
    server = Relay(upstream, rule, edit, passed_on)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
