"""Scenarios: what a run sends. Each is a function that gives its items; its docstring is what ``list scenarios`` shows."""

from collections.abc import Callable

from load.scenarios.fim import fim
from load.scenarios.mixed import mixed
from load.scenarios.streaming import streaming
from load.worker.workload import Item

SCENARIOS: dict[str, Callable[[], tuple[Item, ...]]] = {"streaming": streaming, "fim": fim, "mixed": mixed}
