"""The `earbench` command. Each sub-command has its own file and imports what is heavy when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from earbench_app.cli import commands

app = typer.Typer(
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Earbench: audition audio codecs, see the noise against the mask, run blind listening tests.",
)
commands.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"earbench {version('earbench')}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option(help="Show the traceback of a failure.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del debug, version  # `run` has taken --debug already


@app.command("open", hidden=True)
def open_workbench(paths: Annotated[list[Path] | None, typer.Argument()] = None) -> None:
    """Open the workbench, with these audio files or this study."""
    from earbench_app.bootstrap import run_workbench

    for path in paths or []:
        if not path.exists():
            raise typer.BadParameter(f"{path} is neither a file, nor a folder, nor a command of earbench")
    raise typer.Exit(run_workbench(paths or []))


def run(argv: list[str] | None = None) -> int:
    """Run a command line; return its exit code: 0 success, 1 a failure it explains, 2 wrong usage."""
    argv = sys.argv[1:] if argv is None else argv
    debug = "--debug" in argv  # taken anywhere on the line
    try:
        app(args=_with_open([arg for arg in argv if arg != "--debug"]))
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    except Exception as error:
        if debug:
            raise
        sys.stderr.write(f"earbench: {_one_line(error)}\n")
        return 1
    return 0


def _with_open(argv: list[str]) -> list[str]:
    """Read `earbench PATH…`, or `earbench` alone, as `earbench open PATH…`."""
    first = next((i for i, arg in enumerate(argv) if not arg.startswith("-")), len(argv))
    commands_there = {command.name for command in app.registered_commands}
    commands_there |= {group.name for group in app.registered_groups}
    asks_for_help = {"--help", "--version"} & set(argv[:first])
    if asks_for_help or (first < len(argv) and argv[first] in commands_there):
        return argv
    return [*argv[:first], "open", *argv[first:]]


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    text = " ".join(str(error).split()) or type(error).__name__
    known = type(error).__module__.startswith("earbench_") or isinstance(error, OSError)
    return text if known else f"{type(error).__name__}: {text} (run with --debug for the traceback)"
