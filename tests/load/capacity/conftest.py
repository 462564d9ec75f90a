"""The tests of this folder share :mod:`simulated_target`, a target in virtual time."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
