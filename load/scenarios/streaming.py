from echosounder.load.worker.workload import Item


def streaming() -> tuple[Item, ...]:
    """Streamed chat answers to prompts without shared prefixes: time to first token, gaps, throughput, cost."""
    return (Item("chat", prompt_tokens=(200, 200), output_tokens=64),)
