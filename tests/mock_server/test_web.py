"""Search and fetch: seeded answers, refusals, and a bill for each success."""

from decimal import Decimal

import httpx
import pytest

from echosounder.mock_server.net.process import spawn

EACH = Decimal("0.00075")


@pytest.fixture(scope="module")
def paid():
    with spawn(seed=1, clock="2026-11-20T12:00:00Z") as running:
        yield httpx.Client(base_url=running.url, headers={"authorization": "Bearer sk-test-0000000000"})


def spent(client, path, body):
    """The answer, and what it took from the account."""
    before = Decimal(client.get("/user/balance").json()["balance_infos"][0]["total_balance"])
    answer = client.post(path, json=body)
    return answer, before - Decimal(client.get("/user/balance").json()["balance_infos"][0]["total_balance"])


BILLED = {
    "search": ("search", {"query": "a"}, EACH),
    "a longest query": ("search", {"query": "ä" * 128, "count": 50}, EACH),
    "search that finds nothing": ("search", {"query": "zxqv"}, 0),
    "search refused": ("search", {"query": ""}, 0),
    "fetch": ("fetch", {"url": "https://example.com/a"}, EACH),
    "fetch refused": ("fetch", {"url": "ftp://example.com/a"}, 0),
}


@pytest.mark.parametrize("case", BILLED)
def test_each_success_is_billed(paid, case):
    tool, body, price = BILLED[case]
    assert spent(paid, f"/v1/tools/{tool}", body)[1] == price
    entry = paid.get("/__mock/journal").json()["entries"][-2]
    assert entry["path"] == f"/v1/tools/{tool}"


def test_the_same_question_finds_the_same(paid):
    one, two = (paid.post("/v1/tools/search", json={"query": "sonar", "count": 3}).json() for _ in range(2))
    assert one == two
    assert len({each["url"] for each in one["results"]}) == 3
    scores = [each["rerank_score"] for each in one["results"]]
    assert scores == sorted(scores, reverse=True)


REFUSED = [
    ("search", {"query": "a" * 129}),
    ("search", {"query": "a", "count": 0}),
    ("search", {"query": "a", "count": 51}),
    ("search", {"query": 7}),
    ("search", {}),
    ("fetch", {"url": "http://["}),
    ("fetch", {"url": "https://"}),
    ("fetch", {}),
]


@pytest.mark.parametrize(("tool", "body"), REFUSED)
def test_refused(paid, tool, body):
    assert paid.post(f"/v1/tools/{tool}", json=body).status_code == 400


def test_who_has_no_money_finds_nothing():
    with spawn(granted="0", topped_up="0") as poor:
        headers = {"authorization": "Bearer sk-test-0000000000"}
        assert httpx.post(f"{poor.url}/v1/tools/search", json={"query": "a"}, headers=headers).status_code == 402


def test_an_older_profile_has_neither(of_profile):
    assert of_profile("2026-09").post("/v1/tools/search", json={"query": "a"}).status_code == 404
