"""What worker processes compute with the psychoacoustic model, which needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.analysis.noise_plot import HOP, N_FFT, Noise, NoisePlot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_app.analysis.noise_plot import Frames
    from earbench_codecs.psychoacoustics import Model1Settings


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
        Mean ratio over the bands; minus infinite where there is no noise at all.
    """

    bands_bark: NDArray[np.int64]
    band_nmr_db: NDArray[np.float32]
    frame_nmr_db: NDArray[np.float32]


def noise_plot(frames: Frames) -> NoisePlot:
    """Compute signal, mask and noises of some frames.

    Raises
    ------
    SettingError
        The model does not take this sample rate.
    """
    import torch

    from earbench_codecs.psychoacoustics import noise_versus_mask

    torch.set_num_threads(1)  # a frame is too little work to be shared
    found = noise_versus_mask(frames.original, frames.versions, _settings(frames.sample_rate_hz))
    # in classes of its own: to unpickle the library's, the interface would have to import torch
    noises = {key: Noise(one.line_db_spl, one.band_db_spl, one.nmr_db) for key, one in found.noises.items()}
    return NoisePlot(
        found.frequencies_hz,
        found.level_db_spl,
        found.threshold_db_spl,
        noises,
        frames.start_s,
        frames.end_s,
        frames.original.shape[1],
        frames.n_covering,
    )


def map_part(original: NDArray[np.float32], version: NDArray[np.float32], sample_rate_hz: int) -> MapPart:
    """Compute the ratios of samples [C, T], frame after frame from the first sample on.

    Raises
    ------
    SettingError
        The model does not take this sample rate.
    """
    from earbench_codecs.psychoacoustics import noise_to_mask
    from earbench_codecs.psychoacoustics.nmr import NMR_FLOOR_DB

    settings = _settings(sample_rate_hz)
    found = [noise_to_mask(*pair, settings, HOP) for pair in zip(original, version, strict=True)]
    bands = np.stack([one.band_nmr_db for one in found])
    frames = np.stack([one.frame_nmr_db for one in found])
    frames[frames <= NMR_FLOOR_DB] = -np.inf
    return MapPart(found[0].bands_bark, bands.max(axis=0), frames)


def audible_part(
    original: NDArray[np.float32], version: NDArray[np.float32], sample_rate_hz: int
) -> NDArray[np.float32]:
    """Return what of the noise [C, T] exceeds the masking threshold, channel by channel."""
    from earbench_codecs.psychoacoustics import audible_noise

    settings = _settings(sample_rate_hz)
    return np.stack([audible_noise(*pair, settings) for pair in zip(original, version, strict=True)])


def _settings(sample_rate_hz: int) -> Model1Settings:
    from earbench_codecs.psychoacoustics import Model1Settings

    return Model1Settings(sample_rate_hz, N_FFT)
