"""What `train` and `jobs submit` ask of a run alike."""

from __future__ import annotations

from typing import Annotated

import typer

MaxMinutes = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Stop so long after the corpus has been read. Starting, reading and decoding the corpus, a "
        "validation that is under way when time is up, and measuring the codec at the end come on top.",
    ),
]
