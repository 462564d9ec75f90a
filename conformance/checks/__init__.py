"""The checks, a module per area. Importing this package registers all of them."""

from conformance.checks import (
    account,
    beta,
    cache,
    chat,
    chunks,
    framing,
    json_output,
    logprobs,
    outcomes,
    pairs,
    refusals,
    schemas,
    thinking,
    tools,
    transport,
    usage,
)

__all__ = [
    "account",
    "beta",
    "cache",
    "chat",
    "chunks",
    "framing",
    "json_output",
    "logprobs",
    "outcomes",
    "pairs",
    "refusals",
    "schemas",
    "thinking",
    "tools",
    "transport",
    "usage",
]
