"""The command line: a file per command. Each parses, calls one function and maps the result to an exit code."""


def __getattr__(name: str) -> str:
    """``__version__``, read when asked for: pytest imports this package in every run, and looking it up takes longer than all else."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("echosounder")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0+unknown"
