"""The probes, a module per feature. Importing this package registers all of them."""

from echosounder.conformance.probes import (
    account,
    cache,
    chat,
    errors,
    fim,
    generated,
    json_output,
    limits,
    messages,
    prefix,
    responses,
    thinking,
    tools,
    transport,
)

__all__ = [
    "account",
    "cache",
    "chat",
    "errors",
    "fim",
    "generated",
    "json_output",
    "limits",
    "messages",
    "prefix",
    "responses",
    "thinking",
    "tools",
    "transport",
]
