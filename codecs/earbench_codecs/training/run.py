"""A whole training run: corpus, coder, loop and folder put together."""

from __future__ import annotations

import math
import os
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import torch

from earbench_codecs.errors import CodecError, SettingError
from earbench_codecs.metrics.worker import Worker
from earbench_codecs.neural.zoo import SIZES, build_from_json, config_to_json
from earbench_codecs.training.corpus import open_corpus
from earbench_codecs.training.dataset import split
from earbench_codecs.training.errors import (
    RecipeError,
    RunFolderError,
    StopAskedError,
    TrainingError,
    full_memory_told,
)
from earbench_codecs.training.events import EventLog, no_events
from earbench_codecs.training.export import export
from earbench_codecs.training.listenable import ListenableCodecs
from earbench_codecs.training.loop import Trainer
from earbench_codecs.training.processes import joined_processes
from earbench_codecs.training.run_folder import RunFolder, load_snapshot
from earbench_codecs.training.setup import Limits, Setup
from earbench_codecs.training.tensorboard import N_EXCERPTS, TensorBoard
from earbench_codecs.training.validation import chosen_recordings, excerpts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.training.events import Emit
    from earbench_codecs.training.processes import Processes
    from earbench_codecs.training.recipe import Recipe


_ASKED = "asked to stop"
_TELL_S = 0.2
_SIGNAL_S = 5.0
"""What a signal may wait for the last codec to be heard; large networks take 20 s on a processor core."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to train on what, and where.

    Parameters
    ----------
    recipe : Recipe
    name : str
        Of the recipe; a checkpoint is called after it.
    data, run : Path
        Folders of the corpus, and of what the run makes.
    cache : Path
        Folder for decoded corpora.
    device : str
        As torch names it, or "auto": CUDA where there is a GPU.
    resume : bool
        Go on from the run's last checkpoint.
    tensorboard : bool
        Write TensorBoard's files as well.
    """

    recipe: Recipe
    name: str
    data: Path
    run: Path
    cache: Path
    device: str = "auto"
    resume: bool = False
    tensorboard: bool = True


def train(job: Job, limits: Limits, emit: Emit | None = None, stream: IO[str] | None = None) -> str:
    """Train until the recipe or a limit ends it; return ``finished`` or why it stopped.

    Parameters
    ----------
    job : Job
    limits : Limits
    emit : Emit, optional
        Is told all events, beside the run's folder.
    stream : text file, optional
        Gets them as JSON lines.

    Raises
    ------
    CodecError
        The run cannot start or go on; the last checkpoint is intact.
    """
    device = _device(job.device)
    _check_folder(job)
    with joined_processes(device) as processes:
        folder = RunFolder(job.run)
        with closing(TensorBoard(folder.tensorboard)) as board:
            listeners: list[Emit] = [EventLog(folder.events, stream), board]
            listeners += [emit] if emit is not None else []
            tell = _to_all(listeners) if processes.is_first else no_events
            try:
                with full_memory_told():
                    return _train(job, limits, folder, device, processes, tell, board)
            except StopAskedError:
                tell("stopped", step=_saved_step(folder), reason=_ASKED)
                return _ASKED
            except CodecError as error:
                with suppress(RunFolderError):  # that it cannot be written is what is raised already
                    tell("failed", message=str(error), kind=getattr(error, "kind", "other"))
                raise


def build_coder(recipe: Recipe, source: str = "recipe") -> Coder:
    """Return the coder a recipe asks for, with random parameters that depend on its seed alone.

    Raises
    ------
    RecipeError
        No such size, option or stage; names it.
    """
    model = recipe.model
    if model.size not in SIZES:
        raise RecipeError(source, f"model.size: no such size {model.size!r}; there are: {', '.join(SIZES)}")
    architecture, config = SIZES[model.size]
    torch.manual_seed(recipe.data.seed)
    try:
        coder = build_from_json(architecture, config_to_json(config) | model.options)
    except SettingError as error:
        raise RecipeError(source, f"model.options: {error}") from error
    asked = [(f"stages.{i}.stage", stage.stage) for i, stage in enumerate(recipe.stages)]
    if wrong := [f"{path} = {name!r}" for path, name in asked if name not in coder.stages]:
        raise RecipeError(source, f"{', '.join(wrong)}: {architecture} has {', '.join(coder.stages)}")
    return coder


def _train(
    job: Job,
    limits: Limits,
    folder: RunFolder,
    device: torch.device,
    processes: Processes,
    tell: Emit,
    board: TensorBoard,
) -> str:
    coder = build_coder(job.recipe, job.name).to(device)
    corpus = open_corpus(
        job.data,
        job.recipe.data,
        coder.config.sample_rate_hz,
        job.cache,
        _OpeningTold(tell, limits),
    )
    training, validation = split(corpus.recordings, job.recipe.data)
    codecs = ListenableCodecs(job.name)
    with Worker() as worker:
        setup = Setup(
            job.recipe,
            coder,
            corpus,
            training,
            validation,
            folder,
            tell,
            worker,
            device,
            processes,
            board.example,
            codecs,
            limits.check,
        )
        trainer = Trainer(setup)
        if job.resume:
            trainer.resume()
        else:
            folder.write(folder.recipe, job.recipe.model_dump_json(indent=2).encode())
        if job.tensorboard and processes.is_first:
            _open_board(board, setup, trainer.step)
        tell("started", **_facts(job.recipe, setup, trainer.step))
        reason = trainer.run(limits)
        codecs.finish(setup, _SIGNAL_S if limits.asked_to_stop() else math.inf)
        limits.check()
        if processes.is_first:
            tell("exporting", step=trainer.step)
            _export(setup, job.name, tell)
        tell("finished" if reason == "finished" else "stopped", step=trainer.step, reason=reason)
    return reason


def _saved_step(folder: RunFolder) -> int:
    """Return the step that a run would go on from."""
    return int(load_snapshot(folder.last).facts["step"]) if folder.last.is_file() else 0


class _OpeningTold:
    """Tells how far the corpus is read, not of each file where they are many; ends that at a signal."""

    def __init__(self, tell: Emit, limits: Limits) -> None:
        self._tell, self._limits = tell, limits
        self._told_s = -math.inf

    def __call__(self, doing: str, done: int, total: int) -> None:
        self._limits.check()
        now_s = time.monotonic()
        if done == total or now_s - self._told_s > _TELL_S:
            self._told_s = now_s
            self._tell(doing, done=done, total=total)


def _open_board(board: TensorBoard, setup: Setup, step: int) -> None:
    recipe = setup.recipe
    chosen = chosen_recordings(setup.validation, recipe.validation)[:N_EXCERPTS]
    originals = list(excerpts(setup.corpus, chosen, recipe.validation))
    per_epoch = recipe.optimiser.steps_per_epoch
    epochs = range(recipe.n_steps, 0, -per_epoch)  # the last one is always shown
    board.open(step, epochs, originals, setup.corpus.sample_rate_hz)


def _export(setup: Setup, name: str, tell: Emit) -> None:
    exported = export(setup, name)
    if exported is not None:
        info = exported.info
        tell("exported", path=str(exported.path), name=info.name, kbps=info.kbps, measured=info.measured)


def _facts(recipe: Recipe, setup: Setup, step: int) -> dict[str, object]:
    return {
        "title": recipe.title,
        "size": recipe.model.size,
        "n_parameters": sum(parameter.numel() for parameter in setup.coder.parameters()),
        "device": str(setup.device),
        "n_processes": setup.processes.count,
        "step": step,
        "n_steps": recipe.n_steps,
        "corpus": setup.corpus_facts() | {"skipped": [list(pair) for pair in setup.corpus.skipped]},
    }


def _check_folder(job: Job) -> None:
    """Refuse to overwrite another run."""
    last = RunFolder(job.run).last
    if last.exists() and not job.resume:
        raise RunFolderError(f"{job.run}: holds a run already; go on with --resume, or choose another folder")


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # one of several processes: each has its own GPU
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(f"the device {name!r} cannot be used: {error}; choose auto or cpu") from error
    device = torch.device(name)
    if device.index is not None:
        torch.cuda.set_device(device)
    return device


def _to_all(listeners: Sequence[Emit]) -> Emit:
    def emit(event: str, **data: object) -> None:
        for listener in listeners:
            listener(event, **data)

    return emit
