"""Everything that can stop a command, and the exit code it ends with.

    EchosounderError
    ├── UsageError            2   wrong usage or configuration
    │   └── LogError          2   the file is not a run log, or of a schema we cannot read
    │       └── RecordError   2   one record of it
    ├── CannotJudge           3   the target gave nothing that could be judged
    │   ├── Unreachable       3   no connection, or no HTTP on it
    │   ├── KeyRefused        3   the target does not accept our key
    │   ├── BudgetSpent       3   the cap was reached before the required probes
    │   │   ├── RunTooLong        the cap of time
    │   │   └── TooMuchToJudge    the cap of bytes; what is judged is what came before
    │   └── UnfinishedRun     3   the log has no footer
    └── MeasurementInvalid    4   the client, not the target, made the numbers (load only)

A deviation of the target is never an exception: it is a :class:`wire.verdict.Finding`.
"""

from typing import Self


class EchosounderError(Exception):
    """Base of all exceptions. The message is one line: what happened, and what to do."""

    exit_code = 3


class UsageError(EchosounderError):
    exit_code = 2


class LogError(UsageError):
    pass


class RecordError(LogError, ValueError):
    """An invalid record of a log whose path is not yet known."""


class CannotJudge(EchosounderError):
    def around(self, before: str, after: str = "") -> Self:
        """The same reason with a text before and after it."""
        return type(self)(f"{before}{self}{after}")


class Unreachable(CannotJudge):
    pass


class KeyRefused(CannotJudge):
    """*advice* follows the *fact*; ``{variable}`` in it stands for the environment variable, which only the command line knows."""

    def __init__(self, fact: str, advice: str = "") -> None:
        self.fact, self.advice = fact, advice
        super().__init__(fact + advice.replace("{variable}", "the variable that holds it"))

    def naming(self, variable: str) -> Self:
        return type(self)(self.fact, self.advice.replace("{variable}", f"the variable {variable}"))

    def around(self, before: str, after: str = "") -> Self:
        return type(self)(before + self.fact, self.advice + after)


class BudgetSpent(CannotJudge):
    pass


class RunTooLong(BudgetSpent):
    pass


class TooMuchToJudge(BudgetSpent):
    pass


class UnfinishedRun(CannotJudge):
    pass


class MeasurementInvalid(EchosounderError):
    exit_code = 4
