"""A proxy judged by comparing both sides: what the client saw, and what the mock behind the proxy received and sent.

    probe ──> session ──> proxy ──> mock (journal)      client's Exchange + upstream's Exchange(s) = Pair
                                                        check (pure, on pairs) ──> Finding ──> Result ──> report

How the two sides are joined and logged is told in :mod:`conformance.proxy.pair`. Everything but
:mod:`~conformance.proxy.session`, :mod:`~conformance.proxy.upstream` and :mod:`~conformance.proxy.run` is pure.
"""

from echosounder.conformance.proxy.report import report
from echosounder.conformance.proxy.run import check
from echosounder.conformance.proxy.score import score

__all__ = ["check", "report", "score"]
