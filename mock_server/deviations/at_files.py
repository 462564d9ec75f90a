"""Faults in the handling of files and images: file data, listings, image types and image costs."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from echosounder.mock_server.admission.refusals import JSON, OCTETS, Refused
from echosounder.mock_server.answering.plan import AnswerPlan
from echosounder.mock_server.deviations.asked import turns
from echosounder.mock_server.deviations.at_request_lax import lax
from echosounder.mock_server.deviations.forms import each_body, refuses
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.http1 import HttpRequest, Response
from echosounder.wire.strict_json import compact

Document = dict[str, Any]
FAULT = "error.client-fault-4xx"


def _files(document: Document) -> list[Document]:
    """Every file object in a response."""
    told = document["data"] if isinstance(document.get("data"), list) else [document]
    return [each for each in told if isinstance(each, dict) and each.get("object") == "file" and "bytes" in each]


# --- reported file data


@each_body("file-size-of-form", {"files.upload-told"})
def file_size_of_form(document: Document, context: Context) -> None:
    """``bytes`` of a file includes the multipart form around it."""
    if context.request.method == "POST":
        for file in _files(document):
            file["bytes"] = len(context.request.body)


@each_body("file-name-replaced", {"files.upload-told"})
def file_name_replaced(document: Document, context: Context) -> None:
    """Every file is called ``upload.bin``."""
    for file in _files(document):
        file["filename"] = "upload.bin"


@each_body("file-without-expiry", {"files.expiry"})
def file_without_expiry(document: Document, context: Context) -> None:
    """Files do not expire, although an expiry was requested."""
    for file in _files(document):
        file["expires_at"] = None


@each_body("file-in-milliseconds", {"files.retrieved"})
def file_in_milliseconds(document: Document, context: Context) -> None:
    """``created_at`` of a retrieved file is in milliseconds."""
    if context.request.method == "GET":
        for file in _files(document):
            file["created_at"] *= 1000


@each_body("file-list-of-array", {"response.document-valid"})
def file_list_of_array(document: Document, context: Context) -> None:
    """The list of files has the member ``files`` instead of ``data``."""
    if context.request.path.endswith("/files") and "data" in document:
        document["files"] = document.pop("data")


@each_body("file-not-deleted-told", {"files.deleted", "response.document-valid"})
def file_not_deleted_told(document: Document, context: Context) -> None:
    """The answer to a deletion states that nothing was deleted."""
    if "deleted" in document:
        document["deleted"] = False


@deviation("file-kept-after-delete", Layer.ADMISSION, {"files.gone"})
def file_kept_after_delete(request: HttpRequest, context: Context) -> Response | None:
    """A deletion is confirmed, but the file remains."""
    if request.method != "DELETE":
        return None
    told = {"id": request.path.rpartition("/")[2], "object": "file", "deleted": True}
    return Response(200, [("content-type", JSON)], [compact(told).encode()], [0])


# --- listings


def _without(name: str) -> Callable[[HttpRequest, Context], HttpRequest]:
    """The request for a list without one parameter of its query."""

    def change(request: HttpRequest, context: Context) -> HttpRequest:
        target = re.sub(rf"([?&]){name}=[^&]*&?", r"\1", request.target).rstrip("?&")
        return replace(request, target=target) if request.path.endswith("/files") else request

    return change


def _ignored(name: str, requirement: str) -> None:
    change = _without(name)
    change.__doc__ = f"The query parameter ``{name}`` of a list of files is ignored."
    deviation(f"file-list-without-{name}", Layer.REQUEST, {requirement})(change)


for member, broken in {"limit": "list-limit", "after": "list-after", "order": "list-order"}.items():
    _ignored(member, f"files.{broken}")


# --- forms that should be refused


def _form(name: str, requirement: str, old: bytes, new: bytes, summary: str) -> None:
    """Register a deviation that repairs an upload form before the server reads it."""

    def change(request: HttpRequest, context: Context) -> HttpRequest:
        if not request.headers.get("content-type", "").startswith("multipart/"):
            return request
        return replace(request, body=re.sub(old, new, request.body))

    change.__doc__ = summary
    deviation(name, Layer.REQUEST, {requirement, FAULT})(change)


_form(
    "file-expiry-clamped",
    "files.expiry-bounds",
    rb'(?<=name="expires_after\[seconds\]"\r\n\r\n)\d+',
    b"3600",
    "An expiry out of range is clamped to the range.",
)
_form(
    "file-purpose-ignored",
    "files.purpose-refused",
    rb'(?<=name="purpose"\r\n\r\n)[^\r]*',
    b"user_data",
    "A file with any purpose is accepted.",
)


@deviation("file-list-open", Layer.REQUEST, {"files.auth"})
def file_list_open(request: HttpRequest, context: Context) -> HttpRequest:
    """The list of files needs no key."""
    known = "invalid" not in request.headers.get("authorization", "invalid")
    if known or not request.path.endswith("/files"):
        return request
    return replace(request, headers=request.headers | {"authorization": "Bearer sk-anybody-00"})


# --- images


def parts(body: Document) -> list[Document]:
    """The parts of messages that are not text."""
    contents = [turn.get("content") for turn in turns(body)]
    listed = [part for content in contents if isinstance(content, list) for part in content]
    return [part for part in listed if isinstance(part, dict) and part.get("type") in ("image_url", "file")]


def _become_text(body: Document, wrong: Callable[[Document], bool]) -> None:
    for part in filter(wrong, parts(body)):
        part.clear()
        part |= {"type": "text", "text": "An image."}


def _url(part: Document) -> str:
    return str((part.get("image_url") or {}).get("url", ""))


@lax("image-of-anything", {"vision.format-refused"})
def image_of_anything(body: Document, context: Context) -> None:
    """Any data labelled as PNG is accepted as an image."""
    _become_text(body, lambda part: _url(part).startswith("data:image/png;base64,") and "iVBOR" not in _url(part))


@lax("image-at-any-address", {"vision.address-refused"})
def image_at_any_address(body: Document, context: Context) -> None:
    """An image URL of any scheme and length is accepted."""
    _become_text(body, lambda part: part["type"] == "image_url" and not _url(part).startswith("data:"))


@lax("image-detail-ignored", {"vision.detail-refused"})
def image_detail_ignored(body: Document, context: Context) -> None:
    """A ``detail`` that does not exist is ignored."""
    for part in parts(body):
        if isinstance(part.get("image_url"), dict) and part["image_url"].get("detail") not in (
            "low",
            "high",
            "original",
            "auto",
        ):
            part["image_url"].pop("detail", None)


@lax("image-in-system-dropped", {"vision.system-refused"})
def image_in_system_dropped(body: Document, context: Context) -> None:
    """An image in a system message is dropped silently."""
    for turn in turns(body, "system"):
        if isinstance(turn.get("content"), list):
            turn["content"] = [part for part in turn["content"] if part.get("type") == "text"]


@lax("image-file-unknown-dropped", {"vision.file-unknown-refused"})
def image_file_unknown_dropped(body: Document, context: Context) -> None:
    """A file id in a message is never looked up."""
    _become_text(body, lambda part: part["type"] == "file")


@deviation("image-free", Layer.REQUEST, {"vision.tokens"})
def image_free(request: HttpRequest, context: Context) -> HttpRequest:
    """Images are dropped before they are read or counted."""
    if not parts(context.body):
        return request
    for turn in turns(context.body):
        if isinstance(turn.get("content"), list):
            turn["content"] = [part for part in turn["content"] if part.get("type") == "text"]
    return replace(request, body=compact(context.body).encode())


@deviation("image-overcounted", Layer.PLAN, {"vision.tokens"})
def image_overcounted(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """An image is counted with 1500 tokens more than the maximum."""
    if not parts(context.body):
        return plan
    return replace(plan, prompt=replace(plan.prompt, tokens=plan.prompt.tokens + 1500))


INVALID = "invalid_request_error"


@refuses(
    "image-rejected",
    Refused(400, "This model does not support image input", INVALID, content_type=OCTETS),
    {"vision.inline-served", "vision.tool-result-served"},
)
def image_rejected(request: HttpRequest, context: Context) -> bool:
    """Every image is refused, though the model claims to accept images."""
    return any(part["type"] == "image_url" for part in parts(context.body))


@refuses("image-file-rejected", Refused(400, "unknown variant `file`", INVALID), {"vision.file-served"})
def image_file_rejected(request: HttpRequest, context: Context) -> bool:
    """Message parts of the type ``file`` are refused as unknown."""
    return any(part["type"] == "file" for part in parts(context.body))


@refuses("upload-rejected", Refused(400, "uploads are closed", INVALID), {"files.accepted"})
def upload_rejected(request: HttpRequest, context: Context) -> bool:
    """Every upload is refused."""
    return request.method == "POST" and request.path.endswith("/files")


@lax("search-query-cut", {"search.query-bounds"})
def search_query_cut(body: Document, context: Context) -> None:
    """A search query that is too long is truncated, and an empty query is served."""
    if context.request.path.endswith("/tools/search") and isinstance(body.get("query"), str):
        body["query"] = body["query"][:128] or "news"
