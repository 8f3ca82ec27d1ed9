"""Terms of the objective: what each of the five papers minimises beside the rate.

Frames are judged as the coder sees them: after the file's level was divided out, so the psychoacoustic
terms take its full scale for the playback level.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from earbench_codecs.errors import SettingError
from earbench_codecs.psychoacoustics.entropy import perceptual_entropy_bits
from earbench_codecs.psychoacoustics.model1 import FFT_SIZES, Model1, Model1Settings, level_db
from earbench_codecs.psychoacoustics.nmr import priority_weight
from earbench_codecs.training.mel import mel_bank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from earbench_codecs.psychoacoustics.model1 import SignalAndMask
    from earbench_codecs.training.mel import Scale
    from earbench_codecs.training.recipe import ObjectiveTable

Reading = Literal["emphasise", "detached", "literal"]

_EPSILON = 1e-7
_DEFAULT_FFT = 512


class FramePair:
    """Original and decoded frames, and what several terms need to know of them, worked out once.

    Parameters
    ----------
    original, decoded : Tensor, shape [B, L]
    model : Model1
        Frames longer than its FFT are cut into overlapping pieces for it.
    """

    def __init__(self, original: Tensor, decoded: Tensor, model: Model1) -> None:
        self.original = original
        self.decoded = decoded
        self.model = model

    def pieces(self, frames: Tensor) -> Tensor:
        """Cut frames [B, L] to the FFT's length: [B, n, n_fft], overlapping by half."""
        n_fft = self.model.settings.n_fft
        return frames.unfold(-1, n_fft, n_fft // 2)

    def spectrum_power(self, frames: Tensor) -> Tensor:
        """Return power spectra |rfft|² / n_fft of the pieces of frames [B, L]: [B, n, n_fft / 2 + 1].

        A frame of the FFT's length is taken as it is, as it fades at its ends; pieces of longer ones get a
        Hann window of the same energy.
        """
        if frames.shape[-1] <= self.model.settings.n_fft:
            pieces = frames.unsqueeze(1)
        else:
            pieces = self.pieces(frames)
            pieces = pieces * (torch.hann_window(pieces.shape[-1]).to(pieces) * math.sqrt(8 / 3))
        n_fft = pieces.shape[-1]
        real, imaginary = torch.view_as_real(torch.fft.rfft(pieces)).unbind(dim=-1)
        return (real.square() + imaginary.square()) / n_fft

    @cached_property
    def mask(self) -> SignalAndMask:
        """Level and masking threshold of the original; constants."""
        return self.model.signal_and_mask(self.pieces(self.original))

    @cached_property
    def threshold_power(self) -> Tensor:
        """Masking threshold as a power, [B, n, K]."""
        return 10 ** (self.mask.threshold_db_spl / 10)

    @cached_property
    def noise_power(self) -> Tensor:
        """Power of decoded minus original, [B, n, K], on the scale of the threshold; differentiable."""
        noise = self.pieces(self.decoded - self.original)
        return self.model.power(noise) * 10 ** (self.mask.gain_db / 10)

    @cached_property
    def perceptual_entropy_bits(self) -> Tensor:
        """Perceptual entropy of the original at each line, [B, n, K]; a constant."""
        spectrum = self.model.spectrum(self.pieces(self.original)) * 10 ** (self.mask.gain_db / 20)
        return perceptual_entropy_bits(spectrum, self.threshold_power)


class SquaredError(nn.Module):
    """Mean square error."""

    def forward(self, pair: FramePair) -> Tensor:
        """Return the mean over samples and frames."""
        return (pair.decoded - pair.original).square().mean()


class RootSquaredError(nn.Module):
    """The root of each frame's mean square error + 1e-7.

    So do the codes of Kankanahalli and PAM-NAC, where the papers print the square.
    """

    def forward(self, pair: FramePair) -> Tensor:
        """Return the mean over frames."""
        return _root_mean_square(pair.decoded - pair.original).mean()


class MelDistance(nn.Module):
    """Distance of log mel spectra, over several banks.

    The power spectrum is |rfft|² / L of the frame as it is, without a window more (see
    `FramePair.spectrum_power` for longer ones); the logarithm is natural, of energy + 1e-7. The term is the
    root mean square over the bands of a bank, its mean over banks and frames. Kankanahalli 2018 writes MFCC;
    his code has no DCT, and this is that code.

    Parameters
    ----------
    length : int
        Samples of a frame, or of a piece of one.
    banks : sequence of int
        Numbers of bands.
    scale, skip_bands, least
        See `recipe.MelTerm`.
    """

    def __init__(
        self,
        length: int,
        sample_rate_hz: int,
        banks: Sequence[int] = (8, 16, 32, 128),
        scale: Scale = "floor",
        skip_bands: int = 0,
        least: float = _EPSILON,
    ) -> None:
        super().__init__()
        if skip_bands >= min(banks):
            raise SettingError(
                f"objective.mel: skip_bands = {skip_bands} leaves nothing of {min(banks)} bands"
            )
        self.least = least
        matrices = [mel_bank(n, length, sample_rate_hz, scale)[:, skip_bands:] for n in banks]
        self.sizes = [matrix.shape[1] for matrix in matrices]
        bank = torch.cat([torch.from_numpy(matrix) for matrix in matrices], dim=1)
        self.register_buffer("bank", bank.float(), persistent=False)

    def log_bands(self, power: Tensor) -> Tensor:
        """Return log energies [..., all bands of all banks] of power spectra."""
        return torch.log(power @ self.get_buffer("bank") + self.least)

    def forward(self, pair: FramePair) -> Tensor:
        """Return the mean over banks and frames."""
        decoded, original = (pair.spectrum_power(frames) for frames in (pair.decoded, pair.original))
        difference = self.log_bands(decoded) - self.log_bands(original)
        banks = torch.split(difference, self.sizes, dim=-1)
        return torch.stack([_root_mean_square(bank).mean() for bank in banks]).mean()


class ShapedError(nn.Module):
    """Square error, weighed line by line so that noise may follow the signal's spectrum at a distance.

    Mean over lines of |D|² (P + 1e-7)^-γ, with D the spectrum of the error, P the power spectrum of the
    original, |rfft|² / L, as its mean over nine lines. At γ = 0 it is the mean square error, at 1 the noise
    to signal ratio of each band; in between, noise lies lower under the valleys than under the peaks, as it
    does with the power law of AAC's quantiser and the γ of speech coders' weighting filters.

    Parameters
    ----------
    exponent : float
        γ.
    """

    _LINES = 9

    def __init__(self, exponent: float = 0.5) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, pair: FramePair) -> Tensor:
        """Return the mean over lines and frames."""
        power = pair.spectrum_power(pair.original)
        around = nn.functional.avg_pool1d(power, self._LINES, 1, self._LINES // 2, count_include_pad=False)
        noise = pair.spectrum_power(pair.decoded - pair.original)
        return (noise * (around + _EPSILON) ** -self.exponent).mean()


class PriorityWeighting(nn.Module):
    """PAM-NAC's priority weighting: squared level difference in dB², more where the signal is unmasked.

    Zhen et al. 2020: mean over lines of w (p - p')², with w = log10(10^(p / 10) / 10^(m / 10) + 1). Level
    and threshold are of one scale here; the published code mixes two, which makes w vanish.
    """

    def forward(self, pair: FramePair) -> Tensor:
        """Return the mean over lines and frames."""
        mask = pair.mask
        weight = priority_weight(mask.level_db_spl, mask.threshold_db_spl)
        level = pair.model.level_db_spl(pair.pieces(pair.decoded)) + mask.gain_db
        return (weight * (level - mask.level_db_spl).square()).mean()


class NoiseModulation(nn.Module):
    """PAM-NAC's noise modulation: how far the noise of the worst line lies above its mask.

    Zhen et al. 2020: max over lines of relu(noise power / mask power - 1).
    """

    def forward(self, pair: FramePair) -> Tensor:
        """Return the mean over frames."""
        excess = torch.relu(pair.noise_power / pair.threshold_power - 1)
        return excess.amax(dim=-1).mean()


class TwoStage(nn.Module):
    """The perceptual loss of Shin et al. 2022, eqs. 4 to 8.

    On each mel bank: N, the noise-to-mask ratio in dB; S = N - mean(N); M = max(N ∓ S, 0); weighted by
    w = (E / max E)^γ with E the perceptual entropy in each band; summed over bands, its mean over banks.

    Parameters
    ----------
    reading : {"emphasise", "detached", "literal"}
        As printed ("literal"), N - S is mean(N) in every band: one number, and w cannot shift effort.
        "detached" has the same value, but S is a constant for the gradient, so each band is pushed down
        by its own w wherever the mean is above the mask. "emphasise" (default) takes a constant S with the
        other sign, M = max(2 N - mean(N), 0): vulnerable bands count more, which is what the text claims.
    banks : sequence of int
        16, 32, 64 and 256 bands; bands that hold no line are left out.
    exponent : float
        γ.
    """

    def __init__(
        self,
        n_fft: int,
        sample_rate_hz: int,
        reading: Reading = "emphasise",
        banks: Sequence[int] = (16, 32, 64, 256),
        exponent: float = 2.4,
    ) -> None:
        super().__init__()
        self.reading = reading
        self.exponent = exponent
        self.n_banks = len(banks)
        for i, n in enumerate(banks):
            bank = mel_bank(n, n_fft, sample_rate_hz, "triangle")
            bank = bank[:, bank.any(axis=0)]
            self.register_buffer(f"bank{i}", torch.from_numpy(bank).float(), persistent=False)

    def forward(self, pair: FramePair) -> Tensor:
        """Return the mean over frames."""
        banks = [self.get_buffer(f"bank{i}") for i in range(self.n_banks)]
        return torch.stack([self._distance(pair, bank) for bank in banks]).mean()

    def _distance(self, pair: FramePair, bank: Tensor) -> Tensor:
        mean_of_band = bank / bank.sum(dim=0)
        nmr_db = level_db(pair.noise_power @ mean_of_band) - 10 * torch.log10(
            pair.threshold_power @ mean_of_band
        )
        entropy = pair.perceptual_entropy_bits @ bank
        weight = (entropy / entropy.amax(dim=-1, keepdim=True).clamp_min(_EPSILON)) ** self.exponent
        return (weight * torch.relu(rescaled_nmr_db(nmr_db, self.reading))).sum(dim=-1).mean()


def rescaled_nmr_db(nmr_db: Tensor, reading: Reading) -> Tensor:
    """Return N ∓ S of noise-to-mask ratios [..., B] in dB, as the reading has it; see `TwoStage`."""
    scaling = nmr_db - nmr_db.mean(dim=-1, keepdim=True)
    if reading == "literal":
        return nmr_db - scaling
    return nmr_db + scaling.detach() * (1 if reading == "emphasise" else -1)


class Objective(nn.Module):
    """The terms of distortion that a recipe asks for.

    Parameters
    ----------
    table : ObjectiveTable
    length : int
        Samples of a frame.
    sample_rate_hz : int
    """

    def __init__(self, table: ObjectiveTable, length: int, sample_rate_hz: int) -> None:
        super().__init__()
        n_fft = length if length in FFT_SIZES else _DEFAULT_FFT
        if length < n_fft and {"priority", "noise_modulation", "two_stage"} & set(table.terms):
            raise SettingError(f"psychoacoustic terms need frames of {n_fft} samples or more, not {length}")
        self.model = Model1(Model1Settings(sample_rate_hz, n_fft))
        self.terms = nn.ModuleDict(_terms(table, length, n_fft, sample_rate_hz))

    def forward(self, original: Tensor, decoded: Tensor) -> dict[str, Tensor]:
        """Return each term, unweighted, for frames [B, 1, L]."""
        pair = FramePair(original.squeeze(1), decoded.squeeze(1), self.model)
        return {name: term(pair) for name, term in self.terms.items()}


def _terms(table: ObjectiveTable, length: int, n_fft: int, sample_rate_hz: int) -> dict[str, nn.Module]:
    plain = {
        "mse": SquaredError,
        "rmse": RootSquaredError,
        "priority": PriorityWeighting,
        "noise_modulation": NoiseModulation,
    }
    terms: dict[str, nn.Module] = {name: plain[name]() for name in table.terms if name in plain}
    if (mel := table.mel) is not None:
        terms["mel"] = MelDistance(
            min(length, n_fft), sample_rate_hz, mel.banks, mel.scale, mel.skip_bands, mel.least
        )
    if (shaped := table.shaped) is not None:
        terms["shaped"] = ShapedError(shaped.exponent)
    if (two := table.two_stage) is not None:
        terms["two_stage"] = TwoStage(n_fft, sample_rate_hz, two.reading, two.banks, two.exponent)
    return terms


def _root_mean_square(x: Tensor) -> Tensor:
    return torch.sqrt(x.square().mean(dim=-1) + _EPSILON)
