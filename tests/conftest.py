"""Hypothesis looks for wrong answers, not slow ones: a deadline would be a wall-clock guess. CI repeats itself, people explore."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "echosounder",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("echosounder")
