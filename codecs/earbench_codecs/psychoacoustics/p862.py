"""How far apart two signals are for PESQ, so that it can be differentiated: a term to train with.

ITU-T P.862 with the wideband filter and mapping of P.862.2, over stretches of signals that are aligned and
have the level of their recording already; so its level and time alignment are left out, and the filter acts
on the power spectrum. To measure PESQ, use `metrics.pesq`: this is what it does inside, not its score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.psychoacoustics.p862_tables import (
    CENTRE_BARK,
    LINES_OF_BAND,
    LOUDNESS_SCALE,
    POWER_CORRECTION,
    POWER_SCALE,
    THRESHOLD_POWER,
    WIDTH_BARK,
)

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE_HZ = 16_000
_N_FFT, _HOP = 512, 256
_TOGETHER, _APART = 20, 10
"""Frames of a syllable, and from one to the next."""
LEAST_SAMPLES = _N_FFT + (_TOGETHER - 1) * _HOP
_LEVEL_OF_1 = 4600.0
"""What P.862 multiplies speech of a root mean square of 1 by: geometric mean over speech (P.862, 10.1.1)."""
_ZWICKER = 0.23
_SILENT = 1e7
_LARGEST = 45.0
_LEAST = 1e-4


class PesqDistance(nn.Module):
    """Symmetric and asymmetric disturbance of P.862, weighed as they are in the score.

    Parameters
    ----------
    rms : float
        Root mean square of the recordings that stretches are of.
    """

    bank: Tensor
    window: Tensor
    width: Tensor
    quiet: Tensor
    exponent: Tensor

    def __init__(self, rms: float = 1.0) -> None:
        super().__init__()
        width = torch.tensor(WIDTH_BARK)[1:]
        exponent = (6 / (torch.tensor(CENTRE_BARK) + 2)).clamp(1, 2) ** 0.15 * _ZWICKER
        for name, tensor in (
            ("bank", _bank() * (_LEVEL_OF_1 / rms) ** 2),
            ("window", torch.hann_window(_N_FFT)),
            ("width", width),
            ("quiet", torch.tensor(THRESHOLD_POWER)),
            ("exponent", exponent),
        ):
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, original: Tensor, decoded: Tensor) -> Tensor:
        """Return distances [B] of stretches [B, T] at 16 kHz: 0 for none; `score` maps them to PESQ-WB.

        Stretches have 5376 samples or more. Differentiable in both.
        """
        reference, degraded = self._equalised(self._bands(original), self._bands(decoded))
        loudness, wanted = self._loudness(degraded), self._loudness(reference)
        difference = loudness - wanted
        dead = torch.minimum(loudness, wanted) / 4
        disturbance = difference.sign() * (difference.abs() - dead).clamp(min=0)
        added = ((degraded + 50) / (reference + 50)) ** 1.2
        added = torch.where(added < 3, 0, added).clamp(max=12)
        # what is quiet as a whole counts for more
        audible = ((self._audible(reference) + 1e5) / _SILENT) ** 0.04
        symmetric, asymmetric = (
            _over_time((self._norm(of_bands, power) / audible).clamp(max=_LARGEST))
            for of_bands, power in ((disturbance, 2), (disturbance * added, 1))
        )
        return 0.1 * symmetric + 0.0309 * asymmetric

    def _bands(self, signals: Tensor) -> Tensor:
        """Return the power [B, F, 49] of each band of signals [B, T]."""
        spectrum = torch.fft.rfft(signals.unfold(-1, _N_FFT, _HOP) * self.window)
        real, imaginary = torch.view_as_real(spectrum).unbind(-1)
        return (real.square() + imaginary.square()) @ self.bank

    def _equalised(self, reference: Tensor, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """Take the degraded signal's mean spectrum out, and its slow changes of level (P.862, 10.2.5, 6)."""
        with torch.no_grad():
            silent = self._audible(reference, 100) < _SILENT
            means = (self._mean_audible(power, silent) + 1000 for power in (degraded, reference))
            ratio = torch.div(*means).unsqueeze(1).clamp(0.01, 100)
            heard = self._audible(reference * ratio) + 5e3
            gain = heard / (self._audible(degraded) + 5e3)
            gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], 1).clamp(3e-4, 5)
        return reference * ratio, degraded * gain.unsqueeze(-1)

    def _audible(self, power: Tensor, factor: float = 1) -> Tensor:
        return (power * (power > self.quiet * factor)).sum(-1)

    def _mean_audible(self, power: Tensor, silent: Tensor) -> Tensor:
        return (power * (power > self.quiet * 100) * ~silent.unsqueeze(-1)).mean(1)

    def _loudness(self, power: Tensor) -> Tensor:
        """Return Zwicker's loudness of bands, in sone for each Bark (P.862, 10.2.7)."""
        above = (0.5 + power / self.quiet / 2) ** self.exponent - 1
        loudness = LOUDNESS_SCALE * (2 * self.quiet) ** self.exponent * above
        return torch.where(power <= self.quiet, 0, loudness)

    def _norm(self, disturbance: Tensor, power: int) -> Tensor:
        """Return the norm over bands by their widths; the lowest does not count."""
        total = self.width.sum()
        weighed = (self.width * disturbance[..., 1:]).abs() / total ** (1 / power)
        norm: Tensor = total * (weighed**power + _LEAST**3).sum(-1) ** (1 / power)
        return norm


def score(distance: Tensor) -> Tensor:
    """Return the PESQ-WB score, 1.04 to 4.64, that a distance over a recording stands for (P.862.2)."""
    return 0.999 + 4 / (1 + torch.exp(-1.3669 * (4.5 - distance) + 3.8224))


def _over_time(frames: Tensor) -> Tensor:
    """Return one number for disturbances [B, F]: the loudest counts in a syllable, the mean over them."""
    syllables = (frames + _LEAST).unfold(-1, _TOGETHER, _APART)
    return (syllables**6).mean(-1).pow(1 / 3).mean(-1).sqrt()


def _bank() -> Tensor:
    """Return what each line's power adds to each band, [257, 49]: the wideband filter, then the bands."""
    bank = torch.zeros(_N_FFT // 2 + 1, len(LINES_OF_BAND))
    first = 0
    for band, count in enumerate(LINES_OF_BAND):
        bank[first : first + count, band] = POWER_CORRECTION[band] * POWER_SCALE
        first += count
    z = torch.exp(-2j * torch.pi * torch.arange(_N_FFT // 2 + 1) / _N_FFT)
    response = (2.740826 - 5.4816519 * z + 2.740826 * z**2) / (1 - 1.9444777 * z + 0.94597794 * z**2)
    power = response.abs().square()
    power[0] = 0
    return power[:, None] * bank
