"""What worker processes compute with the psychoacoustic model, which needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.analysis.noise_plot import HOP, N_FFT, Noise, NoisePlot, band_level

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_app.analysis.noise_plot import Frames
    from earbench_codecs.psychoacoustics import Model1


@dataclass(frozen=True, slots=True, eq=False)
class MapPart:
    """Noise-to-mask ratios of some frames of one version.

    Parameters
    ----------
    bands_bark : ndarray of int, shape [B]
        Lower limit of each band.
    band_nmr_db : ndarray of float32, shape [F, B]
        Of the channel in which it is highest.
    frame_nmr_db : ndarray of float32, shape [C, F]
        Mean ratio over the bands.
    disturbed : ndarray of bool, shape [C, F]
        Whether the frame counts as disturbed.
    """

    bands_bark: NDArray[np.int64]
    band_nmr_db: NDArray[np.float32]
    frame_nmr_db: NDArray[np.float32]
    disturbed: NDArray[np.bool_]


def noise_plot(frames: Frames) -> NoisePlot:
    """Compute signal, mask and noises of some frames.

    Raises
    ------
    SettingError
        The model does not take this sample rate.
    """
    import torch

    from earbench_codecs.psychoacoustics import line_frequencies_hz
    from earbench_codecs.psychoacoustics.model1 import level_db

    torch.set_num_threads(1)  # a frame is too little work to be shared
    model = _model(frames.sample_rate_hz)
    frequencies_hz = line_frequencies_hz(N_FFT, frames.sample_rate_hz)
    original = torch.from_numpy(frames.original)
    with torch.no_grad():
        mask = model.signal_and_mask(original)
        both = torch.stack([model.power(original), 10 ** (mask.threshold_db_spl / 10)])
        signal, threshold = level_db(both.mean(dim=(1, 2), dtype=torch.float64)).numpy()
        noises = _noises(model, original, frames, frequencies_hz)
    n_frames = original.shape[1]
    return NoisePlot(frequencies_hz, signal, threshold, noises, frames.start_s, frames.end_s, n_frames)


def _noises(
    model: Model1, original: Tensor, frames: Frames, frequencies_hz: NDArray[np.float64]
) -> dict[int, Noise]:
    import torch

    from earbench_codecs.psychoacoustics import band_noise_to_mask
    from earbench_codecs.psychoacoustics.model1 import level_db

    if not frames.versions:
        return {}
    noise = torch.from_numpy(np.stack(list(frames.versions.values()))) - original
    line_power = model.power(noise).mean(dim=(1, 2), dtype=torch.float64)
    lines = level_db(line_power).numpy()
    bands = level_db(torch.from_numpy(band_level(line_power.numpy(), frequencies_hz))).numpy()
    ratio = band_noise_to_mask(model, original, noise).mean(dim=(2, 3), dtype=torch.float64)
    nmr_db = level_db(ratio).mean(dim=1).tolist()
    found = zip(frames.versions, lines, bands, nmr_db, strict=True)
    return {key: Noise(line, band, nmr) for key, line, band, nmr in found}


def map_part(original: NDArray[np.float32], version: NDArray[np.float32], sample_rate_hz: int) -> MapPart:
    """Compute the ratios of samples [C, T], frame after frame from the first sample on.

    Raises
    ------
    SettingError
        The model does not take this sample rate.
    """
    from earbench_codecs.psychoacoustics import noise_to_mask
    from earbench_codecs.psychoacoustics.nmr import DISTURBED_DB

    settings = _model(sample_rate_hz).settings
    found = [noise_to_mask(*pair, settings, HOP) for pair in zip(original, version, strict=True)]
    bands = np.stack([one.band_nmr_db for one in found])
    return MapPart(
        found[0].bands_bark,
        bands.max(axis=0),
        np.stack([one.frame_nmr_db for one in found]),
        bands.max(axis=2) > DISTURBED_DB,
    )


def audible_noise(
    original: NDArray[np.float32], version: NDArray[np.float32], sample_rate_hz: int
) -> NDArray[np.float32]:
    """Return the noise [C, T] without the lines around which it does not exceed the masking threshold.

    Frames of `N_FFT` overlap by half, with a square-root Hann window before and after, so that what is
    above the mask everywhere comes back unchanged. A line is kept where the noise of the critical band
    around it, as the noise-versus-mask plot draws it, is above the threshold at that line.
    """
    pairs = zip(original, version, strict=True)
    return np.stack([_audible(*pair, sample_rate_hz) for pair in pairs])


def _audible(
    original: NDArray[np.float32], version: NDArray[np.float32], sample_rate_hz: int
) -> NDArray[np.float32]:
    import torch

    from earbench_codecs.psychoacoustics import line_frequencies_hz

    model = _model(sample_rate_hz)
    frequencies_hz = line_frequencies_hz(N_FFT, sample_rate_hz)
    half = N_FFT // 2
    padding = (half, half + -len(original) % half)  # so that every sample lies in two frames
    signal, noise = (torch.from_numpy(np.pad(x, padding)) for x in (original, version - original))
    window = torch.hann_window(N_FFT, periodic=True).sqrt()
    heard = torch.zeros_like(noise)
    for first in range(0, len(noise) - half, _FRAMES_AT_ONCE * half):
        part = slice(first, first + (_FRAMES_AT_ONCE + 1) * half)
        frames, noise_frames = (x[part].unfold(0, N_FFT, half) for x in (signal, noise))
        with torch.no_grad():
            threshold = model.signal_and_mask(frames).threshold_db_spl.numpy()
            level = band_level(model.power(noise_frames).numpy(), frequencies_hz)
            above = torch.from_numpy(level > 10 ** (threshold / 10))
            lines = torch.fft.rfft(noise_frames * window) * above
            kept = torch.fft.irfft(lines, n=N_FFT) * window
        stop = first + len(kept) * half
        heard[first:stop] += kept[:, :half].ravel()
        heard[first + half : stop + half] += kept[:, half:].ravel()
    return heard[half : half + len(original)].numpy()


_FRAMES_AT_ONCE = 2048


def _model(sample_rate_hz: int) -> Model1:
    from earbench_codecs.psychoacoustics import Model1Settings, cached_model

    return cached_model(Model1Settings(sample_rate_hz, N_FFT))
