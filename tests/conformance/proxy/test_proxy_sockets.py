"""Proxies on real sockets: what a run says of those that work, of those that do harm, and of those that cannot be judged."""

import json
import time

import pytest

from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.proxy import check
from echosounder.conformance.proxy.probes import PROBES
from echosounder.conformance.proxy.replay import again
from echosounder.conformance.proxy.secrecy import without_secrets
from echosounder.conformance.proxy.upstream import digest
from echosounder.judgement.pairs.pair import pairs
from echosounder.wire.errors import UsageError
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.header import RunKind
from echosounder.wire.runlog import read
from echosounder.wire.target import target


def failing(outcome):
    return {
        result.requirement
        for result in outcome.results
        if result.verdict in {"fail", "nonstrict", "untestable", "error"}
    }


@pytest.fixture
def just(monkeypatch):
    """``just("proxy.cancel", "mid-stream")`` leaves only these steps of a probe: time on sockets is real time."""

    def cut(name, *steps):
        whole = PROBES[name]
        monkeypatch.setitem(PROBES, name, lambda ask: [send for send in whole(ask) if send.step in steps])

    return cut


def test_a_proxy_that_gives_a_cut_stream_an_end_is_told_so(judged, fault, just):
    just("proxy.failures", "mid-text")
    outcome = judged(fault(last=b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"), "proxy.truncation-visible")
    assert failing(outcome) == {"proxy.truncation-visible"}
    assert [each.message for each in outcome.results[0].findings] == [
        "the upstream broke off, and the client got [DONE]"
    ]


def test_a_proxy_that_goes_on_when_the_client_hung_up_is_told_so(judged, fault, just):
    just("proxy.cancel", "mid-stream")
    outcome = judged(fault(deaf=True), "proxy.cancel-propagates")
    assert failing(outcome) == {"proxy.cancel-propagates"}


def test_every_time_that_a_request_arrives_is_counted(judged, fault, just):
    just("proxy.failures", "before-head", "400")
    outcome = judged(fault(tries=3), "proxy.gateway-json")
    times = {pair.step: len(pair.upstream) for pair in pairs(read(outcome.log).exchanges)}
    assert (times["before-head"], times["400"]) == (3, 1)


def test_a_proxy_that_holds_streams_back_is_named_as_buffering_with_the_delay(judged, fault, just):
    just("proxy.timing", "paced")
    outcome = judged(fault(hold=True), "proxy.unbuffered")
    (result,) = outcome.results
    assert result.verdict == "fail"
    assert result.findings[0].message.startswith("buffered: ")
    delay = int(result.findings[0].message.split("up to ")[1].split(" ms")[0])
    (paced, *_) = (pair for pair in pairs(read(outcome.log).exchanges) if pair.step == "paced")
    lasted = (paced.source.reads[-1].at - paced.source.reads[0].at) / 1e6
    assert 0.5 * lasted < delay < 2 * lasted


def test_a_proxy_with_keys_of_its_own_must_not_pass_on_the_clients(judged, fault):
    refusal = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"

    def guard(head, body):
        if b"authorization: Bearer sk-client" not in head:
            return refusal
        own = head.replace(b"sk-client-0123456789", b"sk-upstream-0123456789")
        return own.replace(b"\r\n\r\n", b"\r\nx-forwarded-key: sk-client-0123456789\r\n\r\n"), body

    outcome = judged(fault(request=guard), "proxy.secrets-upstream", "proxy.auth-*")
    assert failing(outcome) == {"proxy.secrets-upstream"}
    assert "header x-forwarded-key" in next(r for r in outcome.results if r.findings).findings[0].message
    assert "sk-client-0123456789" not in outcome.log.read_text(encoding="utf-8")
    assert "sk-upstream-0123456789" not in outcome.log.read_text(encoding="utf-8")


def test_the_upstreams_key_in_an_answer_is_found_and_blotted_out_whatever_cuts_it():
    secret = "sk-upstream-0123456789"
    body = f'{{"error":"key {secret} refused"}}'.encode()
    reads = tuple(Read(at, body[at : at + 7]) for at in range(0, len(body), 7))
    told = Exchange("1", "p", Request("POST", "/", ""), headers=(("x-key", secret),), reads=reads)
    clean = without_secrets(told, [digest(secret)])
    assert clean.notes["leaks"] == ["the upstream's key"]
    assert secret not in clean.body.decode() + str(clean.headers)
    assert [len(read.data) for read in clean.reads] == [len(read.data) for read in reads]
    assert without_secrets(told, [digest("sk-another-0123456789")]) is told


# --- nothing to judge: one request, one line, exit code 3

PAGE = b"<!doctype html><title>Sign in</title>"
OWN = json.dumps({"choices": [{"message": {"content": "Hello"}}]}).encode()


def own(status: str, body: bytes, media_type: str) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


NOT_OURS = {
    "forwards elsewhere": (own("200 OK", OWN, "application/json"), "it forwards elsewhere"),
    "a page to sign in": (own("200 OK", PAGE, "text/html"), "web page"),
    "a redirect to sign in": (
        b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
        "redirects to /login",
    ),
    "a gateway without upstream": (
        own("502 Bad Gateway", b"no upstream", "text/plain"),
        "the proxy itself answered 502",
    ),
    "its own keys": (own("401 Unauthorized", b"{}", "application/json"), "check the variable that holds it"),
    "no answer at all": (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_a_proxy_that_does_not_forward_to_us_gets_one_request_and_one_line(judged, fault, name):
    answer, said = NOT_OURS[name]
    outcome = judged(fault(request=lambda head, body: answer))
    assert outcome.exit_code == 3
    assert said in str(outcome.stopped)
    assert "upstream http://127.0.0.1" in str(outcome.stopped)
    assert len(read(outcome.log).exchanges) == 1
    assert outcome.report["verdict"] == "inconclusive"


def test_a_proxy_that_forwards_to_a_wrong_path_is_told_which(judged, fault):
    outcome = judged(fault(request=lambda head, body: (head.replace(b"/chat/", b"/v1/v1/chat/"), body)))
    assert (outcome.exit_code, "POST /v1/v1/chat/completions" in str(outcome.stopped)) == (3, True)


def test_a_loop_ends_in_a_line_and_not_in_a_hang(upstream, fault, proxied, tmp_path):
    def spin(head, body):
        time.sleep(1.5)
        return b""

    with proxied(upstream, fault(request=spin)) as url:
        outcome = check(
            CheckOptions(target(url), tmp_path, "sk-client-0123456789", bounds=Bounds(idle_s=0.5)), upstream
        )
    assert outcome.exit_code == 3
    assert "does it forward to itself" in str(outcome.stopped)


def test_nobody_at_the_proxys_address(upstream, tmp_path):
    outcome = check(CheckOptions(target("http://127.0.0.1:1"), tmp_path, "sk-client-0123456789"), upstream)
    assert (outcome.exit_code, "no connection" in str(outcome.stopped)) == (3, True)


def test_http_1_0_and_connections_that_do_not_last_are_findings(judged, fault):
    old = fault(answer=lambda data: data.replace(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\nconnection: close\r\n"))
    outcome = judged(old, "proxy.http11", "proxy.connection-reuse")
    assert failing(outcome) == {"proxy.http11", "proxy.connection-reuse"}


def test_a_proxy_that_closes_idle_connections_is_told_so(judged, fault, just):
    outcome = judged(fault(idle_s=0.5), "proxy.connection-reuse")
    assert failing(outcome) == {"proxy.connection-reuse"}
    assert [each.message.partition(":")[0] for each in outcome.results[0].findings] == ["rested"]


def test_both_sides_are_in_the_log_and_can_be_judged_again(judged, breaches):
    outcome = judged(None, "proxy.http11")
    assert breaches(outcome.log) == []
    run = read(outcome.log)
    assert (run.header.kind_of_run, run.header.target.position) == (RunKind.PROXY, "proxy")
    sides = pairs(run.exchanges)
    assert all(pair.arrived for pair in sides)
    first = sides[1]
    assert first.client.request.body == first.source.request.body
    assert first.client.body == first.source.body
    assert (first.client.t_connected or 0) < (first.source.t_sent or 0) < (first.client.t_headers or 0)


def test_a_request_is_replayed_through_the_proxy_and_judged_from_both_sides(judged, fault, just, upstream, proxied):
    just("proxy.failures", "mid-text")
    invents_an_end = fault(last=b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    run = read(judged(invents_an_end, "proxy.truncation-visible").log)
    id = run.exchanges[-1].id

    def replayed(how):
        with proxied(upstream, how) as url:
            return again(run, id, target(url), "sk-client-0123456789", upstream)

    assert replayed(invents_an_end).change == "STILL"
    assert [each.requirement for each in replayed(invents_an_end).findings_before] == ["proxy.truncation-visible"]
    assert replayed(fault()).change == "FIXED"
    with pytest.raises(UsageError, match="no exchange '999'"):
        again(run, "999", target(upstream), None, upstream)
