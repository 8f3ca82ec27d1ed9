"""What is said of the checkpoints of runs where they are heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.presenters.training_rows import metric_title, metric_unit, recipe_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.jobs.history import CheckpointSeen
    from earbench_app.presenters.training_slots import Slot


def is_within(slot: Slot) -> bool:
    """Return whether the rate of a step is one at which it may be its run's best."""
    recipe = recipe_of(slot.job.request.recipe_toml)
    return recipe is None or (slot.seen.kbps or 0.0) <= recipe.highest_kbps


def kept_text(lines: Sequence[Slot]) -> str:
    """Return how many codecs runs keep."""
    recipes = [recipe_of(slot.job.request.recipe_toml) for slot in lines]
    counts = {recipe.validation.listenable for recipe in recipes if recipe is not None}
    if not counts:
        return ""
    most = f"{counts.pop()}" if len(counts) == 1 else "a few"
    return f"Kept: a run's best step and its latest, {most} at most"


def figures_text(seen: CheckpointSeen) -> str:
    """Return what validation measured of its step, which is told of codecs alike."""
    parts = [f"{seen.kbps:.1f} kbps"] if seen.kbps else []
    for name, value in seen.metrics:
        if value is not None:
            unit = metric_unit(name)  # a scale's name says nothing that the metric's does not
            parts.append(f"{metric_title(name)} {value:.2f} {unit if unit == 'dB' else ''}".strip())
    return "   ".join(parts)


def files_text(seen: CheckpointSeen) -> str:
    """Return what else is true of what a run exports, beside the steps."""
    if seen.kind == "listenable":
        return ""
    tables = (
        f"The coder is that of step {seen.step:,}. At the export, its entropy coder's tables are fitted to"
        " more of the training audio, so that the same clip may take a few per cent less, or more"
    )
    if seen.file_kbps is None:
        return tables
    return (
        f"At its export: {seen.file_kbps:.1f} kbps, measured of files of held-out recordings."
        f" Validation's kbps, beside, are an estimate, as those of the steps are\n{tables}"
    )
