"""The network of Shin et al. 2022, "DNN audio coder using a perceptually improved training method"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from earbench_codecs.neural.autoencoder import Autoencoder
from earbench_codecs.neural.blocks import SubPixel1d, same_conv
from earbench_codecs.neural.coder import CoderConfig, Level
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.quantizers import CompandingQuantizer

if TYPE_CHECKING:
    from torch import Tensor

_SLOPE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ResGluConfig(CoderConfig):
    """Settings of `ResGlu`.

    Parameters
    ----------
    framing : Framing
        Half-sines of 32 samples on both sides, so that they sum to 1.
    level, crest : str, float
        "Normalized with standard deviations".
    channels, narrow, kernel : int
        100, 30 and 9 in the paper's table.
    dilations : tuple of int
        One for each block of a stack. The paper has six blocks but lists 2, 4, 8, 16, 32: 1 is added.
    gate : {"sigmoid", "tanh"}
        The paper cites Dauphin et al., who use the sigmoid; its own predecessors use tanh.
    upsampling : {"transposed", "sub-pixel"}
        The paper's decoder is "inverted". A transposed convolution of 100 channels gives 1,873,362
        parameters, the paper's 1.8 M cut rather than rounded; sub-pixel convolution gives 1,963,462.
    n_levels : int
        32; 64 is what the paper's printed step of 1/32 would mean.
    slope, margin : float
        a and b of the compander, not published.
    train_slope : bool
    """

    sample_rate_hz: int = 32_000
    framing: Framing = field(default_factory=lambda: Framing(ramp="half-sine", side="both"))
    level: Level = "std"
    channels: int = 100
    narrow: int = 30
    kernel: int = 9
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    gate: Literal["sigmoid", "tanh"] = "sigmoid"
    upsampling: Literal["transposed", "sub-pixel"] = "transposed"
    n_levels: int = 32
    slope: float = 1.0
    margin: float = 0.96
    train_slope: bool = False


class GatedBlock(nn.Module):
    """Residual block whose dilated convolution is gated by another of the same shape."""

    def __init__(self, config: ResGluConfig, dilation: int) -> None:
        super().__init__()
        width, narrow, kernel = config.channels, config.narrow, config.kernel
        self.squeeze = nn.Sequential(same_conv(width, narrow, kernel), nn.LeakyReLU(_SLOPE))
        self.linear = same_conv(narrow, narrow, kernel, dilation=dilation)
        self.gate = same_conv(narrow, narrow, kernel, dilation=dilation)
        self.widen = same_conv(narrow, width, kernel)
        self.gating = torch.sigmoid if config.gate == "sigmoid" else torch.tanh

    def forward(self, x: Tensor) -> Tensor:
        """Return x [B, C, T] plus the branch."""
        narrow = self.squeeze(x)
        out: Tensor = x + self.widen(self.linear(narrow) * self.gating(self.gate(narrow)))
        return out


def _stack(config: ResGluConfig) -> list[nn.Module]:
    return [GatedBlock(config, dilation) for dilation in config.dilations]


def _up(config: ResGluConfig) -> nn.Sequential:
    width, kernel = config.channels, config.kernel
    if config.upsampling == "sub-pixel":
        return nn.Sequential(same_conv(width, 2 * width, kernel), SubPixel1d())
    return nn.Sequential(
        nn.ConvTranspose1d(width, width, kernel, stride=2, padding=kernel // 2, output_padding=1)
    )


class ResGlu(Autoencoder):
    """Music at 32 kHz: 512 samples become 256 codes of 32 levels (Shin et al. 2022)."""

    architecture = "resglu"
    config_type = ResGluConfig

    def __init__(self, config: ResGluConfig) -> None:
        width, kernel = config.channels, config.kernel
        encoder = nn.Sequential(
            same_conv(1, width, kernel),
            *_stack(config),
            same_conv(width, width, kernel, stride=2),
            *_stack(config),
            same_conv(width, 1, kernel),
        )
        decoder = nn.Sequential(
            same_conv(1, width, kernel),
            *_stack(config),
            _up(config),
            *_stack(config),
            same_conv(width, 1, kernel),
        )
        quantizer = CompandingQuantizer(
            config.n_levels, config.slope, config.margin, train_slope=config.train_slope
        )
        super().__init__(config, encoder, decoder, quantizer, (1, config.framing.length // 2))
