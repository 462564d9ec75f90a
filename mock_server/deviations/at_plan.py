"""Well-formed answers with content other than requested. Models may give them, so few are faults of the API."""

from dataclasses import replace

from echosounder import specs
from echosounder.mock_server.answering.plan import AnswerPlan
from echosounder.mock_server.deviations.asked import whole_number
from echosounder.mock_server.deviations.registry import Context, Layer, deviation


@deviation("text-beside-calls", Layer.PLAN)
def text_beside_calls(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Legal: the model writes text before it calls a tool."""
    said = ["Let", " me", " look", "."]
    if plan.finish != "tool_calls" or plan.content:
        return plan
    return replace(plan, content=said, completion_tokens=plan.completion_tokens + len(said))


@deviation("resource-interruption", Layer.PLAN)
def resource_interruption(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Legal: the back end stops half-way, as documented: status 200 with a dedicated ``finish_reason``."""
    return _half(plan, context, "insufficient_system_resource")


@deviation("aborted", Layer.PLAN)
def aborted(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Legal: the server aborts half-way, as documented for chat since September 2026; formats without
    that reason are unaffected.
    """
    reasons = "FimFinishReason" if "prompt" in context.body else "FinishReason"
    known = specs.document(context.profile)["components"]["schemas"][reasons]["enum"]
    return _half(plan, context, "aborted") if "aborted" in known else plan


@deviation("content-filter", Layer.PLAN)
def content_filter(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Legal: a filter stops the answer half-way, which is documented."""
    return _half(plan, context, "content_filter")


def _half(plan: AnswerPlan, context: Context, finish: str) -> AnswerPlan:
    half = len(plan.content) // 2
    if plan.finish != "stop" or not half or context.body.get("stop"):
        return plan  # stop sequences have their own rule
    left = plan.completion_tokens - (len(plan.content) - half)
    return replace(plan, content=plan.content[:half], finish=finish, completion_tokens=left)


@deviation("uncooperative-model", Layer.PLAN)
def uncooperative_model(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Legal: the model ignores instructions in the prompt, such as to repeat a text."""
    said = ["I", " would", " rather", " not", "."]
    if plan.finish != "stop" or len(plan.content) < len(said) or "response_format" in context.body:
        return plan
    left = plan.completion_tokens - (len(plan.content) - len(said))
    return replace(plan, content=said, completion_tokens=left)


@deviation("thought-uses-up-max-tokens", Layer.PLAN, {"thinking.r1-separate"})
def thought_uses_up_max_tokens(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Reasoning counts against ``max_tokens`` even if it has a separate limit, like that of R1."""
    most, thought = whole_number(context.body, "max_tokens"), plan.reasoning or []
    if most is None or not thought or plan.completion_tokens <= most:
        return plan
    return replace(
        plan,
        reasoning=thought[:most],
        content=plan.content[: max(most - len(thought), 0)],
        calls=(),
        finish="length",
        completion_tokens=most,
        reasoning_tokens=min(len(thought), most),
    )
