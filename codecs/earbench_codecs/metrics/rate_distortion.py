"""Rate-distortion curves of an evaluation, with confidence bands, as a figure for a paper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import cycle
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from earbench_codecs.metrics.evaluation_csv import LEADING, read_rows
from earbench_codecs.metrics.measurement import MetricError
from earbench_codecs.metrics.registry import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from earbench_codecs.metrics.evaluation_csv import Row

    Style = tuple[str, str, str]

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True, slots=True)
class RatePoint:
    """A codec at a setting, averaged over files.

    Parameters
    ----------
    codec, setting : str
    bitrate_kbps : float
        Mean measured bitrate of the files that have a figure; each counts alike, however long it is.
    mean : float
        Of the metric.
    ci95 : float, optional
        Half width of the 95 % confidence interval of the mean (Student's t); None for one file.
    n : int
        Files with a figure.
    n_missing : int
        Files without.
    """

    codec: str
    setting: str
    bitrate_kbps: float
    mean: float
    ci95: float | None
    n: int
    n_missing: int


def rate_points(rows: Sequence[Row], metric: str) -> list[RatePoint]:
    """Average a metric over files for each codec and setting, by codec and then by bitrate.

    A setting without any figure has no point.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["codec"], row["setting"]), []).append(row)
    points = [
        _point(codec, setting, group, metric)
        for (codec, setting), group in groups.items()
        if any(row[metric] for row in group)
    ]
    order = list(dict.fromkeys(row["codec"] for row in rows))
    return sorted(points, key=lambda point: (order.index(point.codec), point.bitrate_kbps))


def plotted_metrics(rows: Sequence[Row], wanted: Sequence[str] | None) -> list[str]:
    """Return the metrics to plot: those wanted, or all that have figures.

    Raises
    ------
    MetricError
        One that the file does not have, or no figures at all.
    """
    there = [name for name in METRICS if any(row.get(name) for row in rows)]
    absent = [name for name in wanted or () if name not in there]
    if absent or not there:
        raise MetricError(f"no figures of {', '.join(absent) or 'any metric'}; there are: {', '.join(there)}")
    return [name for name in there if not wanted or name in wanted]


def plot(path: Path, out: Path, metrics: Sequence[str] | None = None) -> list[str]:
    """Draw the curves of an evaluation's CSV, a panel for each metric.

    Parameters
    ----------
    path : Path
        Of `earbench evaluate`.
    out : Path
        Ends in .png, .svg or .pdf.
    metrics : sequence of str, optional
        All that have figures, by default.

    Returns
    -------
    list of str
        What a reader of the figure should know: figures that are missing from the means.

    Raises
    ------
    MetricError
        Another suffix, a file that is no evaluation, or nothing to plot.
    """
    if out.suffix.lower() not in FIGURE_SUFFIXES:
        raise MetricError(f"{out}: end its name in one of {', '.join(FIGURE_SUFFIXES)}")
    rows = read_rows(path, LEADING)
    names = plotted_metrics(rows, metrics)
    curves = {name: rate_points(rows, name) for name in names}
    _draw(curves, out)
    return [warning for name, points in curves.items() for warning in _warnings(name, points)]


def _point(codec: str, setting: str, group: Sequence[Row], metric: str) -> RatePoint:
    measured = [row for row in group if row[metric]]
    values = [float(row[metric]) for row in measured]
    return RatePoint(
        codec,
        setting,
        fmean(float(row["bitrate_kbps"]) for row in measured),
        fmean(values),
        ci95_half_width(values),
        len(values),
        len(group) - len(values),
    )


def ci95_half_width(values: Sequence[float]) -> float | None:
    """Return half the width of the 95 % confidence interval of a mean (Student's t); None for one value."""
    from scipy.stats import t

    n = len(values)
    return float(t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n) if n > 1 else None


def _warnings(metric: str, points: Sequence[RatePoint]) -> Iterator[str]:
    for point in points:
        if point.n_missing:
            yield (
                f"{metric}, {point.codec} {point.setting}: mean of {point.n} files, "
                f"{point.n_missing} without a figure"
            )


def _draw(curves: dict[str, list[RatePoint]], out: Path) -> None:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_columns = min(3, len(curves))
    n_rows = math.ceil(len(curves) / n_columns)
    codecs = dict.fromkeys(point.codec for points in curves.values() for point in points)
    styles = dict(
        zip(codecs, zip(cycle(OKABE_ITO), cycle(LINES), cycle(MARKERS), strict=False), strict=False)
    )
    with rc_context({"svg.hashsalt": "earbench", "svg.fonttype": "none", "pdf.fonttype": 42}):
        figure = Figure(figsize=(4.2 * n_columns, 3.2 * n_rows), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(n_rows, n_columns, squeeze=False).flatten()
        for axes in panels[len(curves) :]:
            axes.set_axis_off()
        named: dict[str, Artist] = {}
        for (metric, points), axes in zip(curves.items(), panels, strict=False):
            named |= _draw_panel(axes, metric, points, styles)
        _add_legend(figure, named)
        figure.savefig(out, dpi=200, metadata={"Date": None} if out.suffix.lower() == ".svg" else None)


def _add_legend(figure: Figure, named: dict[str, Artist]) -> None:
    """Name the curves below the panels, in as many columns as fit; one too long for any widens the figure."""
    for n_columns in range(min(6, len(named)), 0, -1):
        legend = figure.legend(
            named.values(), named, loc="outside lower center", ncols=n_columns, frameon=False
        )
        box = legend.get_window_extent()
        if box.width <= figure.bbox.width or n_columns == 1:
            break
        legend.remove()
    width_px, height_px = max(figure.bbox.width, box.width), figure.bbox.height + box.height
    figure.set_size_inches(width_px / figure.dpi, height_px / figure.dpi)


def _draw_panel(
    axes: Axes, metric: str, points: Sequence[RatePoint], styles: dict[str, Style]
) -> dict[str, Artist]:
    """Draw a curve for each codec; return what stands for each in the legend."""
    about = METRICS[metric]
    better = "higher" if about.higher_is_better else "lower"
    axes.set_xlabel("bitrate (kbps, measured)")
    axes.set_ylabel(f"{about.title} ({about.unit})" if about.unit else about.title)
    axes.set_title(f"{better} is better; unweighted mean over files, 95 % CI", fontsize=8)
    axes.grid(alpha=0.3)
    codecs = dict.fromkeys(point.codec for point in points)
    return {
        codec: _draw_curve(axes, [p for p in points if p.codec == codec], styles[codec]) for codec in codecs
    }


def _draw_curve(axes: Axes, curve: Sequence[RatePoint], style: Style) -> Artist:
    """Draw one codec; one with neither rate nor options, such as an anchor, is a level across the panel."""
    color, line, marker = style
    x, y, half = ([getattr(p, name) or 0.0 for p in curve] for name in ("bitrate_kbps", "mean", "ci95"))
    if [p.setting for p in curve] == [""]:
        axes.axhspan(y[0] - half[0], y[0] + half[0], color=color, alpha=0.1, linewidth=0)
        return axes.axhline(y[0], color=color, linestyle=line, linewidth=1)
    (drawn,) = axes.plot(x, y, color=color, linestyle=line, marker=marker, markersize=4)
    if len(curve) > 1:
        low, high = ([m + sign * h for m, h in zip(y, half, strict=True)] for sign in (-1, 1))
        axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    else:
        axes.errorbar(x, y, yerr=half, color=color, capsize=3)
    return drawn
