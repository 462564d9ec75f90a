"""Judges a proxy by comparing both sides: the client's view, and what the mock behind the proxy received and sent.

    probe ──> session ──> proxy ──> mock (journal)      client's Exchange + upstream's Exchange(s) = Pair
                                                        check (pure, on pairs) ──> Finding ──> Result ──> report

What both sides say is judged in :mod:`judgement.pairs`. Everything here but
:mod:`~conformance.proxy.sender`, :mod:`~conformance.proxy.upstream` and :mod:`~conformance.proxy.run` is pure.
"""

from echosounder.conformance.proxy.run import check

__all__ = ["check"]
