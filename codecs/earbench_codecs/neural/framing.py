"""Cut a signal into overlapping frames and put it together again, exactly where nothing is coded between."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from earbench_codecs.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor

Ramp = Literal["hann", "hann-symmetric", "half-sine", "none"]
Side = Literal["analysis", "synthesis", "both"]


@dataclass(frozen=True, slots=True)
class Framing:
    """Frames of `length` samples that overlap by `overlap`, with ramps where they do.

    Parameters
    ----------
    length, overlap : int
        Samples; 512 and 32 in Kankanahalli 2018, Zhen 2020 and Shin 2022.
    ramp : {"hann", "hann-symmetric", "half-sine", "none"}
        "hann" is half of a periodic Hann window: fade in and fade out sum to 1. "hann-symmetric" is what
        the code of Kankanahalli and PAM-NAC uses: they sum to 0.975..0.9994, so up to 2.5 % of the
        amplitude is lost in each overlap. "half-sine" (Shin 2022) sums to 1 in power: use it on both sides.
        "none" leaves frames as they are, for coders whose synthesis overlaps by itself.
    side : {"analysis", "synthesis", "both"}
        Where the ramps are applied.

    Raises
    ------
    SettingError
        If the overlap is not between 1 and half the length.
    """

    length: int = 512
    overlap: int = 32
    ramp: Ramp = "hann"
    side: Side = "analysis"

    def __post_init__(self) -> None:
        if not 0 < self.overlap <= self.length // 2:
            raise SettingError(f"overlap must be 1 to {self.length // 2} samples, not {self.overlap}")

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return self.length - self.overlap

    def n_frames(self, n_samples: int) -> int:
        """Return how many frames carry so many samples: the first begins `overlap` samples early."""
        return math.ceil((n_samples + self.overlap) / self.hop)

    def split(self, signal: Tensor) -> Tensor:
        """Cut [..., T] into frames [..., n, length]; the ends are padded with zeros."""
        n_samples = signal.shape[-1]
        padded = self.n_frames(n_samples) * self.hop + self.overlap
        return self.cut(torch.nn.functional.pad(signal, (self.overlap, padded - n_samples - self.overlap)))

    def cut(self, samples: Tensor) -> Tensor:
        """Cut [..., n * hop + overlap] into frames [..., n, length]."""
        frames = samples.unfold(-1, self.length, self.hop)
        return frames * self.window(samples) if self.side != "synthesis" else frames

    def join(self, frames: Tensor, n_samples: int) -> Tensor:
        """Overlap-add frames [..., n, length] to [..., T]; the inverse of `split`."""
        return self.overlap_add(frames)[..., self.overlap : self.overlap + n_samples]

    def overlap_add(self, frames: Tensor) -> Tensor:
        """Return [..., n * hop + overlap] of frames [..., n, length], both ends still faded."""
        if self.side != "analysis":
            frames = frames * self.window(frames)
        body, tail = frames[..., : self.hop], frames[..., self.hop :]
        tail = torch.nn.functional.pad(tail, (0, self.hop - self.overlap))
        summed = torch.nn.functional.pad(body.flatten(-2), (0, self.overlap))
        return summed + torch.nn.functional.pad(tail.flatten(-2), (self.hop, 0))[..., : summed.shape[-1]]

    def window(self, like: Tensor) -> Tensor:
        """Return the window [length], of the type and on the device of `like`."""
        rise = _rise(self.ramp, self.overlap)
        flat = torch.ones(self.length - 2 * self.overlap, dtype=torch.float64)
        return torch.cat([rise, flat, rise.flip(0) if self.ramp != "hann" else 1 - rise]).to(like)


def _rise(ramp: Ramp, n: int) -> Tensor:
    k = torch.arange(n, dtype=torch.float64)
    if ramp == "none":
        return torch.ones_like(k)
    if ramp == "hann":
        return torch.sin(math.pi * k / (2 * n)) ** 2
    if ramp == "hann-symmetric":
        return torch.sin(math.pi * k / (2 * n - 1)) ** 2
    return torch.sin(math.pi * (k + 0.5) / (2 * n))
