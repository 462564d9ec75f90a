"""Images in messages: what counts how much, and what is refused."""

import base64

import pytest

from echosounder.conformance.pictures import data_url, png
from echosounder.mock_server.answering import images

DOT = data_url(png(8, 8))
TEXT = {"type": "text", "text": "Name the colour."}


def image(url, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


def asked(client, *parts, model="deepseek-flash", role="user"):
    messages = [{"role": role, "content": [TEXT, *parts]}, {"role": "user", "content": "Answer."}]
    return client.post(
        "/chat/completions",
        json={"model": model, "messages": messages, "max_tokens": 4, "thinking": {"type": "disabled"}},
    )


def tokens(client, *parts, **more):
    return asked(client, *parts, **more).json()["usage"]["prompt_tokens"]


COUNTED = {
    "least": (image(DOT), 88),
    "800 x 800": (image(data_url(png(800, 800))), 384),
    "the most": (image(data_url(png(4000, 4000))), 1024),
    "low": (image(data_url(png(4000, 4000)), detail="low"), 157),
    "an address": (image("https://example.com/a.png"), 1024),
}


@pytest.mark.parametrize("case", COUNTED)
def test_tokens(client, case):
    part, count = COUNTED[case]
    assert tokens(client, part) - tokens(client) == count


def test_a_file_is_shown(client):
    sent = client.post("/files", files={"file": ("a.txt", png(8, 8))}, data={"purpose": "user_data"}).json()
    assert asked(client, {"type": "file", "file": {"file_id": sent["id"]}}).status_code == 200


def test_a_file_of_text_is_not_shown(client):
    sent = client.post("/files", files={"file": ("a.png", b"text")}, data={"purpose": "user_data"}).json()
    answer = asked(client, {"type": "file", "file": {"file_id": sent["id"]}})
    assert (answer.status_code, "unsupported format" in answer.json()["error"]["message"]) == (400, True)


REFUSED = {
    "text as image": [image("data:image/png;base64,dGV4dA==")],
    "no base64": [image("data:image/png;base64,???")],
    "ftp": [image("ftp://example.com/a.png")],
    "a file's path": [image("/etc/passwd")],
    "a long address": [image("https://example.com/".ljust(8193, "a"))],
    "a detail": [image(DOT, detail="finest")],
    "a wide one": [image(data_url(png(8193, 1)))],
    "a wide one of fifteen": [image(DOT)] * 14 + [image(data_url(png(4097, 1)))],
    "601": [image(DOT)] * 601,
    "no url": [{"type": "image_url", "image_url": {}}],
    "a bare url": [{"type": "image_url", "image_url": DOT}],
    "no such part": [{"type": "audio"}],
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(client, case):
    assert asked(client, *REFUSED[case]).status_code == 400


ALLOWED = {
    "a wide one of fourteen": [image(DOT)] * 13 + [image(data_url(png(8192, 1)))],
    "fifteen": [image(DOT)] * 14 + [image(data_url(png(4096, 1)))],
    "a long address": [image("https://example.com/".ljust(8192, "a"))],
}


@pytest.mark.parametrize("case", ALLOWED)
def test_allowed(client, case):
    assert asked(client, *ALLOWED[case]).status_code == 200


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 400)])
def test_the_largest_inline_image(client, more, status):
    """Of 32 MiB, whatever its head says."""
    assert asked(client, image(data_url(png(8, 8).ljust((32 << 20) + more, b"\0")))).status_code == status


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_the_largest_body(client, more, status):
    """Of 48 MiB; members that nobody knows count."""
    body = b'{"model":"deepseek-flash","messages":[{"role":"user","content":"Hi."}],"max_tokens":1,"pad":"'
    body = body.ljust((48 << 20) + more - 2, b"a") + b'"}'
    headers = {"content-type": "application/json"}
    assert client.post("/chat/completions", content=body, headers=headers).status_code == status


WIDE = png(8193, 1)
SAME_IN = {  # how the other formats show an image: by data URL, by address, by the id of a file
    "/responses": lambda how, value: {"input": [{"role": "user", "content": [{"type": "input_image", how: value}]}]},
    "/anthropic/v1/messages": lambda how, value: {"messages": [{"role": "user", "content": [block(how, value)]}]},
}


def block(how, value):
    if how == "file_id":
        source = {"type": "file", "file_id": value}
    elif value.startswith("data:"):
        source = {"type": "base64", "media_type": "image/png", "data": value.partition(",")[2]}
    else:
        source = {"type": "url", "url": value}
    return {"type": "image", "source": source}


BOUNDS = [
    (DOT, 200),
    ("data:image/png;base64,dGV4dA==", 400),
    (data_url(WIDE), 400),
    ("https://example.com/a.png", 200),
    ("ftp://example.com/a.png", 400),
    ("https://example.com/".ljust(8193, "a"), 400),
]


@pytest.mark.parametrize("path", SAME_IN)
@pytest.mark.parametrize(("url", "status"), BOUNDS)
def test_the_other_formats_have_the_same_bounds(client, path, url, status):
    body = {"model": "deepseek-flash", "max_tokens": 1, **SAME_IN[path]("image_url", url)}
    assert client.post(path, json=body).status_code == status


@pytest.mark.parametrize("path", SAME_IN)
@pytest.mark.parametrize(("data", "status"), [(png(8, 8), 200), (WIDE, 400), (b"text", 400), (None, 404)])
def test_files_in_the_other_formats(client, path, data, status):
    id = "file-api-none"
    if data is not None:
        sent = client.post("/files", files={"file": ("a.png", data)}, data={"purpose": "user_data"})
        id = sent.json()["id"]
    body = {"model": "deepseek-flash", "max_tokens": 1, **SAME_IN[path]("file_id", id)}
    assert client.post(path, json=body).status_code == status


def test_where_nobody_sees(client, of_profile):
    assert "image input" in asked(client, image(DOT), model="deepseek-v4-pro").json()["error"]["message"]
    old = asked(of_profile("2026-08"), image(DOT), model="deepseek-v4-flash")
    assert "unknown variant `image_url`, expected `text`" in old.json()["error"]["message"]
    assert asked(client, image(DOT), role="system").status_code == 400


def test_a_file_that_is_not_there(client):
    assert asked(client, {"type": "file", "file": {"file_id": "file-api-none"}}).status_code == 404


PICTURES = {
    "png": (png(300, 20), (300, 20)),
    "gif": (b"GIF89a" + bytes([44, 1, 20, 0]), (300, 20)),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x14\x01\x2c", (300, 20)),
    "webp, lossy": (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x2c\x01\x14\x00", (300, 20)),
    "webp, lossless": (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (299 | 19 << 14).to_bytes(4, "little"), (300, 20)),
    "webp, extended": (b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x2b\x01\x00\x13\x00\x00", (300, 20)),
    "torn": (png(300, 20)[:20], None),
    "a torn jpeg": (b"\xff\xd8\xff\xe0", None),
    "another riff": (b"RIFF\0\0\0\0WAVEfmt ", None),
    "text": (b"text", None),
}


@pytest.mark.parametrize("case", PICTURES)
def test_sizes_by_content(case):
    data, size = PICTURES[case]
    assert images.size(data) == size
    assert images.inline("data:text/plain;base64," + base64.b64encode(data).decode()) == data
