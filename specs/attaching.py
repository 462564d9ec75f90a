"""Attachments of a profile: files that the server keeps, and images in messages."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields

from echosounder.specs.lines import YamlFile
from echosounder.specs.vendors import inherited, rows

FILE = "attachments.yaml"


@dataclass(frozen=True, slots=True)
class Attachments:
    """One profile. Sizes are in bytes, bounds inclusive; "by_file" members count for what is named by the id of a file."""

    profile: str
    file_bytes: int  # of one file
    files_bytes: int  # of all files of a user
    files: int  # how many of a user
    name_length: int  # of a file, characters
    purposes: tuple[str, ...]
    lifetime_s: tuple[int, int]  # least and most that may be asked for; without it a file stays
    body_bytes: int  # of a whole request with images
    image_types: tuple[str, ...]  # by content, whatever the label says
    image_bytes: int  # of one image
    image_bytes_by_file: int
    images: int  # in one request
    images_bytes: int  # of all images of a request
    images_bytes_by_file: int
    url_length: int  # characters of an http or https address
    side: int  # pixels of an image's longer side
    many: int  # from so many images on the next bound counts
    side_of_many: int
    image_tokens: int  # that an image is billed at most
    details: tuple[str, ...]

    def longest(self, images: int) -> int:
        """Pixels that the longer side of each of a number of images may have."""
        return self.side if images < self.many else self.side_of_many


@functools.cache
def attachments(profile: str) -> Attachments | None:
    """None where the profile keeps no files and reads no images. SpecError where its row is broken."""
    table = rows(profile, FILE)
    return read(table, profile) if profile in table.value else None


def read(table: YamlFile, profile: str) -> Attachments:
    """SpecError with file and line."""
    row = inherited(table, profile)
    known = {field.name for field in fields(Attachments)} - {"profile"}
    if wrong := known.symmetric_difference(row):
        raise table.error((profile,), f"{profile}: missing or unknown members: {', '.join(sorted(wrong))}")
    lists = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
    return Attachments(**row | lists, profile=profile)
