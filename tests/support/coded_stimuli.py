"""Stimuli each sample of which says, once recorded, which stimulus and which position it is.

The left channel holds the code c / 2²⁴, exact in float32, the right one 1 - c / 2²⁴. They add up to 1 only at
full gain, so a sample within a fade is never mistaken for another one.
"""

from __future__ import annotations

import numpy as np

from earbench_codecs.clip import AudioClip

N_POSITIONS = 1 << 19  # 10.9 s at 48 kHz
_SCALE = 1 << 24


def coded_stimulus(index: int, sample_rate_hz: int = 48_000) -> AudioClip:
    """Return stimulus `index`, 0 to 30."""
    code = index * N_POSITIONS + 1 + np.arange(N_POSITIONS)
    return AudioClip(np.stack([code / _SCALE, 1 - code / _SCALE]).astype(np.float32), sample_rate_hz)


def decode(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, of samples [T, 2], those at full gain: their indices, stimuli and positions."""
    left, right = samples.astype(np.float64).T
    code = left * _SCALE
    full = (left + right == 1) & (code == np.floor(code)) & (code >= 1)
    index = np.flatnonzero(full)
    stimulus, position = np.divmod(code[index].astype(int) - 1, N_POSITIONS)
    return index, stimulus, position
