"""The scenarios that find something out, rather than put a load on a target."""

from collections.abc import Callable

from echosounder.load import capacity, limits, pricing
from echosounder.load.engine import LoadResult

EXPERIMENTS: dict[str, Callable[..., LoadResult]] = {
    "rate-limit": limits.discover,
    "cache-pricing": pricing.verify,
    "capacity": capacity.find,
}
TWO_KEYS = ("rate-limit", "cache-pricing")  # those that can compare two keys
