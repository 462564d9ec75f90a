"""What the relay changes of a request: the name of the host, a base before the path, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.conformance.listen.heads import MAX_HEAD, Heads

GET = b"GET /models HTTP/1.1\r\nHost: localhost:1\r\nX-A: 1\r\n\r\n"
POST = b"POST /v1/chat HTTP/1.1\r\nx-b: Host: not me\r\nhOsT:localhost\r\nContent-Length: 7\r\n\r\nHost: a"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET /\r\n0\r\nTrailer: t\r\n\r\n"


def there(data, base=b""):
    """What must arrive upstream."""
    return (
        data.replace(b"Host: localhost:1\r", b"Host: up:2\r")
        .replace(b"hOsT:localhost\r", b"hOsT:up:2\r")
        .replace(b"Host: h\r", b"Host: up:2\r")
    )


REQUESTS = [GET, POST, CHUNKED]


@pytest.mark.parametrize("request_", REQUESTS)
def test_only_the_value_of_host_is_another(request_):
    assert Heads(b"up:2").passed(request_) == there(request_)


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4), st.data())
def test_it_does_not_matter_how_the_bytes_come(requests, data):
    whole = b"".join(requests)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    heads, ends = Heads(b"up:2"), [*cuts, len(whole)]
    parts = [whole[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    assert b"".join(map(heads.passed, parts)) == there(whole)


def test_a_base_is_put_before_the_path():
    assert Heads(b"up:2", b"/base").passed(GET + GET).count(b"GET /base/models HTTP/1.1") == 2


def test_a_body_is_not_held_back():
    heads = Heads(b"up:2")
    assert heads.passed(POST[:-5]) == there(POST[:-5] + b"\r")[:-1]
    assert [heads.passed(POST[at : at + 1]) for at in range(len(POST) - 5, len(POST))] == [b"s", b"t", b":", b" ", b"a"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\nHost: a\r\n\r\n",
        b"x" * (MAX_HEAD + 1),
    ],
)
def test_what_is_no_http_goes_on_as_it_came(data):
    assert Heads(b"up:2").passed(data) == data


def test_after_an_upgrade_nothing_is_read():
    heads = Heads(b"up")
    ask = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert heads.passed(ask) == ask.replace(b"Host: h", b"Host: up")
    assert heads.passed(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") == b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
