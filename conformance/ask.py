"""Builds requests in the format of the profile under test. Pure; every completion request carries ``max_tokens``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from echosounder.judgement.check import Subject
from echosounder.wire import formats
from echosounder.wire.exchange import Headers
from echosounder.wire.formats import Format, Question, Turn
from echosounder.wire.strict_json import compact

JSON_TYPE: Headers = (("content-type", "application/json"),)
CHAT, FIM = formats.CHAT.path, formats.FIM.path
BETA_CHAT = f"/beta{CHAT}"
OUTPUT = 16  # tokens, where a probe does not say
GREEDY: dict[str, Any] = {"temperature": 0}


@dataclass(frozen=True, slots=True)
class Send:
    """One request of a probe.

    ``authorization`` is a template: ``{key}`` becomes the API key; None sends no such header; ``key_header`` is the header. ``chunked``
    sends the body in chunks instead of announcing its length. ``cancel_after`` closes the connection after this many reads of the body;
    ``keep_alive`` uses the one connection that the run keeps open; ``after_a_while`` waits until a cache may have stored earlier
    prompts. ``notes`` are added to the exchange for the checks: ``fault`` states why the request must be refused, ``open`` why either
    outcome is legal.
    """

    method: str
    path: str
    body: bytes = b""
    step: str = ""
    headers: Headers = JSON_TYPE
    authorization: str | None = "Bearer {key}"
    key_header: str = "Authorization"
    chunked: bool = False
    cancel_after: int | None = None
    keep_alive: bool = False
    after_a_while: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)

    def but(self, **changes: Any) -> Send:
        """A copy with other members; ``notes`` are added to, not replaced."""
        return replace(self, **changes | {"notes": {**self.notes, **changes.get("notes", {})}})


@dataclass(frozen=True)
class Ask(Subject):
    """Builds requests for one model of one profile. ``salt``, one per run, makes prompts new to every cache."""

    seed: int = 0
    salt: str = "0"

    @property
    def thinking(self) -> dict[str, Any]:
        return {"thinking": {"type": "enabled"}} if self.limits.thinking == "switch" else {}

    def body(self, messages: str | Sequence[Mapping[str, Any]], /, **fields: Any) -> dict[str, Any]:
        """A chat request body: without thinking and with at most sixteen tokens, unless *fields* override it.

        A field with the value ``...`` is omitted.
        """
        turns = (Turn("user", messages),) if isinstance(messages, str) else ()
        thinking = False if self.limits.thinking == "switch" else None
        body = formats.CHAT.ask(self.model, Question(turns, OUTPUT, thinking=thinking))
        if not isinstance(messages, str):
            body["messages"] = list(messages)
        return {name: value for name, value in (body | fields).items() if value is not ...}

    def chat(
        self, messages: str | Sequence[Mapping[str, Any]], /, *, step: str = "", path: str = CHAT, **fields: Any
    ) -> Send:
        return self.post(path, self.body(messages, **fields), step=step)

    def fim(self, prompt: str, suffix: str | None = None, *, step: str = "", **fields: Any) -> Send:
        body = formats.FIM.ask(self.model, Question((Turn("user", prompt),), OUTPUT, suffix=suffix)) | fields
        return self.post(
            FIM, {name: value for name, value in body.items() if value is not ... and value is not None}, step=step
        )

    def within(self, form: Format, body: Any, *, step: str = "") -> Send:
        """A request in a wire format, with the headers that the format requires; *body* as in :meth:`post`."""
        rows = form.headers("{key}").items()
        name, value = next(row for row in rows if "{key}" in row[1])
        others = tuple(row for row in rows if row[0] != name)
        send = self.post(form.path, body, step=step)
        return replace(send, authorization=value, key_header=name, headers=(*JSON_TYPE, *others))

    def post(self, path: str, body: Any, *, step: str = "") -> Send:
        """*body* is sent as JSON, bytes as they are."""
        return Send("POST", path, body if isinstance(body, bytes) else compact(body).encode(), step)

    def get(self, path: str, *, step: str = "") -> Send:
        return Send("GET", path, step=step, headers=())
