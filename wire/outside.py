"""Numbers, amounts and dates out of text from outside: the one place where a target's words become values of ours.

None stands for what is none. Whatever comes back can be computed with, written down and shown: no NaN, nothing infinite, nothing of
thousands of digits.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

MOST = 2**53 - 1
"""The largest whole number that every JSON reader takes for what it is (RFC 8259, section 6)."""
LONGEST = 300
"""Digits of a number; more are beyond what a binary64 holds."""
_NUMBER = re.compile(r"[0-9]{1,300}(\.[0-9]{1,300})?")
_AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def integer(text: str) -> int | None:
    """Number from ASCII digits, at most :data:`MOST`; None for any other text."""
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    return min(int(digits), MOST) if len(digits) <= LONGEST else MOST


def document(text: str) -> Any:
    """JSON written by this program, or in the same form. Raises ``ValueError`` also for numbers that cannot be computed with."""
    return json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)


def _whole(text: str) -> int:
    if len(text) > len(str(-MOST)) or count(int(text)) is None:
        raise ValueError(f"{text[:20]} is no number that a report holds")
    return int(text)


def _finite(text: str) -> float:
    if not isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is no number that a report holds")
    return value


def count(value: Any) -> int | None:
    """A JSON value as a count; None for a bool, and above :data:`MOST`."""
    return value if type(value) is int and -MOST <= value <= MOST else None


def number(text: str) -> float | None:
    """Digits, with or without a decimal point, within a range that can be summed."""
    found = float(text) if _NUMBER.fullmatch(text) else None
    return None if found is None else min(found, float(MOST))


def amount(value: Any) -> Decimal | None:
    """An amount of money in a string: no exponent, no words such as NaN, no more digits than any amount of money needs."""
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None


def date(text: str) -> datetime | None:
    """An HTTP date (RFC 9110, 5.6.7); one without a zone is UTC."""
    try:
        found = parsedate_to_datetime(text)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return found if 1970 <= found.year < 9999 else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def moment(text: str) -> datetime | None:
    """ISO 8601, with a zone, between 1970 and the year 9999."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo and 1970 <= found.astimezone(UTC).year < 9999 else None
    except (ValueError, TypeError, OverflowError):
        return None
