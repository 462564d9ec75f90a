"""Images in messages: as they must be read, and as they must be refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.conformance.pictures import DATA, data_url, png
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.errors import wrong
from echosounder.conformance.probes.files import deletion, id_of, upload
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite

Message = dict[str, Any]
TEXT = {"type": "text", "text": "Name the colour in one word."}
CALL = {"id": "call_00_echosounder", "type": "function", "function": {"name": "camera", "arguments": "{}"}}
CAMERA = {"type": "function", "function": {"name": "camera", "parameters": {"type": "object", "properties": {}}}}


def sees(subject: Subject) -> bool:
    limits = subject.limits
    keeps = specs.attachments(subject.profile) is not None
    return keeps and subject.behaviour.sees(limits.aliases.get(subject.model, subject.model))


def shows(*parts: Message, role: str = "user") -> Message:
    return {"role": role, "content": [TEXT, *parts]}


def image(url: str, **more: str) -> Message:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(id: str) -> Message:
    return {"type": "file", "file": {"file_id": id}}


@probe("vision.inline", Suite.THOROUGH, requests=5, prompt=9000, tokens=80, features={"vision"}, applies=sees, order=60)
def inline(ask: Ask) -> Steps:
    """A black square of 1024 pixels, in each detail and left out."""
    yield ask.chat([shows()], step="plain")
    square = data_url(png(1024, 1024))
    for detail in ("low", "high", "original", "auto"):
        yield ask.chat([shows(image(square, detail=detail))], step=detail)


@probe(
    "vision.file",
    Suite.THOROUGH,
    requests=3,
    prompt=1800,
    tokens=16,
    features={"vision", "files"},
    applies=sees,
    order=60,
)
def by_file(ask: Ask) -> Steps:
    """A picture that was uploaded, named by its id."""
    if id := id_of((yield upload("echosounder-3.png", 64, step="upload"))):
        yield ask.chat([shows(file(id))], step="file").but(notes={"built": "the id of a file"})
        yield deletion(ask, id)


@probe(
    "vision.tool-result", Suite.THOROUGH, prompt=2500, tokens=16, features={"vision", "tools"}, applies=sees, order=60
)
def tool_result(ask: Ask) -> Steps:
    """A tool that answers with a picture."""
    yield ask.chat(
        [
            {"role": "user", "content": "What does the camera show?"},
            {"role": "assistant", "content": "", "reasoning_content": "I look.", "tool_calls": [CALL]},
            {**shows(image(data_url(png(64, 64))), role="tool"), "tool_call_id": CALL["id"]},
        ],
        tools=[CAMERA],
    )


def wrong_parts() -> Iterator[tuple[str, str, list[Message]]]:
    """Step, fault, and the messages."""
    dot = data_url(png(8, 8))
    yield "text", "text that is called an image", [shows(image(DATA + "Tm8gaW1hZ2U="))]
    yield "scheme", "an image at an ftp address", [shows(image("ftp://example.com/dot.png"))]
    yield "long", "an address of 8193 characters", [shows(image("https://example.com/".ljust(8193, "a")))]
    yield "detail", "an unknown detail", [shows(image(dot, detail="finest"))]
    yield "side", "an image of 8193 pixels in width", [shows(image(data_url(png(8193, 1))))]
    yield (
        "system",
        "an image in a system message",
        [shows(image(dot), role="system"), {"role": "user", "content": "Hi."}],
    )
    yield "file", "a file that does not exist", [shows(file("file-api-none-of-echosounder"))]


@probe(
    "vision.bounds",
    Suite.THOROUGH,
    requests=7,
    prompt=20_000,
    tokens=7,
    features={"vision", "errors"},
    applies=sees,
    order=10,
)
def bounds(ask: Ask) -> Steps:
    """Images with one fault each."""
    for step, fault, messages in wrong_parts():
        yield wrong(ask, fault, step=step, messages=messages)
