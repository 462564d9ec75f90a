"""A client judged by what it did in each scenario: its requests in the mock's journal beside what its command printed and returned.

ClientRun + Exchange(s) = Scene ──> check (pure) ──> Finding ──> Result ──> report
"""

from echosounder.judgement.client.report import report
from echosounder.judgement.client.score import score

__all__ = ["report", "score"]
