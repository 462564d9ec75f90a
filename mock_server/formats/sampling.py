"""Request members that chat and completions share: sampling, bounds, streaming. Fact sheet 2.1."""

from typing import Any

from echosounder import specs
from echosounder.mock_server.admission.serde import Check, Shape, boolean, integer, number, sequence, string, struct


def stop(value: Any) -> None:
    if not isinstance(value, str):
        sequence(string)(value)


SAMPLING: dict[str, Check] = {
    "frequency_penalty": number,
    "presence_penalty": number,
    "temperature": number,
    "top_p": number,
    "max_tokens": integer(32),
    "stop": stop,
    "stream": boolean,
    "stream_options": struct("StreamOptions", {}, {"include_usage": boolean}),
    "n": integer(32),
}


def known(shape: Shape, profile: str) -> Shape:
    """The shape without fields that the profile does not know; these are ignored, whatever their value."""
    limits = specs.limits(profile)
    absent = {
        "thinking": limits.thinking != "switch",
        "reasoning_effort": not limits.efforts,
        "user_id": limits.user_id_max is None,
        "max_completion_tokens": not specs.behaviour(profile).max_completion_tokens,
    }
    return shape.without({name for name, gone in absent.items() if gone})


def common(body: dict[str, Any]) -> dict[str, Any]:
    """Members of a :class:`Question` that chat and completions read in the same way."""
    stop = body.get("stop") or ()
    return {
        "wanted": body.get("max_tokens"),
        "stop": (stop,) if isinstance(stop, str) else tuple(stop),
        "user": str(body.get("user_id") or ""),
        "stream": bool(body.get("stream")),
        "include_usage": bool((body.get("stream_options") or {}).get("include_usage")),
    }
