"""The Files API over a socket: what is taken, told, listed, deleted and refused, with OpenAI's own client too."""

import httpx
import openai
import pytest

from echosounder.conformance.pictures import data_url, png
from echosounder.mock_server.net.process import spawn

PURPOSE = {"purpose": "user_data"}


@pytest.fixture
def client():
    with spawn(seed=1, ttft_ms=0, itl_ms=0, clock="2026-11-20T12:00:00Z") as running, connected(running) as made:
        yield made


def connected(running, key="sk-test-0000000000"):
    return httpx.Client(base_url=running.url, headers={"authorization": f"Bearer {key}"}, timeout=20)


def upload(client, data=b"x", name="a.png", **fields):
    return client.post("/files", files={"file": (name, data)}, data=PURPOSE | fields)


def life(seconds, anchor="created_at"):
    return {"expires_after[anchor]": anchor, "expires_after[seconds]": str(seconds)}


def test_what_is_told(client):
    told = upload(client, b"12345", "ä.png", **life(3600)).json()
    assert (told["bytes"], told["filename"], told["purpose"], told["object"]) == (5, "ä.png", "user_data", "file")
    assert told["expires_at"] == told["created_at"] + 3600
    assert told["id"].startswith("file-api-")
    assert client.get(f"/files/{told['id']}").json() == told


def test_lists_in_pages(client):
    ids = [upload(client).json()["id"] for _ in range(5)]
    first = client.get("/files", params={"order": "asc", "limit": 2}).json()
    rest = client.get("/files", params={"order": "asc", "after": first["last_id"]}).json()
    assert [[each["id"] for each in page["data"]] for page in (first, rest)] == [ids[:2], ids[2:]]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [each["id"] for each in client.get("/files").json()["data"]] == ids[::-1]


def test_a_deleted_file_is_gone(client):
    path = f"/files/{upload(client).json()['id']}"
    assert client.delete(path).json()["deleted"] is True
    assert [client.request(method, path).status_code for method in ("GET", "DELETE")] == [404, 404]


def test_an_expired_file_is_gone_and_freed(client):
    path = f"/files/{upload(client, b'12345', **life(3600)).json()['id']}"
    for seconds, status in ((3599, 200), (1, 404)):
        client.post("/__mock/clock", json={"advance_s": seconds})
        assert client.get(path).status_code == status
    assert client.get("/__mock/state").json()["files"] == {"kept": 0, "bytes": 0}


def test_another_key_has_other_files():
    with spawn(seed=1) as running, connected(running) as mine, connected(running, "sk-other-000000") as theirs:
        path = f"/files/{upload(mine).json()['id']}"
        assert (theirs.get(path).status_code, theirs.get("/files").json()["data"]) == (404, [])
        mine.post("/__mock/reset", json={"what": "state"})
        assert mine.get(path).status_code == 404


REFUSED = {
    "no purpose": {"files": {"file": ("a", b"x")}},
    "another purpose": {"files": {"file": ("a", b"x")}, "data": {"purpose": "batch"}},
    "no file": {"files": {"other": ("a", b"x")}, "data": PURPOSE},
    "JSON": {"json": PURPOSE},
    "a second too short": {"files": {"file": ("a", b"x")}, "data": PURPOSE | life(3599)},
    "a second too long": {"files": {"file": ("a", b"x")}, "data": PURPOSE | life(2592001)},
    "no number": {"files": {"file": ("a", b"x")}, "data": PURPOSE | life("soon")},
    "another anchor": {"files": {"file": ("a", b"x")}, "data": PURPOSE | life(3600, "now")},
    "no anchor": {"files": {"file": ("a", b"x")}, "data": PURPOSE | {"expires_after[seconds]": "3600"}},
    "a long name": {"files": {"file": ("a" * 513, b"x")}, "data": PURPOSE},
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(client, case):
    answer = client.post("/files", **REFUSED[case])
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "order=up", "after=file-api-none"])
def test_lists_refused(client, query):
    assert client.get(f"/files?{query}").status_code == 400


@pytest.mark.parametrize("seconds", [3600, 2592000])
def test_the_bounds_themselves_are_taken(client, seconds):
    assert upload(client, name="a" * 512, **life(seconds)).status_code == 200


def test_the_largest_file_is_taken_and_shown_as_often_as_a_request_may(client):
    """Of 64 MiB; 200 MiB of such files may be shown at once."""
    largest = png(8, 8).ljust(64 << 20, b"\0")
    assert upload(client, largest + b"\0").status_code == 413
    part = {"type": "file", "file": {"file_id": upload(client, largest).json()["id"]}}
    assert [shown(client, [part] * times) for times in (1, 3, 4)] == [200, 200, 400]


WIDE = [(14, 8192, 200), (1, 8193, 400), (15, 4096, 200), (15, 4097, 400)]


@pytest.mark.parametrize(("images", "width", "status"), WIDE)
def test_a_file_is_no_wider_than_an_image_may_be(client, images, width, status):
    part = {"type": "file", "file": {"file_id": upload(client, png(width, 1)).json()["id"]}}
    dot = {"type": "image_url", "image_url": {"url": data_url(png(8, 8))}}
    assert shown(client, [part, *[dot] * (images - 1)]) == status


def shown(client, parts):
    body = {"model": "deepseek-flash", "messages": [{"role": "user", "content": parts}], "max_tokens": 1}
    return client.post("/chat/completions", json=body).status_code


def test_an_older_profile_keeps_none(of_profile):
    assert [of_profile(name).get("/files").status_code for name in ("2026-08", "2026-09")] == [404, 200]


def test_a_wrong_method_names_the_right_ones(client):
    answer = client.put("/files")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_with_the_client_of_openai(client):
    theirs = openai.OpenAI(api_key="sk-test-0000000000", base_url=str(client.base_url))
    kept = theirs.files.create(
        file=("a.png", png(8, 8)), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert theirs.files.retrieve(kept.id) == kept
    assert [each.id for each in theirs.files.list()] == [kept.id]
    assert theirs.files.delete(kept.id).deleted
