"""Curves of runs, thinned out and smoothed as they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.presenters.training_rows import metric_scale, metric_title, metric_unit
from earbench_app.views.training_protocols import CurveLine, CurvePanel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from earbench_app.jobs.history import History
    from earbench_app.views.training_protocols import CurveOptions

_TIME_UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
_FEWEST = 2.0  # of a unit that a whole run must be as long as to be drawn in it
N_POINTS = 400
"""Drawn of each curve at most; a plot is hardly wider."""
_FEW = ("validation/kbps", "metrics/")
_SET = ("learning_rate", "tau")
"""By the run, not measured: there is no noise to be smoothed."""
_TITLES = {
    "loss": ("Loss", ""),
    "rate": ("Rate", "kbps"),
    "terms/entropy": ("Entropy", "bit a symbol"),
    "learning_rate": ("Learning rate", ""),
    "tau": ("τ, weight of the entropy term", ""),
    "examples_per_s": ("Speed", "windows/s"),
}
_ORDER = ("loss", "rate", "metrics/", "terms/", "learning_rate", "tau", "examples_per_s")


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose curves are shown.

    Parameters
    ----------
    name : str
    color : int
    history : History
    tolerance_kbps : float, optional
    """

    name: str
    color: int
    history: History
    tolerance_kbps: float | None = None


def panels(runs: Sequence[Run], options: CurveOptions) -> tuple[CurvePanel, ...]:
    """Return a panel for each quantity that any of the runs has."""
    keys = {_panel_key(name) for run in runs for name in run.history.series if name != "target_kbps"}
    unit_s = None if options.x == "step" else _time_unit(run.history for run in runs)[1]
    return tuple(_panel(key, runs, options, unit_s) for key in sorted(keys, key=_place))


def x_title(options: CurveOptions, histories: Iterable[History]) -> str:
    """Return what the x axis is of, and its unit: that in which the longest run is some number."""
    return "step" if options.x == "step" else f"time of running ({_time_unit(histories)[0]})"


def _time_unit(histories: Iterable[History]) -> tuple[str, float]:
    longest_s = max((history.running_s for history in histories), default=0.0)
    return next((one for one in _TIME_UNITS if longest_s >= _FEWEST * one[1]), _TIME_UNITS[-1])


def thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], n_points: int = N_POINTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return at most so many points, each the mean of its neighbours; what is missing is left out."""
    known = np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) <= n_points:
        return x, y
    starts = np.linspace(0, len(x), n_points, endpoint=False).astype(int)
    counts = np.diff(np.append(starts, len(x)))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts


def smoothed(y: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return a running mean of which each point keeps this share; without the bias of its beginning."""
    mean = weight = 0.0
    means = []
    for value in y.tolist():
        mean = share * mean + (1 - share) * value
        weight = share * weight + (1 - share)
        means.append(mean / weight)
    return np.array(means)


def _panel(key: str, runs: Sequence[Run], options: CurveOptions, unit_s: float | None) -> CurvePanel:
    title, unit = _title(key)
    names = ("kbps", "validation/kbps") if key == "rate" else (key,)
    there = ((run, name) for run in runs for name in names if name in run.history.series)
    lines = tuple(_line(run, name, options, unit_s) for run, name in there)
    bands = tuple(dict.fromkeys(_bands(runs))) if key == "rate" else ()
    lines = tuple(line for line in lines if len(line.x))
    stays = _stays_linear(unit, lines)
    note = "● measured   ― while training" if key == "rate" else ""
    if options.log_y and stays:
        note = f"y stays linear: {stays}"
    return CurvePanel(key, title, unit, lines, bands, note, not stays, metric_scale(key))


def _stays_linear(unit: str, lines: Sequence[CurveLine]) -> str:
    """Return why a y axis cannot be logarithmic; nothing where it can."""
    if unit == "dB":
        return "dB is a logarithm already"
    there = [line.y for line in lines]
    return "no value is above 0" if there and not any((y > 0).any() for y in there) else ""


def _line(run: Run, name: str, options: CurveOptions, unit_s: float | None) -> CurveLine:
    steps, seconds, values = run.history.series[name].points()
    x, y = thinned(steps if unit_s is None else seconds / unit_s, values)
    few = name.startswith(_FEW)
    if few or name in _SET or not options.smoothing:
        return CurveLine(run.name, run.color, x, y, few=few)
    return CurveLine(run.name, run.color, x, smoothed(y, options.smoothing), y)


def _bands(runs: Iterable[Run]) -> Iterable[tuple[float, float]]:
    for run in runs:
        target = run.history.progress.get("target_kbps")
        if target is not None and run.tolerance_kbps is not None:
            yield target - run.tolerance_kbps, target + run.tolerance_kbps


def _panel_key(name: str) -> str:
    return "rate" if name in ("kbps", "validation/kbps") else name


def _place(key: str) -> tuple[int, str]:
    return next((i for i, start in enumerate(_ORDER) if key.startswith(start)), len(_ORDER)), key


def _title(key: str) -> tuple[str, str]:
    kind, _, name = key.partition("/")
    if key in _TITLES:
        return _TITLES[key]
    if kind == "metrics":
        return metric_title(name), metric_unit(name)
    return (f"{name.replace('_', ' ')} (loss term)" if kind == "terms" else key), ""
