"""What each masker masks: masking index and masking function of ISO 11172-3 D.1 (steps 6 and 7)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from earbench_codecs.psychoacoustics.maskers import Maskers

REACH_BARK = (-3.0, 8.0)
"""A masker masks nothing further away, downwards and upwards."""

_NEPER_PER_DB = math.log(10) / 10
_NOTHING = -80.0  # ln(power); finite, because exp() of minus infinity takes three times as long
_MASKERS_AT_ONCE = 4096  # so that the working set stays in the cache
_BLOCK_BARK = 4.0


def masking_index_db(bark: ArrayLike, *, tonal: bool) -> NDArray[np.float64]:
    """How far the threshold at the masker lies above its level (it lies below): av_tm or av_nm in dB."""
    slope, offset = (-0.275, -4.5) if tonal else (-0.175, -0.5)
    return -1.525 + slope * np.asarray(bark, dtype=np.float64) + offset


def masking_function(distance_bark: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a and b of the masking function vf = a + b X in dB, X the masker's level in dB SPL.

    Parameters
    ----------
    distance_bark : array_like
        Maskee minus masker; outside [-3, 8) Bark a is minus infinity.
    """
    dz = np.asarray(distance_bark, dtype=np.float64)
    low, high = REACH_BARK
    pieces = [(dz >= low) & (dz < -1), (dz >= -1) & (dz < 0), (dz >= 0) & (dz < 1), (dz >= 1) & (dz < high)]
    a = np.select(pieces, [17 * (dz + 1) - 6, 6 * dz, -17 * dz, -17 * dz], -np.inf)
    b = np.select(pieces, [np.full_like(dz, -0.4), 0.4 * dz, np.zeros_like(dz), 0.15 * (dz - 1)], 0.0)
    return a, b


class Spreading(torch.nn.Module):
    """What maskers on some neighbouring lines mask.

    Tables [maskers' lines, masked lines] of ln(power) = offset + slope × (level in dB SPL), where 1.0 of
    power is 0 dB SPL.
    """

    offset: Tensor
    slope: Tensor

    def __init__(self, bark: NDArray[np.float64], lines: tuple[int, int], *, tonal: bool) -> None:
        super().__init__()
        self.first, self.after = lines
        z = bark[self.first : self.after]
        start, stop = np.searchsorted(bark, [z[0] + REACH_BARK[0], z[-1] + REACH_BARK[1]])
        self.masked = slice(int(start), int(stop))
        a, b = masking_function(bark[np.newaxis, self.masked] - z[:, np.newaxis])
        in_reach = np.isfinite(a)
        index_db = masking_index_db(z, tonal=tonal)[:, np.newaxis]
        offset = np.where(in_reach, _NEPER_PER_DB * (a + index_db), _NOTHING)
        slope = np.where(in_reach, _NEPER_PER_DB * (1 + b), 0.0)
        self.register_buffer("offset", torch.from_numpy(offset), persistent=False)
        self.register_buffer("slope", torch.from_numpy(slope), persistent=False)

    def forward(self, total: Tensor, maskers: Maskers) -> None:
        """Add what those of the maskers on these lines mask to `total`, [F, K] of power."""
        mine = maskers.keep((maskers.line >= self.first) & (maskers.line < self.after))
        level_db = 10 * torch.log10(mine.power)
        summed = total.new_zeros(len(total), self.slope.shape[1])  # index_add_ is slow into a slice
        for start in range(0, len(level_db), _MASKERS_AT_ONCE):
            part = slice(start, start + _MASKERS_AT_ONCE)
            rows = mine.line[part] - self.first
            offset, slope = self.offset.index_select(0, rows), self.slope.index_select(0, rows)
            summed.index_add_(0, mine.frame[part], torch.addcmul(offset, slope, level_db[part, None]).exp_())
        total[:, self.masked] += summed


def spreadings(bark: NDArray[np.float64], *, tonal: bool) -> torch.nn.ModuleList:
    """Cover all lines, in blocks of 4 Bark: the lower a masker, the fewer lines are within its reach."""
    starts = np.unique(np.searchsorted(bark, np.arange(0, bark[-1], _BLOCK_BARK))).tolist()
    blocks = pairwise([*starts, len(bark)])
    return torch.nn.ModuleList(Spreading(bark, lines, tonal=tonal) for lines in blocks)
