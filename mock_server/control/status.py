"""``GET /__mock/``: an HTML overview, one page without scripts."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left;font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}td,th{border-color:#333}}"
)


def page(state: dict[str, Any], config: dict[str, Any], entries: Sequence[dict[str, Any]]) -> str:
    """Return the status page; *entries* are journal records, oldest first."""
    numbers = [
        (name.replace("_", " "), state[name]) for name in ("requests", "in_flight", "connections", "load", "priced_at")
    ]
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">',
        f"<title>mock: {state['in_flight']} in flight</title><style>{STYLE}</style><h1>Mock, profile {_cell(config['profile'])}</h1>",
        _table("Now", (), numbers),
        _table(
            "Accounts",
            ("key", "balance", "of it granted"),
            ((a["key"], a["balance"], a["granted"]) for a in state["accounts"]),
        ),
        _table("Cache", (), list(state["cache"].items())),
        _table(
            "Deviations",
            ("selection", "matched", "armed", "applied"),
            ((d["text"], d["matched"], d["armed"], d["applied"]) for d in state["deviations"]),
        ),
        _table("Last requests", _REQUEST, (_request(entry) for entry in reversed(entries))),
        _table("Settings", (), [(name, value) for name, value in config.items() if value not in (None, ())]),
    ]
    return "".join(parts) + "</html>"


_REQUEST = ("number", "request", "status", "model", "prompt (hit)", "output", "price", "ms", "late ms, worst", "")


def _request(entry: dict[str, Any]) -> tuple[Any, ...]:
    usage, cache, late = entry["usage"] or {}, entry["cache"] or {}, entry["late_ns"] or {"max": 0}
    took = (entry["written"][-1] - entry["arrived"]) / 1e6 if entry["written"] else 0
    remarks = [d["name"] if d["applied"] else f"{d['name']} ({_idle(d)})" for d in entry["deviations"]]
    return (
        entry["number"],
        f"{entry['method']} {entry['path']}" + (" stream" if entry["stream"] else ""),
        entry["status"],
        entry["model"],
        f"{usage.get('prompt_tokens', '')} ({cache.get('hit', '')})" if usage else "",
        usage.get("completion_tokens", ""),
        entry["price"] or "",
        f"{took:.1f}",
        f"{late['max'] / 1e6:.2f}",
        ", ".join(remarks + ([] if entry["complete"] else ["client left"])),
    )


def _idle(deviation: dict[str, Any]) -> str:
    return f"failed: {deviation['reason']}" if "reason" in deviation else "not applied"


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}' for cell in row)}" for row in rows)
    if not body:
        return ""
    first = f"<tr>{''.join(f'<th scope=col>{_cell(cell)}' for cell in head)}" if head else ""
    return f"<h2>{title}</h2><table>{first}{body}</table>"


def _cell(value: Any) -> str:
    return escape(f"{value:.3g}" if isinstance(value, float) else str(value))
