"""All sub-commands, in the order `earbench --help` lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.cli import (
    card,
    codecs,
    demo,
    evaluate,
    jobs,
    listen,
    mask,
    measure,
    study,
    study_new,
    train,
)

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add every command to the app; a new command file is added here."""
    demo.register(app)
    codecs.register(app)
    mask.register(app)
    measure.register(app)
    evaluate.register(app)
    train.register(app)
    jobs.register(app)
    card.register(app)
    study_new.register()
    study.register(app)
    listen.register(app)
