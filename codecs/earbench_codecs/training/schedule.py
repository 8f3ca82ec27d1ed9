"""The learning rate of each step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earbench_codecs.training.recipe import Recipe


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step: cosine over the run, or over a stage that has its own rates."""
    stage, optimiser = recipe.stage_at(step), recipe.optimiser
    if stage.learning_rate is None:
        return _cosine(step, range(recipe.n_steps), optimiser.learning_rate, optimiser.final_learning_rate)
    steps = next(steps for steps in recipe.stage_steps() if step in steps)
    return _cosine(step, steps, stage.learning_rate, stage.final_learning_rate)


def _cosine(step: int, steps: range, first: float, last: float | None) -> float:
    if last is None:
        return first
    done = (step - steps.start) / max(1, len(steps) - 1)
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2
