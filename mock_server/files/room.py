"""Endpoints for files: upload, list, retrieve, delete. guides/files_api, 2026-08-21."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from echosounder import specs
from echosounder.mock_server.admission.refusals import Refused, invalid
from echosounder.mock_server.answering.images import size
from echosounder.mock_server.files.multipart import Field, fields
from echosounder.mock_server.files.store import Files, Full, StoredFile
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.specs import Attachments

PAGE = 10_000  # files in a list: the default limit, which is also the maximum
ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"
Form = dict[str, Field]


class FileRoom:
    """The files of one server. Methods return JSON objects and raise :class:`Refused`."""

    def __init__(self, bounds: Attachments) -> None:
        self.bounds, self.files = bounds, Files(bounds)

    def create(self, request: HttpRequest, key: str, id: str, now: float) -> dict[str, Any]:
        form = self._form(request)
        file, seconds = form["file"], self._lifetime(form)
        name = file.filename or "file"
        if len(name) > self.bounds.name_length:
            raise self._invalid(f"The name of the file is longer than {self.bounds.name_length} characters")
        if len(file.data) > self.bounds.file_bytes:
            raise Refused(413, f"The file is larger than {self.bounds.file_bytes} bytes", "invalid_request_error")
        purpose, expires = (
            form["purpose"].data.decode("utf-8", "replace"),
            None if seconds is None else int(now) + seconds,
        )
        stored = StoredFile(id, name, purpose, file.data, int(now), expires)
        try:
            self.files.add(key, stored, now)
        except Full as full:
            raise self._invalid(str(full)) from None
        return stored.entry()

    def list(self, request: HttpRequest, key: str, now: float) -> dict[str, Any]:
        asked = {name: values[-1] for name, values in parse_qs(request.target.partition("?")[2]).items()}
        order, limit = asked.get("order", "desc"), asked.get("limit", str(PAGE))
        if order not in ("asc", "desc"):
            raise self._invalid(f"Invalid order '{order}', expected asc or desc")
        if not limit.isdecimal() or not 1 <= int(limit[:9]) <= PAGE:
            raise self._invalid(f"Invalid limit '{limit[:20]}', the valid range of limit is [1, {PAGE}]")
        found = self.files.listed(key, order == "asc", now)
        ids = [each.id for each in found]
        if "after" in asked and asked["after"] not in ids:
            raise self._invalid(f"No such file: {asked['after']}")
        start = ids.index(asked["after"]) + 1 if "after" in asked else 0
        page = found[start : start + int(limit)]
        more = start + len(page) < len(found)
        ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
        return {"object": "list", "data": [each.entry() for each in page], **ends, "has_more": more}

    def tell(self, id: str, key: str, now: float) -> dict[str, Any]:
        return self.known(id, key, now).entry()

    def delete(self, id: str, key: str, now: float) -> dict[str, Any]:
        if not self.files.delete(key, id, now):
            raise _no_file(id)
        return {"id": id, "object": "file", "deleted": True}

    def known(self, id: str, key: str, now: float) -> StoredFile:
        found = self.files.get(key, id, now)
        if found is None:
            raise _no_file(id)
        return found

    def check_images(self, ids: Sequence[str], images: int, key: str, now: float) -> None:
        """Checks that the files in *images*, with the inline images of a request, exist and are within the size limits."""
        files = [self.known(id, key, now) for id in ids]
        for file in files:
            if problem := self._not_shown(file, self.bounds.longest(images)):
                raise self._invalid(problem)
        if sum(len(file.data) for file in files) > self.bounds.images_bytes_by_file:
            raise self._invalid("The images are too large in total")

    def _not_shown(self, file: StoredFile, longest: int) -> str | None:
        found = size(file.data)
        if found is None:
            return f"File {file.id} has an unsupported format, expected one of {', '.join(self.bounds.image_types)}"
        if len(file.data) > self.bounds.image_bytes_by_file:
            return f"File {file.id} is larger than {self.bounds.image_bytes_by_file} bytes"
        return (
            f"File {file.id} is {max(found)} pixels wide or high, at most {longest} are allowed"
            if max(found) > longest
            else None
        )

    def _form(self, request: HttpRequest) -> Form:
        try:
            form = {field.name: field for field in fields(request.headers.get("content-type", ""), request.body)}
        except ValueError as problem:
            raise self._invalid(f"Failed to read the form: {problem}") from None
        for name in ("file", "purpose"):
            if name not in form:
                raise self._invalid(f"Missing field '{name}'")
        if form["purpose"].data.decode("utf-8", "replace") not in self.bounds.purposes:
            raise self._invalid(f"Invalid purpose, expected one of {', '.join(self.bounds.purposes)}")
        return form

    def _lifetime(self, form: Form) -> int | None:
        given = [form[name].data for name in (ANCHOR, SECONDS) if name in form]
        if not given:
            return None
        least, most = self.bounds.lifetime_s
        if len(given) < 2 or given[0] != b"created_at":
            raise self._invalid(f"{ANCHOR} must be 'created_at' and come with {SECONDS}")
        if not given[1].isdigit() or not least <= int(given[1][:12]) <= most:
            raise self._invalid(f"Invalid {SECONDS}, the valid range is [{least}, {most}]")
        return int(given[1])

    def _invalid(self, text: str) -> Refused:
        return invalid(self.bounds.profile, specs.limits(self.bounds.profile).range_status, text)


def _no_file(id: str) -> Refused:
    return Refused(404, f"No such file: {id}", "invalid_request_error")
