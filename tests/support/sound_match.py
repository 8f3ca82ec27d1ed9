"""Which stimuli a recording holds, one after the other, told by correlation and by no clock."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf
import soxr

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WINDOW_S, HOP_S = 0.15, 0.08
SURE = 0.9999  # at least so much with one sound …
OTHER = 0.9995  # … and less with any other, else a window is left out: fades, seams, near silence
_QUIET = 1e-3


class SoundMatcher:
    """Correlates windows of a recording with every sound, at every position of its loop.

    Parameters
    ----------
    sounds : dict of name to Path
    sample_rate_hz : int
        Of the recording.
    """

    def __init__(self, sounds: dict[str, Path], sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._loops = {name: _Loop(path, sample_rate_hz) for name, path in sounds.items()}
        self._sizes = {loop.size for loop in self._loops.values()}

    def order_heard(self, samples: np.ndarray) -> list[str]:
        """Return the names of the sounds in the recorded samples [T, C], each as often as it came up."""
        return without_repeats(filter(None, map(self._sound, self._windows(samples.mean(axis=1)))))

    def _windows(self, mono: np.ndarray) -> Iterable[np.ndarray]:
        length, hop = round(WINDOW_S * self._rate_hz), round(HOP_S * self._rate_hz)
        return (mono[at : at + length] for at in range(0, mono.size - length, hop))

    def _sound(self, window: np.ndarray) -> str | None:
        if np.sqrt(np.mean(window**2)) < _QUIET:
            return None
        spectra = {size: np.conj(np.fft.rfft(window, size)) for size in self._sizes}
        found = sorted(
            ((loop.correlation(window, spectra[loop.size]), name) for name, loop in self._loops.items()),
            reverse=True,
        )
        (first, name), (second, _) = found[:2]
        return name if first > SURE and second < OTHER else None


def without_repeats(names: Iterable[str]) -> list[str]:
    """Return the names without those that follow themselves."""
    return [name for name, _ in groupby(names)]


class _Loop:
    """A sound that repeats without end."""

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        samples, rate = sf.read(path, always_2d=True)
        mono = soxr.resample(samples.mean(axis=1), rate, sample_rate_hz, quality="VHQ")
        self.size = mono.size
        self._spectrum = np.fft.rfft(mono)
        self._energy = np.concatenate([[0.0], np.cumsum(np.tile(mono, 2) ** 2)])

    def correlation(self, piece: np.ndarray, spectrum: np.ndarray) -> float:
        """Return the highest normalised correlation of samples [T], with their conjugate spectrum."""
        products = np.fft.irfft(self._spectrum * spectrum, self.size)
        local = self._energy[piece.size : piece.size + self.size] - self._energy[: self.size]
        return float(np.max(products / np.sqrt(np.maximum(local, 1e-9) * np.sum(piece**2))))
