"""Messages in parts: text, images and files. guides/vision and guides/files_api, 2026-08-21."""

from collections.abc import Iterator
from typing import Any

from echosounder import specs
from echosounder.mock_server.admission import refusals
from echosounder.mock_server.answering import images
from echosounder.mock_server.formats.chat.conversation import text_of
from echosounder.mock_server.formats.rules import Body
from echosounder.specs import Attachments, Limits

Part = dict[str, Any]


def read(message: Body) -> str:
    """Return the text of a message, as the model reads it."""
    content = message.get("content")
    return "".join(map(_read, content)) if isinstance(content, list) else text_of(message)


def _read(part: Part) -> str:
    match part["type"]:
        case "text":
            return str(part["text"])
        case "file":
            return images.read(part["file"]["file_id"])
    return images.read(part["image_url"]["url"], part["image_url"].get("detail") == "low")


def joined(parts: list[Part]) -> str | list[Part]:
    """The texts of a content that contains only text, joined."""
    return parts if any(part["type"] != "text" for part in parts) else "".join(part["text"] for part in parts)


def shown(body: Body) -> list[Part]:
    """The image parts of a content: inline, by URL or as files."""
    return [part for _, part in _beyond_text(body)]


def files(shown: list[Part]) -> tuple[str, ...]:
    """The file ids in a content."""
    return tuple(part["file"]["file_id"] for part in shown if part["type"] == "file")


def allowed(body: Body, limits: Limits, beta: bool) -> str | None:
    """Validate images: the model must accept them, and their number and size are limited."""
    shown = list(_beyond_text(body))
    if not shown:
        return None
    known = specs.attachments(limits.profile)
    if known is None:
        where, part = shown[0]
        problem = f"{where}.type: unknown variant `{part['type']}`, expected `text`"
        raise refusals.malformed(limits.profile, limits.malformed_status, problem)
    model: str = body["model"]
    if not specs.behaviour(limits.profile).sees(limits.aliases.get(model, model)):
        return f"{model} does not support image input"
    return _too_much([part for _, part in shown], known)


def _beyond_text(body: Body) -> Iterator[tuple[str, Part]]:
    """Parts that are not text, each with its path in the body."""
    for index, message in enumerate(body["messages"]):
        if isinstance(message.get("content"), list):
            for place, part in enumerate(message["content"]):
                if part["type"] != "text":
                    yield f"messages[{index}].content[{place}]", part


def _too_much(shown: list[Part], known: Attachments) -> str | None:
    if len(shown) > known.images:
        return f"Too many images: {len(shown)}, at most {known.images} are allowed"
    side, total = known.longest(len(shown)), 0
    for part in shown:
        if part["type"] == "image_url":
            detail = part["image_url"].get("detail")
            if detail is not None and detail not in known.details:
                return f"Invalid detail '{detail}', expected one of {', '.join(known.details)}"
            url = part["image_url"]["url"]
            problem = _inline(url, side, known) if url.startswith("data:") else _address(url, known)
            if problem:
                return problem
            total += len(images.inline(url) or b"")
    return "The images are too large in total" if total > known.images_bytes else None


def _address(url: str, known: Attachments) -> str | None:
    if not url.startswith(("http://", "https://")):
        return "image_url must be an http or https address, or a data URL"
    return f"image_url is longer than {known.url_length} characters" if len(url) > known.url_length else None


def _inline(url: str, side: int, known: Attachments) -> str | None:
    data = images.inline(url)
    if data is None:
        return "image_url is not a data URL in base64"
    if len(data) > known.image_bytes:
        return f"The image is larger than {known.image_bytes} bytes"
    found = images.size(data)
    if found is None:
        return f"Unsupported image format, expected one of {', '.join(known.image_types)}"
    return f"The image is {max(found)} pixels wide or high, at most {side} are allowed" if max(found) > side else None
