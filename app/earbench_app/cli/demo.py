"""`earbench demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo() -> None:
    """Open the workbench on the bundled demo: clips, codecs, a ready MUSHRA study."""
    import typer

    from earbench_app.bootstrap import run_workbench

    raise typer.Exit(run_workbench([], demo=True))
