"""``python -m specs``: prints what is broken in the data, one line each; exit 1 if anything is."""

import sys

from specs.lint import problems

if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found) or "specs: no problems")
    sys.exit(bool(found))
