"""How loud what was coded as zeros is, told by what was decoded; and the noise that takes its place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from earbench_codecs.neural.integer_network import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.neural.mdct_hyper_config import MdctHyperConfig

N_NOISE = 1 << 16
"""Numbers there are, of which a block takes some."""
_LEAST_POWER = 1e-6
"""Holes 50 dB below the loudest are silent."""
_LEAST_SHARE = 1e-3
"""Of a node's coefficients that are zeros, for it to say how loud they are."""
_USUAL = -2.0
"""Where the network begins: holes a seventh as loud as they could be."""


class HoleNetwork(nn.Module):
    """Tells the root mean square of coefficients that were coded as 0.

    It sees the latents of blocks and of those beside them, and on average around each of some nodes the step
    and what was decoded. Holes hold nothing beyond what is coded as 0, so that it tells a share of that.

    Parameters
    ----------
    means : Tensor, shape [M, N]
        Shares of coefficients in each of N nodes; they sum to 1 over the coefficients.
    spread : Tensor, shape [N, M]
        Shares of nodes at each coefficient.
    n_latents, width : int
        Of a block; hidden units.
    limit : float
        Up to which magnitude, in steps, coefficients are coded as 0.
    """

    def __init__(self, means: Tensor, spread: Tensor, n_latents: int, width: int, limit: float) -> None:
        super().__init__()
        n_nodes = len(spread)
        self._loudest = limit / math.sqrt(3)
        self.register_buffer("means", means, persistent=False)
        self.register_buffer("spread", spread, persistent=False)
        self.layers = nn.Sequential(
            nn.Conv1d(n_latents + 2 * n_nodes, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, n_nodes, 1),
        )

    def forward(self, latents: Tensor, codes: Tensor, steps: Tensor) -> Tensor:
        """Return the root mean square of holes, in steps, at each coefficient [B, R, M].

        Parameters
        ----------
        latents : Tensor, shape [B, R, L]
            As integer networks see them, 64 standing for 1.
        codes : Tensor, shape [B, R, M]
        steps : Tensor, shape [B, R, M]
            As they are, not their levels.
        """
        means, spread = self.get_buffer("means"), self.get_buffer("spread")
        decoded = (codes.square() @ means + 0.01).log2() / 6
        seen = torch.cat([latents / UNIT, decoded, steps.log2() @ means / 8], -1)
        told = self.layers(seen.transpose(1, 2)).transpose(1, 2)
        return torch.sigmoid(told @ spread + _USUAL) * self._loudest

    def loss(self, values: Tensor, codes: Tensor, told: Tensor) -> Tensor:
        """Return by how much what is told is off, on average over nodes with holes, in square octaves.

        Logarithms, as spectrograms show them: their mean is that of most blocks, where a mean of powers would
        be that of the few loudest.

        Parameters
        ----------
        values : Tensor, shape [B, R, M]
            Coefficients in steps.
        codes, told : Tensor, shape [B, R, M]
        """
        holes = (codes == 0).float()
        n, there, thought = (
            x @ self.get_buffer("means") for x in (holes, _power(values, holes), _power(told, holes))
        )
        known = n > _LEAST_SHARE
        octaves = ((there + _LEAST_POWER).log2() - (thought + _LEAST_POWER).log2()) / 2
        return (n * octaves.square())[known].sum() / n[known].sum().clamp(min=1)


def _power(values: Tensor, where: Tensor) -> Tensor:
    return values.square() * where


def noise_for(config: MdctHyperConfig) -> NDArray[np.float64]:
    """Return numbers of a mean square of 1/3; of one size where levels are sent, to meet them in any band."""
    noise = np.random.default_rng(0).uniform(-1, 1, N_NOISE)
    return np.sign(noise) / math.sqrt(3) if config.hole_levels else noise


def filled_shares(config: MdctHyperConfig) -> NDArray[np.float64]:
    """Return the share of amplitude [M] that noise has in place of holes."""
    hz = np.arange(config.transform) * config.sample_rate_hz / 2 / config.transform
    shares = np.full(config.transform, config.fill)
    if config.full_from_hz is not None:
        shares = np.interp(hz, [config.fill_from_hz, config.full_from_hz], [config.fill, 1.0])
    return np.where(hz >= config.fill_from_hz, shares, 0.0)
