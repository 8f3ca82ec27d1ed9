"""Networks of integers: what they return is the same on every machine, in any batch, in any order of sums.

Activations are integers from 0 to 255, 64 standing for 1. Weights are multiples of 1/64 within ±127/64,
biases of 1/64. A sum of up to 500 products is then a multiple of 1/64 below 2^18, which float32 holds
exactly however it is summed; so libraries are free to do it as they like. Networks are trained as they are
used: rounded forwards, with the identity in place of the rounding's gradient.

Where nothing is differentiated, a layer is one matrix, and what comes in has a row of 1 more: its bias and
the half of rounding are then products like the others, and only rounding down is left to do.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

UNIT = 64
"""What stands for 1."""
LARGEST = 255
_MOST_INPUTS = 500
_HEAVIEST = 127 / UNIT


def rounded(x: Tensor) -> Tensor:
    """Round to the nearest integer, halves up, with the identity for a gradient."""
    if not x.requires_grad:
        return (x + 0.5).floor()
    return x + ((x + 0.5).floor() - x).detach()


class IntegerLinear(nn.Module):
    """A layer from integers 0 to 255 to integers of any size.

    Parameters
    ----------
    n_in : int
        At most 500.
    n_out : int
    gain : float
        Of the random weights; 0 for a layer that begins by returning 0.
    """

    def __init__(self, n_in: int, n_out: int, gain: float = 0.7) -> None:
        super().__init__()
        if n_in > _MOST_INPUTS:
            raise ValueError(f"sums of {n_in} products are not exact; at most {_MOST_INPUTS} are")
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * (gain * math.sqrt(2 / n_in)))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Return integers [..., n_out] of integers [..., n_in]."""
        return rounded(nn.functional.linear(x, *self._exact()))

    def matrix(self) -> Tensor:
        """Return what columns [n_in + 1, n], the last row 1, are multiplied by, to be rounded down."""
        weight, bias = self._exact()
        return torch.cat([weight, bias[:, None] + 0.5], 1)

    def _exact(self) -> tuple[Tensor, Tensor]:
        weight = rounded(self.weight.clamp(-_HEAVIEST, _HEAVIEST) * UNIT) / UNIT
        return weight, rounded(self.bias * UNIT * UNIT) / UNIT


class IntegerNetwork(nn.Module):
    """Layers with activations clipped to 0 to 255 between them; the last is not clipped.

    Parameters
    ----------
    *sizes : int
        Inputs, hidden layers, outputs.
    last_gain : float
        Of the last layer's random weights.
    """

    def __init__(self, *sizes: int, last_gain: float = 0.0) -> None:
        super().__init__()
        *hidden, last = pairwise(sizes)
        self.hidden = nn.ModuleList(IntegerLinear(*pair) for pair in hidden)
        self.last = IntegerLinear(*last, gain=last_gain)

        self._frozen: list[Tensor] | None = None

    def freeze(self) -> None:
        """Make the weights ready, once; what becomes of them later makes no difference to columns."""
        self._frozen = self._matrices()

    def forward(self, x: Tensor) -> Tensor:
        """Return integers [..., n_out] of integers from 0 to 255, [..., n_in]."""
        if torch.is_grad_enabled():
            return self._differentiable(x)
        columns = nn.functional.pad(x.flatten(0, -2), (0, 1), value=1).t()
        return self.columns(columns).t().reshape(*x.shape[:-1], -1)

    def columns(self, x: Tensor) -> Tensor:
        """Return integers [n_out, n] of integers from 0 to 255, [n_in + 1, n], the last row 1."""
        if torch.is_grad_enabled():
            return self._differentiable(x[:-1].t()).t()
        *hidden, last = self._frozen or self._matrices()
        for matrix in hidden:
            x = (matrix @ x).floor_().clamp_(0, LARGEST)
        return (last @ x).floor_()

    def _differentiable(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = layer(x).clamp(0, LARGEST)
        out: Tensor = self.last(x)
        return out

    @torch.no_grad()
    def _matrices(self) -> list[Tensor]:
        """Return the matrix of each layer; hidden ones hand the row of 1 on."""
        *hidden, last = [layer.matrix() for layer in (*self.hidden, self.last)]
        return [*(torch.cat([matrix, _last_only(matrix)]) for matrix in hidden), last]


def _last_only(matrix: Tensor) -> Tensor:
    one = torch.zeros_like(matrix[:1])
    one[0, -1] = 1
    return one
