"""How likely codes are, by the numbers that networks tell: densities, and tables that follow them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.neural.entropy_coding import frequencies

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 15
"""Larger codes are escaped; latents never are."""
N_SCALES, N_SHAPES = 64, 4
_SCALES_PER_OCTAVE = 5
SCALE_OF_HALF = 26
N_MEANS, MEANS_PER_STEP = 121, 4
N_SPREADS = 12
_PRIOR_SYMBOLS = 64
"""A table fitted to codes begins with the expected one, worth so many."""


def coefficient_bits(values: Tensor, scales: Tensor, shapes: Tensor) -> Tensor:
    """Return what coefficients cost, in bits: a mixture of two Laplace densities over a step's width.

    Parameters
    ----------
    values : Tensor
        In steps; of any fraction, so that it can be differentiated.
    scales, shapes : Tensor
        Numbers of the smaller density's scale and of the share of the larger one.
    """
    scale = _laplace_scale(scales)
    share = 0.02 + 0.15 * shapes
    mass = (1 - share) * _laplace(values, scale) + share * _laplace(values, 3 * scale)
    return -mass.clamp(min=1e-9).log2()


def latent_bits(values: Tensor, means: Tensor, spreads: Tensor) -> Tensor:
    """Return what latents cost, in bits: a logistic density over a step's width, by numbers of its place."""
    spread = ((spreads - N_SPREADS // 2) / 2).exp2() / 2
    off = values - (means - (N_MEANS - 1) // 2) / MEANS_PER_STEP
    sigmoid = nn.functional.logsigmoid
    nats = sigmoid((off + 0.5) / spread) + sigmoid((0.5 - off) / spread)
    return -(nats + torch.log(-torch.expm1(-1 / spread))) / math.log(2)


def spread_of_zeros(scales: Tensor, limit: float) -> Tensor:
    """Return the root mean square of Laplace densities within ± `limit` steps, by numbers of their scales."""
    scale = _laplace_scale(scales)
    beyond = torch.exp(-limit / scale)
    tail = beyond * (limit**2 + 2 * limit * scale + 2 * scale.square())
    return ((2 * scale.square() - tail) / (1 - beyond)).clamp(min=0).sqrt()


def coefficient_numbers(scales: Tensor, shapes: Tensor) -> Tensor:
    """Return numbers of the tables of coefficients, which follow those of latents."""
    return (N_MEANS * N_SPREADS + scales * N_SHAPES + shapes).long()


def scales_of(numbers: Tensor) -> Tensor:
    """Return the numbers of scales, of those of the tables of coefficients."""
    return ((numbers - N_MEANS * N_SPREADS) // N_SHAPES).float()


def latent_numbers(means: Tensor, spreads: Tensor) -> Tensor:
    """Return numbers of the tables of latents."""
    return (means * N_SPREADS + spreads).long()


def coefficient_table() -> Tensor:
    """Return frequencies, int32 [256, 2·LIMIT + 2], as the densities have them; the last is the escape."""
    numbers = torch.arange(N_SCALES * N_SHAPES)[:, None]
    codes = torch.arange(-LIMIT, LIMIT + 1, dtype=torch.float64)
    bits = coefficient_bits(codes, numbers // N_SHAPES, (numbers % N_SHAPES).double())
    return _frequencies(bits)


def latent_table() -> Tensor:
    """Return frequencies, int32 [1452, 2·LIMIT + 2]; the escape does not occur."""
    numbers = torch.arange(N_MEANS * N_SPREADS)[:, None]
    codes = torch.arange(-LIMIT, LIMIT + 1, dtype=torch.float64)
    return _frequencies(latent_bits(codes, numbers // N_SPREADS, (numbers % N_SPREADS).double()))


def fitted(table: Tensor, counts: Tensor) -> Tensor:
    """Return a table [n, K] that begins with one and follows counts [n, K] of the same symbols."""
    expected = table.double() / table.double().sum(-1, keepdim=True)
    return _integers(expected * _PRIOR_SYMBOLS + counts)


def _laplace_scale(scales: Tensor) -> Tensor:
    """Return the scales, in steps, that numbers stand for."""
    return ((scales - SCALE_OF_HALF) / _SCALES_PER_OCTAVE).exp2() / 2


def _laplace(values: Tensor, scale: Tensor) -> Tensor:
    size = values.abs()
    far, close = torch.exp(-(size + 0.5) / scale), torch.exp(-(size - 0.5).abs() / scale)
    return torch.where(size >= 0.5, (close - far) / 2, 1 - (far + close) / 2)


def _frequencies(bits: Tensor) -> Tensor:
    mass = torch.exp2(-bits.double())
    rest = (1 - mass.sum(-1, keepdim=True)).clamp(min=0)
    return _integers(torch.cat([mass, rest], -1))


def _integers(weights: Tensor) -> Tensor:
    counts = (weights / weights.sum(-1, keepdim=True) * 2**30).round().long()
    return torch.from_numpy(frequencies(counts.numpy())).int()
