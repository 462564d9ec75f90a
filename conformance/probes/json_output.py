"""JSON output: response_format json_object."""

from __future__ import annotations

from echosounder.conformance.ask import GREEDY, Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.chat import STREAM_USAGE
from echosounder.conformance.probes.errors import wrong
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite

OBJECT = {"type": "json_object"}
TURNS = [
    {"role": "system", "content": 'Answer in JSON like this: {"question": "What is up?", "answer": "The sky."}'},
    {"role": "user", "content": "Which is the longest river in the world? The Nile River. Answer in JSON."},
]

OTHER = [
    TURNS[0],
    {"role": "user", "content": "Which is the highest mountain in the world? Mount Everest. Answer in JSON."},
]


def has_json(ask: Subject) -> bool:
    return ask.limits.json_output


@probe("json.object", requests=2, tokens=256, features={"json"}, applies=has_json)
def json_object(ask: Ask) -> Steps:
    """Two questions that invite a JSON object."""
    yield ask.chat(TURNS, response_format=OBJECT, max_tokens=128, **GREEDY, step="first")
    yield ask.chat(OTHER, response_format=OBJECT, max_tokens=128, **GREEDY, step="second")


@probe("json.object.stream", tokens=128, features={"json"}, applies=has_json)
def json_object_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield ask.chat(TURNS, response_format=OBJECT, max_tokens=128, **GREEDY, **STREAM_USAGE)


@probe(
    "json.no-word",
    tokens=1,
    features={"json", "errors"},
    applies=has_json,
    order=10,
)
def no_word(ask: Ask) -> Steps:
    """json_object without the word JSON in the prompt."""
    yield wrong(ask, "json_object without the word json in the prompt", response_format=OBJECT)


@probe("json.length", Suite.THOROUGH, requests=2, tokens=12, features={"json"}, applies=has_json)
def length(ask: Ask) -> Steps:
    """A JSON answer that is cut, in both modes."""
    yield ask.chat(TURNS, response_format=OBJECT, max_tokens=6, **GREEDY)
    yield ask.chat(TURNS, response_format=OBJECT, max_tokens=6, **GREEDY, **STREAM_USAGE, step="stream")


@probe("json.word-case", Suite.THOROUGH, requests=2, tokens=16, features={"json"}, applies=has_json)
def word_case(ask: Ask) -> Steps:
    """The word JSON in capitals, and in an assistant message only."""
    capital = [{"role": "user", "content": "Say hello as JSON."}]
    elsewhere = [
        {"role": "user", "content": "How do you answer?"},
        {"role": "assistant", "content": "In json."},
        {"role": "user", "content": "Do."},
    ]
    yield ask.chat(capital, response_format=OBJECT, max_tokens=8, step="capitals")
    yield ask.chat(elsewhere, response_format=OBJECT, max_tokens=8, step="assistant")


@probe("json.text", Suite.THOROUGH, tokens=4, features={"json"}, applies=has_json)
def text(ask: Ask) -> Steps:
    """response_format text, spelled out."""
    yield ask.chat("Say hello.", response_format={"type": "text"}, max_tokens=4)


@probe(
    "json.schema-refused",
    tokens=1,
    features={"json", "errors"},
    applies=has_json,
    order=10,
)
def schema_refused(ask: Ask) -> Steps:
    """response_format json_schema, which chat does not have."""
    schema = {"name": "answer", "schema": {"type": "object", "properties": {"answer": {"type": "string"}}}}
    shape = {"type": "json_schema", "json_schema": schema}
    yield wrong(ask, "response_format json_schema", messages=TURNS, response_format=shape)
