"""The network of Kankanahalli 2018, "End-to-end optimized speech coding with deep neural networks"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from earbench_codecs.neural.blocks import Residual, SubPixel1d, same_conv

if TYPE_CHECKING:
    from torch import Tensor

_INITIAL_SLOPE = 0.3


def _conv(c_in: int, c_out: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    conv = same_conv(c_in, c_out, kernel, stride=stride, dilation=dilation)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return nn.Sequential(conv, nn.PReLU(c_out, _INITIAL_SLOPE))


def _residuals(channels: int, kernel: int, dilations: tuple[int, ...]) -> list[nn.Module]:
    return [
        Residual(
            nn.Sequential(
                _conv(channels, channels, kernel, dilation=d), _conv(channels, channels, kernel, dilation=d)
            )
        )
        for d in dilations
    ]


def _change(c_in: int, c_out: int, kernel: int) -> Residual:
    branch = nn.Sequential(_conv(c_in, c_out, kernel), _conv(c_out, c_out, kernel))
    return Residual(branch, _conv(c_in, c_out, kernel))


def _down(channels: int, kernel: int) -> Residual:
    branch = nn.Sequential(_conv(channels, channels, kernel, stride=2), _conv(channels, channels, kernel))
    return Residual(branch, _conv(channels, channels, kernel, stride=2))


def _up(channels: int, kernel: int) -> Residual:
    wide = nn.Sequential(_conv(channels, 2 * channels, kernel), SubPixel1d())
    shortcut = nn.Sequential(_conv(channels, 2 * channels, kernel), SubPixel1d())
    return Residual(nn.Sequential(wide, _conv(channels, channels, kernel)), shortcut)


class KankanahalliNetwork(nn.Module):
    """Encoder and decoder between frames [B, 1, 512] and codes [B, 1, 256].

    Parameters
    ----------
    channels, kernel : int
        64 and 9 in the paper: 742,415 parameters in the encoder, 816,399 in the decoder; with the
        quantiser's 33, the 1,558,847 that the authors' code prints.
    dilations : tuple of int
    """

    def __init__(
        self, channels: int = 64, kernel: int = 9, dilations: tuple[int, ...] = (1, 2, 4, 8)
    ) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _change(1, channels, kernel),
            *_residuals(channels, kernel, dilations),
            _down(channels, kernel),
            *_residuals(channels, kernel, dilations),
            _change(channels, 1, kernel),
        )
        self.decoder = nn.Sequential(
            _change(1, channels, kernel),
            *_residuals(channels, kernel, dilations),
            _up(channels, kernel),
            *_residuals(channels, kernel, dilations),
            _change(channels, 1, kernel),
        )

    def encode(self, frames: Tensor) -> Tensor:
        """Return codes [B, 1, T / 2] of frames [B, 1, T]."""
        codes: Tensor = self.encoder(frames)
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Return frames [B, 1, 2 T] of codes [B, 1, T]."""
        frames: Tensor = self.decoder(codes)
        return frames
