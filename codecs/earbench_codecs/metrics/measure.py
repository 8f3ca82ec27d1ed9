"""Apply metrics to a pair of clips: resample, split, guard, and say what was done."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.metrics.measurement import Measurement, NotApplicableError
from earbench_codecs.metrics.pairs import check_pair
from earbench_codecs.metrics.registry import metrics_named
from earbench_codecs.metrics.worker import Worker, WorkerError
from earbench_codecs.resampling import resampled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_codecs.clip import AudioClip
    from earbench_codecs.metrics.registry import Metric

Pair = tuple["AudioClip", "AudioClip"]


def time_limit_s(duration_s: float) -> float:
    """Return how long one metric may take on a clip: a minute, or 20 times the clip's length."""
    return max(60.0, 20 * duration_s)


def measure(
    reference: AudioClip,
    test: AudioClip,
    names: Sequence[str] | None = None,
    *,
    worker: Worker | None = None,
    timeout_s: float | None = None,
    on_metric: Callable[[Metric], None] | None = None,
) -> dict[str, Measurement]:
    """Compare a test clip with its reference.

    Parameters
    ----------
    reference, test : AudioClip
        Of one rate, length and channel count, aligned to the sample.
    names : sequence of str, optional
        Metrics to compute; all by default.
    worker : Worker, optional
        A process to reuse over many calls; else one is made, and ended with the call.
    timeout_s : float, optional
        Limit for each piece of work in the worker; by default `time_limit_s`.
    on_metric : function, optional
        Told before each metric.

    Returns
    -------
    dict
        Metric name → `Measurement`. A metric that does not apply, is not installed, crashes or takes too
        long has no value and says so in its notes.

    Raises
    ------
    MetricError
        If the clips differ in rate, channels or length, or a name is unknown.
    """
    chosen = metrics_named(names)
    check_pair(reference, test)
    limit_s = timeout_s or time_limit_s(reference.duration_s)
    found: dict[str, Measurement] = {}
    with ExitStack() as stack:
        worker = worker or stack.enter_context(Worker())
        for metric in chosen:
            if on_metric:
                on_metric(metric)
            found[metric.name] = _measured(metric, (reference, test), worker, limit_s)
    return found


def _measured(metric: Metric, pair: Pair, worker: Worker, timeout_s: float) -> Measurement:
    try:
        if metric.of_clips:
            return _with_notes(metric.of_clips(*pair), ())
        return _of_signals(metric, pair, worker, timeout_s)
    except NotApplicableError as error:
        return Measurement.missing(str(error))


def _of_signals(metric: Metric, pair: Pair, worker: Worker, timeout_s: float) -> Measurement:
    _check_applies(metric, pair[0])
    notes, prepared = _prepared(metric, pair)
    values = []
    for name, piece in _pieces(metric, prepared):
        result = _of_piece(metric, piece, worker, timeout_s)
        prefix = f"{name}{' left out' if result.value is None else ''}: " if name else ""
        notes += [prefix + note for note in result.notes]
        if result.value is not None:
            values.append(result.value)
    if not values:
        return Measurement(None, tuple(notes))
    return _with_notes(sum(values) / len(values), tuple(notes))


def _check_applies(metric: Metric, clip: AudioClip) -> None:
    """Raise NotApplicableError where the metric says nothing of such a clip."""
    if metric.missing_package:
        package = metric.missing_package
        raise NotApplicableError(f"the package {package} is not installed (pip install {package})")
    if clip.sample_rate_hz < metric.min_rate_hz:
        raise NotApplicableError(
            f"it needs {metric.min_rate_hz} Hz or more, and the clips have {clip.sample_rate_hz} Hz"
        )
    if clip.sample_rate_hz > metric.max_rate_hz:
        raise NotApplicableError(
            f"it needs {metric.max_rate_hz} Hz or less, and the clips have {clip.sample_rate_hz} Hz"
        )
    if clip.duration_s < metric.min_s:
        raise NotApplicableError(f"the clips are shorter than {metric.min_s:g} s")
    if clip.duration_s > metric.max_s:
        raise NotApplicableError(f"the clips are longer than {metric.max_s:g} s; measure an excerpt")


def _prepared(metric: Metric, pair: Pair) -> tuple[list[str], Pair]:
    """Bring both clips to the metric's channels and rate; return what was done, and the clips."""
    notes = []
    n_channels, rate_hz = pair[0].n_channels, pair[0].sample_rate_hz
    if n_channels > 1 and metric.channels == "downmix":
        notes.append(f"of the mean of the {n_channels} channels")
        pair = (_downmixed(pair[0]), _downmixed(pair[1]))
    elif n_channels > 1:
        notes.append(f"mean of the figures of {n_channels} channels")
    if metric.rate_hz and metric.rate_hz != rate_hz:
        notes.append(f"both clips resampled from {rate_hz} to {metric.rate_hz} Hz (soxr VHQ)")
        pair = (resampled(pair[0], metric.rate_hz), resampled(pair[1], metric.rate_hz))
    n_parts = _n_parts(metric, pair[0])
    if n_parts > 1:
        notes.append(f"mean of the figures of {n_parts} parts of {pair[0].duration_s / n_parts:.1f} s")
    return notes, pair


def _downmixed(clip: AudioClip) -> AudioClip:
    return clip.with_samples(clip.samples.mean(axis=0, keepdims=True))


def _n_parts(metric: Metric, clip: AudioClip) -> int:
    return max(1, math.ceil(clip.duration_s / metric.max_part_s))


def _pieces(metric: Metric, pair: Pair) -> list[tuple[str, Pair]]:
    """Cut a pair into mono pieces no longer than the metric takes, each with a name for its notes."""
    n_parts, n_channels = _n_parts(metric, pair[0]), pair[0].n_channels
    pieces = []
    for part in range(n_parts):
        for channel in range(n_channels):
            names = [f"part {part + 1}"] * (n_parts > 1) + [f"channel {channel + 1}"] * (n_channels > 1)
            reference, test = (
                clip.with_samples(np.array_split(clip.samples[channel : channel + 1], n_parts, axis=1)[part])
                for clip in pair
            )
            pieces.append((", ".join(names), (reference, test)))
    return pieces


def _of_piece(metric: Metric, piece: Pair, worker: Worker, timeout_s: float) -> Measurement:
    reference, test = piece
    assert metric.of_signals is not None
    try:
        result = worker.call(
            timeout_s, metric.of_signals, reference.samples[0], test.samples[0], reference.sample_rate_hz
        )
    except (NotApplicableError, WorkerError) as error:
        return Measurement.missing(str(error))
    return result if result.value is None else _with_notes(result.value, result.notes)


def _with_notes(value: float, notes: tuple[str, ...]) -> Measurement:
    """Turn what JSON has no number for into a note."""
    if math.isfinite(value):
        return Measurement(value, notes)
    missing = Measurement.missing(_NOT_FINITE.get(value, "the result is not a number"))
    return replace(missing, notes=notes + missing.notes)


_NOT_FINITE = {
    math.inf: "infinite: there is no distortion at all",
    -math.inf: "minus infinite: nothing of the reference is in the test",
}
