"""``echosounder``: the commands, and the handling of their errors."""

import ast
import importlib
import os
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main
from typer.exceptions import TyperException

import echosounder
from echosounder.cli import complete, said, settings
from echosounder.wire.errors import CannotJudge, EchosounderError, UsageError
from echosounder.wire.stdio import in_every_locale

COMMANDS = (
    "check",
    "client",
    "plan",
    "list",
    "explain",
    "score",
    "baseline",
    "replay",
    "listen",
    "load",
    "calibrate",
    "mock",
    "selftest",
    "compare",
    "matrix",
    "report",
    "history",
    "settle",
    "spec-diff",
    "init",
    "doctor",
)
MODULES = {"spec-diff": "spec_diff", "list": "catalogue", "explain": "catalogue"}
FUNCTIONS = {"spec-diff": "spec_diff", "list": "list_"}
INTERRUPTED = 130  # typer's exit code for an uncaught Ctrl-C


def root(
    config: Annotated[Path, typer.Option(envvar="ECHOSOUNDER_CONFIG", help="Settings file.")] = Path(settings.FILE),
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


def _application() -> typer.Typer:
    program = typer.Typer(
        name="echosounder",
        help="Conformance tests, load tests and a fault-injecting mock for DeepSeek- and OpenAI-compatible APIs.",
        epilog="Exit codes: 0 clean, 1 deviations or a missed SLO, 2 wrong usage, 3 could not judge, 4 measurement invalid.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    program.callback()(root)
    return program


app = _application()


def main() -> None:
    in_every_locale()
    line = complete.words()
    sys.exit(run(sys.argv[1:]) if line is None else _complete(line))


def _complete(line: list[str]) -> int:
    """Complete a command line. No settings are read, so that a broken file does not break completion, and commands that
    are only listed are not imported.
    """
    named = _named(line)
    command: Any = typer.main.get_command(registered(named, Path(os.devnull) / settings.FILE) if named else outlined())
    return int(command.main([], prog_name="echosounder", standalone_mode=False) or 0)


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code. Every failure is one line on stderr."""
    if arguments[:1] == ["--version"]:
        print(f"echosounder {echosounder.__version__}")
        return 0
    try:
        file = _settings_file(arguments := arguments or ["--help"])
        said.demand_no_key_in(arguments, os.environ)
        if _named(arguments):
            command: Any = typer.main.get_command(registered(arguments, file))
            settled = _defaults(command, file)
        else:
            command, settled = typer.main.get_command(outlined()), {}
        code = command.main(arguments, prog_name="echosounder", standalone_mode=False, default_map=settled)
    except EchosounderError as error:
        return _say(str(error), error.exit_code, arguments)
    except TyperException as error:
        return _say(_usage(error), 2, arguments)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (
        BrokenPipeError,
        SystemExit,
    ):  # the reader closed the pipe; Rich and Typer would exit with 1, which means deviations
        return _unread()
    except Exception as error:
        return _say(_unforeseen(error), CannotJudge.exit_code, arguments)
    return _say("interrupted", CannotJudge.exit_code, arguments) if code == INTERRUPTED else int(code or 0)


def _unforeseen(error: Exception) -> str:
    """Report an unexpected error in one line. No target or file may cause a traceback, or the exit code for deviations."""
    if isinstance(error, OSError) and error.strerror:
        return f"cannot go on: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
    if isinstance(error, MemoryError):
        return "cannot go on: there is not enough memory for this"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"internal error of Echosounder: {type(error).__name__} at {place}: {error}; please report it"


def _unread() -> int:
    """Redirect a closed standard output, so that the flush at exit does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CannotJudge.exit_code


def outlined() -> typer.Typer:
    """The commands with only their names and help texts, for a command line without a command. They are read from the
    source, because importing them all takes a second.

    """
    program = _application()
    for name in COMMANDS:
        program.command(name, help=_help(name))(lambda: None)
    return program


def _help(name: str) -> str | None:
    source = (Path(__file__).parent / "cli" / f"{MODULES.get(name, name)}.py").read_text(encoding="utf-8")
    functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return next(ast.get_docstring(node) for node in functions if node.name == FUNCTIONS.get(name, name))


def _named(arguments: list[str]) -> list[str]:
    """The command named on the command line, if any."""
    return [argument for argument in arguments if argument in COMMANDS][:1]


def registered(arguments: list[str], file: Path) -> typer.Typer:
    """The command-line application. Only the requested command is imported, unless help or the settings need all,
    because a mock must start quickly.
    """
    named = _named(arguments)
    done = {command.name for command in app.registered_commands}
    for name in COMMANDS if file.exists() or not named else named:
        if name not in done:
            module = importlib.import_module(f"echosounder.cli.{MODULES.get(name, name)}")
            app.command(name)(getattr(module, FUNCTIONS.get(name, name)))
    return app


def _defaults(command: Any, file: Path) -> dict[str, Any]:
    options = {name: frozenset(parameter.name for parameter in sub.params) for name, sub in command.commands.items()}
    return settings.with_lines(settings.defaults(file, options), options, os.environ)


def _settings_file(arguments: list[str]) -> Path:
    """The path of the settings file, which must be known before parsing, because settings are defaults. Only the
    default file may be absent.
    """
    spelled = [argument.removeprefix("--config=") for argument in arguments if argument.startswith("--config=")]
    given = [value for flag, value in pairwise(arguments) if flag == "--config"] + spelled
    named = given[0] if given else os.environ.get("ECHOSOUNDER_CONFIG")
    if named and not Path(named).exists():
        raise UsageError(f"there is no settings file {named}; `echosounder init {named}` writes one")
    return Path(named or settings.FILE)


def _usage(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context else ""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(message.split()).rstrip(".") + hint


def _say(message: str, code: int, arguments: list[str]) -> int:
    said.say(message, arguments)
    return code


if __name__ == "__main__":
    main()
