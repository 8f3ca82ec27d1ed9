"""Training runs that train a very small coder on a little noise."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from tiny_recipe import tiny_recipe

from earbench_app.jobs.history import read_history
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import write_wav

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_app.jobs.job import Job

FOREVER = tiny_recipe(quantized=100_000, batch=8, steps_per_epoch=5, windows=50)
SHORT = tiny_recipe(quantized=2, batch=8, steps_per_epoch=5, windows=50)


def write_corpus(folder: Path) -> None:
    """Make a folder of eight seconds of noise, the same each time."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    for i in range(8):
        noise = np.convolve(rng.standard_normal(8000), np.ones(8) / 8, "same")
        write_wav(folder / f"{i}.wav", AudioClip(0.3 * noise[np.newaxis] * np.linspace(0.1, 1, 8000), 8000))


def checkpoint_step(job: Job) -> int:
    """Return the step from which a run would go on."""
    steps = [seen.step for seen in read_history(job.events).checkpoints if seen.kind == "last"]
    return steps[-1] if steps else 0


def has_saved(job: Job) -> bool:
    """Return whether a run has written a checkpoint since it last began."""
    history = read_history(job.events)
    began_s = history.started.get("time", 0)
    return began_s > (job.started_s or 0) and any(seen.time_s > began_s for seen in history.checkpoints)


def child_of(job: Job) -> int:
    """Return the number of a job's own process."""
    pid: int = json.loads((job.folder / "keeper.json").read_text())["child"]
    return pid


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)
