"""Which target rates make sense: those of the recipes that a coder has, and less than the audio itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.jobs.scan import Scan
from earbench_app.notifications import Level
from earbench_app.presenters.training_fields import Kind
from earbench_app.presenters.training_run_fields import N_AXES, TARGET
from earbench_app.presenters.training_values import TextError, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from earbench_app.presenters.training_values import Values
    from earbench_codecs.training.recipe import Recipe

_BITS = 16  # of a sample, as a corpus is kept


def rate_note(values: Values, recipes: Iterable[Recipe]) -> tuple[str, Level]:
    """Return what is known of the coder's rates; a warning where one that is asked for is none of these."""
    size = values.get("model.size", "")
    known = [recipe.rate.target_kbps for recipe in recipes if recipe.rate and recipe.model.size == size]
    if not known:
        return "", Level.INFO
    low, high = min(known), max(known)
    span = f"{low:g} kbps" if low == high else f"{low:g} to {high:g} kbps"
    beyond = [kbps for _, kbps in _targets_kbps(values) if not low <= kbps <= high]
    if not beyond or low == high:
        return f"This coder's recipes: {span}", Level.INFO
    return f"Untried; its recipes: {span}", Level.WARNING


def rate_fault(values: Values, found: Scan | str | None) -> dict[str, str]:
    """Return the field of a rate that is no less than that of the audio itself, and that it is."""
    rate_hz = max(found.rates_hz, default=0) if isinstance(found, Scan) and found.rates_hz else 0
    pcm_kbps = rate_hz * _BITS / 1000
    for path, kbps in _targets_kbps(values):
        if rate_hz and kbps >= pcm_kbps:
            return {path: f"{kbps:g} is too much: uncoded audio has {pcm_kbps:g}"}
    return {}


def _targets_kbps(values: Values) -> Iterator[tuple[str, float]]:
    """Yield each rate that is asked for, with the path of the field that it stands in."""
    swept = [n for n in range(N_AXES) if values.get(f"sweep.{n}.path") == TARGET]
    where = f"sweep.{swept[0]}.values" if swept else TARGET
    for text in values.get(where, "").split(","):
        try:
            yield where, float(parsed(Kind.NUMBER, text))
        except TextError:  # it is being typed
            continue
