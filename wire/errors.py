"""Everything that can stop a command, and the exit code it ends with.

    EchosounderError
    ├── UsageError            2   wrong usage or configuration
    │   └── LogError          2   the file is no run log, or of a schema we cannot read
    ├── CannotJudge           3   the target gave nothing that could be judged
    │   ├── Unreachable       3   no connection, or no HTTP on it
    │   ├── KeyRefused        3   the target does not accept our key
    │   ├── BudgetSpent       3   the cap was reached before the required probes
    │   └── UnfinishedRun     3   the log has no footer
    └── MeasurementInvalid    4   the client, not the target, made the numbers (load only)

A deviation of the target is never an exception: it is a :class:`wire.verdict.Finding`.
"""


class EchosounderError(Exception):
    """Base of the tree. The message is one line: what happened, and what to do about it."""

    exit_code = 3


class UsageError(EchosounderError):
    exit_code = 2


class LogError(UsageError):
    pass


class CannotJudge(EchosounderError):
    pass


class Unreachable(CannotJudge):
    pass


class KeyRefused(CannotJudge):
    pass


class BudgetSpent(CannotJudge):
    pass


class UnfinishedRun(CannotJudge):
    pass


class MeasurementInvalid(EchosounderError):
    exit_code = 4
