"""A spectrogram in tiles, so that any part of an hour is drawn from a few short transforms."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft
from scipy.signal import get_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_app.analysis.frequency_axis import FrequencyAxis
    from earbench_codecs.clip import AudioClip

TILE_COLUMNS = 128
FLOOR_DB = -160.0
_CACHE_BYTES = 256 * 2**20
_FRAMES_A_COLUMN = 4  # where a column is wider than a window, at most so many windows are averaged in it
WINDOWS = ("hann", "hamming", "blackmanharris", "boxcar")


@dataclass(frozen=True, slots=True)
class StftSettings:
    """How short-time spectra are taken.

    Parameters
    ----------
    n_fft : int
        Window and transform length in samples.
    window : str
        One of `WINDOWS`.
    overlap : float
        Share of a window that it has in common with the next when zoomed in, 0 ≤ overlap < 1.
    """

    n_fft: int = 2048
    window: str = "hann"
    overlap: float = 0.75

    @property
    def finest_hop(self) -> int:
        """Samples between windows at the closest zoom."""
        return max(1, round(self.n_fft * (1 - self.overlap)))


@dataclass(frozen=True, slots=True)
class Picture:
    """A spectrogram ready to be drawn.

    Parameters
    ----------
    db : ndarray of float32, shape [rows, columns]
        dB relative to a full-scale sine; row 0 is the lowest frequency.
    start_s, end_s : float
        Outer edges of the first and the last column.
    """

    db: NDArray[np.float32]
    start_s: float
    end_s: float


class Spectrogram:
    """Short-time power spectra of one clip, computed tile by tile and kept. Safe to use from several threads.

    Parameters
    ----------
    clip : AudioClip
        Channels are averaged in power.
    settings : StftSettings
    """

    def __init__(self, clip: AudioClip, settings: StftSettings) -> None:
        self._clip = clip
        self.settings = settings
        window = get_window(settings.window, settings.n_fft).astype(np.float32)
        self._window = window * np.float32(2 / window.sum())  # a full-scale sine on a bin reads 0 dB
        self._tiles: OrderedDict[tuple[int, int], NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def hop_for(self, samples_a_column: float) -> int:
        """Return the spacing of columns used at a zoom: a power of two times the finest hop."""
        finest = self.settings.finest_hop
        doublings = max(0, int(np.floor(np.log2(max(1.0, samples_a_column / finest)))))
        return int(finest * 2**doublings)

    def picture(
        self, start_s: float, end_s: float, n_columns: int, n_rows: int, axis: FrequencyAxis
    ) -> Picture:
        """Return what covers [start_s, end_s), at about one column a pixel and at most two."""
        rate = self._clip.sample_rate_hz
        start, end = max(0.0, start_s * rate), min(self._clip.n_samples, end_s * rate)
        hop = self.hop_for((end - start) / max(1, n_columns))
        first, last = int(start // hop), max(int(start // hop) + 1, int(np.ceil(end / hop)))
        tiles = range(first // TILE_COLUMNS, (last - 1) // TILE_COLUMNS + 1)
        power = np.concatenate([self._tile(hop, tile) for tile in tiles], axis=1)
        offset = first - tiles[0] * TILE_COLUMNS
        db = to_rows(power[:, offset : offset + last - first], axis, n_rows)
        return Picture(db, first * hop / rate, last * hop / rate)

    def _tile(self, hop: int, tile: int) -> NDArray[np.float32]:
        key = (hop, tile)
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
        made = self._compute(hop, tile)
        with self._lock:
            self._tiles[key] = made
            while len(self._tiles) > max(4, _CACHE_BYTES // made.nbytes):
                self._tiles.popitem(last=False)
        return made

    def _compute(self, hop: int, tile: int) -> NDArray[np.float32]:
        """Return mean power, shape [n_fft / 2 + 1, TILE_COLUMNS], of windows centred within each column."""
        n_fft = self.settings.n_fft
        n_sub = min(_FRAMES_A_COLUMN, max(1, hop // n_fft))
        columns = np.arange(tile * TILE_COLUMNS, (tile + 1) * TILE_COLUMNS)
        shifts = (np.arange(n_sub) + 0.5) / n_sub
        centres = ((columns[:, np.newaxis] + shifts) * hop).astype(np.int64).ravel()
        power = np.zeros((len(centres), n_fft // 2 + 1), np.float32)
        for channel in self._clip.samples:
            spectra = fft.rfft(_frames(channel, centres - n_fft // 2, n_fft) * self._window, axis=1)
            power += spectra.real**2 + spectra.imag**2
        power = power.reshape(TILE_COLUMNS, n_sub, -1).mean(axis=1) / self._clip.n_channels
        return np.ascontiguousarray(power.T)


def _frames(channel: NDArray[np.float32], starts: NDArray[np.int64], n_fft: int) -> NDArray[np.float32]:
    """Return frames [n, n_fft] beginning at `starts`, with zeros outside the channel."""
    low, high = int(starts[0]), int(starts[-1]) + n_fft
    if len(starts) * n_fft < high - low:  # sparse: gather frame by frame
        index = starts[:, np.newaxis] + np.arange(n_fft)
        inside = (index >= 0) & (index < len(channel))
        return np.where(inside, channel[np.clip(index, 0, len(channel) - 1)], np.float32(0))
    part = channel[max(0, low) : max(0, high)]
    before = max(0, -low)
    part = np.pad(part, (before, max(0, high - low - before - len(part))))
    return np.lib.stride_tricks.sliding_window_view(part, n_fft)[starts - low]


def to_rows(power: NDArray[np.float32], axis: FrequencyAxis, n_rows: int) -> NDArray[np.float32]:
    """Put power spectra [bins, columns] on a frequency axis as dB [rows, columns].

    A row that holds bins shows the strongest, so that no partial disappears; one that lies between two
    bins is interpolated in dB.
    """
    n_bins = power.shape[0]
    db = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    to_bin = (n_bins - 1) / axis.nyquist_hz
    edges = axis.frequency_hz(np.linspace(0, 1, n_rows + 1)) * to_bin
    centres = np.clip((edges[:-1] + edges[1:]) / 2, 0, n_bins - 1)
    below = np.minimum(centres.astype(np.int64), n_bins - 2)
    share = (centres - below)[:, np.newaxis].astype(np.float32)
    rows: NDArray[np.float32] = db[below] * (1 - share) + db[below + 1] * share
    first = np.ceil(edges[:-1]).astype(np.int64)
    last = np.minimum(np.ceil(edges[1:]).astype(np.int64), n_bins)
    for row in np.flatnonzero(last > first):
        rows[row] = db[first[row] : last[row]].max(axis=0)
    return rows
