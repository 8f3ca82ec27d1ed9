"""The network of Kankanahalli 2018, "End-to-end optimized speech coding with deep neural networks"."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from earbench_codecs.neural.autoencoder import Autoencoder
from earbench_codecs.neural.blocks import Residual, SubPixel1d, same_conv
from earbench_codecs.neural.coder import CoderConfig, Level
from earbench_codecs.neural.quantizers import SoftmaxQuantizer

_INITIAL_SLOPE = 0.3


def conv(c_in: int, c_out: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a convolution and its rectifier."""
    linear = same_conv(c_in, c_out, kernel, stride=stride, dilation=dilation)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)  # type: ignore[arg-type]
    return nn.Sequential(linear, nn.PReLU(c_out, _INITIAL_SLOPE))


def _residuals(channels: int, kernel: int, dilations: tuple[int, ...]) -> list[nn.Module]:
    return [
        Residual(
            nn.Sequential(
                conv(channels, channels, kernel, dilation=d), conv(channels, channels, kernel, dilation=d)
            )
        )
        for d in dilations
    ]


def _change(c_in: int, c_out: int, kernel: int) -> Residual:
    branch = nn.Sequential(conv(c_in, c_out, kernel), conv(c_out, c_out, kernel))
    return Residual(branch, conv(c_in, c_out, kernel))


def _down(channels: int, kernel: int) -> Residual:
    branch = nn.Sequential(conv(channels, channels, kernel, stride=2), conv(channels, channels, kernel))
    return Residual(branch, conv(channels, channels, kernel, stride=2))


def _up(channels: int, kernel: int) -> Residual:
    wide = nn.Sequential(conv(channels, 2 * channels, kernel), SubPixel1d())
    shortcut = nn.Sequential(conv(channels, 2 * channels, kernel), SubPixel1d())
    return Residual(nn.Sequential(wide, conv(channels, channels, kernel)), shortcut)


@dataclass(frozen=True, slots=True, kw_only=True)
class KankanahalliConfig(CoderConfig):
    """Settings of `Kankanahalli`; defaults are the paper's.

    Parameters
    ----------
    framing : Framing
        The paper and its code use half of a symmetric Hann window at the ends, ``hann-symmetric``, and
        lose up to 2.5 % of the amplitude where frames overlap; the default is the periodic one.
    level : {"peak", "std", "none"}
        Files are divided by their peak, as in the paper, which does not count what that costs.
    channels, kernel : int
    dilations : tuple of int
    n_bins : int
    sigma : float
        Where the quantiser's temperature starts.
    """

    sample_rate_hz: int = 16_000
    level: Level = "peak"
    channels: int = 64
    kernel: int = 9
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    n_bins: int = 32
    sigma: float = 300.0


class Kankanahalli(Autoencoder):
    """Speech at 16 kHz: 512 samples become 256 codes of 32 levels (Kankanahalli 2018).

    At the default size 742,448 parameters encode, with the quantiser's 33, and 816,399 decode:
    1,558,847, as the notebook of the author's code prints. First without quantisation, then, from bins
    found by K-means, with it.
    """

    architecture = "kankanahalli"
    config_type = KankanahalliConfig
    stages = ("unquantized", "quantized")

    def __init__(self, config: KankanahalliConfig) -> None:
        width, kernel = config.channels, config.kernel
        encoder = nn.Sequential(
            _change(1, width, kernel),
            *_residuals(width, kernel, config.dilations),
            _down(width, kernel),
            *_residuals(width, kernel, config.dilations),
            _change(width, 1, kernel),
        )
        decoder = nn.Sequential(
            _change(1, width, kernel),
            *_residuals(width, kernel, config.dilations),
            _up(width, kernel),
            *_residuals(width, kernel, config.dilations),
            _change(width, 1, kernel),
        )
        quantizer = SoftmaxQuantizer(config.n_bins, config.sigma)
        super().__init__(config, encoder, decoder, quantizer, (1, config.framing.length // 2))
