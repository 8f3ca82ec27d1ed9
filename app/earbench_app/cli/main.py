"""The `earbench` command. Each sub-command lives in its own file and imports what is heavy only when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from earbench_app.cli import commands


class _OpensPaths(TyperGroup):
    """Take `earbench PATH…` as `earbench open PATH…`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the command's name where only paths, or nothing, are given."""
        first = next((i for i, arg in enumerate(args) if not arg.startswith("-")), len(args))
        helped = any(arg in ("--help", "--version") for arg in args[:first])
        if not helped and (first == len(args) or args[first] not in self.commands):
            args = [*args[:first], "open", *args[first:]]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_OpensPaths,
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
    del debug, version  # --debug is read by `run`, which must know it before anything can fail


@app.command("open", hidden=True)
def open_workbench(paths: Annotated[list[Path] | None, typer.Argument()] = None) -> None:
    """Open the workbench, with these audio files or this study."""
    from earbench_app.bootstrap import run_workbench

    raise typer.Exit(run_workbench(paths or []))


def run(argv: list[str] | None = None) -> int:
    """Run a command line; return its exit code: 0 success, 1 a failure it explains, 2 wrong usage."""
    argv = sys.argv[1:] if argv is None else argv
    debug = "--debug" in argv
    try:
        result: Any = app(args=argv, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("stopped\n")
        return 130
    except Exception as error:  # noqa: BLE001 - the one place where a failure becomes one line
        if debug:
            raise
        sys.stderr.write(f"earbench: {_one_line(error)}\n")
        return 1
    return result if isinstance(result, int) else 0


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    known = type(error).__module__.startswith("earbench_") or isinstance(error, OSError)
    return text if known else f"{type(error).__name__}: {text} (run with --debug for the traceback)"
