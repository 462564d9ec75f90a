"""``python -m echosounder.specs [FOLDER]``: prints the faults of the data, one line each; exit 1 if there are any."""

import sys
from pathlib import Path

from echosounder.specs.lint import problems

if __name__ == "__main__":
    found = list(problems(*map(Path, sys.argv[1:2])))
    print("\n".join(found) or "specs: no problems")
    sys.exit(bool(found))
