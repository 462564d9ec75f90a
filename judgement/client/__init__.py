"""Judges a client by its behavior in each scenario: its requests in the mock's journal, the output and the exit status of its
command.

ClientRun + Exchange(s) = Scene ──> check (pure) ──> Finding ──> Result ──> report
"""

from echosounder.judgement.client.report import report
from echosounder.judgement.client.score import score

__all__ = ["report", "score"]
