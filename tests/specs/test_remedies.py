"""Every requirement has a remedy, and those that a proxy can break one for each of six proxies, with a link to its own pages."""

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import pytest

from echosounder import specs
from echosounder.specs.lines import load

HOSTS = {
    "nginx": "nginx.org",
    "HAProxy": "docs.haproxy.org",
    "Caddy": "caddyserver.com",
    "Envoy": "www.envoyproxy.io",
    "Traefik": "doc.traefik.io",
    "Cloudflare": "developers.cloudflare.com",
}
TABLE = load("remedies.yaml").value
IDS = [row.id for row in specs.requirements()]


@pytest.mark.parametrize("group", TABLE["proxies"])
def test_each_proxy_has_a_directive_and_a_link_to_its_own_pages(group):
    rows = TABLE["proxies"][group]
    assert {name: urlsplit(link).hostname for name, (_, link) in rows.items()} == HOSTS
    assert all(urlsplit(link).scheme == "https" and directive for directive, link in rows.values())


def test_every_pattern_is_the_first_that_fits_some_requirement():
    patterns = [pattern for row in TABLE["remedies"] for pattern in row["ids"]]
    first = {next(each for each in patterns if fnmatchcase(id, each)) for id in IDS}
    assert [pattern for pattern in patterns if pattern not in first] == []


def test_every_group_of_proxies_is_used():
    assert {row["proxies"] for row in TABLE["remedies"] if "proxies" in row} == set(TABLE["proxies"])


@pytest.mark.parametrize("id", ["proxy.unbuffered", "stream.unbuffered", "proxy.large-request", "error.no-html"])
def test_what_a_proxy_can_break_names_its_directive(id):
    assert [each.proxy for each in specs.remedy(id).proxies] == list(HOSTS)


@pytest.mark.parametrize("id", ["usage.total-is-sum", "stream.ends-with-done", "tools.arguments-string"])
def test_what_only_a_server_can_break_names_the_server_alone(id):
    assert specs.remedy(id).server
    assert specs.remedy(id).proxies == ()
