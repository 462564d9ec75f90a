from echosounder.load.worker.workload import Item
from echosounder.wire.formats import MESSAGES, RESPONSES


def mixed() -> tuple[Item, ...]:
    """Typical application traffic: conversations, long prompts, non-streaming responses, JSON, tool calls, code completion and
    agents, by weight.
    """
    return (
        Item(
            "conversation",
            weight=4,
            prompt_tokens=(40, 120),
            output_tokens=64,
            shared_prefix=256,
            rounds=6,
            conversations=16,
        ),
        Item("long-prompt", weight=1, prompt_tokens=(2000, 4000), output_tokens=48),
        Item("whole-answer", weight=2, prompt_tokens=(50, 200), output_tokens=48, stream=False),
        Item("json", kind="json", weight=1, prompt_tokens=(100, 200), output_tokens=96),
        Item("tool-call", kind="tools", weight=1, prompt_tokens=(100, 200), output_tokens=96),
        Item("fim", kind="fim", weight=3, prompt_tokens=(100, 400), output_tokens=32),
        _agent("coding-agent"),
        *(_agent(f"agent-{form.name}", form.name) for form in (RESPONSES, MESSAGES)),
    )


def _agent(name: str, form: str = "") -> Item:
    """A coding agent in its wire format: constant long instructions, tool calls answered after a pause, and a context
    that grows by the received answers; its first call goes to a sub-agent.

    """
    return Item(
        name,
        kind="tools",
        weight=1,
        prompt_tokens=(60, 300),
        output_tokens=96,
        shared_prefix=1024,
        rounds=4,
        format=form,
        session=True,
        think=(0.0, 0.5),
        tool_time=(0.05, 0.3),
        subagents=1,
    )
