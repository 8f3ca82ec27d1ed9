"""What the noise-versus-mask plot shows, and the part of the noise that lies above the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import torch

from earbench_codecs.errors import InvalidAudioError
from earbench_codecs.psychoacoustics.bark import bark, line_frequencies_hz
from earbench_codecs.psychoacoustics.framing import FRAMES_AT_ONCE
from earbench_codecs.psychoacoustics.model1 import level_db
from earbench_codecs.psychoacoustics.nmr import (
    NOISE_BANDWIDTH_LINES,
    band_ratio,
    check_alike,
    ratio_db,
)
from earbench_codecs.psychoacoustics.recording import cached_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.psychoacoustics.model1 import Model1, Model1Settings, SignalAndMask

Key = TypeVar("Key")
_OVERLAP = 4  # frames that a sample lies in
_SQUARED_WINDOWS = 1.5  # what the squares of as many Hann windows add up to


@dataclass(frozen=True, slots=True, eq=False)
class NoiseSpectrum:
    """The noise of one version, averaged in power over channels and frames.

    Parameters
    ----------
    line_db_spl : ndarray of float64, shape [K]
        Level of each spectral line, as in Fig. 2 of Shin et al. (2022).
    band_db_spl : ndarray of float64, shape [K]
        Level of the critical band around each line: see `band_power`.
    nmr_db : float
        Noise-to-mask ratio: mean over bands and frames in dB, then over the channels that have any noise,
        as `earbench measure` has it. Minus infinite where none has.
    """

    line_db_spl: NDArray[np.float64]
    band_db_spl: NDArray[np.float64]
    nmr_db: float


@dataclass(frozen=True, slots=True, eq=False)
class NoiseVersusMask(Generic[Key]):
    """Signal, masking threshold and noises, averaged in power over channels and frames.

    Parameters
    ----------
    frequencies_hz : ndarray, shape [K]
    level_db_spl, threshold_db_spl : ndarray of float64, shape [K]
    noises : mapping of a version's key to NoiseSpectrum
    """

    frequencies_hz: NDArray[np.float64]
    level_db_spl: NDArray[np.float64]
    threshold_db_spl: NDArray[np.float64]
    noises: Mapping[Key, NoiseSpectrum]


def noise_versus_mask(
    reference: NDArray[np.float32], versions: Mapping[Key, NDArray[np.float32]], settings: Model1Settings
) -> NoiseVersusMask[Key]:
    """Return the spectra of frames [C, F, n_fft] of a signal, and of the noise of versions of it.

    Raises
    ------
    InvalidAudioError
        A version differs from the reference in shape.
    """
    model, signal = cached_model(settings), torch.from_numpy(reference)
    with torch.no_grad():
        mask = model.signal_and_mask(signal)
        level, threshold = (_mean_db(10 ** (db / 10)) for db in (mask.level_db_spl, mask.threshold_db_spl))
        noises = {key: _noise(model, mask, version, signal) for key, version in versions.items()}
    return NoiseVersusMask(_frequencies_hz(settings), level, threshold, noises)


def _noise(model: Model1, mask: SignalAndMask, version: NDArray[np.float32], signal: Tensor) -> NoiseSpectrum:
    if version.shape != tuple(signal.shape):
        raise InvalidAudioError(f"noise needs frames of one shape, not {version.shape} and {signal.shape}")
    power = model.power(torch.from_numpy(version) - signal) * 10 ** (mask.gain_db / 10)
    mean = power.mean(dim=(0, 1), dtype=torch.float64)
    bands = band_power(mean, _frequencies_hz(model.settings))
    ratio = band_ratio(model, mask, power).mean(dim=(1, 2), dtype=torch.float64).numpy()
    noisy = ratio[ratio > 0]
    nmr_db = float(ratio_db(noisy).mean()) if noisy.size else -np.inf
    return NoiseSpectrum(level_db(mean).numpy(), level_db(bands).numpy(), nmr_db)


def _mean_db(power: Tensor) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = level_db(power.mean(dim=(0, 1), dtype=torch.float64)).numpy()
    return mean


def band_power(power: Tensor, frequencies_hz: NDArray[np.float64]) -> Tensor:
    """Return the power within half a Bark of each line: line powers [..., K] to [..., K], in float64.

    What the noise-to-mask ratio compares with the threshold. The sum over the lines is divided by the
    noise bandwidth of the Hann window, so that it is the power of the noise in that band.
    """
    z = bark(frequencies_hz)
    first, after = np.searchsorted(z, z - 0.5, side="left"), np.searchsorted(z, z + 0.5, side="right")
    total = torch.nn.functional.pad(power.double().cumsum(dim=-1), (1, 0))
    return (total[..., after] - total[..., first]).clamp(min=0) / NOISE_BANDWIDTH_LINES


def audible_noise(
    reference: NDArray[np.float32], test: NDArray[np.float32], settings: Model1Settings
) -> NDArray[np.float32]:
    """Return the noise [T] without the lines around which it does not exceed the masking threshold.

    A line is kept where the noise of the critical band around it, `band_power`, is above the threshold at
    that line. Frames overlap by three quarters, with a Hann window before and after, so that noise above
    the mask everywhere comes back unchanged.

    Raises
    ------
    InvalidAudioError
        The two differ in length.
    """
    check_alike(reference, test)
    n_fft, hop = settings.n_fft, settings.n_fft // _OVERLAP
    padding = (n_fft - hop, n_fft - hop + -len(reference) % hop)  # every sample lies in as many frames
    signal, noise = (torch.from_numpy(np.pad(x, padding)) for x in (reference, test - reference))
    window = torch.hann_window(n_fft, periodic=True)
    heard = torch.zeros_like(noise)
    for first in range(0, len(noise) - n_fft + 1, FRAMES_AT_ONCE * hop):
        part = slice(first, first + (FRAMES_AT_ONCE - 1) * hop + n_fft)
        frames, noise_frames = (x[part].unfold(0, n_fft, hop) for x in (signal, noise))
        with torch.no_grad():
            lines = torch.fft.rfft(noise_frames * window) * _exceeds(settings, frames, noise_frames)
            kept = torch.fft.irfft(lines, n=n_fft) * window / _SQUARED_WINDOWS
        for offset in range(0, n_fft, hop):
            start = first + offset
            heard[start : start + len(kept) * hop] += kept[:, offset : offset + hop].ravel()
    return heard[n_fft - hop :][: len(reference)].numpy()


def _exceeds(settings: Model1Settings, frames: Tensor, noise_frames: Tensor) -> Tensor:
    """Return at which lines [F, K] the noise of the band around exceeds the threshold."""
    model = cached_model(settings)
    mask = model.signal_and_mask(frames)
    power = model.power(noise_frames) * 10 ** (mask.gain_db / 10)
    return band_power(power, _frequencies_hz(settings)) > 10 ** (mask.threshold_db_spl / 10)


def _frequencies_hz(settings: Model1Settings) -> NDArray[np.float64]:
    return line_frequencies_hz(settings.n_fft, settings.sample_rate_hz)
