"""The URL that a user gives, what a network asks for on the way, and what of it may be written down."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.access import Access, auth_header, excepted, headers, proxy_for
from echosounder.wire.errors import UsageError
from echosounder.wire.target import target

SECRET = "s3cr3t-Value-0815"

BASES = {
    # what is given: the base, the beta base, the query
    "http://h:1/v1": ("http://h:1/v1", "http://h:1/beta", ""),
    "http://h/v1/": ("http://h/v1", "http://h/beta", ""),
    "http://h/beta": ("http://h", "http://h/beta", ""),
    "http://h/v1/chat/completions": ("http://h/v1", "http://h/beta", ""),
    "http://h/v1/chat/completions/": ("http://h/v1", "http://h/beta", ""),
    "http://h/v1/completions": ("http://h/v1", "http://h/beta", ""),
    "http://h/beta/completions": ("http://h", "http://h/beta", ""),
    "http://h/chat/completions": ("http://h", "http://h/beta", ""),
    "https://h/openai/deployments/d/chat/completions?api-version=2024-10-21": (
        "https://h/openai/deployments/d",
        "https://h/openai/deployments/d/beta",
        "api-version=2024-10-21",
    ),
    "http://[::1]:8000/v1?a=b&c": ("http://[::1]:8000/v1", "http://[::1]:8000/beta", "a=b&c"),
    " http://h/v1 ": ("http://h/v1", "http://h/beta", ""),
    "http://h/my models/v1?q=x y": ("http://h/my%20models/v1", "http://h/my%20models/beta", "q=x%20y"),
    "http://bücher.example/v1": ("http://xn--bcher-kva.example/v1", "http://xn--bcher-kva.example/beta", ""),
}


@pytest.mark.parametrize(("given", "found"), BASES.items())
def test_a_base_is_found_in_what_people_copy(given, found):
    aim = target(given)
    assert (aim.url, aim.beta_url, aim.query) == found


def test_the_query_goes_with_every_request():
    aim = target("http://h/v1?api-version=2024-10-21")
    assert aim.address("/models") == "http://h/v1/models?api-version=2024-10-21"
    assert aim.address("/beta/completions") == "http://h/beta/completions?api-version=2024-10-21"
    assert aim.address("/anthropic/v1/messages") == "http://h/anthropic/v1/messages?api-version=2024-10-21"
    assert aim.address("/models?limit=1") == "http://h/v1/models?api-version=2024-10-21&limit=1"
    assert aim.shown == "http://h/v1?api-version=2024-10-21"


HIDDEN = ["code", "api-key", "subscription-key", "sig", "access_token", "X-Amz-Signature", "password"]


@pytest.mark.parametrize("name", HIDDEN)
def test_a_secret_of_the_query_is_sent_and_not_shown(name):
    aim = target(f"http://h/v1?{name}={SECRET}&api-version=2024-10-21")
    assert SECRET in aim.address("/models")
    assert aim.shown == f"http://h/v1?{name}=[redacted]&api-version=2024-10-21"
    assert aim.shown_address("/models").endswith("&api-version=2024-10-21")
    assert SECRET not in repr(aim) + aim.shown_address("/models") + aim.redactor().text(f"... {SECRET} ...")


def test_a_value_that_looks_like_a_key_is_one():
    assert target("http://h?x=sk-0123456789abcdef").shown == "http://h?x=[redacted]"
    assert target("http://h?deployment=my-gpt-4-deployment-eastus").shown.endswith("eastus")


WRONG = [
    f"ftp://u:{SECRET}@h/v1?code={SECRET}",
    f"http://u:{SECRET}@h/v1",
    f"http://{SECRET}@h/v1",
    f"http://h:x/v1?code={SECRET}",
    f"http://h/v1?code={SECRET}#there",
    f"u:{SECRET}@h",
    f"http://u:{SECRET}@h:99999/",
]


@pytest.mark.parametrize("url", WRONG)
def test_what_is_no_base_url_is_refused_without_a_secret(url):
    with pytest.raises(UsageError) as caught:
        target(url)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_beta_url_with_a_query_of_its_own_is_refused():
    assert target("http://h/v1?a=1", beta_url="http://b/beta?a=1").address("/beta/x") == "http://b/beta/x?a=1"
    with pytest.raises(UsageError, match="query of its own"):
        target("http://h/v1?a=1", beta_url="http://b/beta?a=2")


def test_headers_are_read():
    assert headers(["X-Team: a: b", "cookie:c", "X-Empty:"]) == (("X-Team", "a: b"), ("cookie", "c"), ("X-Empty", ""))


BAD_HEADERS = {
    SECRET: "write it as 'Name: value'",
    f": {SECRET}": "write it as 'Name: value'",
    f"X Team: {SECRET}": "write it as 'Name: value'",
    f"X-Team: {SECRET}\r\nHost: h": "no header can carry",
    f"X-Team: {SECRET}\n": "no header can carry",
    f"X-Team: {SECRET}\0": "no header can carry",
    f"X-Team: {SECRET}€": "no header can carry",
    f"Host: {SECRET}": "cannot be given",
    f"content-LENGTH: {SECRET}": "cannot be given",
    f"Transfer-Encoding: {SECRET}": "cannot be given",
    f"Connection: {SECRET}": "cannot be given",
    f"Authorization: {SECRET}": "--auth-header",
    f"Proxy-Authorization: {SECRET}": "the proxy's",
}


@pytest.mark.parametrize(("line", "said"), BAD_HEADERS.items())
def test_headers_that_make_no_sense_are_refused_without_their_value(line, said):
    with pytest.raises(UsageError) as caught:
        headers([line])
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_header_is_given_once():
    with pytest.raises(UsageError, match="twice"):
        headers(["X-A: 1", "x-a: 2"])


@given(st.text(), st.text())
def test_no_header_ends_its_line(name, value):
    try:
        found = headers([f"{name}:{value}"])
    except UsageError:
        return
    ((made, sent),) = found
    assert not {"\r", "\n", "\0"} & {*made, *sent}
    made.encode("ascii"), sent.encode("latin-1")


AUTH = {
    None: ("Authorization", "Bearer k"),
    "api-key": ("api-key", "k"),
    "X-Auth: Token {key}": ("X-Auth", "Token k"),
    "authorization": ("Authorization", "k"),
    "Authorization: Token {key}": ("Authorization", "Token k"),
}


@pytest.mark.parametrize(("given", "sent"), AUTH.items())
def test_the_key_goes_under_its_header(given, sent):
    access = Access(auth=auth_header(given))
    assert access.authorization("Bearer {key}", "k") == sent
    assert access.authorization("Bearer {key}", "") is None
    assert access.authorization(None, "k") is None
    assert (
        access.authorization("Bearer wrong", "k")
        == (sent[0], sent[1].replace("k", "wrong") if "Token" not in sent[1] else "Token wrong")
        or given is None
    )


@pytest.mark.parametrize(
    "text", ["", "a b", "api-key: ", "api-key: {key}{key}", "Host", "api-key: {key}\r\n", "Cookie: x"]
)
def test_an_auth_header_that_is_none(text):
    with pytest.raises(UsageError, match="--auth-header"):
        auth_header(text)


PROXY = f"http://us%40er:{SECRET}%2F@proxy.example:3128"
PROXIES = [
    ("https://h/v1", {"HTTPS_PROXY": PROXY}, PROXY),
    ("https://h/v1", {"https_proxy": "lower:1", "HTTPS_PROXY": PROXY}, "http://lower:1"),
    ("https://h/v1", {"https_proxy": "", "HTTPS_PROXY": PROXY}, None),
    ("http://h/v1", {"HTTPS_PROXY": PROXY}, None),
    ("http://h/v1", {"HTTP_PROXY": PROXY}, PROXY),
    ("http://h/v1", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
    ("http://h/v1", {"ALL_PROXY": PROXY}, PROXY),
    ("https://h/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "x,h"}, None),
    ("https://api.h/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": ".h"}, None),
    ("https://api.h/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
    ("https://xh/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "h"}, PROXY),
    ("https://h/v1", {}, None),
]


@pytest.mark.parametrize(("url", "environment", "found"), PROXIES)
def test_the_environment_names_the_proxy(url, environment, found):
    assert proxy_for(url, environment) == found


EXCEPTED = [
    ("127.0.0.1", 80, "127.0.0.0/8", True),
    ("10.1.2.3", 80, "10.0.0.0/8, x", True),
    ("11.1.2.3", 80, "10.0.0.0/8", False),
    ("::1", 80, "[::1]", True),
    ("h", 8000, "h:8000", True),
    ("h", 8001, "h:8000", False),
    ("a.b.h", 443, "*.h", True),
    ("h", 443, "", False),
    ("h", 443, " , ", False),
]


@pytest.mark.parametrize(("host", "port", "rules", "holds"), EXCEPTED)
def test_no_proxy(host, port, rules, holds):
    assert excepted(host, port, rules) is holds


@pytest.mark.parametrize(
    "proxy", [f"socks5://u:{SECRET}@h:1", f"https://u:{SECRET}@h", f"http://u:{SECRET}@h:x", "http://"]
)
def test_a_proxy_that_we_cannot_use_is_refused_without_its_password(proxy):
    with pytest.raises(UsageError, match="--trust-env") as caught:
        proxy_for("https://h", {"HTTPS_PROXY": proxy})
    assert SECRET not in str(caught.value)


def test_secrets_are_known_in_each_spelling_and_never_shown():
    access = Access(headers((f"X-Team: {SECRET}",)), proxy=PROXY, password="pass-of-the-key")
    redact = target("http://h", access=access).redactor("sk-0123456789")
    encoded = base64.b64encode(f"us@er:{SECRET}/".encode()).decode()
    for secret in (SECRET, f"{SECRET}%2F", f"{SECRET}/", encoded, "pass-of-the-key", "sk-0123456789"):
        assert redact.text(f"<{secret}>") == "<[redacted]>"
        assert redact.masked(f"<{secret}>".encode()) == b"<" + b"*" * len(secret) + b">"
        assert secret not in json.dumps(access.shown) + repr(access)
    assert redact.headers([("x-team", "no"), ("accept", "no")]) == (("x-team", "[redacted]"), ("accept", "no"))
