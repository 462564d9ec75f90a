"""A request of the Messages format is sent again with the key under the header of the format."""

import pytest

from echosounder.conformance.replay import request_of
from echosounder.judgement.agreed import BAD_KEY
from echosounder.wire.access import Access
from echosounder.wire.exchange import Exchange, Request
from echosounder.wire.formats import CHAT, MESSAGES
from echosounder.wire.redact import MARK

CASES = [
    (MESSAGES, ("x-api-key", MARK), "{key}", "x-api-key"),
    (MESSAGES, ("authorization", f"Bearer {MARK}"), "Bearer {key}", "Authorization"),
    (CHAT, ("authorization", f"Bearer {MARK}"), "Bearer {key}", "Authorization"),
    (MESSAGES, ("x-api-key", "sk-echosounder-invalid"), None, "Authorization"),
]


@pytest.mark.parametrize(("form", "header", "authorization", "name"), CASES)
def test_the_key_goes_back_where_it_was(form, header, authorization, name):
    exchange = Exchange("1", "p", Request("POST", form.path, "", (header,)), format=form.name)
    send = request_of(exchange)
    assert (send.authorization, send.key_header) == (authorization, name)
    if authorization is None:
        assert header in send.headers


@pytest.mark.parametrize(("fault", "key"), [("unknown key", f"Bearer {BAD_KEY}"), ("unknown role", "Bearer {key}")])
def test_a_wrong_key_is_sent_again_as_a_wrong_key(fault, key):
    request = Request("POST", CHAT.path, "", (("authorization", f"Bearer {MARK}"),))
    assert request_of(Exchange("1", "p", request, notes={"fault": fault})).authorization == key


def test_a_header_of_the_users_own_wins_over_that_of_the_format():
    access = Access(auth=("api-key", "{key}"))
    assert access.authorization("{key}", "k", "x-api-key") == ("api-key", "k")
    assert Access().authorization("{key}", "k", "x-api-key") == ("x-api-key", "k")
    assert Access().authorization("{key}", "", "x-api-key") is None
