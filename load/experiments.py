"""The scenarios that are experiments on a target rather than load tests."""

from collections.abc import Callable

from echosounder.load import capacity, limits, pricing
from echosounder.load.engine import LoadResult

EXPERIMENTS: dict[str, Callable[..., LoadResult]] = {
    "rate-limit": limits.discover,
    "cache-pricing": pricing.verify,
    "capacity": capacity.find,
}
TWO_KEYS = ("rate-limit", "cache-pricing")  # experiments that can compare two keys
