"""Durations as people write them."""

from echosounder.wire.errors import UsageError

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def seconds(text: str | float) -> float:
    """``90``, ``90s``, ``2m``, ``500ms`` or ``1h`` in seconds. Raises :class:`UsageError` for anything else."""
    text = str(text)
    number = text.rstrip("mhs ")
    try:
        return float(number) * UNITS[text[len(number) :].strip()]
    except (ValueError, KeyError):
        raise UsageError(f"not a duration: {text!r}; write it like 30s, 2m or 500ms") from None
