"""``python -m echosounder.mock_server``: every field of :class:`Config` is an option."""

import argparse
import sys
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from echosounder.mock_server.config import Config
from echosounder.mock_server.net.server import serve
from echosounder.wire.errors import EchosounderError


def main() -> int:
    try:
        serve(Config(**vars(parser().parse_args())))
    except EchosounderError as error:
        print(f"mock_server: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("mock_server", description=__doc__)
    hints = get_type_hints(Config)
    for member in fields(Config):
        kind = hints[member.name]
        options.add_argument(
            f"--{member.name.replace('_', '-')}",
            *member.metadata["aliases"],
            dest=member.name,
            default=member.default,
            help=member.metadata["help"].replace("%", "%%"),
            **_action(kind, member.default),
        )
    return options


def _action(kind: Any, default: Any) -> dict[str, Any]:
    if kind is bool:
        return {"action": "store_true"}
    of_text = next(option for option in (*get_args(kind), kind) if option in (int, float, str))
    return {"type": of_text, **({"action": _Append} if default == () else {})}


class _Append(argparse.Action):
    """Collects a repeatable option into a tuple."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), value))


if __name__ == "__main__":
    sys.exit(main())
