"""Responses and Messages requests that are misread: members are lost, and errors are repaired silently."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from echosounder.mock_server.deviations.asked import objects
from echosounder.mock_server.deviations.forms import asked_in, described, rewrites
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.wire.strict_json import at

Body = dict[str, Any]
Change = Callable[[Body], object]
ROLES = ("user", "assistant", "system", "developer")
MODEL = "deepseek-v4-flash"
CUSTOM = "apply_patch"  # the only custom tool


def row(format: str, name: str, breaks: Collection[str], summary: str, change: Change) -> None:
    """Register *change*, which edits request bodies in *format*; *breaks* lists requirements without the format's prefix."""

    def apply(body: Body, context: Context) -> None:
        change(body)

    wanted = {f"{format}.{each}" for each in breaks}
    rewrites(f"{format}-{name}", wanted, format)(described(summary, apply))


def lost(*names: str) -> Change:
    return lambda body: [body.pop(name, None) for name in names]


def cool(body: Body) -> None:
    if isinstance(body.get("temperature"), int | float):
        body["temperature"] = min(body["temperature"], 2)


def more(name: str) -> Change:
    """Raise the bound instead of removing it, so that answers stay finite."""

    def change(body: Body) -> None:
        if isinstance(body.get(name), int):
            body[name] += 64

    return change


for format, bound in (("responses", "max_output_tokens"), ("messages", "max_tokens")):
    row(
        format,
        "temperature-clamped",
        {"error-temperature"},
        "A temperature out of range is clamped to the range.",
        cool,
    )
    row(
        format,
        "bound-exceeded",
        {"usage-bound-kept"},
        f"``{bound}`` does not bound the answer.",
        more(bound),
    )


# --- Responses


def items(body: Body, *kinds: str) -> list[Body]:
    """The input items of the given types; all items if no type is given."""
    return [each for each in objects(body.get("input")) if not kinds or each.get("type") in kinds]


def kept(body: Body, name: str, keep: Callable[[Body], bool]) -> None:
    """The list without the objects for which *keep* is false."""
    if isinstance(body.get(name), list):
        body[name] = [each for each in body[name] if not isinstance(each, dict) or keep(each)]


def orphans_dropped(body: Body) -> None:
    called = [each.get("call_id") for each in items(body, "function_call")]
    kept(body, "input", lambda each: each.get("type") != "function_call_output" or each.get("call_id") in called)


def calls_answered(body: Body) -> None:
    answered = [each.get("call_id") for each in items(body, "function_call_output")]
    left = [each["call_id"] for each in items(body, "function_call") if each.get("call_id") not in answered]
    if left:
        body["input"] += [{"type": "function_call_output", "call_id": each, "output": ""} for each in left]


def ids_made_up(body: Body) -> None:
    """Replace the ids of calls and outputs so that they are paired by order."""
    for kind in ("function_call", "function_call_output"):
        for number, each in enumerate(items(body, kind)):
            each["call_id"] = f"call_{number}"


def names_mended(body: Body) -> None:
    for tool in objects(body.get("tools")):
        if isinstance(tool.get("name"), str):
            tool["name"] = tool["name"].replace(" ", "_")[:128]


def twins_dropped(body: Body) -> None:
    seen: list[Any] = []
    kept(body, "tools", lambda tool: tool.get("name") not in seen and not seen.append(tool.get("name")))  # type: ignore[func-returns-value]


def roles_mended(body: Body) -> None:
    for each in items(body):
        if "role" in each and each["role"] not in ROLES:
            each["role"] = "user"


def input_defaulted(body: Body) -> None:
    if not isinstance(body.get("input"), str | list) and "instructions" not in body:
        body["input"] = str(body.get("input", ""))


for name, breaks, summary, change in (
    (
        "tool-choice-ignored",
        {"tool-named", "tool-none"},
        "``tool_choice`` has no effect: the model decides.",
        lost("tool_choice"),
    ),
    (
        "effort-ignored",
        {"thinking-off", "tool-history"},
        "``reasoning`` has no effect: the default of the model applies.",
        lost("reasoning"),
    ),
    (
        "orphans-dropped",
        {"tool-orphan-refused"},
        "Outputs without a call are dropped.",
        orphans_dropped,
    ),
    ("calls-answered", {"tool-unanswered-refused"}, "Calls without an output get an empty one.", calls_answered),
    (
        "ids-made-up",
        {"call-id-empty-refused", "call-id-twice-refused"},
        "Calls and outputs are paired by their order, whatever their ids.",
        ids_made_up,
    ),
    (
        "names-mended",
        {"name-long-refused", "name-pattern-refused"},
        "Names of tools are truncated and their spaces replaced.",
        names_mended,
    ),
    ("twins-dropped", {"name-twice-refused"}, "Of two tools with the same name the second is dropped.", twins_dropped),
    (
        "custom-ignored",
        {"custom-refused"},
        "Unknown custom tools are dropped.",
        lambda body: kept(body, "tools", lambda tool: tool.get("type") != "custom" or tool.get("name") == CUSTOM),
    ),
    (
        "model-defaulted",
        {"error-no-model"},
        "A request without model is served.",
        lambda body: body.setdefault("model", MODEL),
    ),
    (
        "input-defaulted",
        {"error-no-input", "error-wrong-type"},
        "A missing input, or a number, is treated as a string.",
        input_defaulted,
    ),
    ("roles-mended", {"error-role"}, "Messages of an unknown role count as user messages.", roles_mended),
):
    row("responses", name, breaks, summary, change)


# --- Messages


def blocks(body: Body, kind: str) -> list[Body]:
    contents = [each.get("content") for each in objects(body.get("messages"))]
    return [each for content in contents for each in objects(content) if each.get("type") == kind]


def results_unpaired(body: Body) -> None:
    called = [each.get("id") for each in blocks(body, "tool_use")]
    for message in objects(body.get("messages")):
        for block in objects(message.get("content")):
            if block.get("type") == "tool_result" and block.get("tool_use_id") not in called:
                block.clear()
                block |= {"type": "text", "text": ""}


def results_added(body: Body) -> None:
    answered = [each.get("tool_use_id") for each in blocks(body, "tool_result")]
    left = [each["id"] for each in blocks(body, "tool_use") if each.get("id") not in answered]
    last = at(body, "messages", -1, "content")
    if left and isinstance(last, list):
        last += [{"type": "tool_result", "tool_use_id": each, "content": ""} for each in left]


def messages_defaulted(body: Body) -> None:
    given = body.get("messages")
    if not isinstance(given, list):
        body["messages"] = [given if isinstance(given, dict) else {"role": "user", "content": "."}]


def authors_mended(body: Body) -> None:
    for message in objects(body.get("messages")):
        if message.get("role") not in ROLES[:2]:
            message["role"] = "user"


def choice_mended(body: Body) -> None:
    if at(body, "tool_choice", "type") not in ("auto", "any", "tool", "none"):
        body.pop("tool_choice", None)


def model_mapped(body: Body) -> None:
    if isinstance(body.get("model"), str) and not body["model"].startswith(("claude", "deepseek")):
        body["model"] = MODEL


for name, breaks, summary, change in (
    (
        "tool-choice-ignored",
        {"error-tool-choice", "tool-named", "tool-none"},
        "``tool_choice`` has no effect: the model decides.",
        lost("tool_choice"),
    ),
    (
        "choice-unknown-served",
        {"error-tool-choice"},
        "An unknown ``tool_choice`` has no effect.",
        choice_mended,
    ),
    ("stops-ignored", {"stop-sequence"}, "``stop_sequences`` have no effect.", lost("stop_sequences")),
    (
        "thinking-ignored",
        {"result-error", "thinking-off", "tool-history"},
        "``thinking`` has no effect: the default of the model applies.",
        lost("thinking"),
    ),
    (
        "orphans-dropped",
        {"tool-orphan-refused"},
        "Results without a call are dropped.",
        results_unpaired,
    ),
    ("calls-answered", {"tool-unanswered-refused"}, "Calls without a result get an empty one.", results_added),
    (
        "messages-defaulted",
        {"error-no-messages", "error-wrong-type"},
        "A request without messages is served, and so is one whose messages are an object.",
        messages_defaulted,
    ),
    ("roles-mended", {"error-role"}, "Messages of an unknown role count as user messages.", authors_mended),
    ("unknown-model-mapped", {"unknown-model-refused"}, "Any model is served, as until September 2026.", model_mapped),
):
    row("messages", name, breaks, summary, change)


# --- headers; only Messages has two for the key


@deviation("messages-x-api-key-wins", Layer.REQUEST, {"messages.two-keys"}, "messages")
def x_api_key_wins(request: HttpRequest, context: Context) -> HttpRequest:
    """With two keys, the one in ``x-api-key`` counts, as at Anthropic."""
    return without(request, "authorization") if "x-api-key" in request.headers else request


@deviation(
    "messages-bearer-ignored",
    Layer.REQUEST,
    {"messages.bearer", "messages.error-envelope", "messages.two-keys"},
    "messages",
)
def bearer_ignored(request: HttpRequest, context: Context) -> HttpRequest:
    """A key in ``Authorization`` is ignored."""
    return without(request, "authorization")


def without(request: HttpRequest, name: str) -> HttpRequest:
    """Return the request without a header, if it is a Messages request."""
    if not asked_in("messages", request) or name not in request.headers:
        return request
    return replace(request, headers={each: value for each, value in request.headers.items() if each != name})
