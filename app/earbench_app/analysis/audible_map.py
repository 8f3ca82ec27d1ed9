"""Time × Bark map of a version's noise-to-mask ratio, filled in part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.analysis.noise_plot import HOP, N_FFT
from earbench_codecs.metrics.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earbench_app.analysis.masking_work import MapPart

PART_S = 20.0
_STEPS_A_DB = 100  # ratios are kept as 16-bit integers: an hour of 25 bands is 34 MB
_UNKNOWN = np.iinfo(np.int16).min
SPOTS_APART_S = 0.25
_NO_NOISE = "minus infinite: there is no noise at all"


@dataclass(frozen=True, slots=True)
class Span:
    """Frames [first, after) of a map, and the samples [start, stop) that they are computed from."""

    first: int
    after: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class MapPicture:
    """A map ready to be drawn.

    Parameters
    ----------
    bands_bark : ndarray of int, shape [B]
        Lower limit of each band; it is one Bark wide.
    nmr_db : ndarray of float32, shape [B, columns]
        Highest ratio within each column; NaN where nothing is known yet. Row 0 is the lowest band.
    start_s, end_s : float
        Outer edges of the first and the last column.
    """

    bands_bark: NDArray[np.int64]
    nmr_db: NDArray[np.float32]
    start_s: float
    end_s: float


class AudibleMap:
    """Ratios of a whole version, as far as they have been computed.

    Parameters
    ----------
    n_samples, sample_rate_hz, n_channels : int
        Of the clip.
    """

    def __init__(self, n_samples: int, sample_rate_hz: int, n_channels: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.n_frames = 1 + max(0, -(-(n_samples - N_FFT) // HOP))
        self._n_samples = n_samples
        self.bands_bark = np.empty(0, np.int64)
        self._bands = np.empty((self.n_frames, 0), np.int16)
        self.frame_nmr_db = np.full((n_channels, self.n_frames), np.nan, np.float32)

    def spans(self) -> Iterator[Span]:
        """Return the parts to compute, in the order of time."""
        length = max(1, round(PART_S * self.sample_rate_hz / HOP))
        for first in range(0, self.n_frames, length):
            after = min(first + length, self.n_frames)
            yield Span(first, after, first * HOP, min(self._n_samples, (after - 1) * HOP + N_FFT))

    def put(self, span: Span, part: MapPart) -> None:
        """Take in what was computed."""
        if not self._bands.shape[1]:
            self.bands_bark = part.bands_bark
            self._bands = np.full((self.n_frames, len(part.bands_bark)), _UNKNOWN, np.int16)
        frames = slice(span.first, span.after)
        self._bands[frames] = np.round(np.clip(part.band_nmr_db, -300, 300) * _STEPS_A_DB).astype(np.int16)
        self.frame_nmr_db[:, frames] = part.frame_nmr_db

    @property
    def complete(self) -> bool:
        """Whether every frame is known."""
        return not np.isnan(self.frame_nmr_db).any()

    def nmr(self) -> Measurement:
        """Return `nmr_db` of `earbench measure`: mean ratio over bands and frames, then over channels."""
        ratios = (10 ** (self.frame_nmr_db.astype(np.float64) / 10)).mean(axis=1)
        if len(ratios) == 1 and not ratios[0]:
            return Measurement.missing(_NO_NOISE)
        notes = [f"mean of the figures of {len(ratios)} channels"] if len(ratios) > 1 else []
        silent = np.flatnonzero(ratios == 0)
        notes += [f"channel {channel + 1} left out: {_NO_NOISE}" for channel in silent]
        noisy = ratios[ratios > 0]
        return Measurement(float(np.mean(10 * np.log10(noisy))) if noisy.size else None, tuple(notes))

    def times_s(self) -> NDArray[np.float64]:
        """Return the middle of each frame."""
        return (np.arange(self.n_frames) * HOP + N_FFT / 2) / self.sample_rate_hz

    def worst_frames(self, count: int) -> list[tuple[float, float]]:
        """Return moments in s with the highest frame ratio in any channel, and it in dB; worst first."""
        highest = np.where(np.isnan(self.frame_nmr_db), -np.inf, self.frame_nmr_db).max(axis=0)
        times_s = self.times_s()
        worst: list[tuple[float, float]] = []
        while len(worst) < count and np.isfinite(highest.max()):
            place = int(highest.argmax())
            worst.append((float(times_s[place]), float(highest[place])))
            highest[np.abs(times_s - times_s[place]) < SPOTS_APART_S] = -np.inf
        return worst

    def picture(self, start_s: float, end_s: float, n_columns: int) -> MapPicture | None:
        """Return the part of the map in view; None before anything is known.

        A column shows the highest ratio of its frames, so that no audible moment is lost.
        """
        if not self._bands.shape[1]:
            return None
        hop_s, lead_s = HOP / self.sample_rate_hz, (N_FFT - HOP) / 2 / self.sample_rate_hz
        first = min(max(0, int((start_s - lead_s) / hop_s)), self.n_frames - 1)
        after = min(max(first + 1, int(np.ceil((end_s - lead_s) / hop_s))), self.n_frames)
        edges = np.unique(np.linspace(first, after, min(n_columns, after - first) + 1).astype(np.int64))
        highest = np.maximum.reduceat(self._bands[first:after], edges[:-1] - first, axis=0).T
        nmr_db = np.where(highest == _UNKNOWN, np.nan, highest / _STEPS_A_DB).astype(np.float32)
        return MapPicture(self.bands_bark, nmr_db, first * hop_s + lead_s, after * hop_s + lead_s)
