"""A secret is taken out however it is spelled, wherever it stands, and nothing else is."""

import base64
import gzip
import html
import json
import zlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.access import usable_key
from echosounder.wire.capture import clean
from echosounder.wire.errors import UsageError
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.redact import Redactor
from echosounder.wire.target import target

KEY = "sk-Hidden0123456789/abc+DEF"
REDACT = Redactor((KEY,))
RAW = KEY.encode()

SPELLINGS = {
    "plain": KEY,
    "upper case": KEY.upper(),
    "lower case": KEY.lower(),
    "percent": quote(KEY, safe=""),
    "percent, every character": "".join(f"%{byte:02x}" for byte in RAW),
    "percent, twice": quote(quote(KEY, safe=""), safe=""),
    "JSON escapes": "".join(f"\\u{byte:04X}" for byte in RAW),
    "JSON escapes in JSON": json.dumps("".join(f"\\u{byte:04x}" for byte in RAW)),
    "escaped slash": KEY.replace("/", "\\/"),
    "some characters only": KEY.replace("H", "\\u0048").replace("-", "%2D").replace("3", "&#51;"),
    "entities": html.escape("".join(f"&#x{byte:x};" for byte in RAW)),
    "hexadecimal": RAW.hex(),
    "hexadecimal with colons": RAW.hex(":").upper(),
    "hexadecimal of C": "".join(f"\\x{byte:02x}" for byte in RAW),
    "base64": base64.b64encode(RAW).decode(),
    "base64 of the header": base64.b64encode(b"Bearer " + RAW).decode(),
    "base64 of JSON": base64.b64encode(json.dumps({"k": KEY}).encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(b"x" + RAW).decode(),
    "base64 in lines": base64.encodebytes(bytes(45) + RAW).decode(),
    "base64 in JSON": json.dumps(base64.encodebytes(bytes(50) + RAW).decode()),
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_is_taken_out(spelled: str) -> None:
    whole = f"<{spelled}>"
    assert not REDACT.holds(REDACT.text(whole).encode())
    assert "[redacted]" in REDACT.text(whole)
    assert len(REDACT.masked(whole.encode())) == len(whole.encode())
    assert not REDACT.holds(REDACT.masked(whole.encode()))
    assert REDACT.headers([(whole, "v"), ("x", whole)])[0][0] != whole, "names too"


@given(st.text())
def test_what_holds_no_secret_stays(text: str) -> None:
    assert REDACT.text(text) == text
    assert REDACT.masked(text.encode("utf-8", "surrogatepass")) == text.encode("utf-8", "surrogatepass")


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_base64_of_whatever_surrounds_it(before: bytes, behind: bytes) -> None:
    assert REDACT.holds(base64.b64encode(before + RAW + behind))


@pytest.mark.parametrize("filler", [b"\\", b"%25", b"s", b"736b", b"&amp;", b"c2st"], ids=repr)
def test_a_search_takes_time_in_proportion_to_what_it_searches(filler: bytes) -> None:
    from time import process_time

    def cost(size: int) -> float:
        begun = process_time()
        REDACT.holds(filler * (size // len(filler)))
        return process_time() - begun

    assert min(cost(400_000) for _ in range(3)) < 16 * min(cost(100_000) for _ in range(3)) + 0.01


def answered(*reads: bytes, **headers: str) -> Exchange:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    body = tuple(Read(at, data) for at, data in enumerate(reads))
    return Exchange("1", "p", Request("POST", "/chat/completions", "http://h"), status=200, headers=named, reads=body)


def cut(data: bytes, size: int = 7) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_a_content_coding_hides_nothing_and_keeps_its_stamps() -> None:
    text = json.dumps({"error": {"message": f"no such key: {KEY}"}}).encode()
    for coding, packed in {"gzip": gzip.compress(text), "deflate": zlib.compress(text)}.items():
        before = answered(*cut(packed), content_encoding=coding)
        after = clean(before, REDACT)
        assert before.body == text
        assert not REDACT.holds(after.body)
        assert after.json["error"]["message"] == "no such key: " + "*" * len(KEY)
        assert [read.at for read in after.decoded if read.data] == [read.at for read in before.decoded if read.data]


def test_what_is_packed_and_does_not_say_so() -> None:
    packed = gzip.compress(f"key {KEY}".encode())
    for hidden in (answered(packed), answered(packed, content_encoding="br")):
        kept = clean(hidden, REDACT)
        assert (kept.reads, kept.end) == ((), End.CLIENT_CANCELLED)
    assert clean(answered(gzip.compress(b"nothing")), REDACT).reads
    assert clean(answered(b"plain", content_encoding="br"), REDACT).body == b"plain", "it says so and is not"


def test_a_key_in_pieces_over_events() -> None:
    def event(text: str) -> bytes:
        return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"

    kept = clean(answered(*(event(letter) for letter in f"the key is {KEY}"), content_type="text/event-stream"), REDACT)
    assert (kept.reads, kept.end) == ((), End.CLIENT_CANCELLED)
    assert "in pieces" in kept.error
    assert clean(
        answered(*(event(letter) for letter in "nothing here"), content_type="text/event-stream"), REDACT
    ).reads


BAD_KEYS = {
    f"{KEY}\n": "line break",
    f"{KEY}\r\n": "line break",
    f"{KEY}\r\nX-Evil: 1": "no HTTP header can carry",
    f"{KEY}\0": "no HTTP header can carry",
    f"{KEY}\x1b[31m": "no HTTP header can carry",
    f" {KEY}": "blank",
    f"{KEY}€": "no HTTP header can carry",
}


@pytest.mark.parametrize(("key", "says"), BAD_KEYS.items(), ids=repr)
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        usable_key(key, "the variable K")
    assert KEY not in str(caught.value)
    assert "the variable K" in str(caught.value)


def test_a_key_that_is_one_stays_as_it_is() -> None:
    assert usable_key(KEY, "") == KEY
    assert usable_key("sk-é", "") == "sk-é"
    assert usable_key("", "") is usable_key(None, "") is None


MOVED = (
    ":9/x",
    "@evil.example/x",
    "//evil.example/x",
    "\\\\evil.example",
    "/a\r\nHost: evil.example",
    "evil.example",
    "?x",
    "#x",
)


@pytest.mark.parametrize("path", MOVED)
def test_no_path_leads_to_another_host(path: str) -> None:
    from urllib.parse import urlsplit

    for base in ("http://h:80", "http://h:80/v1"):
        address = target(base).address(path)
        assert urlsplit(address).netloc == "h:80"
        assert address.isprintable()
        assert " " not in address
