"""Parses multipart forms with files. RFC 7578, and RFC 2046, 5.1 for the boundaries between parts."""

import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import HTTP
from urllib.parse import unquote_to_bytes

_BOUNDARY = re.compile(r'multipart/form-data;.*?boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form; ``filename`` is None if it is not a file."""

    name: str
    data: bytes
    filename: str | None = None


def fields(content_type: str, body: bytes) -> list[Field]:
    """Parse the fields of a form. Raises ValueError, with a description, if the form is invalid."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise ValueError("the content type is not multipart/form-data with a boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    parts = (b"\r\n" + body).split(delimiter)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise ValueError("the form does not end with its boundary")
    return [_field(part) for part in parts[1:-1]]


def _field(part: bytes) -> Field:
    head, blank, data = part.lstrip(b" \t").partition(b"\r\n\r\n")
    message = BytesHeaderParser(policy=HTTP.clone(raise_on_defect=False)).parsebytes(head.removeprefix(b"\r\n"))
    name = message.get_param("name", header="content-disposition")
    if not blank or not isinstance(name, str):
        raise ValueError("a part of the form has no name")
    return Field(name, data, _filename(message.get("content-disposition", "")))


def _filename(disposition: str) -> str | None:
    """Decode a file name as browsers write it (UTF-8, quotes as %22) or in the form of RFC 5987."""
    if extended := re.search(r"filename\*=utf-8''([^;\s]+)", disposition, re.IGNORECASE):
        return unquote_to_bytes(extended[1]).decode("utf-8", "replace")
    plain = re.search(r'filename="((?:[^"\\]|\\.)*)"|filename=([^;\s]+)', disposition)
    if plain is None:
        return None
    text = re.sub(r"\\(.)", r"\1", plain[1]) if plain[1] is not None else plain[2]
    return text.replace("%22", '"')
