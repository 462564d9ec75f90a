"""``python -m echosounder.mock_server``: every field of :class:`Config` is an option."""

import argparse
import sys
from typing import Any

from echosounder.mock_server.config import Config
from echosounder.mock_server.net.server import serve
from echosounder.wire.errors import EchosounderError
from echosounder.wire.settings import Setting, settings
from echosounder.wire.stdio import in_every_locale


def main() -> int:
    try:
        serve(Config(**vars(parser().parse_args())))
    except EchosounderError as error:
        print(f"mock_server: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("mock_server", description=__doc__)
    for each in settings(Config):
        options.add_argument(
            each.option,
            *each.aliases,
            dest=each.name,
            default=each.default,
            help=each.about.replace("%", "%%"),
            **_action(each),
        )
    return options


def _action(each: Setting) -> dict[str, Any]:
    if each.plain is bool:
        return {"action": "store_true"}
    return {"type": each.plain, **({"action": _Append} if each.repeated else {})}


class _Append(argparse.Action):
    """Collects a repeatable option into a tuple."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), value))


if __name__ == "__main__":
    in_every_locale()
    sys.exit(main())
