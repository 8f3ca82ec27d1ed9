"""A run that trains nothing, begins at once and speaks as a real one does: for tests of what runs it.

As a program: `stand_in_training.py FOLDER N_STEPS MAX_MINUTES`; goes on from the folder's checkpoint.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earbench_app.jobs.job import Job

STEP_S = 0.1


def command(job: Job, device: str) -> list[str]:
    """Return the command of a stand-in for a job: as many steps as its recipe has, or its limit."""
    del device
    recipe = tomllib.loads(job.request.recipe_toml)
    n_steps = recipe["optimiser"]["steps_per_epoch"] * sum(stage["epochs"] for stage in recipe["stages"])
    limits = [str(job.request.max_steps or n_steps), str(job.request.max_minutes or 1e9)]
    return [sys.executable, __file__, str(job.folder), *limits]


def sleeping(job: Job, device: str) -> list[str]:
    """Return the command of a run that never gets to its first step."""
    del job, device
    return ["sleep", "1000"]


def main(folder: Path, n_steps: int, max_minutes: float) -> int:
    """Count steps till they are done, the time is over, or SIGTERM comes."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    ends_at = time.monotonic() + 60 * max_minutes
    saved = folder / "last.safetensors"
    step = int(saved.read_text()) if saved.exists() else 0

    def tell(event: str, **data: object) -> None:
        line = json.dumps({"event": event, "time": time.time(), "step": step, **data})
        with (folder / "events.jsonl").open("a") as file:
            file.write(line + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def save() -> None:
        saved.write_text(str(step))
        tell("checkpoint", kind="last", path=str(saved))

    tell("started", n_steps=n_steps)
    while step < n_steps and not asked and time.monotonic() < ends_at:
        time.sleep(STEP_S)
        step += 1
        tell("progress", loss=1 / step)
        if step % 5 == 0:
            save()
    save()
    if step == n_steps:
        tell("finished", reason="finished")
        return 0
    tell("stopped", reason="asked to stop" if asked else "time limit")
    return 128 + signal.SIGTERM if asked else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
