"""Expected statuses: which probes must be served, and which refused with what status; one row each."""

from __future__ import annotations

from echosounder.judgement.checks.outcomes import (
    CLIENT,
    bad_request,
    either,
    follow_up,
    refused,
    served,
    steps,
    unknown_model,
    wrong_parameter,
)
from echosounder.wire.exchange import Exchange


def described(exchange: Exchange) -> bool:
    """Requests that the profile documents; the others are open."""
    return steps()(exchange) and "open" not in exchange.notes


for requirement, pick in {
    "chat.stop-16": steps(),
    "chat.stop-8": steps("eight"),
    "chat.multi-turn": steps("second"),
    "chat.nulls-accepted": steps(),
    "chat.unknown-field-ignored": steps(),
    "chat.system-message": steps("first"),
    "chat.message-name": steps(),
    "chat.content-parts": steps(),
    "chat.user-id": steps(),
    "tools.name-128": steps(),
    "tools.result-parts": steps(),
    "thinking.effort-mapped": steps(),
    "chat.temperature-bounds": steps("first", "2"),
    "chat.penalties-accepted": steps("penalties"),
    "chat.beta-8k": steps(),
    "chat.max-tokens-optional": steps("no-max-tokens"),
    "chat.client-headers": steps("sdk"),
    "chat.sdks-served": described,
    "chat.system-anywhere": steps("late-system"),
    "tools.schema-keywords": steps("schema"),
    "chat.legal-served": steps(),
    "chat.conversation-served": steps(),
    "responses.legal-served": steps(),
    "responses.conversation-served": steps(),
    "messages.legal-served": steps(),
    "messages.conversation-served": steps(),
    "fim.legal-served": steps(),
    "limits.top-p-one": steps("top_p"),
    "limits.stop-empty": steps("", "stop"),
    "json.accepted": steps(),
    "json.text-accepted": steps(),
    "json.word-any-case": steps(),
    "fim.available": steps(),
    "fim.nulls-accepted": steps(),
    "tools.auto-accepted": steps(),
    "tools.round-trip": follow_up("result"),
    "tools.null-content-history": steps(),
    "tools.count-128": steps(),
    "tools.empty-array": steps(),
    "tools.parallel-flag": steps(),
    "tools.parameters-optional": steps(),
    "tools.strict-accepted": steps(),
    "prefix.accepted": steps(),
    "prefix.beta-route": steps(),
    "prefix.reasoning": steps(),
    "prefix.truncation-resumed": follow_up("resumed"),
    "thinking.reasoning-kept": follow_up("result"),
    "thinking.reasoning-ignored": steps(),
    "thinking.sampling-ignored": steps(),
    "thinking.effort-values": steps(),
    "logprobs.zero": steps(),
    "transport.charset-accepted": steps(),
    "transport.bearer-any-case": steps(),
    "transport.chunked-request": steps(),
    "transport.v1-alias": steps(),
    "vision.inline-served": steps("low", "high", "original", "auto"),
    "vision.file-served": follow_up("file"),
    "vision.tool-result-served": steps(),
}.items():
    served(requirement, pick)

for requirement, pick in {
    "error.client-fault-4xx": steps(),
    "error.missing-messages": steps(),
    "error.missing-model": steps(),
    "error.empty-messages": steps(),
    "error.unknown-role": steps(),
    "error.developer-role": steps(),
    "error.wrong-type": steps(),
    "limits.max-tokens-minimum": steps("0", "-1"),
    "limits.max-tokens-maximum": steps("above", "far"),
    "limits.max-tokens-type": steps("text", "fraction", "max_tokens"),
    "chat.beta-8k-only": steps("above"),
    "limits.temperature": steps(),
    "limits.top-p": steps(),
    "limits.penalties": steps(),
    "limits.stop-17": steps(),
    "limits.top-logprobs-range": steps("21", "-1"),
    "limits.top-logprobs-alone": steps("alone"),
    "limits.n": steps(),
    "limits.stream-options-alone": steps(),
    "limits.user-id-512": steps(),
    "json.schema-refused": steps(),
    "fim.prompt-required": steps("prompt"),
    "fim.max-tokens-4k": steps("max_tokens.*"),
    "fim.bounds": steps("temperature*", "top_p", "logprobs", "stop"),
    "tools.count-129": steps(),
    "tools.bad-name-refused": steps(),
    "tools.long-name-refused": steps(),
    "tools.duplicate-name-refused": steps(),
    "tools.parameters-object": steps(),
    "tools.choice-unknown-refused": steps(),
    "thinking.effort-unknown-refused": steps(),
    "thinking.type-required": steps(),
    "thinking.logprobs-refused": steps(),
    "limits.user-id-bytes": steps(),
    "files.gone": steps("gone"),
    "files.purpose-refused": steps("no-purpose", "purpose"),
    "files.missing-refused": steps("no-file"),
    "files.expiry-bounds": steps("short", "long", "no-anchor"),
    "vision.format-refused": steps("text"),
    "vision.address-refused": steps("scheme", "long"),
    "vision.detail-refused": steps("detail"),
    "vision.side-refused": steps("side"),
    "vision.system-refused": steps("system"),
    "vision.file-unknown-refused": steps("file"),
    "search.query-bounds": steps("empty", "long"),
    "search.fetch-scheme": steps("scheme"),
}.items():
    refused(requirement, pick)

for requirement, pick, statuses in (
    ("error.status-401", steps(), {401}),
    ("error.bad-scheme", steps(), {401}),
    ("error.auth-before-body", steps(), {401}),
    ("models.auth", steps(), {401}),
    ("balance.auth", steps(), {401}),
    ("files.auth", steps(), {401}),
    ("search.auth", steps(), {401}),
    ("error.status-400-json", steps("", "cut", "text", "not-utf8"), {400}),
    ("error.media-type", steps(), {415}),
    ("error.wrong-path", steps(), {404}),
    ("error.wrong-method", steps(), {405}),
    ("json.word-required", steps(), bad_request),
    ("fim.off-beta-refused", steps(), bad_request),
    ("prefix.off-beta-refused", steps(), bad_request),
    ("tools.orphan-refused", steps(), bad_request),
    ("tools.unanswered-refused", steps(), bad_request),
    ("tools.strict-schema-checked", steps(), bad_request),
    ("thinking.tool-choice-refused", steps(), bad_request),
    ("thinking.reasoning-refused", steps(), bad_request),
):
    refused(requirement, pick, statuses)

refused("error.status-400-parameter", steps(), wrong_parameter)
refused("error.unknown-model", steps(), unknown_model)

either("prefix.assistant-last", {200, *CLIENT})
either("tools.result-content-parts", {200, *CLIENT})
either("fim.models", {200})
either("thinking.effort-with-disabled", {400})
either("thinking.reasoning-missing-refused", {400})
either("thinking.reasoning-by-tools", {400})
