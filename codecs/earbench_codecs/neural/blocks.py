"""Layers that several coders share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


def n_parameters(module: nn.Module) -> int:
    """Return the number of trained numbers in a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def same_conv(c_in: int, c_out: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv1d:
    """Return a convolution over [B, C, T] whose output has ceil(T / stride) steps, padded with zeros."""
    padding = dilation * (kernel - 1) // 2
    return nn.Conv1d(c_in, c_out, kernel, stride=stride, dilation=dilation, padding=padding)


class SubPixel1d(nn.Module):
    """Turn channels into time steps, [B, C·factor, T] to [B, C, T·factor] (Shi et al. 2016)."""

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return y with y[b, c, factor·t + p] = x[b, factor·c + p, t]."""
        batch, channels, steps = x.shape
        phases = x.reshape(batch, channels // self.factor, self.factor, steps)
        return phases.transpose(2, 3).reshape(batch, -1, steps * self.factor)


class Residual(nn.Module):
    """The sum of a branch and a shortcut."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut if shortcut is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return branch(x) + shortcut(x)."""
        out: Tensor = self.branch(x) + self.shortcut(x)
        return out
