"""What a signal is divided by before it is coded: a level, sent as a number.

Levels are 2^((n - 49152) / 2048): from 2^-24 to 2^8, 0.003 dB apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_codecs.neural.coder import CoderConfig

    Samples = NDArray[np.float32]

LEVELS_PER_OCTAVE = 2048
LARGEST_LEVEL = 0xFFFF
_LEVEL_OF_1 = 24 * LEVELS_PER_OCTAVE
_BLOCK = 1 << 20


def level_of(signal: Samples, config: CoderConfig) -> float:
    """Return the level of a signal of any shape, as a coder's configuration has it."""
    if config.level == "peak":
        return max(float(signal.max()), -float(signal.min()))
    if config.level == "std":
        deviation = _standard_deviation(signal.ravel())
        return (deviation or abs(float(signal.flat[0]))) * config.crest  # what stands still has none
    return 1.0


def level_number(level: float) -> int:
    """Return the number of the nearest level; that of the lowest, 0, for silence."""
    octaves = math.log2(level) if level > 0 else -math.inf
    return round(max(octaves * LEVELS_PER_OCTAVE, -_LEVEL_OF_1) + _LEVEL_OF_1)


def level_numbered(number: int) -> float:
    """Return the level of a number."""
    return float(2.0 ** ((number - _LEVEL_OF_1) / LEVELS_PER_OCTAVE))


def _standard_deviation(signal: Samples) -> float:
    """Return it in float64, a block at a time."""
    mean = float(signal.mean(dtype=np.float64))
    blocks = np.array_split(signal, math.ceil(len(signal) / _BLOCK))
    return math.sqrt(
        sum(float(np.square(block - mean).sum(dtype=np.float64)) for block in blocks) / len(signal)
    )
