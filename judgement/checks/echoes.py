"""Texts that were to be repeated and come back in another form: each of them, in the same one.

A model that does not repeat a text says something else each time. Exactly that text, escaped as HTML, in answers to several questions is
what a server, a proxy or a tokenizer made of it. White space at the ends is a model's to leave out; composed characters (NFC) are not
judged, because some tokenizers compose what they read.
"""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable, Sequence
from urllib.parse import quote

from echosounder.judgement.agreed import REPEAT
from echosounder.judgement.answers import answer, chat_completion, wants_stream, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check_group, excerpt
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

QUESTIONS, ANSWERS = 2, 3
"""The fewest texts, and answers with them, that tell a system from chance."""

Form = tuple[str, Callable[[str], str]]


def misread(text: str) -> str:
    return text.encode().decode("latin-1")


def without(text: str, accent: Callable[[str], object]) -> str:
    """*text* without accents, which are separate characters after decomposition."""
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not accent(letter))


LOST: tuple[Form, ...] = (
    ("every character that is not ASCII is lost", lambda text: "".join(letter for letter in text if letter.isascii())),
    ("every character that is not ASCII became a question mark", lambda text: text.encode("ascii", "replace").decode()),
    ("characters are written as escapes", lambda text: text.encode("ascii", "backslashreplace").decode()),
    ("characters are written as XML", lambda text: text.encode("ascii", "xmlcharrefreplace").decode()),
)
"""What happens to characters that are not ASCII: the form in words, and the text in it."""
FORMS: tuple[Form, ...] = (
    *LOST,
    ("it is escaped as JSON once more", lambda text: json.dumps(text)[1:-1]),
    ("it is escaped as JSON once more", lambda text: json.dumps(text, ensure_ascii=False)[1:-1]),
    ("it is escaped as HTML", html.escape),
    ("it is escaped as HTML", lambda text: html.escape(text, quote=False)),
    ("it is percent-encoded", quote),
    ("it is percent-encoded", lambda text: quote(text, safe="")),
    ("its UTF-8 is read as Latin-1", misread),
    ("its UTF-8 is read as Windows-1252", lambda text: text.encode().decode("cp1252", "replace")),
    ("what Latin-1 lacks became question marks", lambda text: text.encode("latin-1", "replace").decode("latin-1")),
    ("it is decomposed (NFD)", lambda text: unicodedata.normalize("NFD", text)),
    ("its accents are lost", lambda text: without(text, unicodedata.combining)),
    ("its accents are lost", lambda text: without(text, lambda letter: unicodedata.category(letter) == "Mn")),
    ("it is in lower case", str.lower),
    ("it is in capitals", str.upper),
    ("its blanks are lost", lambda text: text.replace(" ", "")),
    ("its line feeds are lost", lambda text: text.replace("\n", "")),
    ("its quotation marks are lost", lambda text: text.replace('"', "")),
    ("its backslashes are lost", lambda text: text.replace("\\", "")),
)


def wanted(exchange: Exchange) -> str:
    """The text that the last message asks to be repeated; empty if it asks for something else."""
    said = at(exchange.asked, "messages", -1, "content")
    return said.removeprefix(REPEAT) if isinstance(said, str) and said.startswith(REPEAT) else ""


def heard(exchange: Exchange) -> str:
    return (answer(exchange).content or "").strip()


def told_by(form: Callable[[str], str], exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The answers in which *form* would be visible."""
    return [each for each in exchanges if form(wanted(each)).strip() != wanted(each).strip()]


def deformed(form: Callable[[str], str], mine: Sequence[Exchange], others: Sequence[Exchange]) -> list[Exchange]:
    """All of *mine* in which the form would be visible, if they show it and are numerous enough: fewer suffice if one of *others* is
    exact.
    """
    telling = told_by(form, mine)
    controlled = any(heard(each) == wanted(each).strip() for each in told_by(form, others))
    enough = len({wanted(each) for each in telling}) >= QUESTIONS and (len(telling) >= ANSWERS or controlled)
    return telling if enough and all(heard(each) == form(wanted(each)).strip() for each in telling) else []


@check_group(
    "chat.echo-form", lambda exchange: chat_completion(exchange) and whole(exchange) and bool(wanted(exchange))
)
def echo_form(exchanges: Sequence[Exchange], case: Case) -> Problems:
    streams = [each for each in exchanges if wants_stream(each)]
    documents = [each for each in exchanges if not wants_stream(each)]
    for mine, others, where in (
        (exchanges, (), ""),
        (streams, documents, " in a stream"),
        (documents, streams, " in a document"),
    ):
        for how, form in FORMS:
            if found := deformed(form, mine, others):
                yield Problem(
                    f"each of {len(found)} texts to repeat comes back altered{where}: {how}: {excerpt(heard(found[0]))} for "
                    f"{excerpt(wanted(found[0]))}",
                    exchange=found[0],
                    excerpt=heard(found[0]),
                    cause="text in another form",
                )
                return
    if not any(heard(each) == wanted(each).strip() for each in exchanges):
        raise Inconclusive("the model repeated no text exactly")
