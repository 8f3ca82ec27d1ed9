"""`earbench listen`: the listener's window alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("listen")(listen)


def listen(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder.")],
    listener: Annotated[str, typer.Option(help="Name or number of the listener; asked for without.")] = "",
    full_screen: Annotated[bool, typer.Option("--full-screen", help="Cover the whole screen.")] = False,
) -> None:
    """Open the listener's window on a study, or go on with an unfinished sitting."""
    from earbench_app.bootstrap import run_listener
    from earbench_mushra.study_files import load_study

    load_study(folder)  # a wrong folder is said on the command line, not in a window
    raise typer.Exit(run_listener(folder, listener.strip(), full_screen=full_screen))
