"""Distance of the short-time spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.metrics.pairs import check_pair, float64_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

FRAME_S = 0.032
FLOOR = 1e-10


def lsd_db(reference: AudioClip, test: AudioClip) -> float:
    """Log-spectral distance: the frames' mean of the bins' rms difference of the spectra in decibels.

    Hann windows of 32 ms, a quarter apart; power is held above -100 dB, 0 dB being a bin of a full-scale
    sine, so that digital silence counts as very quiet and not as infinitely far. Mean over channels.

    Returns
    -------
    float
        Decibels, 0 where the spectra are equal.

    Raises
    ------
    MetricError
        If rate, channels or length differ, or the clips are shorter than a frame.

    References
    ----------
    Gray and Markel, "Distance measures for speech processing", IEEE Trans. ASSP 24(5), 1976.
    """
    check_pair(reference, test)
    n_frame = max(8, round(FRAME_S * reference.sample_rate_hz))
    window = np.hanning(n_frame + 1)[:-1]
    window *= 2 / window.sum()
    distances = []
    for s, t in float64_frames(reference, test, n_frame, n_frame // 4):
        difference = _level_db(s * window) - _level_db(t * window)
        distances.append(np.sqrt(np.mean(difference**2, axis=-1)))
    return float(np.mean(np.concatenate(distances, axis=1)))


def _level_db(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(frames)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(10 * np.log10(np.maximum(power, FLOOR)))
