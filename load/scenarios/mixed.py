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
        *(_agent(form.name) for form in (RESPONSES, MESSAGES)),
    )


def _agent(form: str) -> Item:
    """A coding agent: long instructions and tools that stay, and turns that grow, in the format that it speaks."""
    return Item(
        f"agent-{form}",
        kind="tools",
        weight=1,
        prompt_tokens=(60, 300),
        output_tokens=96,
        shared_prefix=1024,
        rounds=8,
        conversations=8,
        format=form,
    )
