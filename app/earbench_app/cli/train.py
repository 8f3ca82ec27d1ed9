"""`earbench recipes` and `earbench train`."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earbench_app.cli.cluster import Account, Cluster, Gpus, Minutes, Partition, slurm_options
from earbench_app.cli.run_options import MaxMinutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

    from earbench_app.jobs.job import SlurmOptions
    from earbench_codecs.training.run import Job
    from earbench_codecs.training.setup import Limits
    from earbench_codecs.training.signals import StopSignals

_STOPPING = (
    "Stopping: a checkpoint is written, and --resume goes on from it; Ctrl-C again to end at once, "
    "from the last checkpoint\n"
)
_STOPPING_AT_ONCE = "Stopping: nothing is trained yet; Ctrl-C again to end at once\n"
_STOPPING_RESUMED = "Stopping: the run stays as it was, and --resume goes on from its last checkpoint\n"
_ECHO_S = 0.3
"""`timeout` and the like signal a process and then its group."""
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("recipes")(list_recipes)
    app.command("train")(train)


def list_recipes(as_json: Json = False) -> None:
    """List the recipes that come with the program."""
    from earbench_codecs.training.recipe import read_recipe, recipe_names

    recipes = {name: read_recipe(name) for name in recipe_names()}
    if as_json:
        rows = [
            {"name": name, "title": r.title, "size": r.model.size, "steps": r.n_steps, "note": r.note}
            | {"target_kbps": r.rate.target_kbps if r.rate else None}
            for name, r in recipes.items()
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        width = max(map(len, recipes))
        typer.echo("\n".join(f"{name:<{width}}  {recipe.title}" for name, recipe in recipes.items()))


def train(
    recipe: Annotated[str, typer.Argument(help="A name of `earbench recipes`, or a TOML file.")],
    data: Annotated[Path, typer.Option(help="A folder of audio, searched with all below it.")],
    run: Annotated[
        Path, typer.Option("--run", "--out", help="The folder for checkpoints and events; made if missing.")
    ],
    device: Annotated[str, typer.Option(help="auto, cpu, or as torch names it.")] = "auto",
    max_minutes: MaxMinutes = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop at this step of the run.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")
    ] = False,
    nproc: Annotated[int, typer.Option(min=1, help="Processes, each with a GPU of its own.")] = 1,
    tensorboard: Annotated[
        bool, typer.Option(help="Write files for TensorBoard to the run's folder.")
    ] = True,
    cluster: Cluster = None,
    partition: Partition = None,
    gpus: Gpus = None,
    time: Minutes = None,
    account: Account = None,
    as_json: Json = False,
) -> None:
    """Train a neural coder; ends with a checkpoint that `encode --checkpoint` takes.

    Ctrl-C or SIGTERM ends it in good order: the last checkpoint is written, --resume goes on from it. A
    second Ctrl-C ends it at once.
    On a cluster it goes on: Ctrl-C only stops following it.
    """
    options = slurm_options(cluster, partition, account, time, gpus)
    make = partial(_make, recipe, data, run, device, resume, tensorboard, max_steps, max_minutes)
    if options is not None:
        _train_on_cluster(recipe, *make(), nproc, options, as_json)
        return
    from earbench_codecs.training.signals import StopSignals

    display: _Display | None = None
    echo_s = {} if nproc > 1 else {"echo_s": _ECHO_S}
    with StopSignals(lambda: _say_stopping(display, resume), **echo_s) as stop:  # also while torch is loaded
        job, limits = make()
        with _Display(limits) as display:
            if nproc == 1:
                _train_here(job, limits, display, stop)
            else:
                _train_together(recipe, job, limits, nproc, display, stop)
    typer.echo(json.dumps(display.report(), indent=2) if as_json else _text(run, display.report()))
    if stop.number:
        raise typer.Exit(128 + stop.number)


def _make(
    recipe: str,
    data: Path,
    run: Path,
    device: str,
    resume: bool,
    tensorboard: bool,
    max_steps: int | None,
    max_minutes: float | None,
) -> tuple[Job, Limits]:
    from earbench_app.settings import cache_dir
    from earbench_codecs.training.recipe import read_recipe, recipe_name
    from earbench_codecs.training.run import Job
    from earbench_codecs.training.setup import Limits

    cache = cache_dir() / "corpora"
    job = Job(read_recipe(recipe), recipe_name(recipe), data, run, cache, device, resume, tensorboard)
    return job, Limits(max_steps, max_minutes)


class _Display:
    """A progress bar on stderr, and what the events of a run come to."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ends_at = math.inf
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._last: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> _Display:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(12), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._progress.start()
        self._task = self._progress.add_task("starting", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: str, **data: object) -> None:
        """Take an event."""
        from earbench_codecs.metrics.registry import METRICS

        facts: dict[str, Any] = dict(data)
        self._last[event] = facts
        if event in ("reading", "decoding"):
            self._show(f"{event} the corpus", facts["done"], facts["total"])
        elif event == "started":
            for path, reason in facts["corpus"]["skipped"]:
                self._print(f"left out: {path}: {reason}")
            self._ends_at = time.monotonic() + 60 * (self._limits.max_minutes or math.inf)
            self._show("training", facts["step"], facts["n_steps"])
        elif event == "progress":
            n_steps = min(facts["n_steps"], self._limits.max_steps or facts["n_steps"])
            self._show(self._progress_text(facts, n_steps), facts["step"], n_steps)
        elif event == "validation":
            figures = [_rate(facts)] if facts["kbps"] else []
            figures += [
                f"{METRICS[name].title} {value:.4g}"
                for name, value in facts["metrics"].items()
                if value is not None
            ]
            self._print(f"epoch {facts['epoch']}: {', '.join(figures)}")
        elif event == "checkpoint" and facts["kind"] == "best":
            self._print(f"the best so far: {facts['path']}")
        elif event == "notice":
            self._print(facts["message"])

    @property
    def trains(self) -> bool:
        """Whether the run is beyond its opening: there is something to be written down."""
        return "started" in self._last

    def report(self) -> dict[str, Any]:
        """Return what the run came to."""
        end = self._last.get("finished") or self._last.get("stopped") or {}
        validation = self._last.get("validation", {})
        exported = self._last.get("exported", {})
        return {
            "reason": end.get("reason"),
            "step": end.get("step"),
            "n_steps": self._last.get("started", {}).get("n_steps"),
            "kbps": validation.get("kbps"),
            "metrics": validation.get("metrics"),
            "checkpoint": exported.get("path"),
            "codec": exported.get("name"),
            "measured": exported.get("measured"),
        }

    def _progress_text(self, facts: dict[str, Any], n_steps: int) -> str:
        from earbench_app.counting import duration_text

        rate = f", {_rate(facts)}" if facts["kbps"] else ""
        to_go = n_steps - facts["step"]
        eta_s = facts["eta_s"] * to_go / max(1, facts["n_steps"] - facts["step"])
        eta_s = max(0, min(eta_s, self._ends_at - time.monotonic()))
        return (
            f"epoch {facts['epoch']}, {facts['stage']}: loss {facts['loss']:.4g}{rate}, "
            f"{facts['examples_per_s']:.0f} windows/s, {duration_text(eta_s)} left"
        )

    def _print(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _show(self, text: str, done: int, total: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=text, completed=done, total=total)


def _rate(facts: dict[str, Any]) -> str:
    """Return the rate of an event against its target."""
    target = f" of {facts['target_kbps']:.4g}" if facts["target_kbps"] else ""
    tau = f" (τ {facts['tau']:.3g})" if facts["tau"] is not None else ""
    return f"{facts['kbps']:.1f}{target} kbps{tau}"


def _train_here(job: Job, limits: Limits, display: _Display, stop: StopSignals) -> None:
    """Train in this process."""
    from dataclasses import replace

    from earbench_codecs.training.run import train as train_job

    train_job(job, replace(limits, asked_to_stop=stop), display)


def _say_stopping(display: _Display | None, resumed: bool) -> None:
    """Say so whatever the program is doing: a signal may come in the middle of writing to sys.stderr."""
    over_the_bar = "\r\x1b[2K" if sys.stderr.isatty() else ""
    before = _STOPPING_RESUMED if resumed else _STOPPING_AT_ONCE
    text = _STOPPING if display is not None and display.trains else before
    os.write(2, f"{over_the_bar}{text}".encode())


def _train_together(
    recipe: str, job: Job, limits: Limits, nproc: int, display: _Display, stop: StopSignals
) -> None:
    """Train in several processes under torchrun."""
    from earbench_codecs.errors import CodecError

    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={nproc}"]
    command += ["-m", "--", "earbench_codecs.training", recipe, *_arguments(job, limits)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as processes:
        for event in _events(processes, stop):
            display(event.pop("event"), **event)
        message = processes.communicate()[1].strip()
    if processes.returncode and not stop.number:
        ours = [line for line in message.splitlines() if line.startswith("earbench: ")]
        raise CodecError(ours[0].removeprefix("earbench: ") if ours else message[-2000:])


def _train_on_cluster(
    recipe: str, job: Job, limits: Limits, nproc: int, options: SlurmOptions, as_json: bool
) -> None:
    """Train on a cluster, and say what it came to."""
    from earbench_app.cli.train_on_cluster import train_on_cluster
    from earbench_app.jobs.job import State, TrainRequest
    from earbench_codecs.training.recipe import recipe_text

    if not job.tensorboard:
        raise typer.BadParameter("a job on a cluster always writes them", param_hint="--no-tensorboard")
    request = TrainRequest(
        job.name,
        recipe_text(recipe),
        job.data.resolve(),
        job.device,
        nproc,
        limits.max_minutes,
        limits.max_steps,
        executor="slurm",
        slurm=options,
    )
    with _Display(limits) as display:
        ended = train_on_cluster(request, job.run, job.resume, display)
    report = display.report() | {"job": ended.id, "state": str(ended.state)}
    typer.echo(json.dumps(report, indent=2) if as_json else _text(job.run, report))
    if ended.state is not State.DONE:
        raise typer.Exit(128 + signal.SIGTERM)


def _arguments(job: Job, limits: Limits) -> list[str]:
    given = {"--data": job.data, "--run": job.run, "--cache": job.cache, "--device": job.device}
    given |= {"--max-steps": limits.max_steps, "--max-minutes": limits.max_minutes}
    pairs = [[name, str(value)] for name, value in given.items() if value is not None]
    return (
        [part for pair in pairs for part in pair]
        + ["--resume"] * job.resume
        + ["--no-tensorboard"] * (not job.tensorboard)
    )


def _events(processes: subprocess.Popen[str], stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Yield events; a signal that came here is handed on."""
    handed_on = False
    for line in processes.stdout or ():
        if stop() and not handed_on:
            processes.terminate()
            handed_on = True
        yield json.loads(line)


def _text(run: Path, report: dict[str, Any]) -> str:
    of = f" of {report['n_steps']}" if report["n_steps"] else ""  # stopped while the corpus was read
    lines = [f"{run}: {report['reason']} at step {report['step']}{of}"]
    if report["step"] == 0:
        return f"{lines[0]}, before its first checkpoint; begin it again"
    if report["checkpoint"]:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in report["measured"].items() if value)
        lines.append(f"{report['checkpoint']}: codec {report['codec']}, {figures}")
    else:
        lines.append(
            "no codec yet: it is made when a run whose last stage was validated finishes or reaches a "
            "limit; go on with --resume"
        )
        if steps := sorted((run / "checkpoints").glob("*.safetensors")):
            lines.append(f"the codec of its latest validated step: {steps[-1]}")
    return "\n".join(lines)
