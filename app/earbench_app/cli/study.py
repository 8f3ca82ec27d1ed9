"""Commands about listening tests that need no window: check, simulate, export, analyze."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

studies = typer.Typer(help="Make, check and simulate listening tests.", no_args_is_help=True)
"""The `earbench study …` group; another file may add its commands to it."""


def register(app: typer.Typer) -> None:
    """Add this file's commands to the app."""
    app.add_typer(studies, name="study")


@studies.command("check")
def check(folder: Annotated[Path, typer.Argument(help="The study's folder.")]) -> None:
    """Check a study before anyone sits down to it: its design, and every stimulus file."""
    from earbench_mushra.checks import check_design
    from earbench_mushra.study_files import load_study, verify_stimuli

    study = load_study(folder)
    warnings = check_design(study)
    verify_stimuli(study, folder)
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    n_trials = sum(not item.training for item in study.items)
    typer.echo(f"{study.name}: ready; {n_trials} items, {len(study.conditions)} conditions")
