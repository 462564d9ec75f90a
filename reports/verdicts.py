"""Display of verdicts: one glyph, one word, one sentence and one tone each, the same in every output."""

from dataclasses import dataclass

from echosounder.wire.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Face:
    """``tone`` selects the color: bad, warn, good or idle. The glyph and the word have the same meaning."""

    name: str
    glyph: str
    tone: str
    says: str


# Worst first: the order in which people want to read them.
FACES = {
    face.name: face
    for face in (
        Face(Verdict.ERROR, "!", "bad", "the harness made a mistake: please report it"),
        Face(Verdict.FAIL, "✗", "bad", "the target deviates"),
        Face(Verdict.UNTESTABLE, "⊘", "bad", "not tested, because what it builds on failed; counts like a failure"),
        Face(Verdict.INCONCLUSIVE, "?", "warn", "too little to judge by; the note names the reason"),
        Face(Verdict.NONSTRICT, "≈", "warn", "a SHOULD is broken"),
        Face(Verdict.UNSUPPORTED, "∅", "warn", "an optional feature, plainly refused with a proper error"),
        Face(Verdict.PASS, "✓", "good", "as required"),
        Face(Verdict.NOT_APPLICABLE, "–", "idle", "the profile does not have it"),
    )
}

# The verdict of a whole run: check, load's measurement, compare.
RUNS = {
    "conforms": Face("conforms", "✓", "good", "no deviation was found"),
    "deviates": Face("deviates", "✗", "bad", "the target deviates from what it must do"),
    "inconclusive": Face("inconclusive", "?", "warn", "the run could not judge everything that it had to"),
    "valid": Face("valid", "✓", "good", "the figures describe the target, not the client"),
    "degraded": Face("degraded", "≈", "warn", "the client added an error that is not negligible"),
    "invalid": Face("invalid", "✗", "bad", "the figures do not describe the target: do not use them"),
}


def face(name: str) -> Face:
    """The face of a verdict; an unknown name, from a later version, gets a question mark instead of an exception."""
    return FACES.get(name) or RUNS.get(name) or Face(name, "?", "warn", "a verdict this version does not know")


def area(requirement: str) -> str:
    """``stream`` of ``stream.ends-with-done``."""
    return requirement.partition(".")[0]
