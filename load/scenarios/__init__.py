"""Scenarios: the requests of a run. Each is a function that yields its items; ``list scenarios`` shows its docstring."""

from collections.abc import Callable

from echosounder.load.scenarios.fim import fim
from echosounder.load.scenarios.mixed import mixed
from echosounder.load.scenarios.streaming import streaming
from echosounder.load.worker.workload import Item

SCENARIOS: dict[str, Callable[[], tuple[Item, ...]]] = {"streaming": streaming, "fim": fim, "mixed": mixed}
