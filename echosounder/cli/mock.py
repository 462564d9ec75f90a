"""``echosounder mock``: serve the bundled mock until stopped. Its options are the fields of `mock_server.config.Config`."""

from typing import Any

from echosounder.cli import complete, options
from echosounder.cli.described import described, values
from echosounder.mock_server.config import Config
from echosounder.mock_server.net.server import serve

COMPLETED = {"profile": complete.names("profiles"), "deviate": complete.names("deviations")}


@described(Config, "ECHOSOUNDER_MOCK_", COMPLETED)
def mock(**given: Any) -> None:
    """Serve a DeepSeek API that bills, caches, limits and fails on demand. Prints its address when it is ready."""
    config = Config(**values(Config, given))
    options.known_profile(config.profile, judged=False)
    serve(config)
