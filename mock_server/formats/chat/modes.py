"""The thinking mode that a chat request asks for."""

from typing import Any

from echosounder.specs import Limits

OFF_ALIASES = frozenset({"deepseek-chat"})  # the old names kept their meaning in V4


def thinking(body: dict[str, Any], limits: Limits) -> bool:
    """Whether the answer begins with a chain of thought. Fact sheet 12.4."""
    if limits.thinking == "none":
        return False
    if limits.thinking == "always":
        return True
    if body.get("reasoning_effort") in ("none",):
        return False
    kind = (body.get("thinking") or {}).get("type")
    if kind is None:
        return limits.thinking_default and body["model"] not in OFF_ALIASES
    return bool(kind != "disabled")
