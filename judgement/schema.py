"""openapi-core on our exchanges: every request and every response against the document of the profile.

What openapi-core lets through or trips over is settled before it is asked: the content type is read by us (a stray `;`
makes it raise, a missing one makes it assume JSON), each exchange is shown under the documented host, and a stream is
handed over whole, as the list of its decoded chunks, so that error paths begin with the index of the chunk.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from itertools import islice
from typing import Any, cast
from urllib.parse import parse_qsl

from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from jsonschema_path import SchemaPath
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.validation.schemas import oas31_schema_validators_factory
from openapi_core.validation.schemas.factories import DialectSchemaValidatorsFactory
from openapi_core.validation.schemas.validators import SchemaValidator
from openapi_schema_validator import OAS31_BASE_DIALECT_ID, OAS31Validator
from werkzeug.datastructures import Headers, ImmutableMultiDict

from echosounder import specs
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import compact

MOST = 100
"""Mismatches of one value: whoever has so many has more."""
REMEMBERED = 20_000
"""Characters of a value whose mismatches are kept for the next that is like it."""
HOST = "https://api.deepseek.com"
EVENTS = "text/event-stream"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place where an exchange and the document disagree. ``chunk`` counts decoded chunks; ``pointer`` is within one."""

    message: str
    pointer: str = ""
    chunk: int | None = None


def request_mismatches(exchange: Exchange, profile: str) -> Iterator[Mismatch]:
    """Mismatches between the request and the OpenAPI document of *profile*."""
    for error in _api(profile).iter_request_errors(_RequestView(exchange)):
        yield from _explain(error, events=False)


def response_mismatches(exchange: Exchange, profile: str) -> Iterator[Mismatch]:
    """Mismatches between the response and the OpenAPI document. An unknown status is not a mismatch."""
    try:
        yield from list(islice(_response_mismatches(exchange, profile), MOST))
    except (UnicodeDecodeError, RecursionError) as error:  # openapi-core lets them through
        yield Mismatch(f"the body cannot be read as JSON: {error}")


def _response_mismatches(exchange: Exchange, profile: str) -> Iterator[Mismatch]:
    view = _ResponseView(exchange)
    for error in _api(profile).iter_response_errors(_RequestView(exchange), view):
        if not isinstance(error, ResponseNotFound):
            yield from _explain(error, events=view.content_type == EVENTS)


def value_mismatches(value: Any, schema: str, profile: str) -> Iterator[Mismatch]:
    """Mismatches between *value* and ``components/schemas/<schema>``. Raises ``KeyError`` for an unknown name."""
    try:
        shape = compact(_shape(value))
        yield from (_known if len(shape) <= REMEMBERED else _mismatches)(shape, schema, profile)
    except RecursionError:
        yield Mismatch("nested too deeply to be judged")


# Members that every schema only calls a text: the chunks of a long stream differ in nothing else.
_FREE = frozenset({"content", "reasoning_content", "text", "arguments"})


def _shape(value: Any) -> Any:
    """*value* without the words in it."""
    if isinstance(value, dict):
        free = {name: "" for name in _FREE & value.keys() if isinstance(value[name], str)}
        return {name: free.get(name, _shape(member)) for name, member in value.items()}
    return [_shape(member) for member in value] if isinstance(value, list) else value


def _mismatches(shape: str, schema: str, profile: str) -> tuple[Mismatch, ...]:
    errors = _validator(profile, schema).iter_errors(json.loads(shape))
    return tuple(_mismatch(error, events=False) for error in islice(errors, MOST))


_known = functools.lru_cache(maxsize=4096)(_mismatches)


class _RequestView:
    """openapi-core's Request protocol over an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._request = exchange.request
        headers = Headers(exchange.request.headers)
        headers.setdefault(
            "authorization", "Bearer -"
        )  # which key a target wants, and where, is between it and the user
        path, _, query = exchange.request.path.partition("?")
        self.parameters = RequestParameters(header=headers, query=ImmutableMultiDict(parse_qsl(query)))
        self.host_url, self.path = HOST, path
        self.method = exchange.request.method.lower()
        self.body = exchange.request.body or None
        self.content_type = _cleaned(dict(exchange.request.headers).get("content-type"))


class _ResponseView:
    def __init__(self, exchange: Exchange) -> None:
        self.status_code = exchange.status or 0
        self.headers = Headers(exchange.headers)
        self.content_type = exchange.media_type or _guessed(exchange)
        events = self.content_type == EVENTS
        self.data = json.dumps([value for _, value in exchange.chunks]).encode() if events else _readable(exchange)


def _readable(exchange: Exchange) -> bytes | None:
    """The body without the blank lines that keep a connection alive; None for an empty one."""
    return exchange.body.lstrip(b" \r\n\t") or None


def _guessed(exchange: Exchange) -> str:
    return JSON if exchange.parsed is not None else "text/plain"


def _cleaned(value: str | None) -> str:
    """Without parameters, but for the boundary, without which no part of a multipart body can be found."""
    kind = (value or "").partition(";")[0].strip().lower()
    return value or "" if kind.startswith("multipart/") else kind


def _form(body: bytes, boundary: str = "", **_: str) -> ImmutableMultiDict[str, str | bytes]:
    """The parts of a form, those without a file name as text: openapi-core's own reader leaves all of them bytes."""
    head = f'content-type: multipart/form-data; boundary="{boundary}"\r\n\r\n'
    parts = cast("list[Message]", message_from_bytes(head.encode() + body).get_payload())
    return ImmutableMultiDict([_field(part) for part in parts if isinstance(part, Message)])


def _field(part: Message) -> tuple[str, str | bytes]:
    content = cast(bytes, part.get_payload(decode=True))
    name = str(part.get_param("name", "", header="content-disposition"))
    return name, content if part.get_filename() else content.decode(errors="replace")


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The library's own, whose engine takes no lone surrogate: a text with one matches no pattern of ours."""
    try:
        yield from OAS31Validator.VALIDATORS["pattern"](validator, pattern, instance, schema)
    except UnicodeEncodeError:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator = cast(Any, extend)(OAS31Validator, {"pattern": _pattern})


class _CachingFactory(DialectSchemaValidatorsFactory):
    """``create`` runs twice per validation and copies a format checker each time; one factory serves one document."""

    def __init__(self) -> None:
        checker = oas31_schema_validators_factory.format_checker
        super().__init__(_Validator, OAS31_BASE_DIALECT_ID, format_checker=checker)
        self._made: dict[Any, SchemaValidator] = {}

    def get_validator_cls(self, spec: SchemaPath, schema: SchemaPath) -> Any:
        """The validator class for the one dialect of our documents."""
        return _Validator

    def create(self, spec: SchemaPath, schema: SchemaPath, *args: Any, **options: Any) -> SchemaValidator:
        key = (schema.parts, tuple(sorted((name, value) for name, value in options.items() if isinstance(value, bool))))
        if key not in self._made:
            self._made[key] = super().create(spec, schema, *args, **options)
        return self._made[key]


@functools.cache
def _api(profile: str) -> OpenAPI:
    document = cast(Mapping[str, Any], specs.document(profile))
    config = Config(
        spec_validator_cls=cast(Any, None),  # the document is validated where it is kept
        schema_validators_factory=_CachingFactory(),
        extra_media_type_deserializers={EVENTS: json.loads, "multipart/form-data": _form},
    )
    return OpenAPI.from_dict(cast(Any, document), config=config)


@functools.cache
def _validator(profile: str, schema: str) -> Any:
    document = specs.document(profile)
    document["components"]["schemas"][schema]
    return _Validator({"$ref": f"#/components/schemas/{schema}", "components": document["components"]})


def _explain(error: Exception, events: bool) -> Iterator[Mismatch]:
    schema_errors: Iterable[ValidationError] = getattr(error.__cause__, "schema_errors", ())
    found = [_mismatch(each, events) for each in schema_errors]
    yield from found or [Mismatch(f"{type(error).__name__}: {_short(str(error))}")]


def _mismatch(error: ValidationError, events: bool) -> Mismatch:
    """The innermost reason: for `anyOf [Usage, null]` the outer error only says that neither fits."""
    leaf = best_match([error]) if error.context else error
    assert leaf is not None
    path = list(leaf.absolute_path)
    chunk = path.pop(0) if events and path else None
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    return Mismatch(_short(leaf.message), pointer, chunk if isinstance(chunk, int) else None)


def _short(message: str) -> str:
    """A message that quotes a whole answer keeps its ends."""
    return message if len(message) <= 200 else f"{message[:120]} … {message[-60:]}"
