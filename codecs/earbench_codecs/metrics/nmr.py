"""Noise-to-mask ratio over the masking threshold of MPEG-1's psychoacoustic model 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_codecs.metrics.measurement import Measurement, NotApplicableError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earbench_codecs.psychoacoustics.nmr import NoiseToMask


def total_db(reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int) -> Measurement:
    """Return the ratio's mean over Bark bands and frames, in dB, of signals [T]."""
    if (reference == test).all():
        raise NotApplicableError("minus infinite: there is no noise at all")
    return Measurement(_noise_to_mask(reference, test, sample_rate_hz).total_db)


def disturbed_share(
    reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int
) -> Measurement:
    """Return the share of frames, 0 to 1, with a Bark band more than 1.5 dB above the mask."""
    return Measurement(_noise_to_mask(reference, test, sample_rate_hz).disturbed_share)


def _noise_to_mask(
    reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int
) -> NoiseToMask:
    from earbench_codecs.psychoacoustics.model1 import Model1Settings
    from earbench_codecs.psychoacoustics.nmr import noise_to_mask

    return noise_to_mask(reference, test, Model1Settings(sample_rate_hz))
