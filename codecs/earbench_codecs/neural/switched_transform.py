"""Window switching: blocks with an attack are transformed in four parts, so that noise does not precede it.

Coefficients of the parts are interleaved: place 4 k + j of a split block is coefficient k of part j. A place
then stands for about the same frequency in every block, and every fourth place belongs to one part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.neural.mask_of_blocks import MaskOfBlocks
from earbench_codecs.neural.spectral import LappedTransform

if TYPE_CHECKING:
    from torch import Tensor

N_PARTS = 4
RISE_DB = 6.0
"""What is split where a signal rises by more."""
_PER_BLOCK = 8
"""Pieces of a block whose energies are compared, each with the mean of as many before it."""
_FLOOR = 1e-7
"""Of a frame's mean energy; what rises from below it is no attack."""


class SwitchedTransform(nn.Module):
    """The lapped transform of blocks of which any may be split; orthonormal, whichever are.

    Beside and within split blocks, the overlap is that of their parts.

    Parameters
    ----------
    size : int
        Coefficients of a block, M.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.long = LappedTransform(size)
        self.beside = LappedTransform(size, size // N_PARTS)
        self.part = LappedTransform(size // N_PARTS)

    def forward(self, frames: Tensor, split: Tensor) -> Tensor:
        """Return coefficients [B, R, M] of frames [B, 1, R·M]; split [B, R] tells which blocks are."""
        if not split.any():
            coefficients: Tensor = self.long(frames)
            return coefficients
        blocks = self._folded(frames.reshape(*split.shape, self.size), split, 1)
        parts = interleaved(self.part.cosine(self._parts(blocks)))
        return torch.where(split.unsqueeze(-1), parts, self.long.cosine(blocks))

    def inverse(self, coefficients: Tensor, split: Tensor) -> Tensor:
        """Return frames [B, 1, R·M] of coefficients [B, R, M]."""
        if not split.any():
            return self.long.inverse(coefficients)
        parts = self.part.cosine(coefficients.reshape(*split.shape, -1, N_PARTS).transpose(2, 3)).flatten(2)
        blocks = torch.where(split.unsqueeze(-1), parts, self.long.cosine(coefficients))
        return self._folded(blocks, split, -1).reshape(len(blocks), 1, -1)

    def _folded(self, blocks: Tensor, split: Tensor, direction: int) -> Tensor:
        """Fold blocks [B, R, M] at all borders, each over the overlap that it has, or unfold them."""
        short = (split[:, 1:] | split[:, :-1]).unsqueeze(-1)  # the overlap at a border
        near = nn.functional.pad(torch.cat([short, short], -1).flatten(1), (1, 1)).reshape(*split.shape, 2)
        near = near.repeat_interleave(self.size // 2, -1)
        parts = self.part.folded(self._parts(blocks).flatten(1, 2), direction).reshape(blocks.shape)
        beside, long = self.beside.folded(blocks, direction), self.long.folded(blocks, direction)
        return torch.where(split.unsqueeze(-1), parts, torch.where(near, beside, long))

    def _parts(self, blocks: Tensor) -> Tensor:
        """Return [B, R, 4, M / 4] of blocks [B, R, M]."""
        return blocks.reshape(*blocks.shape[:2], N_PARTS, -1)


class MaskOfSwitched(nn.Module):
    """The masking threshold at the coefficients of a `SwitchedTransform`.

    Parameters
    ----------
    size, sample_rate_hz : int
        See `MaskOfBlocks`.
    """

    def __init__(self, size: int, sample_rate_hz: int) -> None:
        super().__init__()
        self.long = MaskOfBlocks(size, sample_rate_hz)
        self.part = MaskOfBlocks(size // N_PARTS, sample_rate_hz)

    def forward(self, frames: Tensor, split: Tensor) -> Tensor:
        """Return thresholds [B, R, M] of frames [B, 1, R·M], as `MaskOfBlocks` does."""
        long: Tensor = self.long(frames)
        if not split.any():
            return long
        parts = interleaved(self.part(frames).reshape(*split.shape, N_PARTS, -1))
        return torch.where(split.unsqueeze(-1), parts, long)


def interleaved(parts: Tensor) -> Tensor:
    """Return [B, R, M] of what each of four parts has, [B, R, 4, M / 4]."""
    return parts.transpose(2, 3).flatten(2)


def attacks(frames: Tensor, size: int, rise_db: Tensor | float = RISE_DB) -> Tensor:
    """Return which blocks [B, R] of frames [B, 1, R·M] have an attack, or border on one right behind them.

    Energies are those of the difference between one sample and the next, which is what attacks are heard by.
    What lies before a frame is not looked at, so that frames stand alone; the first piece, which is faded in,
    is not either.

    Parameters
    ----------
    frames : Tensor, shape [B, 1, R·M]
    size : int
        Of a block, M.
    rise_db : float or Tensor, shape [B, 1]
    """
    samples = frames.squeeze(1)
    changes = nn.functional.pad(samples.diff(dim=1), (1, 0)).square()
    energies = changes.reshape(len(frames), -1, size // _PER_BLOCK).mean(2)
    floor = _FLOOR * energies.mean(1, keepdim=True)
    known = torch.ones_like(energies)
    known[:, 0] = 0
    sums, n = (
        nn.functional.pad(x, (_PER_BLOCK, 0)).unfold(1, _PER_BLOCK, 1)[:, :-1].sum(2)
        for x in (energies * known, known)
    )
    factor = 10 ** (torch.as_tensor(rise_db, device=frames.device) / 10)
    rises = ((energies * n > factor * (sums + floor * n)) & (n > 0)).reshape(len(frames), -1, _PER_BLOCK)
    behind = nn.functional.pad(rises[:, 1:, 0], (0, 1))
    return rises.any(2) | behind
