"""Values that differ between otherwise equal answers: ids of answers, calls and requests, and the fingerprint of the server."""

import hashlib
import os

from echosounder import specs

CALL_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Identities:
    """Ids derived from the request's number: reproducible with a seed, random without one."""

    def __init__(self, profile: str, seed: int | None) -> None:
        behaviour = specs.behaviour(profile)
        self._uuid_calls = behaviour.call_id_form == "uuid"
        self._secret = os.urandom(16) if seed is None else seed.to_bytes(16, "big", signed=True)
        self._latest = (-1, "")
        self.fingerprint = behaviour.fingerprint

    def trace(self, number: int) -> str:
        """The id of a request: 32 hexadecimal digits, in a header of its response."""
        return self._digits(number)[:32]

    def answer(self, number: int) -> str:
        return as_uuid(self._digits(number)[32:])

    def _digits(self, number: int) -> str:
        """64 hexadecimal digits for a request, cached for the latest one."""
        if self._latest[0] != number:
            self._latest = number, self._digest(number, "id", 32)
        return self._latest[1]

    def call(self, number: int, index: int) -> str:
        """The id of a call: ``call_00_`` and 24 letters or digits since V4, ``call_0_`` and a UUID before. Fact sheet 6.2."""
        digits = self._digest(number, f"call {index}", 24)
        if self._uuid_calls:
            return f"call_{index}_{as_uuid(digits)}"
        letters = (CALL_ALPHABET[byte % len(CALL_ALPHABET)] for byte in bytes.fromhex(digits))
        return f"call_{index:02}_{''.join(letters)}"

    def _digest(self, number: int, purpose: str, size: int = 16) -> str:
        return hashlib.blake2b(f"{purpose} {number}".encode(), digest_size=size, key=self._secret).hexdigest()


def as_uuid(digits: str) -> str:
    """Format at least 32 hexadecimal digits as a version 4 UUID."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
