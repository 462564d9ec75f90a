"""The scenarios that find something out, rather than put a load on a target; each may compare two keys."""

from collections.abc import Callable

from echosounder.load import limits, pricing
from echosounder.load.engine import LoadResult

EXPERIMENTS: dict[str, Callable[..., LoadResult]] = {"rate-limit": limits.discover, "cache-pricing": pricing.verify}
