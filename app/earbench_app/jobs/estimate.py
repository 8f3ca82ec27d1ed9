"""How long a run will take and how much memory, from a few steps of it on the device it will have."""

from __future__ import annotations

import math
import os
import secrets
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import psutil

from earbench_app.jobs.child import Child, serve
from earbench_app.jobs.keeper import process_start
from earbench_app.settings import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from earbench_app.jobs.child import Tell
    from earbench_app.jobs.job import TrainRequest
    from earbench_codecs.clip import AudioClip
    from earbench_codecs.training.recipe import Recipe

_TIMED_S = 3.0
"""Seconds of steps that are timed in each stage, or a little more."""
_MOST_STEPS = 200
_FEWEST_STEPS = 3
_TIMED_EPOCHS = 3
_EXCERPT_S = 20.0
_MOST_FILES = 32
_SCRATCH = "trial-"
"""Begins the name of a dry run's folder; then the program's process id."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take.

    Parameters
    ----------
    device : str
        What the steps were run on.
    step_s : float
        Seconds a step, the mean over the recipe's stages.
    training_s, validation_s, preparation_s : float
        Parts of the run: its steps, what is measured after each epoch, and what comes before a stage.
    low_s, high_s : float
        The whole run at the fastest and the slowest speed seen.
    memory_mb : float
        Most that its processes had, in units of 2^20 bytes.
    gpu_memory_mb : float, optional
        Most that torch took of a GPU.
    n_steps : int
        Steps that were timed.
    notes : tuple of str
        What the figures leave out.
    """

    device: str
    step_s: float
    training_s: float
    validation_s: float
    preparation_s: float
    low_s: float
    high_s: float
    memory_mb: float
    gpu_memory_mb: float | None
    n_steps: int
    notes: tuple[str, ...]

    @property
    def total_s(self) -> float:
        """Seconds of the whole run."""
        return self.training_s + self.validation_s + self.preparation_s


@dataclass(frozen=True, slots=True)
class Trial:
    """How far a dry run is.

    Parameters
    ----------
    text : str
        What is being done.
    estimate : Estimate, optional
        Where it is done.
    """

    text: str
    estimate: Estimate | None = None


def estimate(request: TrainRequest, environment: Mapping[str, str] | None = None) -> Child[Trial]:
    """Return a process that runs a few steps of each stage on some of the data, and tells how far it is.

    Parameters
    ----------
    request : TrainRequest
        On this machine; of several processes, one is run with its share of the batch.
    environment : mapping, optional
        Such as `CUDA_VISIBLE_DEVICES`.
    """
    scratch = cache_dir() / f"{_SCRATCH}{os.getpid()}-{secrets.token_hex(4)}"
    facts = {"recipe": request.recipe_toml, "name": request.name, "data": str(request.data)}
    facts |= {"device": request.device, "scratch": str(scratch)}
    number = {"n_processes": request.n_processes, "max_steps": request.max_steps}
    return Child("earbench_app.jobs.estimate", facts | number, _trial, environment, scratch)


def remove_leftovers() -> None:
    """Remove what dry runs of programs that crashed have left."""
    for folder in cache_dir().glob(f"{_SCRATCH}*"):
        pid = folder.name.removeprefix(_SCRATCH).partition("-")[0]
        if not pid.isdecimal() or not process_start(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _trial(facts: dict[str, Any]) -> Trial:
    found = facts["estimate"]
    return Trial(facts["text"], found and Estimate(**found | {"notes": tuple(found["notes"])}))


@dataclass(slots=True)
class _Stage:
    """What a dry run shows of a stage: seconds of its first epoch, then of a step, and of a validation."""

    first_s: float
    steps_s: list[float]
    validations_s: list[float]


def _work(arguments: dict[str, Any], tell: Tell) -> None:
    from earbench_codecs.training.recipe import parse_recipe

    told = ""

    def say(text: str) -> None:
        nonlocal told
        if text != told:
            told = text
            tell({"text": text, "estimate": None})

    recipe = parse_recipe(arguments["recipe"], arguments["name"])
    folder = Path(arguments["scratch"])
    folder.mkdir(parents=True)
    say("reading some of the data")
    _some_of(Path(arguments["data"]), recipe, folder / "data")
    say("loading torch")
    began_s = time.monotonic()
    events = _run(recipe, arguments, folder, _FEWEST_STEPS, say)
    stages = _stages(events, _FEWEST_STEPS)
    n_steps = _enough(stages)
    if n_steps > _FEWEST_STEPS:
        passed_s = time.monotonic() - began_s
        timing = f"timing {n_steps} steps an epoch, about {passed_s:.0f} s"
        events = _run(recipe, arguments, folder, n_steps, lambda text: say(f"{timing}: {text}"))
        stages = _stages(events, n_steps)
    tell({"text": "done", "estimate": asdict(_estimate(recipe, arguments, events, stages, n_steps))})


def _some_of(data: Path, recipe: Recipe, folder: Path) -> None:
    """Write excerpts of files spread over the corpus, enough to validate on half of them."""
    from earbench_codecs.clip_files import write_wav
    from earbench_codecs.training.corpus import chosen_files
    from earbench_codecs.training.errors import CorpusError

    paths = chosen_files(data, recipe.data)
    wanted = min(_MOST_FILES, 2 * recipe.validation.excerpts)
    apart = math.ceil(len(paths) / wanted)
    spread = [path for first in range(apart) for path in paths[first::apart]]
    reasons: list[str] = []
    folder.mkdir()
    for i, excerpt in enumerate(islice(_excerpts(data, spread, reasons), wanted)):
        write_wav(folder / f"{i}.wav", excerpt, "float")
    if not any(folder.iterdir()):
        raise CorpusError(f"{data}: none of its files can be used; {reasons[0]}")


def _excerpts(data: Path, paths: Sequence[str], reasons: list[str]) -> Iterator[AudioClip]:
    """Yield the beginning of each file that training can use; of the others, add the reasons why not."""
    from earbench_codecs.clip_files import read_clip
    from earbench_codecs.errors import AudioFileError

    for path in paths:
        try:
            clip = read_clip(data / path)
        except AudioFileError as error:
            reasons.append(f"{path}: {error.reason}")
            continue
        excerpt = clip.excerpt(0, min(_EXCERPT_S, clip.duration_s))
        if excerpt.samples.any():
            yield excerpt
        else:
            reasons.append(f"{path}: it begins with silence")


def _run(
    recipe: Recipe, arguments: dict[str, Any], folder: Path, n_steps: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Train for some short epochs of each stage; return the events, with the time of each."""
    from earbench_codecs.training.run import Job, train
    from earbench_codecs.training.setup import Limits

    events: list[dict[str, Any]] = []

    def take(event: str, **data: object) -> None:
        events.append({"event": event, "seconds": time.monotonic(), **data})
        say(_doing(events, len(recipe.stages)))

    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    short = _shortened(recipe, n_steps, arguments["n_processes"], len(list((folder / "data").iterdir())))
    job = Job(short, "trial", folder / "data", run, folder / "cache", arguments["device"], tensorboard=False)
    limits = Limits(asked_to_stop=lambda: any(_is_over(event, short) for event in events))
    train(job, limits, take)
    return events


def _doing(events: list[dict[str, Any]], n_stages: int) -> str:
    """Return what a dry run does after the last of these events."""
    if events[-1]["event"] in ("reading", "decoding"):
        return f"{events[-1]['event']} excerpts"
    n_epochs = 1 + _TIMED_EPOCHS
    stage, epoch = divmod(sum(event["event"] == "validation" for event in events), n_epochs)
    if stage == n_stages:
        return "ending"
    where = f"stage {stage + 1} of {n_stages}"
    is_begun = epoch or events[-1]["event"] == "progress"
    return f"{where}, epoch {epoch + 1} of {n_epochs}" if is_begun else f"preparing {where}"


def _is_over(event: dict[str, Any], short: Recipe) -> bool:
    """Return whether all steps are done: what is exported then is not timed."""
    return event["event"] == "checkpoint" and bool(event["step"] == short.n_steps)


def _shortened(recipe: Recipe, n_steps: int, n_processes: int, n_files: int) -> Recipe:
    """Return a recipe with the same work in each step, of which there are few."""
    share = 0.5 if recipe.data.validation_share and n_files > 1 else 0.0
    tables = {
        "data": {"validation_share": share, "split_by": "file", "include": None, "exclude": None},
        "optimiser": {
            "steps_per_epoch": n_steps,
            "batch": math.ceil(recipe.optimiser.batch / n_processes),
        },
    }
    changed = {name: getattr(recipe, name).model_copy(update=new) for name, new in tables.items()}
    stages = [stage.model_copy(update={"epochs": 1 + _TIMED_EPOCHS}) for stage in recipe.stages]
    return recipe.model_copy(update={**changed, "stages": stages})


def _stages(events: list[dict[str, Any]], n_steps: int) -> list[_Stage]:
    """Return what each stage took: of its epochs, the first holds its preparation and is not timed."""
    stages: list[_Stage] = []
    before_s = next(event["seconds"] for event in events if event["event"] == "started")
    trained_s = before_s
    n_epochs = 1 + _TIMED_EPOCHS
    for event in events:
        now_s = event["seconds"]
        if event["event"] == "progress":
            trained_s = now_s
        elif event["event"] == "validation":
            epoch = (event["epoch"] - 1) % n_epochs
            if epoch == 0:
                stages.append(_Stage(trained_s - before_s, [], []))
            else:
                stages[-1].steps_s.append((trained_s - before_s) / n_steps)
            stages[-1].validations_s.append(now_s - trained_s)
        elif event["event"] == "checkpoint":
            before_s = now_s
    return stages


def _enough(stages: list[_Stage]) -> int:
    """Return how many steps take as long as is to be timed."""
    fastest_s = min(min(stage.steps_s) for stage in stages)
    return max(_FEWEST_STEPS, min(_MOST_STEPS, round(_TIMED_S / _TIMED_EPOCHS / fastest_s)))


def _estimate(
    recipe: Recipe,
    arguments: dict[str, Any],
    events: list[dict[str, Any]],
    stages: list[_Stage],
    n_timed: int,
) -> Estimate:
    last = min(recipe.n_steps, arguments["max_steps"] or recipe.n_steps)
    shares = [len(range(steps.start, min(steps.stop, last))) for steps in recipe.stage_steps()]
    epochs = [share / recipe.optimiser.steps_per_epoch for share in shares]
    step_s = [mean(stage.steps_s) for stage in stages]
    first_s = [max(0.0, stage.first_s - n_timed * s) for stage, s in zip(stages, step_s, strict=True)]
    training_s = _dot(shares, step_s)
    preparation_s = sum(s for s, share in zip(first_s, shares, strict=True) if share)
    validation_s = _dot(epochs, [median(stage.validations_s) for stage in stages])
    others_s = validation_s + preparation_s
    return Estimate(
        str(next(event["device"] for event in events if event["event"] == "started")),
        training_s / max(1, sum(shares)),
        training_s,
        validation_s,
        preparation_s,
        others_s + _dot(shares, [min(stage.steps_s) for stage in stages]),
        others_s + _dot(shares, [max(stage.steps_s) for stage in stages]),
        _memory_mb(),
        _gpu_memory_mb(),
        n_timed * _TIMED_EPOCHS * len(stages),
        _notes(arguments),
    )


def _dot(counts: Sequence[float], each: Sequence[float]) -> float:
    return sum(count * one for count, one in zip(counts, each, strict=True))


def _notes(arguments: dict[str, Any]) -> tuple[str, ...]:
    notes = ["decoding the corpus before the first run on it, and measuring files at the end, come on top"]
    if arguments["n_processes"] > 1:
        notes.append(
            "one process was timed with its share of the batch; what they tell each other is not in it"
        )
    return tuple(notes)


def _memory_mb() -> float:
    """Return the most memory of this process and of one it started, in units of 2^20 bytes."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset / 2**20)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    used = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used) * unit / 2**20


def _gpu_memory_mb() -> float | None:
    import torch

    return torch.cuda.max_memory_reserved() / 2**20 if torch.cuda.is_available() else None


if __name__ == "__main__":
    raise SystemExit(serve(_work))
