"""Who and what is let in: key, media type, JSON, types, ranges. In the order that can be seen from outside (fact sheet 9)."""

from dataclasses import dataclass
from typing import Any

import specs
from mock_server import deserialise, errors, rules
from mock_server.config import Config
from mock_server.http1 import Request
from mock_server.plan import Endpoint
from specs import Limits

SHORTEST_KEY = 8
# A test can make any key it likes; these are the ones that the mock refuses, whatever follows `sk-`.
DEVIATING = "sk-mock-"  # names a deviation, whose name may hold one of these words
REFUSED_WORDS = ("invalid", "wrong", "revoked")


@dataclass(slots=True)
class Admitted:
    """A body that the API accepts, and the limits of its model."""

    endpoint: Endpoint
    body: dict[str, Any]
    limits: Limits
    beta: bool


def authorised(request: Request, profile: str) -> str:
    """The API key. Raises :class:`errors.Refused` (401)."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() != "bearer" or not value:
        raise errors.no_key(profile)
    if value.startswith(DEVIATING):
        return value
    if not value.startswith("sk-") or len(value) < SHORTEST_KEY or any(word in value for word in REFUSED_WORDS):
        raise errors.bad_key(profile, value)
    return value


def admit(endpoint: Endpoint, request: Request, config: Config, beta: bool) -> Admitted:
    """Raises :class:`errors.Refused` (400, 415, 422)."""
    profile = config.profile
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise errors.media_type()

    body = deserialise.body(request.body, endpoint, profile)
    found = specs.limits(profile, body["model"])
    chosen = rules.FIM if endpoint is Endpoint.FIM else rules.CHAT
    rules.check(chosen, body, found, beta)
    return Admitted(endpoint, body, found, beta)


def check_context(admitted: Admitted, prompt_tokens: int) -> None:
    """Prompt and answer must fit together."""
    limits = admitted.limits
    most = limits.context
    asked = admitted.body.get("max_tokens") or 0
    if most is None or prompt_tokens + (asked if asked < most else 0) <= most:
        return
    shown = most if limits.profile < "2026" else 1048565
    raise errors.invalid(
        limits.profile,
        limits.range_status,
        f"This model's maximum context length is {shown} tokens. However, you requested {prompt_tokens + asked} tokens "
        f"({prompt_tokens} in the messages, {asked} in the completion). Please reduce the length of the messages or completion.",
    )
