"""The audible part of a version's noise, over the whole clip or a region, put together part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.analysis.noise_plot import N_FFT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

PART_S = 10.0
_AROUND_S = 0.1  # of a region is made as well: the player fades at a loop's ends


@dataclass(frozen=True, slots=True)
class Part:
    """Samples [start, stop) to work out, and [first, after), which they are worked out from."""

    start: int
    stop: int
    first: int
    after: int


class AudibleNoise:
    """Silent where it is not yet known, and outside the region.

    Parameters
    ----------
    original, version : AudioClip
    region_s : (float, float), optional
        All of the clip where there is none.
    """

    def __init__(
        self, original: AudioClip, version: AudioClip, region_s: tuple[float, float] | None = None
    ) -> None:
        self.original, self._version, self.region_s = original, version, region_s
        start_s, end_s = region_s or (0.0, original.duration_s)
        rate_hz = original.sample_rate_hz
        self._start = max(0, int((start_s - _AROUND_S) * rate_hz) // N_FFT * N_FFT)
        self._stop = min(original.n_samples, round((end_s + _AROUND_S) * rate_hz))
        self._noise = np.zeros(original.samples.shape, np.float32)  # takes no memory where it stays silent

    @property
    def n_bytes(self) -> int:
        """Memory it takes once it is complete."""
        return 4 * self.original.n_channels * (self._stop - self._start)

    def covers(self, region_s: tuple[float, float] | None) -> bool:
        """Whether a region, or the whole clip, lies within."""
        if self.region_s is None or region_s is None:
            return self.region_s is None
        return self.region_s[0] <= region_s[0] and region_s[1] <= self.region_s[1]

    def parts(self) -> list[Part]:
        """Return the parts to compute, in the order of time.

        They begin on a frame and know a frame more at either end, so that nothing tells where they meet.
        """
        length = max(1, round(PART_S * self.original.sample_rate_hz / N_FFT)) * N_FFT
        stops = [min(start + length, self._stop) for start in range(self._start, self._stop, length)]
        return [
            Part(start, stop, max(0, start - N_FFT), min(self.original.n_samples, stop + N_FFT))
            for start, stop in zip(range(self._start, self._stop, length), stops, strict=True)
        ]

    def samples(self, part: Part) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what a part is computed from: original and version [C, after - first]."""
        reach = slice(part.first, part.after)
        return self.original.samples[:, reach], self._version.samples[:, reach]

    def put(self, part: Part, noise: NDArray[np.float32]) -> None:
        """Take in what was computed of `samples`."""
        self._noise[:, part.start : part.stop] = noise[:, part.start - part.first : part.stop - part.first]

    def clip(self) -> AudioClip:
        """Return it as a clip as long as the original; no part can be put any more."""
        self._noise.flags.writeable = False  # so that it need not be copied
        return self.original.with_samples(self._noise)
