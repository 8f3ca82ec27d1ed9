"""Noise-to-mask ratio: how far the noise a codec adds lies above the masking threshold.

Noise is the difference of the waveforms, analysed with the window, the transform and the reference
level of the signal it is held against. Test and reference must be aligned to the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from earbench_codecs.errors import InvalidAudioError
from earbench_codecs.psychoacoustics.bark import band_matrix
from earbench_codecs.psychoacoustics.framing import frame_chunks, frame_times_s
from earbench_codecs.psychoacoustics.recording import DEFAULT_HOP, cached_model

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.psychoacoustics.model1 import Model1, Model1Settings, SignalAndMask

DISTURBED_DB = 1.5
"""A frame with a band above it counts as disturbed (the limit of PEAQ's relative disturbed frames)."""

NOISE_BANDWIDTH_LINES = 1.5
"""Lines over which a Hann window spreads the power of one component."""

NMR_FLOOR_DB = -200.0
"""The ratio where there is no noise at all, as between a signal and itself."""


@dataclass(frozen=True, slots=True, eq=False)
class NoiseToMask:
    """Noise-to-mask ratio of a test signal against its reference.

    Parameters
    ----------
    times_s : ndarray, shape [F]
        Middle of each frame.
    bands_bark : ndarray of int, shape [B]
        Lower limit of each band; it is one Bark wide.
    band_nmr_db : ndarray of float32, shape [F, B]
        Sum over the band's lines of noise over threshold: see `band_noise_to_mask`.
    frame_nmr_db : ndarray of float32, shape [F]
        Mean ratio over the bands, in dB.
    total_db : float
        Mean ratio over bands and frames, in dB. None of these is below `NMR_FLOOR_DB`.
    disturbed_share : float
        Share of frames, 0 to 1, with a band above `DISTURBED_DB`.
    """

    times_s: NDArray[np.float64]
    bands_bark: NDArray[np.int64]
    band_nmr_db: NDArray[np.float32]
    frame_nmr_db: NDArray[np.float32]
    total_db: float
    disturbed_share: float

    def worst_times_s(self, count: int, apart_s: float = 0.25) -> list[float]:
        """Return the moments with the highest frame NMR, worst first, each `apart_s` from the others."""
        worst: list[float] = []
        for time_s in self.times_s[np.argsort(-self.frame_nmr_db, kind="stable")].tolist():
            if len(worst) == count:
                break
            if all(abs(time_s - other) >= apart_s for other in worst):
                worst.append(time_s)
        return worst


def priority_weight(level_db_spl: Tensor, threshold_db_spl: Tensor) -> Tensor:
    """Return PAM-NAC's weight w = log10(10^(0.1 p) / 10^(0.1 m) + 1) of each line.

    Zhen et al. (2020). Level p and threshold m must be on one scale, as `Model1.signal_and_mask` gives
    them: above 1 where the signal stands 10 dB out of its mask, near 0 where it is masked.
    """
    return torch.log10(10 ** (0.1 * (level_db_spl - threshold_db_spl)) + 1)


def noise_to_mask_db(model: Model1, reference: Tensor, noise: Tensor) -> Tensor:
    """Return the noise-to-mask ratio of each line in dB: frames [..., n_fft] to [..., K].

    `noise` is test minus reference. Differentiable in it; the threshold is a constant.
    """
    mask = model.signal_and_mask(reference)
    return model.level_db_spl(noise) + mask.gain_db - mask.threshold_db_spl


def band_noise_to_mask(model: Model1, reference: Tensor, noise: Tensor) -> Tensor:
    """Return the noise-to-mask ratio of each Bark band: frames [..., n_fft] to ratios [..., B].

    `noise` is test minus reference. Every line's noise is held against the threshold at that line, and
    the ratios are summed over the band: the threshold is the level of one component that is just audible,
    so noise spread over many lines adds up while the threshold does not. Where the threshold is flat this
    is the band's noise power over the threshold, as the standard has it in a subband (steps 8 and 9). The
    sum is divided by the window's equivalent noise bandwidth, 1.5 lines. Differentiable in the noise; a
    ratio, not dB, so that losses can average it.
    """
    mask = model.signal_and_mask(reference)
    return band_ratio(model, mask, model.power(noise) * 10 ** (mask.gain_db / 10))


def band_ratio(model: Model1, mask: SignalAndMask, noise_power: Tensor) -> Tensor:
    """Return `band_noise_to_mask` of noise whose line powers [..., K] are known, on the mask's scale."""
    by_line = noise_power / 10 ** (mask.threshold_db_spl / 10)
    return by_line @ model.bands / NOISE_BANDWIDTH_LINES


def noise_to_mask(
    reference: NDArray[np.float32],
    test: NDArray[np.float32],
    settings: Model1Settings,
    hop: int = DEFAULT_HOP,
) -> NoiseToMask:
    """Return the noise-to-mask ratio of samples [T] per band, frame and overall, in bounded memory.

    Raises
    ------
    InvalidAudioError
        The two differ in length.
    """
    check_alike(reference, test)
    model = cached_model(settings)
    bands, _ = band_matrix(settings.n_fft, settings.sample_rate_hz)
    times_s = frame_times_s(len(reference), settings.n_fft, hop, settings.sample_rate_hz)
    band_db = np.empty((len(times_s), len(bands)), dtype=np.float32)
    frame_ratio = np.empty(len(times_s))
    pairs = zip(
        frame_chunks(reference, settings.n_fft, hop), frame_chunks(test, settings.n_fft, hop), strict=True
    )
    with torch.no_grad():
        for (which, frames), (_, test_frames) in pairs:
            ratio = band_noise_to_mask(model, frames, test_frames - frames).double().numpy()
            band_db[which], frame_ratio[which] = ratio_db(ratio), ratio.mean(axis=1)
    return NoiseToMask(
        times_s,
        bands,
        band_db,
        ratio_db(frame_ratio).astype(np.float32),
        float(ratio_db(frame_ratio.mean())),
        float((band_db.max(axis=1) > DISTURBED_DB).mean()),
    )


def ratio_db(ratio: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    """Return ratios in dB, none below `NMR_FLOOR_DB`."""
    return np.asarray(10 * np.log10(np.maximum(ratio, 10 ** (NMR_FLOOR_DB / 10))))


def check_alike(reference: NDArray[np.float32], test: NDArray[np.float32]) -> None:
    """Refuse signals that are not both [T] with an `InvalidAudioError`."""
    if reference.shape != test.shape or reference.ndim != 1:
        raise InvalidAudioError(
            f"noise needs two signals of one length, not {reference.shape} and {test.shape}; "
            "align the test signal to the reference first"
        )
