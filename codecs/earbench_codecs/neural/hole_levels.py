"""How much louder holes are than is told of them: sent for bands of each block, in steps of 3 dB.

What a `HoleNetwork` tells is a float, which no two machines need to agree on; what is sent is relative to it,
and which table a level is coded with depends on codes alone: on the band's level before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from earbench_codecs.neural.entropy_coding import frequencies
from earbench_codecs.neural.hyper_tables import LIMIT
from earbench_codecs.neural.switched_transform import N_PARTS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

N_BANDS = 16
"""As many as a stream has positions."""
_MEMBERS = ("member", "member_of_split")
"""What belongs to which band, of blocks that are whole, and of those that are split."""
_STEP_DB = 3.0
_N_LEVELS = 2 * LIMIT + 1
_TO_HZ = 20_000.0
"""The last band has what lies above, too."""
_ERB_CORNER_HZ = 229.0
"""Where the ear's filters begin to widen in proportion to frequency."""
_FEWEST = 4
"""Of a band's coefficients, one in so many is a hole, or no level is sent."""
_LEAST_POWER = 1e-30
_SCARCE = 8
"""From more notches than these on, by which steps of coefficients are coarser, bits are scarce."""


class HoleLevels(nn.Module):
    """Levels of the holes in bands as wide as the ear's filters, 16 of a block.

    Those of a block that is split into four parts, interleaved, are of four bands of each part: noise that is
    as loud before an attack as behind it would be heard.

    Parameters
    ----------
    size, sample_rate_hz : int
        Coefficients of a block, M; of the signal.
    from_hz : float
        Where the lowest band begins.
    """

    def __init__(self, size: int, sample_rate_hz: int, from_hz: float) -> None:
        super().__init__()
        bands = band_of_each(size, sample_rate_hz, from_hz)
        parts = np.where(bands < 0, bands, bands // N_PARTS * N_PARTS + np.arange(size) % N_PARTS)
        for name, of_each in zip(_MEMBERS, (bands, parts), strict=True):
            member = torch.from_numpy(of_each[:, np.newaxis] == np.arange(N_BANDS)).float()
            self.register_buffer(name, member, persistent=False)
        self.register_buffer("table", level_table())

    def sent(self, codes: Tensor, split: Tensor | None = None) -> Tensor:
        """Return which bands [..., 16] of codes [..., M], some blocks [...] split, have holes enough."""
        holes = (codes == 0).float()
        return _FEWEST * self._sums(holes, split) > self._sums(torch.ones_like(holes), split)

    def found(self, coefficients: Tensor, codes: Tensor, told: Tensor, split: Tensor | None = None) -> Tensor:
        """Return the levels [B, R, 16] at which holes are as loud as they were.

        Parameters
        ----------
        coefficients, codes : Tensor, shape [B, R, M]
        told : Tensor, shape [B, R, M]
            Root mean squares of coefficients coded as 0.
        split : Tensor, shape [B, R], optional
            Which blocks are split.
        """
        holes = (codes == 0).float()
        true, thought = (
            self._sums(x.square() * holes, split).clamp(min=_LEAST_POWER) for x in (coefficients, told)
        )
        steps = (10 / _STEP_DB * (true / thought).log10()).clamp(-LIMIT, LIMIT)
        return steps.round() * self.sent(codes, split)

    def gains(self, levels: Tensor, split: Tensor | None = None) -> Tensor:
        """Return what is told of holes times what [..., M] is what levels [..., 16] say."""
        clamped = levels.clamp(-LIMIT, LIMIT)
        steps = _chosen(split, *(clamped @ self.get_buffer(name).t() for name in _MEMBERS))
        told: Tensor = 10 ** (steps * (_STEP_DB / 20))
        return told

    def _sums(self, x: Tensor, split: Tensor | None) -> Tensor:
        """Return sums over bands [..., 16] of something that coefficients [..., M] have."""
        return _chosen(split, *(x @ self.get_buffer(name) for name in _MEMBERS))

    def numbers(self, before: Tensor, sent: Tensor, notches: Tensor) -> Tensor:
        """Return numbers of the tables of levels, by the last ones [..., 16] and by notches [..., 1]."""
        first = 1 + _N_LEVELS * (notches > _SCARCE)
        return torch.where(sent, first + before.clamp(-LIMIT, LIMIT) + LIMIT, 0).long()

    def all_numbers(self, levels: Tensor, sent: Tensor, notches: Tensor) -> Tensor:
        """Return them for blocks that follow each other, [R, 16] and [R, 1]."""
        blocks = torch.arange(len(levels), device=levels.device)[:, None]
        latest = torch.where(sent, blocks + 1, 0).cummax(0).values  # 0 for none yet
        before = nn.functional.pad(levels, (0, 0, 1, 0)).gather(0, nn.functional.pad(latest, (0, 0, 1, -1)))
        return self.numbers(before, sent, notches)


def _chosen(split: Tensor | None, of_whole: Tensor, of_split: Tensor) -> Tensor:
    return of_whole if split is None else torch.where(split.unsqueeze(-1), of_split, of_whole)


def band_of_each(size: int, sample_rate_hz: int, from_hz: float) -> NDArray[np.int64]:
    """Return the band of each coefficient [M]; -1 below the first."""
    low, high = math.log1p(from_hz / _ERB_CORNER_HZ), math.log1p(_TO_HZ / _ERB_CORNER_HZ)
    edges_hz = _ERB_CORNER_HZ * np.expm1(np.linspace(low, high, N_BANDS + 1))
    edges_hz[0] = from_hz  # to the last bit, as noise begins there
    first = np.ceil(edges_hz[:-1] * 2 * size / sample_rate_hz)
    return np.searchsorted(first, np.arange(size), side="right") - 1


def level_table() -> Tensor:
    """Return frequencies, int32 [1 + 2 · 31, 32]: of bands without a level; by the last; so where scarce.

    A level is four times as rare for each step that it is away from the last, until tables are fitted.
    """
    levels = np.arange(-LIMIT, LIMIT + 1)
    change = np.abs(levels - levels[:, np.newaxis])
    usual = 1 << np.maximum(30 - 2 * change, 0)
    counts = np.zeros((1 + 2 * _N_LEVELS, _N_LEVELS + 1), np.int64)
    counts[0, LIMIT] = 1
    counts[1:, :-1] = np.concatenate([usual, usual])
    return torch.from_numpy(frequencies(counts)).int()
