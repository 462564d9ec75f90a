"""Colours that can be told apart: WCAG 2.2, 1.4.3 asks for a contrast of 4.5 to 1 for text."""

import re
from importlib.resources import files

import pytest

CSS = (files("echosounder.reports") / "assets" / "page.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w+);", part)) for part in CSS.split("@media (prefers-color-scheme: dark)", 1)
)
TEXT = [
    ("ink", "bg"),
    ("ink", "card"),
    ("ink", "code"),
    ("muted", "bg"),
    ("muted", "card"),
    ("muted", "code"),
    ("accent", "bg"),
    ("accent", "card"),
]
TONES = [(tone, back) for tone in ("bad", "warn", "good", "idle") for back in (f"{tone}-bg", "card")]


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#fff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, LIGHT | DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "back"), TEXT + TONES)
def test_text_stands_out_from_its_background(colours, text, back):
    assert contrast(colours[text], colours[back]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, LIGHT | DARK], ids=["light", "dark"])
@pytest.mark.parametrize("line", ["c1", "c2", "c3", "c4", "c5", "c6"])
def test_lines_of_a_chart_stand_out(colours, line):
    """WCAG 2.2, 1.4.11: 3 to 1 for graphics."""
    assert contrast(colours[line], colours["card"]) >= 3


def test_each_verdict_has_a_glyph_of_its_own():
    from echosounder.reports.verdicts import FACES
    from echosounder.wire.verdict import Verdict

    assert set(FACES) == set(Verdict)
    assert len({look.glyph for look in FACES.values()}) == len(FACES)
