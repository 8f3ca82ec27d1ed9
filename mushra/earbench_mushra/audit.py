"""The pre-flight audit: what a listener could tell apart, or stumble over, that is not the codec's sound.

Every stimulus is held against the reference of its item: the same rate, channels and length (else the player
cannot switch between them), no delay, no reversed polarity, no offset, no clipping, the same loudness.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from earbench_mushra.design import Role
from earbench_mushra.study_files import stimulus_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from earbench_mushra.design import Stimulus, Study

MAX_DURATION_S = 12.0
"""BS.1534-3 prefers excerpts of about 10 s, 12 s at most."""
MAX_DELAY_S = 0.1
MAX_DC_DIFFERENCE = 1e-3
MAX_LOUDNESS_DIFFERENCE_LU = 1.0
MIN_LOUDNESS_BLOCK_S = 0.4
CLIPPED = 1 - 2**-15
MIN_CLIPPED_RUN = 3
SAME_SIGNAL = 0.5
"""Correlation from which two signals are compared in time at all."""


class Severity(StrEnum):
    """An error keeps the test from being run; a warning may be meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the audit found; for the researcher, as it names the condition.

    Parameters
    ----------
    severity : Severity
    item, condition, file : str
    text : str
        What is wrong.
    """

    severity: Severity
    item: str
    condition: str
    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: item {self.item}, {self.condition} ({self.file}): {self.text}"


@dataclass(frozen=True, slots=True, eq=False)
class _Audio:
    samples: NDArray[np.float64]  # [T, C]
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz

    @property
    def shape(self) -> tuple[int, int, int]:
        n_samples, n_channels = self.samples.shape
        return self.sample_rate_hz, n_channels, n_samples


_Note = tuple[Severity, str]


def audit_stimuli(study: Study, folder: Path) -> list[Finding]:
    """Listen to every stimulus of a study, so to speak.

    Parameters
    ----------
    study : Study
    folder : Path
        Where it lies.

    Returns
    -------
    list of Finding
        By item; empty if all is well.
    """
    cells: dict[str, list[Stimulus]] = defaultdict(list)
    for cell in study.stimuli:
        cells[cell.item].append(cell)
    return [finding for own in cells.values() for finding in _audit_item(study, folder, own)]


def _audit_item(study: Study, folder: Path, cells: list[Stimulus]) -> Iterator[Finding]:
    cells = sorted(cells, key=lambda cell: cell.condition != study.reference)  # the reference first
    reference: _Audio | None = None
    for cell in cells:
        try:
            audio = _read(stimulus_path(folder, cell.file))
        except (soundfile.LibsndfileError, OSError) as error:
            yield _finding(cell, (Severity.ERROR, f"cannot be read: {error}"))
            continue
        is_system = study.condition(cell.condition).role is Role.SYSTEM
        notes = [*_alone(audio), *(_beside(audio, reference, is_system) if reference else ())]
        yield from (_finding(cell, note) for note in notes)
        reference = reference or audio


def _read(path: Path) -> _Audio:
    samples, sample_rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    return _Audio(samples, sample_rate_hz)


def _finding(cell: Stimulus, note: _Note) -> Finding:
    return Finding(note[0], cell.item, cell.condition, cell.file, note[1])


def _alone(audio: _Audio) -> Iterator[_Note]:
    if not audio.samples.size or not np.isfinite(audio.samples).all():
        yield Severity.ERROR, "holds no samples, NaN or infinity"
    elif not audio.samples.any():
        yield Severity.ERROR, "is silent"
    if n_runs := clipped_runs(audio.samples):
        yield Severity.WARNING, f"clips {n_runs} times"
    if audio.duration_s > MAX_DURATION_S:
        yield Severity.WARNING, f"lasts {audio.duration_s:.1f} s; {MAX_DURATION_S:g} s at most is advised"


def _beside(audio: _Audio, reference: _Audio, is_system: bool) -> Iterator[_Note]:
    if audio.shape != reference.shape:
        yield Severity.ERROR, f"is {_told(audio)}, its item {_told(reference)}: the player cannot switch"
        return
    if not (np.isfinite(audio.samples).all() and audio.samples.any() and reference.samples.any()):
        return
    lag, correlation = delay(audio.samples.mean(axis=1), reference.samples.mean(axis=1), audio.sample_rate_hz)
    if lag and abs(correlation) >= SAME_SIGNAL:
        yield Severity.WARNING, f"is {abs(lag)} samples {'late' if lag > 0 else 'early'}"
    if correlation <= -SAME_SIGNAL:
        yield Severity.WARNING, "has its polarity reversed"
    offset = float(np.abs(audio.samples.mean(axis=0) - reference.samples.mean(axis=0)).max())
    if offset > MAX_DC_DIFFERENCE:
        yield Severity.WARNING, f"has an offset (DC) of {offset:.4f} against its reference"
    louder_lu = _loudness_lufs(audio) - _loudness_lufs(reference) if is_system else 0.0
    if abs(louder_lu) > MAX_LOUDNESS_DIFFERENCE_LU:
        yield Severity.WARNING, f"is {abs(louder_lu):.1f} LU {'louder' if louder_lu > 0 else 'softer'}"


def clipped_runs(samples: NDArray[np.float64]) -> int:
    """Return how often three samples or more in a row stand at full scale; samples of shape [T, C]."""
    return sum(
        full and sum(1 for _ in run) >= MIN_CLIPPED_RUN
        for channel in (np.abs(samples) >= CLIPPED).T
        if channel.any()
        for full, run in groupby(channel.tolist())
    )


def delay(
    signal: NDArray[np.float64], reference: NDArray[np.float64], sample_rate_hz: int
) -> tuple[int, float]:
    """Return by how many samples a signal is late, and its normalised correlation at that lag.

    A lag is believed only if it explains the signal clearly better than none: what it leaves unexplained is
    less than nine tenths of what is left without it. Coding noise moves the peak of a correlation a little.
    """
    n_fft = 1 << (2 * len(signal) - 1).bit_length()
    spectrum = np.fft.rfft(signal, n_fft) * np.conj(np.fft.rfft(reference, n_fft))
    norm = float(np.linalg.norm(signal) * np.linalg.norm(reference)) or 1.0
    correlation = np.fft.irfft(spectrum, n_fft) / norm
    reach = min(len(signal) - 1, round(MAX_DELAY_S * sample_rate_hz))
    lags = np.arange(-reach, reach + 1)
    best = int(lags[np.argmax(np.abs(correlation[lags]))])
    if 1 - correlation[best] ** 2 < 0.9 * (1 - correlation[0] ** 2):
        return best, float(correlation[best])
    return 0, float(correlation[0])


def _loudness_lufs(audio: _Audio) -> float:
    """Return the loudness by BS.1770; of an excerpt too short for that, of its repetition."""
    import pyloudnorm  # imports scipy

    n_repeats = int(np.ceil(2 * MIN_LOUDNESS_BLOCK_S / audio.duration_s))
    meter = pyloudnorm.Meter(audio.sample_rate_hz)
    return float(meter.integrated_loudness(np.tile(audio.samples, (n_repeats, 1))))


def _told(audio: _Audio) -> str:
    sample_rate_hz, n_channels, n_samples = audio.shape
    return f"{sample_rate_hz} Hz, {n_channels} channels, {n_samples} samples"
