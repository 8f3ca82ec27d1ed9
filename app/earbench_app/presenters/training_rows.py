"""What the list says of a job, and what is said of the run in front, from its events."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from earbench_app.counting import duration_text
from earbench_app.jobs.history import best_metric, remaining_s
from earbench_app.jobs.job import ACTIVE, State
from earbench_app.notifications import Level
from earbench_app.presenters.training_facts import run_facts
from earbench_app.presenters.training_waiting import waits_for
from earbench_app.views.training_protocols import Actions, Figure, JobRow, LogLine, RunDetails
from earbench_codecs.metrics.registry import METRICS
from earbench_codecs.training.errors import RecipeError
from earbench_codecs.training.recipe import parse_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.jobs.history import History
    from earbench_app.jobs.job import Job
    from earbench_codecs.training.recipe import Recipe

N_LOG_LINES = 500
CANCELLABLE = frozenset({State.QUEUED, State.RUNNING, State.PAUSING, State.PAUSED})
"""The states of a run that is not over yet."""
_ERROR = re.compile(
    r"^earbench: |error|exception|traceback|killed|failed|out of memory|not finite|diverged", re.IGNORECASE
)
_STARTING, _WARMING_UP, _VALIDATING, _FINISHING = "starting", "warming up", "validating", "finishing"
_WARNING = re.compile(r"warn", re.IGNORECASE)


def job_row(job: Job, history: History, color: int | None = None, others: Sequence[Job] = ()) -> JobRow:
    """Return a line of the list; others tell what a run waits for."""
    progress, validation = history.progress, history.validation
    kbps = validation.get("kbps") or progress.get("kbps")
    recipe = recipe_of(job.request.recipe_toml)
    rate = recipe.rate if recipe else None
    doing, of_what = _doing(job, history, recipe)
    return JobRow(
        job.id,
        job.request.name,
        job.state,
        job.message or waits_for(job, others) or _joined(doing, of_what),
        job.device or job.request.device,
        _step(history),
        _n_steps(job, history, recipe),
        remaining_s(job, history) if doing in ("", _VALIDATING, _FINISHING) else None,
        kbps,
        progress.get("target_kbps") or (rate.target_kbps if rate else None),
        rate.tolerance_kbps if rate else None,
        best_figure(history, recipe.highest_kbps if recipe else math.inf),
        job.notes,
        job.tags,
        job.created_s,
        color,
        doing,
    )


def best_figure(history: History, highest_kbps: float = math.inf) -> Figure | None:
    """Return the figure of the best checkpoint, see `best_metric`."""
    best = best_metric(history, highest_kbps)
    return best and Figure(metric_title(best[0]), best[1], metric_unit(best[0]))


def metric_title(name: str) -> str:
    """Return what a metric is called."""
    return METRICS[name].title if name in METRICS else name


def metric_unit(name: str) -> str:
    """Return a metric's unit; empty for a pure number."""
    return METRICS[name].unit if name in METRICS else ""


def metric_scale(key: str) -> tuple[float | None, float | None]:
    """Return the least and the largest value of the metric that a curve is of; None where there is none."""
    metric = METRICS.get(key.removeprefix("metrics/"))
    return (None, None) if metric is None else (metric.low, metric.high)


def actions_for(jobs: Sequence[Job]) -> Actions:
    """Return what can be done to some of these jobs; delete only to all of them."""
    if not jobs:
        return Actions()
    return Actions(
        pause=any(map(can_pause, jobs)),
        resume=any(map(can_resume, jobs)),
        cancel=any(map(can_cancel, jobs)),
        delete=not any(job.state in ACTIVE for job in jobs),
        duplicate=len(jobs) == 1,
        open_folder=len(jobs) == 1,
    )


def can_pause(job: Job) -> bool:
    """Return whether a job runs or waits."""
    return job.state in (State.QUEUED, State.RUNNING)


def can_cancel(job: Job) -> bool:
    """Return whether a job is not over yet."""
    return job.state in CANCELLABLE


def can_resume(job: Job) -> bool:
    """Return whether a job can be queued again: a finished one that no limit ended is done for good."""
    ended = job.state in (State.PAUSED, State.CANCELLED, State.FAILED)
    return ended or (job.state is State.DONE and bool(job.message))


def run_details(job: Job, history: History, log: Sequence[str], others: Sequence[Job] = ()) -> RunDetails:
    """Return what is said of the run in front; others tell what it waits for."""
    return RunDetails(
        job.id,
        job.request.name,
        _headline(job, history),
        job.message,
        job.state is State.FAILED,
        job.notes,
        job.tags,
        tuple(run_facts(job, recipe_of(job.request.recipe_toml), history)),
        tuple(_log_lines(job, history, log)),
        _no_curves(job, others),
        job.state is State.FAILED and history.ending.get("kind") == "corpus",
    )


@lru_cache(512)
def recipe_of(toml: str) -> Recipe | None:
    """Return a job's recipe; None where this version cannot read it."""
    try:
        return parse_recipe(toml, "recipe.toml")
    except RecipeError:
        return None


def _step(history: History) -> int:
    seen = (history.progress, history.validation, history.ending, history.started)
    return max((int(event.get("step") or 0) for event in seen), default=0)


def _n_steps(job: Job, history: History, recipe: Recipe | None) -> int:
    n_steps = history.progress.get("n_steps") or history.started.get("n_steps")
    n_steps = n_steps or (recipe.n_steps if recipe else 0)
    return min(n_steps, job.request.max_steps or n_steps)


def _doing(job: Job, history: History, recipe: Recipe | None) -> tuple[str, str]:
    """Return what a running job does, if it is something else than training, and of what; else nothing."""
    progress, validation = history.progress, history.validation
    if job.state is not State.RUNNING:
        return "", ""
    if history.told_s < (job.started_s or 0.0):
        return _STARTING, "its program is loaded"
    if history.opening is not None:
        doing, done, total = history.opening
        return f"{doing} {100 * done // max(1, total)} %", f"{done:,} of {total:,} files"
    if not history.started:
        return _STARTING, ""
    if progress.get("time", 0.0) < history.started["time"]:
        return _WARMING_UP, "its first steps"
    if history.exporting:
        return _FINISHING, "it measures its codec"
    ends_epoch = recipe is not None and progress["step"] % recipe.optimiser.steps_per_epoch == 0
    if ends_epoch and validation.get("time", 0.0) < progress["time"]:
        return _VALIDATING, "what it holds out"
    return "", ""


def _joined(doing: str, of_what: str) -> str:
    return f"{doing}: {of_what}" if of_what else doing


def _headline(job: Job, history: History) -> str:
    row, progress = job_row(job, history), history.progress
    parts = [row.state_text, row.device]
    if doing := _joined(*_doing(job, history, recipe_of(job.request.recipe_toml))):
        parts.append(doing)
    elif progress:
        parts.append(f"epoch {progress.get('epoch')}, {progress.get('stage')}")
    if row.n_steps:
        parts.append(f"step {row.step:,} of {row.n_steps:,}")
    if row.eta_s is not None:
        parts.append(f"{duration_text(row.eta_s)} left")
    return "  ·  ".join(part for part in parts if part)


def _no_curves(job: Job, others: Sequence[Job]) -> str:
    """Return why a run has no curves."""
    if job.state is State.FAILED:
        return f"It failed before its first steps: {job.message}"
    if job.state is State.QUEUED:
        return f"It {waits_for(job, others)}. The curves come with its first steps."
    return (
        "The curves come with the first steps." if job.state in ACTIVE else "It ended before its first steps."
    )


def _log_lines(job: Job, history: History, log: Sequence[str]) -> list[LogLine]:
    lines = [LogLine(f"note: {notice}", Level.WARNING) for notice in history.notices]
    lines += [LogLine(text, _level(text)) for text in log]
    if job.state is State.FAILED:
        lines.append(LogLine(job.message, Level.ERROR))
    return lines[-N_LOG_LINES:]


def _level(text: str) -> Level:
    if _ERROR.search(text):
        return Level.ERROR
    return Level.WARNING if _WARNING.search(text) else Level.INFO
