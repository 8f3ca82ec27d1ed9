"""The small sizes: quantisers, blocks and objectives of the papers in a `SpectralCoder`."""

from __future__ import annotations

import torch
from torch import nn

from earbench_codecs.neural.blocks import Residual
from earbench_codecs.neural.kankanahalli import conv
from earbench_codecs.neural.koishekenov import residual_block
from earbench_codecs.neural.pam_nac import bottleneck
from earbench_codecs.neural.quantizers import CompandingQuantizer, RoundingQuantizer, SoftmaxQuantizer
from earbench_codecs.neural.resglu import GatedBlock, ResGluConfig
from earbench_codecs.neural.spectral import SpectralCoder, SpectralConfig


class KankanahalliMdct(SpectralCoder):
    """Softmax quantisation and residual blocks of Kankanahalli 2018; see `Kankanahalli`."""

    architecture = "kankanahalli-mdct"
    config_type = SpectralConfig

    def __init__(self, config: SpectralConfig) -> None:
        width, kernel = config.channels, config.kernel

        def block() -> nn.Module:
            return Residual(nn.Sequential(conv(width, width, kernel), conv(width, width, kernel)))

        super().__init__(config, _bins_from_zero(config), block)


class KoishekenovMdct(SpectralCoder):
    """Rounding with the identity for a gradient, and blocks, of Koishekenov 2018; see `Koishekenov`."""

    architecture = "koishekenov-mdct"
    config_type = SpectralConfig
    limit = 15
    """Larger codes are escaped."""

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__(
            config, RoundingQuantizer(self.limit), lambda: residual_block(config.channels, config.kernel)
        )


class PamNacMdct(SpectralCoder):
    """Softmax quantisation and bottleneck blocks of Zhen et al. 2020; see `PamNac`."""

    architecture = "pam-nac-mdct"
    config_type = SpectralConfig

    def __init__(self, config: SpectralConfig) -> None:
        width = config.channels

        def block() -> nn.Module:
            pair = (bottleneck(width, width, width // 4, config.kernel, dilation) for dilation in (1, 2))
            return nn.Sequential(*pair)

        super().__init__(config, _bins_from_zero(config), block)


class ResGluMdct(SpectralCoder):
    """Companding quantisation with uniform noise and gated blocks of Shin et al. 2022; see `ResGlu`."""

    architecture = "resglu-mdct"
    config_type = SpectralConfig

    def __init__(self, config: SpectralConfig) -> None:
        width = config.channels
        blocks = ResGluConfig(channels=width, narrow=width // 2, kernel=config.kernel)
        super().__init__(config, CompandingQuantizer(), lambda: GatedBlock(blocks, dilation=1))


def _bins_from_zero(config: SpectralConfig) -> SoftmaxQuantizer:
    """Return bins a step apart, one of them at 0, where most coefficients are."""
    quantizer = SoftmaxQuantizer()
    with torch.no_grad():
        quantizer.bins.copy_((torch.arange(len(quantizer.bins)) - len(quantizer.bins) // 2) * config.unit)
    return quantizer
