"""Comparison of both sides of a proxy: the client's view, and what the mock behind the proxy received and sent.

    client's Exchange + upstream's Exchange(s) = Pair ──> check ──> Finding ──> Result ──> report

How the two sides are joined and logged is told in :mod:`judgement.pairs.pair`.
"""

from echosounder.judgement.pairs.report import report
from echosounder.judgement.pairs.score import score

__all__ = ["report", "score"]
