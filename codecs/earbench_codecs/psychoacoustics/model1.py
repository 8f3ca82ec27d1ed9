"""Psychoacoustic model 1 of ISO 11172-3, Annex D.1, over batches of frames and at any sample rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from earbench_codecs.errors import SettingError
from earbench_codecs.psychoacoustics.bark import band_matrix, bark, line_frequencies_hz
from earbench_codecs.psychoacoustics.maskers import (
    apart,
    audible,
    noise_maskers,
    tonal_lines,
    tonal_maskers,
)
from earbench_codecs.psychoacoustics.spreading import spreadings
from earbench_codecs.psychoacoustics.threshold import threshold_in_quiet_db_spl

if TYPE_CHECKING:
    from torch import Tensor

FULL_SCALE_DB_SPL = 96.0
"""Level of the spectral line of a sine of amplitude 1.0 that falls on a line's centre.

The standard's "maximum value corresponds to 96 dB". The line's neighbours add 1.76 dB, so the tonal
masker of that sine has 97.76 dB SPL.
"""

LEVEL_FLOOR_DB_SPL = -100.0
"""Level of digital silence, so that no logarithm is infinite."""

SAMPLE_RATES_HZ = (8_000, 192_000)
FFT_SIZES = (256, 512, 1024, 2048, 4096)
N_SUBBANDS = 32

_FRAMES_AT_ONCE = 2048  # bounds memory; fewer keep the second core waiting
_PEAK_DB_SPL = 96.0


@dataclass(frozen=True, slots=True)
class Model1Settings:
    """How the model is set up.

    Parameters
    ----------
    sample_rate_hz : int
        8 to 192 kHz.
    n_fft : int
        512 as in Layer I or 1024 as in Layer II; 256, 2048 and 4096 carry their rules on.
    full_scale_db_spl : float
        Level of a full-scale sine's line; the playback level the listener is taken to use.
    reference : {"full scale", "frame peak"}
        "frame peak" lifts each frame until its strongest line has 96 dB SPL, as Petitcolas' and PAM-NAC's
        code do: silence between words is then judged as if it were loud.
    quiet_offset_db : float
        Added to the threshold in quiet; the standard has -12 from 96 kbps a channel upwards, else 0.
    """

    sample_rate_hz: int
    n_fft: int = 512
    full_scale_db_spl: float = FULL_SCALE_DB_SPL
    reference: Literal["full scale", "frame peak"] = "full scale"
    quiet_offset_db: float = 0.0

    def __post_init__(self) -> None:
        low, high = SAMPLE_RATES_HZ
        if not low <= self.sample_rate_hz <= high:
            raise SettingError(f"model 1 takes sample rates of {low} to {high} Hz, not {self.sample_rate_hz}")
        if self.n_fft not in FFT_SIZES:
            raise SettingError(f"model 1 takes an FFT of {', '.join(map(str, FFT_SIZES))}, not {self.n_fft}")
        if self.reference not in ("full scale", "frame peak"):
            raise SettingError(f"reference must be 'full scale' or 'frame peak', not {self.reference!r}")


@dataclass(frozen=True, slots=True, eq=False)
class SignalAndMask:
    """Level and masking threshold of frames, on one scale.

    Parameters
    ----------
    level_db_spl : Tensor, shape [..., K]
        Of each line; differentiable.
    threshold_db_spl : Tensor, shape [..., K]
        Global masking threshold; a constant, no gradient flows through it.
    gain_db : Tensor, shape [..., 1]
        What the frame-peak reference added, else 0. Another signal, such as the noise, is put on the same
        scale by adding it to `Model1.level_db_spl`; a constant.
    """

    level_db_spl: Tensor
    threshold_db_spl: Tensor
    gain_db: Tensor


class Model1(torch.nn.Module):
    """Psychoacoustic model 1.

    The threshold is worked out at every line rather than on the standard's sparser grid with the values
    in between repeated: that grid saves work and changes nothing else.

    Parameters
    ----------
    settings : Model1Settings
    dtype : torch.dtype
        Of all constants, and of what comes out; float32 unless an exact comparison is wanted.

    Notes
    -----
    Choices where texts and codes differ: the masking function takes the masker's own (summed) level; a
    noise masker sits at the centre of power of its band; tonal lines are judged on the whole spectrum
    before any is removed; above 20 kHz nothing masks.
    """

    window: Tensor
    bark: Tensor
    maskable: Tensor
    bands: Tensor
    quiet_power: Tensor

    def __init__(self, settings: Model1Settings, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.settings = settings
        frequency_hz = line_frequencies_hz(settings.n_fft, settings.sample_rate_hz)
        z = bark(frequency_hz)
        _, bands = band_matrix(settings.n_fft, settings.sample_rate_hz)
        quiet_db = threshold_in_quiet_db_spl(frequency_hz) + settings.quiet_offset_db
        constants = {
            "window": _window(settings),
            "bark": torch.from_numpy(z),
            "maskable": torch.from_numpy(bands.any(axis=1)),
            "bands": torch.from_numpy(bands),
            "quiet_power": torch.from_numpy(10 ** (quiet_db / 10)),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)
        self.tones = spreadings(z, tonal=True)
        self.noises = spreadings(z, tonal=False)
        self.to(dtype)

    @property
    def n_lines(self) -> int:
        """Number of spectral lines, K = n_fft / 2 + 1."""
        return self.settings.n_fft // 2 + 1

    def spectrum(self, frames: Tensor) -> Tensor:
        """Return the complex spectrum [..., K] of frames [..., n_fft]; |spectrum|² of 1 is 0 dB SPL.

        Hann window × √(8/3) (step 1), at the full-scale reference. Differentiable.
        """
        spectrum: Tensor = torch.fft.rfft(frames * self.window)
        return spectrum

    def power(self, frames: Tensor) -> Tensor:
        """Return the power [..., K] of each line of frames [..., n_fft]; 1.0 is 0 dB SPL. Differentiable."""
        real, imaginary = torch.view_as_real(self.spectrum(frames)).unbind(dim=-1)
        return real.square() + imaginary.square()

    def level_db_spl(self, frames: Tensor) -> Tensor:
        """Return the level in dB SPL [..., K] of frames [..., n_fft]. Differentiable, also at silence."""
        return level_db(self.power(frames))

    def signal_and_mask(self, frames: Tensor) -> SignalAndMask:
        """Return level and masking threshold of frames [..., n_fft] on one scale."""
        power = self.power(frames)
        gain = self._gain(power.detach())
        power = power * gain
        return SignalAndMask(level_db(power), self.threshold_db_spl(power), 10 * torch.log10(gain))

    def _gain(self, power: Tensor) -> Tensor:
        peak = power.amax(dim=-1, keepdim=True)
        if self.settings.reference == "full scale":
            return torch.ones_like(peak)
        return torch.where(peak > 0, 10 ** (_PEAK_DB_SPL / 10) / peak, 1.0)

    @torch.no_grad()
    def threshold_db_spl(self, power: Tensor) -> Tensor:
        """Return the global masking threshold in dB SPL [..., K] of line powers [..., K]; a constant."""
        frames = power.reshape(power.shape[:-1].numel(), self.n_lines)
        parts = [self._masked_power(part) for part in torch.split(frames, _FRAMES_AT_ONCE)]
        return 10 * torch.log10(torch.cat(parts)).reshape(power.shape)

    def _masked_power(self, power: Tensor) -> Tensor:
        tonal = tonal_lines(power) & self.maskable
        tones = apart(audible(tonal_maskers(power, tonal), self.quiet_power), self.bark)
        noises = audible(noise_maskers(power, tonal, self.bands), self.quiet_power)
        total = self.quiet_power.expand_as(power).clone()
        for blocks, maskers in ((self.tones, tones), (self.noises, noises)):
            for block in blocks:
                block(total, maskers)
        return total


def level_db(power: Tensor) -> Tensor:
    """Return powers (1.0 is 0 dB SPL) as levels in dB SPL, none below `LEVEL_FLOOR_DB_SPL`."""
    return 10 * torch.log10(power + 10 ** (LEVEL_FLOOR_DB_SPL / 10))


def minimum_per_subband_db_spl(threshold_db_spl: Tensor) -> Tensor:
    """Return the lowest threshold in each of the 32 equal subbands: [..., K] to [..., 32] (step 8)."""
    return _subbands(threshold_db_spl).amin(dim=-1)


def signal_to_mask_db(level_db_spl: Tensor, threshold_db_spl: Tensor) -> Tensor:
    """Return the signal-to-mask ratio of each of the 32 subbands in dB, [..., K] to [..., 32] (step 9).

    The subband's level is its strongest line; the standard also looks at the encoder's scale factors
    (step 2), which there are none of here.
    """
    return _subbands(level_db_spl).amax(dim=-1) - minimum_per_subband_db_spl(threshold_db_spl)


def _subbands(lines: Tensor) -> Tensor:
    return lines[..., :-1].reshape(*lines.shape[:-1], N_SUBBANDS, -1)


def _window(settings: Model1Settings) -> Tensor:
    """Hann × √(8/3), scaled so that a full-scale sine's line comes out at the full-scale level."""
    hann = torch.hann_window(settings.n_fft, periodic=True, dtype=torch.float64) * math.sqrt(8 / 3)
    full_scale_line = hann.sum() / 2
    return hann * (10 ** (settings.full_scale_db_spl / 20) / full_scale_line)
