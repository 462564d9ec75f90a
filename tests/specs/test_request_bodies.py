"""No constraint of a request schema is vacuous: each refuses something that nothing else refuses.

From hand-written valid bodies and the schema a walker derives, constraint by constraint, bodies that break exactly that one.
Every such body is refused; and with any one constraint deleted from the document, some body changes sides.
"""

import functools
import itertools

import jsonschema
import pytest

from echosounder import specs

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "strict": False, "parameters": {"type": "object", "properties": {}}},
}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USER = {"role": "user", "content": "hello", "name": "u"}
HISTORY = [
    {"role": "system", "content": "be brief", "name": "s"},
    USER,
    {"role": "assistant", "content": "", "name": "a", "prefix": False, "reasoning_content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "7", "tool_call_id": "c"},
]
EVERYTHING = {
    "max_tokens": 10, "stop": "x", "stream": True, "stream_options": {"include_usage": True}, "temperature": 1,
    "top_p": 1, "logprobs": True, "top_logprobs": 5, "frequency_penalty": 0, "presence_penalty": 0, "n": 1,
    "user_id": "u-1", "response_format": {"type": "text"}, "max_completion_tokens": 10, "reasoning_effort": "high",
}  # fmt: skip
CHAT = [
    {"messages": [USER]},
    {"messages": HISTORY, **EVERYTHING},
    {"messages": [USER], "stop": ["x"], "thinking": {"type": "enabled"}, "stream_options": None, "top_logprobs": None},
    {"messages": [USER], "tools": [TOOL], "tool_choice": "auto", "thinking": None},
    {"messages": [USER], "tools": [TOOL], "tool_choice": "required", "thinking": {"type": "disabled"}},
    {"messages": [USER], "tools": [], "tool_choice": "required"},
    {"messages": [USER], "tools": None, "tool_choice": "required"},
    {"messages": [USER], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"messages": [USER], "tool_choice": "none", "response_format": None},
    {"messages": [USER], "tool_choice": None, "tools": [TOOL], "thinking": {"type": "enabled"}},
    {"messages": [USER], "tool_choice": "auto", "tools": [TOOL], "thinking": {"type": "enabled"}},
    {"messages": [USER], "thinking": None, "reasoning_effort": "high"},
    {"messages": [{**USER, "content": "as JSON"}], "response_format": {"type": "json_object"}},
    {"messages": [{"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": None}, USER]},
    {"messages": [USER], "logprobs": None, "stream": None, "n": None, "stop": None},
    {"messages": [USER], "thinking": {"type": "disabled"}, "max_tokens": None},
    {"messages": [USER], "thinking": {"type": "disabled"}, "max_tokens": 1},
    {"messages": [USER], "thinking": None, "max_tokens": 1},
    {"messages": [USER], "tool_choice": "auto", "tools": [TOOL], "reasoning_effort": "low"},
    {"messages": [USER], "thinking": {"type": "enabled"}, "reasoning_effort": "max"},
    {"messages": [USER], "an_unknown_member": {"is": ["ignored"]}},
]
PARTS = [
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
    {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "json"}]}],
        "response_format": {"type": "json_object"},
    },
]
FIM = [
    {"prompt": "a"},
    {
        "prompt": "a", "suffix": "b", "echo": True, "logprobs": 3, "max_tokens": 4, "stop": ["x"], "stream": True,
        "stream_options": {"include_usage": None}, "temperature": 0, "top_p": 0.5, "frequency_penalty": 1, "presence_penalty": -1,
    },
    {"prompt": "a", "suffix": None, "echo": None, "logprobs": None, "max_tokens": None, "stop": "x", "stream": None},
    {"prompt": "a", "temperature": None, "top_p": None, "frequency_penalty": None, "presence_penalty": None, "stop": None},
]  # fmt: skip
PREFIX = [{"messages": [USER, {"role": "assistant", "content": "x", "prefix": True}]}]
REASONER = [
    {"messages": HISTORY, "logprobs": False, "top_logprobs": None, "tools": [TOOL], "tool_choice": "auto"},
    {"messages": [USER], "max_tokens": 8000, "tool_choice": "none"},
]
LONG = {"messages": [USER], "max_tokens": 60000}
FORCED = {"messages": [USER], "tools": [TOOL], "tool_choice": "required"}
SINCE_V31 = [{**LONG, "model": "deepseek-reasoner"}]
V32 = [
    {**FORCED, "thinking": None},
    FORCED,
    *({**FORCED, "model": "deepseek-reasoner", "tools": tools} for tools in ([], None)),
    {"messages": [USER], "tool_choice": "required", "model": "deepseek-reasoner"},
]
V4 = [LONG, {**FORCED, "model": "deepseek-chat"}, {"messages": [USER], "tool_choice": "required"}]
EFFORTS = [{**FORCED, "reasoning_effort": "none"}]
AS_PARTS = [
    {
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
                {"type": "file", "file": {"file_id": "file-api-1"}},
            ]},
            HISTORY[2],
            {**HISTORY[3], "content": [{"type": "text", "text": "7"}]},
        ],
    },
    {"messages": [USER], "reasoning_effort": "ultra", "user_id": "u" * 512, "tools": [
        {"type": "function", "function": {"name": "f" * 128}}
    ]},
]  # fmt: skip
OPENAI = [
    {"messages": [{**m, "content": [{"type": "text", "text": "x"}]} for m in (HISTORY[0], HISTORY[3])]},
    {
        "messages": [{"role": "developer", "content": "x"}, {"role": "assistant", "tool_calls": [CALL]}],
        "n": 2,
        "top_p": 0,
    },
    {"messages": [USER], "response_format": {"type": "json_schema"}, "max_tokens": 10**7},
    {
        "messages": [{"role": "user", "content": "json"}, {"role": "assistant", "tool_calls": [CALL]}, HISTORY[3]],
        "response_format": {"type": "json_object"},
    },
]
V4_SINCE = ("2026-04", "2026-08", "2026-09", "2026-11")
LATER = [
    (("2025-08", "2025-12"), SINCE_V31), (("2025-12",), V32), (V4_SINCE, V4), (V4_SINCE[1:], EFFORTS), (V4_SINCE[2:], AS_PARTS),
    (("openai",), OPENAI),
]  # fmt: skip
OPERATIONS = {"createChatCompletion": False, "createBetaChatCompletion": True, "createFimCompletion": True}


def bodies(profile, operation):
    """Valid bodies, chosen by what the profile is known to accept, not by its document."""
    if operation == "createFimCompletion":
        chosen = FIM
    else:
        chosen = CHAT + (PREFIX if OPERATIONS[operation] else [])
        chosen = chosen + (PARTS if profile >= "2025-01" else [])
        chosen = chosen + [{**body, "model": "deepseek-reasoner"} for body in REASONER if "2025" in profile]
        chosen = chosen + [body for known, more in LATER for body in more if profile in known]
    return [{"model": specs.models(profile)[0], **body} for body in chosen]


def operations():
    for profile in specs.PROFILES:
        paths = specs.document(profile)["paths"]
        known = [
            operation["operationId"]
            for item in paths.values()
            for operation in item.values()
            if "operationId" in operation
        ]
        yield from ((profile, operation) for operation in OPERATIONS if operation in known)


OPERATIONS_OF = list(operations())


def start(document, operation):
    """The path of the operation's request schema."""
    path = next(p for p, item in document["paths"].items() if item.get("post", {}).get("operationId") == operation)
    return ("paths", path, "post", "requestBody", "content", "application/json", "schema")


def schema_of(document, operation):
    return look(document, start(document, operation))


def acceptor(document, schema):
    """body -> does the schema accept it? Built once per document, since that is what costs."""
    return jsonschema.Draft202012Validator({"components": document["components"], "allOf": [schema]}).is_valid


# --------------------------------------------------------------------------------------------------- the walker


def look(document, path):
    for key in path:
        document = document[key]
    return document


def target(path, schema):
    return tuple(schema["$ref"].removeprefix("#/").split("/")) if "$ref" in schema else path


class Walker:
    """Yields ``(constraint, body)``: a constraint is the path of a keyword in the document, or of one name of ``required``."""

    def __init__(self, document):
        self.document = document
        self.fit = functools.cache(lambda path: acceptor(document, look(document, path)))

    def fits(self, path, value):
        return self.fit(path)(value)

    def broken(self, path, value):
        """Values near ``value`` that break one constraint of the schema at ``path``."""
        schema = look(self.document, path)
        path, schema = target(path, schema), look(self.document, target(path, schema))
        for keyword, operand in schema.items():
            if keyword in BREAK:
                yield from (((*path, keyword), bad) for bad in BREAK[keyword](operand, value))
        for index, name in enumerate(schema.get("required", ()) if isinstance(value, dict) else ()):
            yield (*path, "required", index), {key: value[key] for key in value if key != name}
        yield from self.inside(path, schema, value)
        yield from self.branches(path, schema, value)

    def inside(self, path, schema, value):
        for name in schema.get("properties", {}).keys() & value if isinstance(value, dict) else ():
            for at, bad in self.broken((*path, "properties", name), value[name]):
                yield at, {**value, name: bad}
        for index, item in enumerate(value) if isinstance(value, list) else ():
            for keyword in {"items", "contains"} & schema.keys():
                if self.fits((*path, keyword), item):
                    for at, bad in self.broken((*path, keyword), item):
                        yield (at, [*value[:index], bad, *value[index + 1 :]])

    def branches(self, path, schema, value):
        for keyword in {"allOf", "anyOf", "oneOf"} & schema.keys():
            for index in range(len(schema[keyword])):
                if self.fits((*path, keyword, index), value):
                    yield from self.broken((*path, keyword, index), value)
        if "if" in schema and self.fits((*path, "if"), value):
            yield from self.broken((*path, "then"), value)


def satisfying(schema, value):
    """A value that the operand of a ``not`` accepts."""
    if "const" in schema:
        return schema["const"]
    members = {name: satisfying(sub, None) for name, sub in schema.get("properties", {}).items()}
    return (value or {}) | {name: EVERYTHING.get(name) for name in schema.get("required", ())} | members


def only(kind, make):
    return lambda operand, value: (
        make(operand, value) if isinstance(value, kind) and not isinstance(value, bool) else []
    )


BREAK = {
    "type": lambda operand, value: ["text", 1.5, True, {}, [], None],
    "enum": lambda operand, value: ["required", "no such value"],
    "const": lambda operand, value: [False, "no such value"],
    "minimum": only((int, float), lambda operand, value: [operand - 1]),
    "maximum": only((int, float), lambda operand, value: [operand + 1]),
    "exclusiveMinimum": only((int, float), lambda operand, value: [operand]),
    "maxLength": only(str, lambda operand, value: ["a" * (operand + 1)]),
    "pattern": only(str, lambda operand, value: ["no match!"]),
    "minItems": only(list, lambda operand, value: [[]]),
    "maxItems": only(list, lambda operand, value: [value[:1] * (operand + 1)] if value else []),
    "not": lambda operand, value: [satisfying(operand, value)],
}  # fmt: skip
KEYWORDS = {*BREAK, "contains"}


def constraints(document, path):
    """Every constraint that is reachable from the schema at ``path``."""
    seen, todo = set(), [path]
    while todo:
        path = todo.pop()
        schema = look(document, path)
        path, schema = target(path, schema), look(document, target(path, schema))
        if path in seen:
            continue
        seen.add(path)
        yield from ((*path, keyword) for keyword in KEYWORDS & schema.keys())
        yield from ((*path, "required", index) for index in range(len(schema.get("required", ()))))
        todo += [(*path, "properties", name) for name in schema.get("properties", ())]
        todo += [(*path, keyword) for keyword in ("items", "contains", "if", "then", "not") if keyword in schema]
        todo += [(*path, k, i) for k in ("allOf", "anyOf", "oneOf") for i in range(len(schema.get(k, ())))]


@functools.cache
def refused(profile, operation):
    """Constraint -> bodies that break it and are refused."""
    document = specs.document(profile)
    walker, accepts, found = Walker(document), acceptor(document, schema_of(document, operation)), {}
    for body in bodies(profile, operation):
        for at, bad in walker.broken(start(document, operation), body):
            if len(found.setdefault(at, [])) < 8 and not accepts(bad):
                found[at].append(bad)
    return found


@pytest.mark.parametrize(("profile", "operation"), OPERATIONS_OF)
def test_valid_bodies_pass(profile, operation):
    document = specs.document(profile)
    accepts = acceptor(document, schema_of(document, operation))
    assert [body for body in bodies(profile, operation) if not accepts(body)] == []


def without(node, constraint):
    """The document without one constraint; only the nodes on the way to it are copied."""
    key, *rest = constraint
    copied = node.copy()
    if rest:
        copied[key] = without(node[key], rest)
    else:
        del copied[key]
    return copied


def notices(profile, constraint):
    """Does some body change sides when the constraint is gone? The likeliest bodies come first, for speed."""
    document = without(specs.document(profile), constraint)
    for operation in [name for known, name in OPERATIONS_OF if known == profile]:
        accepts, cases = acceptor(document, schema_of(document, operation)), refused(profile, operation)
        near = [bads for at, bads in cases.items() if at != constraint and at[:3] == constraint[:3]]
        if (
            any(map(accepts, cases.get(constraint, ())))
            or any(map(accepts, itertools.chain.from_iterable(near)))
            or not all(map(accepts, bodies(profile, operation)))
        ):
            return True
    return False


def is_its_own(profile, constraint):
    """Not in a part of the document that is the same in the default profile, where it is tested."""
    part = constraint[:3]
    try:
        return profile == specs.DEFAULT_PROFILE or look(specs.document(profile), part) != look(specs.document(), part)
    except KeyError:
        return True


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_every_constraint_refuses_something_that_nothing_else_refuses(profile):
    document = specs.document(profile)
    starts = [start(document, operation) for known, operation in OPERATIONS_OF if known == profile]
    every = {constraint for path in starts for constraint in constraints(document, path)}
    assert len(every) > 100
    mine = [constraint for constraint in every if is_its_own(profile, constraint)]
    assert sorted("/".join(map(str, c)) for c in mine if not notices(profile, c)) == []
