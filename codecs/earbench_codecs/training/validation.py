"""What a coder is worth in mid-training: its rate by its hard codes, its quality on held-out audio."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from earbench_codecs.clip import AudioClip
from earbench_codecs.metrics.measure import measure
from earbench_codecs.metrics.registry import metrics_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.metrics.worker import Worker
    from earbench_codecs.neural.coder import Coder, CoderConfig
    from earbench_codecs.neural.framing import Framing
    from earbench_codecs.training.corpus import Corpus, Recording
    from earbench_codecs.training.recipe_tables import ValidationTable

_FRAMES_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Validated:
    """What a validation found.

    Parameters
    ----------
    step : int
    kbps : float
        NaN where there is no rate.
    metrics : dict
    trained_s : float
        Seconds of training so far.
    is_best : bool
        Whether no checkpoint before was better.
    """

    step: int
    kbps: float
    metrics: dict[str, float | None]
    trained_s: float
    is_best: bool


def divisor(config: CoderConfig, recording: Recording) -> float:
    """Return what a recording is divided by before it is cut into frames."""
    return {"none": 1.0, "peak": recording.peak, "std": recording.rms * config.crest}[config.level]


def frames_of(config: CoderConfig, windows: NDArray[np.float32]) -> Tensor:
    """Return windows [B, L] of a signal as the frames [B, 1, L] the coder takes, in the same memory."""
    frames = torch.from_numpy(windows)
    if config.framing.side != "synthesis":
        frames *= _window(config.framing)
    return frames.unsqueeze(1)


@cache
def _window(framing: Framing) -> Tensor:
    return framing.window(torch.empty(0))


@torch.inference_mode()
def measured_kbps(coder: Coder, frames: Tensor) -> float:
    """Return the rate of frames [B, 1, L] in the coder's present stage; 0 where it does not quantise.

    The entropy of the hard codes, an ideal static code's; the coder is in evaluation mode.
    """
    parts = torch.split(frames, _FRAMES_AT_ONCE)
    bits = sum(len(part) * float(coder(part).rate_bits) for part in parts)
    return coder.kbps(bits / len(frames))


def chosen_metrics(table: ValidationTable, sample_rate_hz: int) -> list[str]:
    """Return the metrics to measure, the one that decides last; checks the names.

    Raises
    ------
    MetricError
        A name is unknown.
    """
    default = ["sdr_db", "pesq_wb" if sample_rate_hz == 16_000 else "nmr_db"]
    names = table.metrics or default
    metrics_named(names)
    return names


def chosen_recordings(recordings: Sequence[Recording], table: ValidationTable) -> list[Recording]:
    """Return those that are measured: always the same, in an order that their names decide."""
    return sorted(recordings, key=lambda r: hashlib.sha256(r.path.encode()).digest())[: table.excerpts]


@torch.inference_mode()
def coded(coder: Coder, signal: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Return a signal [T] as it comes back from the coder in its present stage.

    Parameters
    ----------
    coder : Coder
        In evaluation mode.
    signal : ndarray
    level : float
        What it is divided by before, and multiplied with after.
    """
    device = next(coder.parameters()).device
    framing = coder.config.framing
    frames = framing.split(torch.from_numpy(signal / np.float32(level)).to(device)).unsqueeze(1)
    decoded = torch.cat([coder(part).decoded for part in torch.split(frames, _FRAMES_AT_ONCE)])
    joined: NDArray[np.float32] = framing.join(decoded.squeeze(1), len(signal)).cpu().numpy()
    return joined * np.float32(level)


def validate(
    coder: Coder,
    corpus: Corpus,
    recordings: Sequence[Recording],
    table: ValidationTable,
    worker: Worker,
    show: Callable[[int, NDArray[np.float32]], None] = lambda _number, _decoded: None,
    code: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    check: Callable[[], None] = lambda: None,
) -> dict[str, float | None]:
    """Return the mean of each metric over excerpts of recordings; None where it applies to none of them.

    Parameters
    ----------
    coder : Coder
        In evaluation mode.
    corpus : Corpus
    recordings : sequence of Recording
        Held out.
    table : ValidationTable
    worker : Worker
        Computes the metrics.
    show : callable
        Is told each excerpt's number and how it was decoded, [T].
    code : callable, optional
        Codes and decodes a signal [T]; without it, the coder does as it is.
    check : callable
        Called before each figure; what it raises ends the validation.
    """
    names = chosen_metrics(table, corpus.sample_rate_hz)
    found: dict[str, list[float]] = {name: [] for name in names}
    chosen = chosen_recordings(recordings, table)
    for number, (recording, signal) in enumerate(zip(chosen, excerpts(corpus, chosen, table), strict=True)):
        decoded = code(signal) if code else coded(coder, signal, divisor(coder.config, recording))
        show(number, decoded)
        original, test = (AudioClip.mono(x, corpus.sample_rate_hz) for x in (signal, decoded))
        for name, figure in measure(
            original, test, names, worker=worker, on_metric=lambda _: check()
        ).items():
            if figure.value is not None:
                found[name].append(figure.value)
    return {name: sum(values) / len(values) if values else None for name, values in found.items()}


def excerpts(
    corpus: Corpus, recordings: Sequence[Recording], table: ValidationTable
) -> Iterator[NDArray[np.float32]]:
    """Yield the part [T] of each recording that is measured."""
    for recording in recordings:
        yield middle(corpus.signal(recording), round(table.seconds * corpus.sample_rate_hz))


def middle(signal: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return so many samples from the middle of a signal, or all."""
    start = max(0, (len(signal) - length) // 2)
    return signal[start : start + length]
