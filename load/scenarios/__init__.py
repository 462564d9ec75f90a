"""Scenarios: what a run sends. Each is a function that gives its items; its docstring is what ``list scenarios`` shows."""

from collections.abc import Callable

from echosounder.load.scenarios.fim import fim
from echosounder.load.scenarios.mixed import mixed
from echosounder.load.scenarios.streaming import streaming
from echosounder.load.worker.workload import Item

SCENARIOS: dict[str, Callable[[], tuple[Item, ...]]] = {"streaming": streaming, "fim": fim, "mixed": mixed}
