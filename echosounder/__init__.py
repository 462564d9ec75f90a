"""The command line: a file per command. Each parses, calls one function and maps the result to an exit code."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("echosounder")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
