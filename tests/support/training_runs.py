"""Jobs with events that nobody trained for: for the training page's tests, bench and pictures."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earbench_app.jobs.history import History
from earbench_app.jobs.job import Job, State, TrainRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earbench_app.jobs.board import JobBoard

RECIPE = """
title = "A test at {kbps} kbps"
[model]
size = "kankanahalli-small"
[data]
[objective]
shaped = {{ weight = 400 }}
mel = {{ weight = 1 }}
entropy = {{ weight = 1 }}
[optimiser]
learning_rate = 1e-3
steps_per_epoch = 100
[rate]
target_kbps = {kbps}
[[stages]]
stage = "joint"
epochs = 40
"""
N_STEPS = 4000
BEGAN_S = 1_790_000_000.0


def request(name: str = "speech-24", kbps: float = 24, **changes: Any) -> TrainRequest:
    """A request for a run of 4000 steps."""
    return TrainRequest(name, RECIPE.format(kbps=kbps), Path("/data/speech"), **changes)


def progress(step: int, kbps: float, time_s: float, rng: random.Random) -> dict[str, Any]:
    """What a run tells of a step."""
    fall = math.exp(-step / 900)
    return {
        "event": "progress",
        "time": time_s,
        "step": step,
        "n_steps": N_STEPS,
        "epoch": step // 100 + 1,
        "stage": "joint",
        "loss": 2 + 6 * fall + 0.3 * rng.random(),
        "terms": {
            "shaped": 0.002 + 0.01 * fall * (1 + 0.1 * rng.random()),
            "mel": 0.8 + fall + 0.05 * rng.random(),
            "entropy": 1.2 + 0.6 * fall + 0.02 * rng.random(),
        },
        "learning_rate": 5e-4 * (1 + math.cos(math.pi * step / N_STEPS)),
        "tau": 1 + 3 * fall,
        "kbps": kbps * (1 + 0.6 * fall) + 0.4 * rng.random(),
        "target_kbps": kbps,
        "examples_per_s": 900 + 60 * rng.random(),
        "eta_s": (N_STEPS - step) * 0.09,
    }


def events(n_steps: int, kbps: float = 24, every: int = 5, seed: int = 0) -> Iterator[dict[str, Any]]:
    """What a run tells up to a step: each `every` steps progress, each 100 a validation."""
    rng = random.Random(seed)
    corpus = {
        "sha256": "0" * 64,
        "training_s": 18_000.0,
        "validation_s": 900.0,
        "training_files": 1400,
        "validation_files": 72,
        "skipped": [["odd/broken.wav", "it is no audio file"]],
    }
    yield {
        "event": "started",
        "time": BEGAN_S,
        "title": "A test",
        "size": "kankanahalli-small",
        "n_parameters": 451_185,
        "device": "cpu",
        "n_processes": 1,
        "step": 0,
        "n_steps": N_STEPS,
        "corpus": corpus,
    }
    for step in range(every, n_steps + 1, every):
        time_s = BEGAN_S + 0.09 * step
        yield progress(step, kbps, time_s, rng)
        if step % 100 == 0:
            fall = math.exp(-step / 900)
            yield {
                "event": "validation",
                "time": time_s,
                "step": step,
                "epoch": step // 100,
                "kbps": kbps * (1 + 0.5 * fall),
                "rate_measure": "context",
                "target_kbps": kbps,
                "tau": 1 + 3 * fall,
                "metrics": {"sdr_db": 12 - 6 * fall + 0.2 * rng.random(), "pesq_wb": 3.4 - 1.5 * fall},
            }
            kinds = ("best", "last") if step % 300 == 0 else ("last",)
            for kind in kinds:
                path = f"/runs/{kind}.safetensors"
                yield {"event": "checkpoint", "time": time_s, "step": step, "kind": kind, "path": path}


def add_job(
    board: JobBoard,
    name: str = "speech-24",
    state: State = State.DONE,
    n_steps: int = N_STEPS,
    *,
    kbps: float = 24,
    every: int = 5,
    seed: int = 0,
    **facts: Any,
) -> Job:
    """Put a job on the board as if it had been trained for so many steps."""
    job = board.store.make(request(name, kbps), board.host)
    facts = {"device": "cpu"} | facts
    job = replace(job, state=state, started_s=job.created_s, **facts)
    if n_steps:
        lines = (json.dumps(event) for event in events(n_steps, kbps, every, seed))
        job.events.write_text("\n".join(lines) + "\n")
    board.store.write(job)
    return job


def history_of(n_steps: int, **changes: float) -> History:
    history = History()
    for event in events(n_steps, **changes):  # type: ignore[arg-type]
        history.add(event)
    return history


def job_of(state: State = State.RUNNING, **facts: object) -> Job:
    return replace(Job("j1", Path("/jobs/j1"), request(), state, device="cpu"), **facts)
