"""A spectrogram in tiles, so that any part of an hour is drawn from a few short transforms."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import fft
from scipy.signal import get_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_app.analysis.frequency_axis import FrequencyAxis
    from earbench_codecs.clip import AudioClip

TILE_COLUMNS = 128
FLOOR_DB = -160.0
CACHE_BYTES = 192 * 2**20
_FRAMES_A_COLUMN = 2  # where a column is wider than a window, at most so many windows are averaged in it
_MOST_SAMPLES_A_COLUMN = 8192  # in those windows, so that long windows do not take long
_BLOCK_FRAMES = 256  # transformed at once: what they need fits into the processor's cache
_BLOCK_PIXELS = 256
_FLOOR_POWER = np.float32(10 ** (FLOOR_DB / 10))


@dataclass(frozen=True, slots=True)
class StftSettings:
    """How short-time spectra are taken.

    Parameters
    ----------
    n_fft : int
        Window and transform length in samples.
    window : str
        A window's name as SciPy knows it; its periodic form is used.
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


@dataclass(frozen=True, eq=False)
class Picture:
    """A spectrogram ready to be drawn, one value a pixel.

    Parameters
    ----------
    db : ndarray of float32, shape [rows, columns]
        dB relative to a full-scale sine; row 0 is the lowest frequency.
    start_s, end_s : float
        Outer edges of the first and the last column.
    axis : FrequencyAxis
        Where the rows stand.
    hop_s : float
        Spacing of the spectra the pixels come from.
    n_averaged : int
        Windows averaged in each of those spectra; more than one only where `hop_s` is longer than a window.
    """

    db: NDArray[np.float32]
    start_s: float
    end_s: float
    axis: FrequencyAxis
    hop_s: float
    n_averaged: int
    _shades: dict[tuple[float, float], NDArray[np.uint8]] = field(default_factory=dict, repr=False)

    def shades(self, low_db: float, high_db: float) -> NDArray[np.uint8]:
        """Return the levels from `low_db` (0) to `high_db` (255), the highest frequency first; kept."""
        key = (low_db, high_db)
        if key not in self._shades:
            levels = self.db - np.float32(low_db)  # laid out in memory as `db` is
            levels *= np.float32(255 / (high_db - low_db))
            np.clip(levels, 0, 255, out=levels)
            self._shades.clear()
            self._shades[key] = np.ascontiguousarray(levels.astype(np.uint8)[::-1])
        return self._shades[key]

    def at(self, time_s: float, position: float) -> float | None:
        """Return the level drawn at a moment and a place on the axis (0..1); None outside."""
        n_rows, n_columns = self.db.shape
        column = int((time_s - self.start_s) / (self.end_s - self.start_s) * n_columns)
        row = int(position * n_rows)
        inside = self.start_s <= time_s and column < n_columns and position >= 0 and row < n_rows
        return float(self.db[row, column]) if inside else None

    def times_s(self) -> NDArray[np.float64]:
        """Return the middle of each column."""
        n_columns = self.db.shape[1]
        edges = np.linspace(self.start_s, self.end_s, n_columns + 1)
        middles: NDArray[np.float64] = (edges[:-1] + edges[1:]) / 2
        return middles

    def frequencies_hz(self) -> NDArray[np.float64]:
        """Return the middle of each row."""
        n_rows = self.db.shape[0]
        return self.axis.frequency_hz((np.arange(n_rows) + 0.5) / n_rows)


TileKey: TypeAlias = "tuple[int, int, int, tuple[FrequencyAxis, int]]"
"""Owner, hop, number, rows."""


class TileCache:
    """What several spectrograms have computed; the tiles not used for longest go first.

    Parameters
    ----------
    limit_bytes : int
        Never exceeded by more than the tile put in last.
    """

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.n_bytes = 0
        self._tiles: OrderedDict[TileKey, NDArray[np.float32]] = OrderedDict()

    def get(self, key: TileKey) -> NDArray[np.float32] | None:
        """Return a tile, if it is still there."""
        if key in self._tiles:
            self._tiles.move_to_end(key)
        return self._tiles.get(key)

    def put(self, key: TileKey, tile: NDArray[np.float32]) -> None:
        """Keep a tile, and let go of old ones."""
        self._tiles[key] = tile
        self.n_bytes += tile.nbytes
        while self.n_bytes > self.limit_bytes and len(self._tiles) > 1:
            self.n_bytes -= self._tiles.popitem(last=False)[1].nbytes

    def forget(self, owner: int) -> None:
        """Let go of one spectrogram's tiles."""
        for key in [key for key in self._tiles if key[0] == owner]:
            self.n_bytes -= self._tiles.pop(key).nbytes


class Spectrogram:
    """Short-time spectra of one clip, computed tile by tile and kept. For use from one thread.

    Parameters
    ----------
    clip : AudioClip
        Channels are averaged in power.
    settings : StftSettings
    cache : TileCache, optional
        Shared with other spectrograms; one of its own by default.
    """

    _owners = itertools.count()

    def __init__(self, clip: AudioClip, settings: StftSettings, cache: TileCache | None = None) -> None:
        self._clip = clip
        self.settings = settings
        self.cache = cache or TileCache()
        self.owner = next(self._owners)
        window = get_window(settings.window, settings.n_fft)
        self._window = (window * 2 / window.sum()).astype(np.float32)  # a full-scale sine on a bin: 0 dB

    def forget(self) -> None:
        """Let go of what was computed."""
        self.cache.forget(self.owner)

    def hop_for(self, samples_a_column: float) -> int:
        """Return the spacing of columns used at a zoom: a power of two times the finest hop."""
        finest = self.settings.finest_hop
        doublings = max(0, round(np.log2(max(1.0, samples_a_column / finest))))
        return int(finest * 2**doublings)

    def windows_averaged(self, hop: int) -> int:
        """Return how many windows, evenly spaced, make a column of `hop` samples."""
        n_fft = self.settings.n_fft
        return max(1, min(_FRAMES_A_COLUMN, _MOST_SAMPLES_A_COLUMN // n_fft, hop // n_fft))

    def picture(
        self, start_s: float, end_s: float, n_columns: int, n_rows: int, axis: FrequencyAxis
    ) -> Picture:
        """Return [start_s, end_s) in `n_columns` × `n_rows` pixels.

        A pixel that holds several values shows the strongest, so that no partial and no click disappears;
        one that lies between two is interpolated in dB.
        """
        rate = self._clip.sample_rate_hz
        start, end = max(0.0, start_s * rate), min(float(self._clip.n_samples), end_s * rate)
        hop = self.hop_for((end - start) / max(1, n_columns))
        first, last = max(0, int(start / hop - 0.5)), int(np.ceil(end / hop + 0.5))
        tiles = range(first // TILE_COLUMNS, (last - 1) // TILE_COLUMNS + 1)
        rows = _Rows.of(axis, n_rows, self.settings.n_fft)
        columns = np.concatenate([self._tile(hop, tile, rows) for tile in tiles])
        edges = np.linspace(start, end, n_columns + 1) / hop - 0.5  # columns stand for their middle
        db = to_pixels(columns, edges - tiles[0] * TILE_COLUMNS).T
        return Picture(db, start / rate, end / rate, axis, hop / rate, self.windows_averaged(hop))

    def _tile(self, hop: int, tile: int, rows: _Rows) -> NDArray[np.float32]:
        """Return dB on the rows of a picture, shape [TILE_COLUMNS, rows]."""
        key = (self.owner, hop, tile, rows.key)
        made = self.cache.get(key)
        if made is None:
            bins = np.ascontiguousarray(self.spectra_db(hop, tile).T)
            made = np.ascontiguousarray(to_pixels(bins, rows.edges).T)
            self.cache.put(key, made)
        return made

    def spectra_db(self, hop: int, tile: int) -> NDArray[np.float32]:
        """Return dB, shape [TILE_COLUMNS, n_fft / 2 + 1], of windows centred within each column."""
        n_fft, n_sub = self.settings.n_fft, self.windows_averaged(hop)
        columns = np.arange(tile * TILE_COLUMNS, (tile + 1) * TILE_COLUMNS)
        shifts = (np.arange(n_sub) + 0.5) / n_sub
        starts = ((columns[:, np.newaxis] + shifts) * hop).astype(np.int64).ravel() - n_fft // 2
        power = np.zeros((TILE_COLUMNS, n_fft // 2 + 1), np.float32)
        for channel in self._clip.samples:
            for block in range(0, len(starts), _BLOCK_FRAMES):
                frames = _frames(channel, starts[block : block + _BLOCK_FRAMES], n_fft) * self._window
                spectra = fft.rfft(frames, axis=1, overwrite_x=True)
                energy = spectra.real**2 + spectra.imag**2
                means = energy.reshape(len(frames) // n_sub, n_sub, -1).mean(axis=1)
                power[block // n_sub : block // n_sub + len(means)] += means
        power /= self._clip.n_channels
        return np.float32(10) * np.log10(np.maximum(power, _FLOOR_POWER))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of a picture: where in a transform each begins and ends."""

    key: tuple[FrequencyAxis, int]
    edges: NDArray[np.float64]

    @classmethod
    def of(cls, axis: FrequencyAxis, n_rows: int, n_fft: int) -> _Rows:
        edges_hz = axis.frequency_hz(np.linspace(0, 1, n_rows + 1))
        return cls((axis, n_rows), edges_hz * n_fft / (2 * axis.nyquist_hz))


def _frames(channel: NDArray[np.float32], starts: NDArray[np.int64], n_fft: int) -> NDArray[np.float32]:
    """Return frames [n, n_fft] beginning at `starts`, which ascend, with zeros outside the channel."""
    low, high = int(starts[0]), int(starts[-1]) + n_fft
    if low >= 0 and high <= len(channel):
        return np.lib.stride_tricks.sliding_window_view(channel, n_fft)[starts]
    frames = np.zeros((len(starts), n_fft), np.float32)
    for frame, start in zip(frames, starts.tolist(), strict=True):
        part = channel[max(0, start) : max(0, start + n_fft)]
        offset = max(0, -start)
        frame[offset : offset + len(part)] = part
    return frames


def to_pixels(db: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float32]:
    """Put values [n, …] that stand at 0, 1, … n - 1 on pixels with these edges, shape [pixels + 1].

    A pixel that holds values shows the highest; one that lies between two is interpolated.
    """
    n_values = len(db)
    first = np.clip(np.ceil(edges), 0, n_values).astype(np.int64)
    holds = np.flatnonzero(first[1:] > first[:-1])
    between = np.flatnonzero(first[1:] == first[:-1])
    pixels = np.empty((len(edges) - 1, *db.shape[1:]), np.float32)
    for block in range(0, len(holds), _BLOCK_PIXELS):  # `reduceat` lets no other thread run
        some = holds[block : block + _BLOCK_PIXELS]
        cuts = np.append(first[some], first[some[-1] + 1])  # pixels that hold values are neighbours in them
        pixels[some] = np.maximum.reduceat(db[: cuts[-1]], cuts[:-1], axis=0)
    centres = np.clip((edges[:-1] + edges[1:])[between] / 2, 0, n_values - 1)
    below = np.minimum(centres.astype(np.int64), max(0, n_values - 2))
    share = (centres - below).astype(np.float32)[:, np.newaxis]
    pixels[between] = db[below] * (1 - share) + db[np.minimum(below + 1, n_values - 1)] * share
    return pixels
