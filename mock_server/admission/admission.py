"""Admission of requests: checks key, media type, JSON, types and ranges, in the order observable from outside (fact sheet 9)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from echosounder import specs
from echosounder.mock_server.admission import deserialise, refusals
from echosounder.mock_server.config import REFUSED_WORDS
from echosounder.mock_server.formats.format import Format
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.specs import Limits

DEVIATING = "sk-mock-"  # the key names a deviation, and that name may contain a refused word


def authorised(request: HttpRequest, profile: str, credentials: Sequence[str], keyless: bool) -> str:
    """Return the API key, from the first header present. Raises :class:`refusals.Refused` (401), unless *keyless*."""
    name = next((each for each in credentials if each in request.headers), "authorization")
    value = request.headers.get(name, "")
    if keyless:
        return value.rpartition(" ")[2]
    return _key(value if name == "authorization" else f"Bearer {value}", profile)


@lru_cache(maxsize=256)
def _key(authorization: str, profile: str) -> str:
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() != "bearer" or not value:
        raise refusals.no_key(profile)
    named = value.removeprefix("sk-")
    if (
        not named
        or named == value
        or (not value.startswith(DEVIATING) and any(word in named for word in REFUSED_WORDS))
    ):
        raise refusals.bad_key(profile, value)
    return value


def check_media_type(request: HttpRequest) -> None:
    """Raises :class:`refusals.Refused` (415) for a media type other than JSON."""
    kind = request.headers.get("content-type", "")
    if kind != "application/json" and kind.partition(";")[0].strip().lower() != "application/json":
        raise refusals.media_type()


def admit(form: Format, text: bytes, profile: str, beta: bool) -> tuple[dict[str, Any], Limits]:
    """Return the parsed body and the limits of its model. Raises :class:`refusals.Refused` (400, 422)."""
    body = deserialise.body(text, form.shape(profile), profile)
    if not _known(profile, body["model"]):
        body["model"] = specs.behaviour(profile).model_meant(form.name, body["model"])
    found = _limits(profile, body["model"])
    form.rules.check(body, found, beta)
    return body, found


def _limits(profile: str, model: str) -> Limits:
    """Limits of a model. Unknown names get the profile's general limits, because the lookup is cached forever."""
    return specs.limits(profile, model) if _known(profile, model) else specs.limits(profile)


def _known(profile: str, model: str) -> bool:
    general = specs.limits(profile)
    return model in general.models or model in general.aliases


def check_context(limits: Limits, prompt_tokens: int, wanted: int) -> None:
    """Refuses a request whose prompt and answer do not fit the context; *wanted* is ``max_tokens``, 0 if unspecified."""
    most = limits.context
    if most is None or prompt_tokens + (wanted if wanted < most else 0) <= most:
        return
    shown = specs.behaviour(limits.profile).context_shown or most
    raise refusals.invalid(
        limits.profile,
        limits.range_status,
        f"This model's maximum context length is {shown} tokens. However, you requested {prompt_tokens + wanted} tokens "
        f"({prompt_tokens} in the messages, {wanted} in the completion). Please reduce the length of the messages or completion.",
    )
