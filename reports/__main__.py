"""``python -m echosounder.reports FORMAT < report.json``: a report in another format, on stdout; without the bytes of its log."""

import json
import sys

from echosounder.reports import FORMATS, render
from echosounder.wire.errors import UsageError
from echosounder.wire.stdio import in_every_locale


def main(arguments: list[str]) -> int:
    try:
        (name,) = arguments
        sys.stdout.write(render(name, json.load(sys.stdin)))
    except UsageError as error:
        print(f"reports: {error}", file=sys.stderr)
        return error.exit_code
    except (ValueError, AttributeError) as error:
        said = f"give one format ({', '.join(FORMATS)}) and a report.json on stdin: {error}"
        print(f"reports: {said}", file=sys.stderr)
        return UsageError.exit_code
    return 0


if __name__ == "__main__":
    in_every_locale()
    sys.exit(main(sys.argv[1:]))
