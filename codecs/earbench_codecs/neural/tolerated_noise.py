"""How much noise a coder may add at each coefficient: what it is trained by, see the term ``masked``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from earbench_codecs.neural.switched_transform import MaskOfSwitched

if TYPE_CHECKING:
    from torch import Tensor

    from earbench_codecs.neural.mdct_hyper_config import MdctHyperConfig

_PLAYED_RMS = 0.1
"""Root mean square, of full scale 1, that recordings are taken to have for the masking threshold."""
_LIFT = 2500.0
"""Thresholds are lifted by it, so that steps are of the size of 1."""
_LEVELLED = 0.4
"""The louder a block, the lower its noise to mask ratio, by this power of its mean threshold."""


class ToleratedNoise(nn.Module):
    """Noise along the masking threshold, more of it in quiet blocks.

    What a block sounds like says how loud it is, but not what gain it was amplified with: were there the same
    noise to mask ratio in all, nothing could tell how much noise a gain stands for.

    Parameters
    ----------
    config : MdctHyperConfig
    """

    def __init__(self, config: MdctHyperConfig) -> None:
        super().__init__()
        self.mask = MaskOfSwitched(config.transform, config.sample_rate_hz)
        self._rms = _PLAYED_RMS * config.crest

    def forward(self, frames: Tensor, split: Tensor, gain: Tensor) -> Tensor:
        """Return the power of noise [B, R, M] that counts as 1.

        Parameters
        ----------
        frames : Tensor, shape [B, 1, R·M]
        split : Tensor, shape [B, R]
            See `SwitchedTransform`.
        gain : Tensor, shape [B, 1, 1]
            Of the coefficients.
        """
        lifted: Tensor = self.mask(frames * self._rms, split) * (_LIFT * gain.square())
        loudness = lifted.log().mean(-1, keepdim=True).exp()
        return lifted * loudness**-_LEVELLED
