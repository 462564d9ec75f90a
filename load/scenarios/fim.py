from echosounder.load.worker.workload import Item


def fim() -> tuple[Item, ...]:
    """Code completion between a prefix and a suffix (the beta completions endpoint), short answers, streamed."""
    return (Item("fim", kind="fim", prompt_tokens=(100, 400), output_tokens=32),)
