"""What is done to coefficients before they are quantised, row by row, and undone behind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from earbench_codecs.neural.units import OFFSETS_PER_OCTAVE

if TYPE_CHECKING:
    from torch import Tensor

    from earbench_codecs.neural.units import Plan


class Steering:
    """Gains of a segment's rows, and which of them are coded as sum and difference of two channels.

    Parameters
    ----------
    plan : Plan
    units : Tensor of int64, shape [n, R]
        The unit of each row.
    n_channels : int
    n_rows : int
        That are sent.
    """

    def __init__(self, plan: Plan, units: Tensor, n_channels: int, n_rows: int) -> None:
        offsets = torch.tensor(plan.offsets, device=units.device)
        self._gains = (offsets / OFFSETS_PER_OCTAVE).exp2()[units].unsqueeze(-1)
        self._mid_side = torch.tensor(plan.mid_side, device=units.device)[units].unsqueeze(-1)
        self._n_channels = n_channels
        self._summed = plan.summed
        self._sign = 1 - 2 * self._mid_side.float()
        n_coded = 1 if plan.summed else n_channels
        notches = torch.tensor(plan.coarser or (0,) * len(plan.offsets), device=units.device)
        self.coarser = notches[units].unsqueeze(-1).float().repeat(n_coded, 1, 1)
        """Notches of each row that is coded, [C · n, R, 1]."""
        sent = torch.arange(units.numel(), device=units.device) < n_rows
        self.sent = sent.view(units.shape).unsqueeze(-1).float().repeat(n_coded, 1, 1)
        """1 for each of those that is sent, 0 for others."""

    def done(self, coefficients: Tensor) -> Tensor:
        """Return what is quantised of coefficients [C · n, R, M]; [n, R, M] where their sum alone is."""
        amplified = self._by_channel(coefficients) * self._gains
        if not self._summed:
            return self._turned(amplified)
        left, right = amplified
        one: Tensor = (left + self._sign * right) / math.sqrt(2)
        return one

    def undone(self, coefficients: Tensor) -> Tensor:
        """Return the coefficients [C · n, R, M] of what was quantised."""
        if self._summed:
            left = coefficients / (math.sqrt(2) * self._gains)
            return torch.cat([left, self._sign * left])
        turned = self._turned(self._by_channel(coefficients))
        return (self._by_channel(turned) / self._gains).flatten(0, 1)

    def _by_channel(self, coefficients: Tensor) -> Tensor:
        """Return [C, n, R, M]."""
        return coefficients.view(self._n_channels, -1, *coefficients.shape[1:])

    def _turned(self, coefficients: Tensor) -> Tensor:
        """Return [C · n, R, M] of [C, n, R, M], left and right as mid and side, or the other way round."""
        if self._n_channels == 1:
            return coefficients[0]
        left, right = coefficients
        turned = torch.stack([left + right, left - right]) / math.sqrt(2)
        return torch.where(self._mid_side, turned, coefficients).flatten(0, 1)
