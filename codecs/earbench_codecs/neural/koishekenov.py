"""The network of Koishekenov 2018, "Audio compression using neural networks"."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from earbench_codecs.neural.autoencoder import Autoencoder
from earbench_codecs.neural.blocks import Residual, SubPixel1d, same_conv
from earbench_codecs.neural.coder import CoderConfig, Level
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.quantizers import RoundingQuantizer

FACTOR = 8
"""Samples to one step of the codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KoishekenovConfig(CoderConfig):
    """Settings of `Koishekenov`. Kernels, code channels and framing are in a figure that is lost.

    Parameters
    ----------
    framing : Framing
        The report does not say how a file is cut; 64 samples in 4096 are sent twice.
    level : {"peak", "std", "none"}
        The report does not say; the step of the quantiser is fixed, so quiet files need one.
    code_channels : int
        The report's five rates need five networks, as its loss has no rate: 6 · channels · entropy kbps.
    channels, n_blocks, kernel : int
        Channels grow from 1 through `channels` / 2 to `channels`, 128 in the report.
    limit : int
        Larger codes are escaped.
    """

    sample_rate_hz: int = 48_000
    framing: Framing = field(default_factory=lambda: Framing(4096, 64))
    level: Level = "peak"
    code_channels: int = 2
    channels: int = 128
    n_blocks: int = 3
    kernel: int = 9
    limit: int = 64


def residual_block(width: int, kernel: int) -> Residual:
    """Return two convolutions around a rectifier, and a shortcut."""
    return Residual(
        nn.Sequential(same_conv(width, width, kernel), nn.ReLU(), same_conv(width, width, kernel))
    )


def _sub_pixel(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(same_conv(c_in, 2 * c_out, kernel), SubPixel1d(), nn.ReLU())


class Koishekenov(Autoencoder):
    """Speech at 48 kHz: 8 samples become `code_channels` integers (Koishekenov 2018, after Theis 2017).

    "All convolutions are followed by rectification units" cannot hold for the last one, as audio has
    two signs, nor before rounding, where it would lose half the codes, nor at the end of a residual
    branch, which could then only add: these are linear.
    """

    architecture = "koishekenov"
    config_type = KoishekenovConfig

    def __init__(self, config: KoishekenovConfig) -> None:
        width, half, kernel = config.channels, config.channels // 2, config.kernel
        encoder = nn.Sequential(
            same_conv(1, half, kernel, stride=2),
            nn.ReLU(),
            same_conv(half, width, kernel, stride=2),
            nn.ReLU(),
            *(residual_block(width, kernel) for _ in range(config.n_blocks)),
            same_conv(width, config.code_channels, kernel, stride=2),
        )
        decoder = nn.Sequential(
            _sub_pixel(config.code_channels, width, kernel),
            *(residual_block(width, kernel) for _ in range(config.n_blocks)),
            _sub_pixel(width, half, kernel),
            _sub_pixel(half, half, kernel),
            same_conv(half, 1, kernel),
        )
        shape = (config.code_channels, config.framing.length // FACTOR)
        super().__init__(config, encoder, decoder, RoundingQuantizer(config.limit), shape)
