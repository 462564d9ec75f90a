"""Text from strangers: what is changed, what is not, and that it survives where it goes."""

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.reports import text

ANYTHING = st.text(st.characters(codec=None))  # lone surrogates, too


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain, 你好 🐟\n\ttab", "plain, 你好 🐟\n\ttab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x00b\x7f\x9b", "a\\x00b\\x7f\\x9b"),
        ("\udcff\ud800", "\\xff\\ud800"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ufffe", "\\ufffe"),
        ("\U000e0041", "\\U000e0041"),
        ("\r\n", "\\x0d\n"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(raw, shown):
    assert text.visible(raw) == shown


@settings(deadline=None)
@given(ANYTHING)
def test_visible_text_is_utf8_xml_and_stays_as_it_is(raw):
    shown = text.visible(raw)
    shown.encode()
    element = ET.Element("a")
    element.text = shown
    assert (ET.fromstring(ET.tostring(element)).text or "") == shown
    assert text.visible(shown) == shown


@settings(deadline=None)
@given(ANYTHING, st.integers(1, 50))
def test_a_line_is_one_line_and_bounded(raw, limit):
    shown = text.line(raw, limit)
    assert len(shown) <= limit
    assert "\n" not in shown


@settings(deadline=None)
@given(
    st.recursive(
        ANYTHING | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(ANYTHING, inner),
        max_leaves=8,
    )
)
def test_dumped_json_is_read_by_a_strict_reader(value):
    again = json.loads(text.dumps(value).encode("utf-8"))
    json.dumps(again, ensure_ascii=False).encode("utf-8")  # raises where a lone surrogate was left


def test_dumped_json_is_the_value_where_it_is_text():
    value = {"a": ["\x1b", "你", '"\\', 1.5, None, True]}
    assert json.loads(text.dumps(value)) == value
    assert json.loads(text.dumps("\udcff")) == "\\xff"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_there_is_no_nan_in_json(value):
    with pytest.raises(ValueError):
        text.dumps(value)


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("2026-11-22, a.b (c)", "2026-11-22, a.b (c)"),
        ("*a* _b_ `c` [d](e) |f| ~g~", "\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e) \\|f\\| \\~g\\~"),
        ("# a", "\\# a"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("<b> & &lt;", "&lt;b> &amp; &amp;lt;"),
        ("https://h www.h.org @all", "https:&#47;/h www&#46;h.org &#64;all"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_shows_text_literally(raw, escaped):
    assert text.markdown(raw) == escaped


@pytest.mark.parametrize("raw", ["plain", "```\n# out", "````````", "`"])
def test_a_code_block_cannot_be_closed_from_inside(raw):
    first, *_, last = text.fenced(raw).splitlines()
    assert first.removesuffix("text") == last
    assert last not in raw


@pytest.mark.parametrize(("limit", "says"), [(10, None), (9, "[1 more characters]"), (4, "[6 more characters]")])
def test_a_cut_says_how_much_is_missing(limit, says):
    shown = text.block("0123456789", limit)
    assert shown == "0123456789" if says is None else shown.endswith(says)
