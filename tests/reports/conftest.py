"""Reports made by hand: small, of every verdict, with a hostile twin."""

import copy
import random

import pytest

from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Verdict

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))

MS = 1_000_000
HOSTILE = "</script><script>boom()</script>\x1b[31m\x00\u202e\udcff<img src=x onerror=boom()>|`@all` ]]>"


def stream(name, texts, done=True, start=5_000 * MS):
    """A streamed answer, one read per event, 10 ms apart."""
    frames = [b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % text.encode() for text in texts]
    frames += [b"data: [DONE]\n\n"] if done else []
    reads = tuple(Read(start + (100 + 10 * i) * MS, frame) for i, frame in enumerate(frames))
    return Exchange(
        id=name,
        probe="chat.stream",
        request=Request(
            "POST",
            "/chat/completions",
            "http://127.0.0.1:8000/v1/chat/completions",
            (("authorization", "Bearer [redacted]"), ("content-type", "application/json"), ("host", "127.0.0.1:8000")),
            b'{"model":"deepseek-chat","messages":[{"role":"user","content":"it\'s"}],"max_tokens":8,"stream":true}',
        ),
        status=200,
        reason="OK",
        http_version="HTTP/1.1",
        headers=(("content-type", "text/event-stream"),),
        reads=reads,
        t_sent=start,
        t_closed=reads[-1].at + MS,
    )


def finding(message, exchange="e1", event=None, pointer=None, excerpt="", offset=None, cause=""):
    return locals()


def requirement(name, level, verdict, findings=(), note=""):
    return {
        "id": name,
        "level": level,
        "verdict": verdict,
        "title": f"What {name} asks for",
        "sources": [{"page": "api/create-chat-completion", "section": "stream", "date": "2026-08-12"}],
        "findings": list(findings),
        "note": note,
    }


def check(requirements, verdict="deviates"):
    counts = {str(v): sum(row["verdict"] == v for row in requirements) for v in Verdict}
    return {
        "schema": "echosounder/check/1",
        "verdict": verdict,
        "target": {"url": "http://127.0.0.1:8000/v1", "model": "deepseek-chat", "position": "direct"},
        "profile": "2026-08",
        "policy": "interop",
        "suite": "standard",
        "counts": counts,
        "cost": {"requests": 42, "prompt_tokens": 900, "completion_tokens": 310, "usd": 0.00042},
        "requirements": list(requirements),
        "started": "2026-11-22T09:30:00+00:00",
    }


@pytest.fixture
def check_report():
    done = [
        finding(
            "the last event is a chunk, expected [DONE]",
            "e1",
            11,
            None,
            '{"choices":[…]}',
            None,
            "the stream ends without [DONE]",
        )
    ]
    usage = [finding("usage.total_tokens is 11, expected 12", "e2", 4, "/usage/total_tokens", '"total_tokens":11')]
    framing = [
        finding("a line ends with a bare CR", "e1", None, None, "data: x\\r", 70, "the stream ends without [DONE]")
    ]
    return check(
        [
            requirement("stream.content-type", "MUST", "pass"),
            requirement("stream.ends-with-done", "MUST", "fail", done),
            requirement("stream.line-ends", "SHOULD", "nonstrict", framing),
            requirement("usage.sum", "MUST", "fail", usage),
            requirement("usage.stream-once", "MUST", "untestable", (), "no stream came to its end"),
            requirement("tools.required", "MAY", "unsupported", (), "refused with 400"),
            requirement("json.object", "MUST", "inconclusive", (), "the model answered with no JSON, three times"),
            requirement("fim.beta", "MUST", "not-applicable"),
            requirement("errors.body", "SHOULD", "error", (), "KeyError in the check"),
        ]
    )


@pytest.fixture
def check_run():
    first = stream("e1", [f"w{i}" for i in range(12)], done=False)
    return Run(HEADER, (first, stream("e2", ["a", "b", "c", "d"])))


@pytest.fixture
def hostile_report(check_report):
    report = copy.deepcopy(check_report)
    report["target"] = {"url": "http://h/" + HOSTILE, "model": HOSTILE, "position": "direct"}
    for row in report["requirements"]:
        row["note"] = HOSTILE
        for one in row["findings"]:
            one |= {"message": HOSTILE, "excerpt": HOSTILE, "pointer": "/" + HOSTILE, "cause": HOSTILE}
    return report


@pytest.fixture
def hostile_run(check_run):
    evil = stream("e1", [HOSTILE.encode("utf-8", "surrogateescape").decode("latin-1")] * 12)
    return Run(check_run.header, (evil, check_run.exchanges[1]))


def spread(values, interval=True):
    values = sorted(values)

    def at(share):
        return values[min(len(values) - 1, int(share * len(values)))]

    return {
        "count": len(values),
        "mean": sum(values) / len(values),
        "p50": at(0.5),
        "p90": at(0.9),
        "p95": at(0.95),
        "p99": at(0.99),
        "p999": at(0.999) if len(values) > 1000 else None,
        "max": values[-1],
        "p99_ci": [at(0.985), at(0.995)] if interval else None,
    }


@pytest.fixture
def load_report():
    rng = random.Random(1)
    ttft = [rng.lognormvariate(5.5, 0.3) for _ in range(2_000)]
    gaps = [rng.lognormvariate(3.0, 0.5) for _ in range(20_000)]
    empty = dict.fromkeys(("mean", "p50", "p90", "p95", "p99", "p999", "max", "p99_ci")) | {"count": 0}
    return {
        "schema": "echosounder/load/1",
        "scenario": "streaming",
        "target": {"url": "http://127.0.0.1:8000", "model": "deepseek-chat"},
        "started": "2026-11-22T09:30:00+00:00",
        "measurement": {"verdict": "degraded", "reasons": ["dispatch delay p99 is 12 ms, 3 % of TTFT p50"]},
        "slo": [
            {"expr": "ttft_ms.p95 < 500", "value": 421.0, "met": True},
            {"expr": "failures < 1%", "value": 0.021, "met": False},
            {"expr": "tpot_ms.p99 < 40", "value": None, "met": None},
        ],
        "counts": {
            "scheduled": 2050, "sent": 2048, "completed": 2000, "failed": 12, "rejected": 30, "truncated": 4, "in_flight": 2,
        },
        "failures": {"http-429": 30, "reset": 12},
        "metrics": {
            "ttft_ms": spread(ttft), "ttft_from_schedule_ms": spread([v + 2 for v in ttft]), "gap_ms": spread(gaps),
            "tpot_ms": spread([g * 1.1 for g in gaps[:2000]]), "e2e_ms": spread([t + 2_000 for t in ttft]),
            "e2e_from_schedule_ms": spread([t + 2_002 for t in ttft]), "dispatch_delay_ms": spread([0.2] * 100, interval=False),
            "connect_ms": spread([1.5] * 20, interval=False), "keepalive_ms": empty,
        },
        "throughput": {"requests_per_s": 33.3, "output_tokens_per_s": 3411.2, "goodput_per_s": 31.9},
        "client_error_ms": {"p50": 0.08, "p99": 0.9},
        "cache": {"prompt_tokens": 200_000, "hit_tokens": 128_000, "expected_hit_tokens": 128_064, "hit_ratio": 0.64, "mismatches": 1},
        "cost": {"usd": 0.0412, "usd_without_cache": 0.0871, "balance_delta": None, "unexplained": None},
        "rate_limit": {
            "kind": "concurrency", "limit": 32, "window_s": None, "burst": None, "retry_after": "absent", "recovery_s": 0.4,
            "confidence": 0.95,
        },
        "conformance": {"sampled": 200, "failing": {"stream.ends-with-done": 4}},
    }  # fmt: skip


def sample(number, rng, rate=20.0, tokens=40):
    """The log's record of one streamed request; every fiftieth is refused, every hundredth is reset."""
    due = 5_000 * MS + int(number / rate * 1_000 * MS)
    record = {"kind": "sample", "id": f"s{number}", "name": "chat", "phase": "measured", "end": "done", "stream": True}
    record |= {"t_scheduled": due, "t_dispatched": due, "t_sent": due + MS, "status": 200}
    if number % 50 == 7:
        return record | {"end": "refused", "status": 429, "failure": "http-429", "t_closed": due + 20 * MS}
    first = due + int(MS * rng.lognormvariate(5.5, 0.3))
    gaps = [int(1_000 * rng.lognormvariate(3.0, 0.5)) for _ in range(tokens)]
    record |= {"t_first_token": first, "gaps_us": gaps, "t_last_token": first + 1_000 * sum(gaps)}
    record["t_closed"] = record["t_last_token"] + MS
    return record | ({"end": "reset", "failure": "reset"} if number % 100 == 3 else {})


@pytest.fixture
def load_run():
    rng = random.Random(2)
    return Run(HEADER, samples=tuple(sample(n, rng) for n in range(600)))


@pytest.fixture
def make_stream():
    return stream


@pytest.fixture
def make_finding():
    return finding


@pytest.fixture
def make_check():
    return check


@pytest.fixture
def make_requirement():
    return requirement


@pytest.fixture
def make_sample():
    return sample
