"""Legal bodies. The rules that JSON Schema cannot say are kept by construction: the order of roles, every call answered
once and only then, one prefix at the very end, unique names of functions."""

from __future__ import annotations

import operator
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from echosounder.conformance.ask import Ask
from echosounder.conformance.generate.translated import TRANSLATED
from echosounder.wire.formats import CHAT, FIM, Format, Question, Turn

Body = dict[str, Any]
Drawn = TypeVar("Drawn")

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
NAME = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)
SCHEMA = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.dictionaries(
            NAME, st.sampled_from([{"type": kind} for kind in ("string", "integer", "boolean")]), max_size=3
        ),
    }
)


@st.composite
def tools(draw: st.DrawFn, least: int = 1, most: int = 4) -> list[Body]:
    """Functions with different names."""
    names = draw(st.lists(NAME, min_size=least, max_size=most, unique=True))
    return [{"type": "function", "function": {"name": name, **draw(_described())}} for name in names]


def _described() -> st.SearchStrategy[Body]:
    return st.fixed_dictionaries({}, optional={"description": TEXT, "parameters": SCHEMA})


@st.composite
def messages(draw: st.DrawFn, functions: list[Body] | None = None, thought: bool = False) -> list[Body]:
    """A conversation that ends with the user or with the results of calls. ``thought`` adds to messages with calls the
    reasoning that a thinking model requires."""
    turns: list[Body] = draw(st.lists(_said("system"), max_size=1))
    for _ in range(draw(st.integers(0, 2))):
        turns.append(draw(_said("user")))
        turns += draw(_called(functions, thought, len(turns))) if functions and draw(st.booleans()) else []
        turns.append(draw(_said("assistant")))
    turns.append(draw(_said("user")))
    return turns + (draw(_called(functions, thought, len(turns))) if functions and draw(st.booleans()) else [])


def _said(role: str) -> st.SearchStrategy[Body]:
    return st.fixed_dictionaries({"role": st.just(role), "content": TEXT}, optional={"name": NAME})


@st.composite
def _called(draw: st.DrawFn, functions: list[Body], thought: bool, place: int) -> list[Body]:
    """An assistant message with calls, and one result for each. Calls at another *place* of the conversation have other ids."""
    id = st.from_regex(f"call_{place % 100:02}_[a-z0-9]{{6}}", fullmatch=True)
    ids = draw(st.lists(id, min_size=1, max_size=3, unique=True))
    names = [draw(st.sampled_from(functions))["function"]["name"] for _ in ids]
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}
        for id, name in zip(ids, names, strict=True)
    ]
    said = {"role": "assistant", "content": draw(st.sampled_from(["", None, "Let me look."])), "tool_calls": calls}
    if thought:
        said["reasoning_content"] = draw(TEXT)
    return [said, *({"role": "tool", "tool_call_id": id, "content": draw(TEXT)} for id in ids)]


@st.composite
def chat(draw: st.DrawFn, ask: Ask) -> Body:
    """A body for ``/chat/completions`` of the profile; thinking is off if it can be switched."""
    limits = ask.limits
    functions = draw(st.none() | tools()) if limits.tools else None
    thought = limits.thinking == "always" and limits.reasoning_kept
    body = {**ask.body(draw(messages(functions, thought))), CHAT.grammar.bound: draw(st.integers(1, 4))}
    if functions:
        body["tools"] = functions
        body |= draw(st.fixed_dictionaries({}, optional={"tool_choice": st.sampled_from(["none", "auto"])}))
    return body | draw(_sampling(limits.stop_max or 4)) | draw(_streaming())


def _sampling(stops: int) -> st.SearchStrategy[Body]:
    stop = TEXT | st.lists(TEXT, min_size=1, max_size=stops)
    chances = {
        "temperature": st.none() | st.floats(0, 2),
        "top_p": st.none() | st.floats(0.01, 1),
        "stop": st.none() | stop,
    }
    return st.fixed_dictionaries({}, optional=chances)


def _streaming() -> st.SearchStrategy[Body]:
    """``stream_options`` only next to ``stream``: alone it is refused."""
    usage = st.fixed_dictionaries({"include_usage": st.booleans()})
    streamed = st.fixed_dictionaries({"stream": st.just(True)}, optional={"stream_options": usage})
    return st.just({}) | st.fixed_dictionaries({"stream": st.sampled_from([False, None])}) | streamed


def fim(ask: Ask) -> st.SearchStrategy[Body]:
    """A body for ``/beta/completions``."""
    needed = st.builds(
        lambda text, most: FIM.ask(ask.model, Question((Turn("user", text),), most)), TEXT, st.integers(1, 4)
    )
    extras = {
        "suffix": st.none() | TEXT,
        "echo": st.none() | st.booleans(),
        "logprobs": st.none() | st.integers(0, 20),
        "temperature": st.floats(0, 2),
    }
    return st.builds(operator.or_, needed, st.fixed_dictionaries({}, optional=extras))


def translated(form: Format, ask: Ask) -> st.SearchStrategy[Body]:
    """Translates a chat body for the path of an equivalent format."""
    return chat(ask).map(TRANSLATED[form.name])


def corpus(strategy: st.SearchStrategy[Drawn], count: int, number: int = 0) -> list[Drawn]:
    """*count* examples, the same for the same seed *number*; nothing is sent, so nothing can be shrunk."""
    drawn: list[Drawn] = []
    quiet = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def collect(example: Drawn) -> None:
        drawn.append(example)

    seed(number)(quiet(given(strategy)(collect)))()
    return drawn[:count]
