"""What is said of a run beside its curves: all that a paper says of how a coder was trained."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from earbench_app.counting import counted, duration_text
from earbench_app.jobs.job import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earbench_app.jobs.history import History
    from earbench_app.jobs.job import Job
    from earbench_codecs.training.recipe import Recipe

Fact = tuple[str, str]
_N_SKIPPED = 20
_RATE = re.compile(r"\b\d+(\.\d+)? kbps\b")


def run_facts(job: Job, recipe: Recipe | None, history: History) -> list[Fact]:
    """Return what is known of a run; `recipe` is None where this version cannot read it."""
    facts = [*(_recipe_facts(recipe) if recipe is not None else ()), *_data_facts(job, history)]
    facts += [*_run_facts(job, history), ("Folder", str(job.folder))]
    facts.append(("Checkpoint", str(history.exported.get("path", ""))))
    return [(name, value) for name, value in facts if value]


def title_at(title: str, kbps: str) -> str:
    """Return a recipe's title with the rate that it names put right; a title that names none stays."""
    return _RATE.sub(f"{kbps} kbps", title, count=1)


def true_title(recipe: Recipe) -> str:
    """Return a recipe's title with the rate it is trained for."""
    return recipe.title if recipe.rate is None else title_at(recipe.title, f"{recipe.rate.target_kbps:g}")


def _recipe_facts(recipe: Recipe) -> Iterator[Fact]:
    yield "Recipe", true_title(recipe)
    options = ", ".join(f"{name} = {value}" for name, value in recipe.model.options.items())
    yield "Coder", f"{recipe.model.size} ({options})" if options else recipe.model.size
    rate = recipe.rate
    yield "Target", f"{rate.target_kbps:g} ± {rate.tolerance_kbps:g} kbps" if rate else "no rate of its own"
    yield "Loss", loss_text(recipe)
    optimiser = recipe.optimiser
    rates = [optimiser.learning_rate, optimiser.final_learning_rate]
    learning = " to ".join(f"{one:g}" for one in rates if one is not None)
    yield "Optimiser", f"{optimiser.kind}, learning rate {learning}, batch {optimiser.batch}"
    stages = ", ".join(f"{stage.stage} ({counted(stage.epochs, 'epoch')})" for stage in recipe.stages)
    yield "Stages", f"{stages}, {counted(optimiser.steps_per_epoch, 'step')} an epoch"
    yield "Seed", str(recipe.data.seed)


def loss_text(recipe: Recipe) -> str:
    """Return the terms of the objective, each with its weight and what it sets otherwise than usual."""
    parts = []
    for name, term in recipe.objective.terms.items():
        settings = term.model_dump(exclude={"weight"}, exclude_defaults=True)
        more = ", ".join(f"{key} {value}" for key, value in settings.items())
        parts.append(f"{term.weight:g} × {name}{f' ({more})' if more else ''}")
    parts += [f"{weight:g} × {name}" for name, weight in recipe.objective.coder.items()]
    return " + ".join(parts).replace("_", " ")


def _data_facts(job: Job, history: History) -> Iterator[Fact]:
    yield "Data", str(job.request.data)
    corpus = history.started.get("corpus") or {}
    for name, part in (("Trains on", "training"), ("Held out", "validation")):
        if corpus:
            files = counted(corpus[f"{part}_files"], "file")
            yield name, f"{duration_text(corpus[f'{part}_s'])} in {files}"
    for path, reason in (corpus.get("skipped") or [])[:_N_SKIPPED]:
        yield "Left out", f"{path}: {reason}"


def _run_facts(job: Job, history: History) -> Iterator[Fact]:
    request, parameters = job.request, history.started.get("n_parameters")
    yield "Parameters", f"{parameters:,}" if parameters else ""
    device = job.device or request.device
    n_processes = request.n_processes
    yield "Device", f"{device}, {n_processes} processes" if n_processes > 1 else device
    yield "Cluster job", job.executor_id
    yield "Time box", _box_text(job, history)
    step = max(
        int(event.get("step") or 0) for event in (history.progress, history.validation, history.ending)
    )
    yield "Step", f"{step:,}" if step else ""
    yield "Made", _moment(job.created_s)
    yield "Started", _moment(job.started_s)
    yield "Ended", _moment(job.ended_s)
    yield "Trained for", duration_text(history.running_s) if history.started else ""


def _box_text(job: Job, history: History) -> str:
    """Return a time box, and what it has for a run that goes on."""
    minutes = job.request.max_minutes
    if minutes is None:
        return "none"
    if history.box_is_over:
        return f"{minutes:g} min, over; Resume goes on for as long again"
    if not history.box_used_s or job.state is State.DONE:
        return f"{minutes:g} min"
    return f"{minutes:g} min, {duration_text(max(60 * minutes - history.box_used_s, 0))} of it left"


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
