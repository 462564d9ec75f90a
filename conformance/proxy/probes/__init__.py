"""Probes sent through a proxy. A probe yields requests; each carries the marker and the behavior of the upstream.

The requests are small, cover every member that the API knows, and are answered by our own mock: they cost nothing. They are
sent in the order of the imports below: a gateway may take an upstream that fails out of service for a while, so failures come last.
"""

# ruff: noqa: I001
from echosounder.conformance.proxy.probes.registry import HELLO, MARKER, PROBES
from echosounder.conformance.proxy.probes import requests, forms, answers, formats, failures

__all__ = ["HELLO", "MARKER", "PROBES", "answers", "failures", "formats", "forms", "requests"]
