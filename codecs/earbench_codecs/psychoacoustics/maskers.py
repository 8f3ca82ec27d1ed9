"""Find the maskers of a frame: tonal and noise, thinned out as ISO 11172-3 D.1 asks (steps 4 and 5)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

TONAL_EXCESS = 10**0.7
"""A tonal line is 7 dB above the lines around it."""

MIN_DISTANCE_BARK = 0.5
"""Of two tonal maskers nearer than this, the stronger stays."""

_REACHES = ((3, 2), (63, 3), (127, 6), (255, 12), (511, 24), (1023, 48))


@dataclass(frozen=True, slots=True, eq=False)
class Maskers:
    """Maskers of many frames in one list, sorted by frame and line.

    Parameters
    ----------
    frame, line : Tensor of int64, shape [M]
    power : Tensor, shape [M]
        1.0 is 0 dB SPL.
    """

    frame: Tensor
    line: Tensor
    power: Tensor

    def keep(self, wanted: Tensor) -> Maskers:
        """Return those where the boolean tensor [M] is true."""
        return Maskers(self.frame[wanted], self.line[wanted], self.power[wanted])


def tonal_ranges(n_fft: int) -> list[tuple[int, int, int]]:
    """Return (first line, last line + 1, reach) of each range in which tonal lines are looked for.

    A line must stand out from its neighbours 2 to `reach` lines away. The standard gives the ranges for
    512 (Layer I) and 1024 (Layer II); here the last range of any size ends `reach` lines before half
    the sample rate, as both of those do (250 and 500), and sizes above go on doubling.
    """
    starts = [(start, reach) for start, reach in _REACHES if start < n_fft // 2 - 1]
    last = n_fft // 2 - starts[-1][1] + 1
    ends = [after for (_, _), (after, _) in pairwise(starts)] + [last]
    return [(start, end, reach) for (start, reach), end in zip(starts, ends, strict=True)]


def tonal_lines(power: Tensor) -> Tensor:
    """Return a boolean tensor [F, K], true at the lines that are tonal (step 4a, b).

    All lines are judged on the spectrum as it is; none is removed while others are still judged.
    """
    tonal = torch.zeros_like(power, dtype=torch.bool)
    for start, end, reach in tonal_ranges(2 * (power.shape[-1] - 1)):
        here = power[:, start:end]
        peak = (here > power[:, start - 1 : end - 1]) & (here >= power[:, start + 1 : end + 1])
        for j in range(2, reach + 1):
            around = torch.maximum(power[:, start - j : end - j], power[:, start + j : end + j])
            peak &= here >= TONAL_EXCESS * around
        tonal[:, start:end] = peak
    return tonal


def examined_lines(tonal: Tensor) -> Tensor:
    """Return a boolean tensor [F, K], true at tonal lines and all lines they were compared with."""
    examined = tonal.clone()
    for start, end, reach in tonal_ranges(2 * (tonal.shape[-1] - 1)):
        here = tonal[:, start:end]
        for j in range(1, reach + 1):
            examined[:, start - j : end - j] |= here
            examined[:, start + j : end + j] |= here
    return examined


def tonal_maskers(power: Tensor, tonal: Tensor) -> Maskers:
    """Make a masker of each tonal line: the power of the line and its two neighbours (step 4b)."""
    frame, line = tonal.nonzero(as_tuple=True)
    summed = power[frame, line - 1] + power[frame, line] + power[frame, line + 1]
    return Maskers(frame, line, summed)


def noise_maskers(power: Tensor, tonal: Tensor, bands: Tensor) -> Maskers:
    """Make a masker of what is left in each critical band, at its centre of power (step 4c).

    Parameters
    ----------
    power, tonal : Tensor, shape [F, K]
    bands : Tensor, shape [K, B]
        1 where a line belongs to a band.
    """
    rest = power.masked_fill(examined_lines(tonal), 0.0)
    lines = torch.arange(power.shape[-1], device=power.device, dtype=power.dtype)
    summed, moment = (rest @ torch.cat([bands, bands * lines[:, None]], dim=1)).chunk(2, dim=1)
    frame, band = (summed > 0).nonzero(as_tuple=True)
    present = summed[frame, band]
    return Maskers(frame, (moment[frame, band] / present).round().long(), present)


def audible(maskers: Maskers, quiet_power: Tensor) -> Maskers:
    """Drop maskers below the threshold in quiet, a tensor [K] of powers (step 5a)."""
    return maskers.keep(maskers.power >= quiet_power[maskers.line])


def apart(maskers: Maskers, bark: Tensor) -> Maskers:
    """Drop the weaker of tonal maskers less than 0.5 Bark apart (step 5b).

    A window slides upwards in each frame: each masker meets the last one that stands. Frames go side by
    side; the loop runs over the first, second, … masker of all of them.
    """
    z = bark[maskers.line]
    counts = torch.bincount(maskers.frame)
    first = counts.cumsum(0) - counts
    stands = torch.ones_like(maskers.frame, dtype=torch.bool)
    last = first.clone()
    for nth in range(1, int(counts.max()) if len(counts) else 0):
        frames = (counts > nth).nonzero().squeeze(1)
        here, before = first[frames] + nth, last[frames]
        near = z[here] - z[before] < MIN_DISTANCE_BARK
        stronger = maskers.power[here] > maskers.power[before]
        stands[before[near & stronger]] = False
        stands[here[near & ~stronger]] = False
        last[frames] = torch.where(near & ~stronger, before, here)
    return maskers.keep(stands)
