"""The masking threshold at the coefficients of a lapped transform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.psychoacoustics.model1 import Model1, Model1Settings

if TYPE_CHECKING:
    from torch import Tensor

_LONGEST_HOP = 256


class MaskOfBlocks(nn.Module):
    """Model 1's threshold, as the noise-to-mask ratio is measured with, for blocks of a transform.

    Parameters
    ----------
    size : int
        Coefficients of a block, M: 128, or a multiple of 256.
    sample_rate_hz : int
    """

    def __init__(self, size: int, sample_rate_hz: int) -> None:
        super().__init__()
        self.model = Model1(Model1Settings(sample_rate_hz))
        n_fft = self.model.settings.n_fft
        self.hop = min(_LONGEST_HOP, size)
        self.stride = size // self.hop
        self.together = max(2, 3 * self.stride // 2)  # half a block on either side is heard in it
        self.before = (n_fft + (self.together - 1) * self.hop - size) // 2
        place = (torch.arange(size) + 0.5) * (self.model.n_lines - 1) / size
        low = place.floor().long().clamp(max=self.model.n_lines - 2)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("share", place - low, persistent=False)

    @torch.no_grad()
    def forward(self, frames: Tensor) -> Tensor:
        """Return thresholds [B, R, M] of frames [B, 1, R·M], of full scale 1: noise powers of coefficients.

        Noise of a block is spread over it and half its neighbours: where thresholds differ, the one that
        counts is their harmonic mean.
        """
        n_fft = self.model.settings.n_fft
        padded = nn.functional.pad(frames.squeeze(1), (self.before, n_fft + self.before))
        pieces = padded.unfold(-1, n_fft, self.hop)
        power = 10 ** (self.model.signal_and_mask(pieces).threshold_db_spl / 10)
        inverse = nn.functional.avg_pool1d(power.reciprocal().mT, self.together, self.stride).mT
        low, share = self.get_buffer("low"), self.get_buffer("share")
        inverse = torch.lerp(inverse[..., low], inverse[..., low + 1], share)
        size = len(low)
        n_blocks = frames.shape[-1] // size
        return 1 / (inverse[:, :n_blocks] * self.model.window.square().sum())
