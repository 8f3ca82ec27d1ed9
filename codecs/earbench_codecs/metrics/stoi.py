"""Short-time objective intelligibility, plain and extended, by the `pystoi` package."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.metrics.measurement import Measurement, NotApplicableError
from earbench_codecs.metrics.pairs import refuse_silence

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plain(reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int) -> Measurement:
    """Return STOI of signals [T]; the package resamples to 10 kHz as the authors' code does."""
    return _stoi(reference, test, sample_rate_hz, extended=False)


def extended(reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int) -> Measurement:
    """Return ESTOI of signals [T]; the package resamples to 10 kHz as the authors' code does."""
    return _stoi(reference, test, sample_rate_hz, extended=True)


def _stoi(
    reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int, *, extended: bool
) -> Measurement:
    from pystoi import stoi

    refuse_silence(reference)
    np.random.seed(0)  # pystoi dithers the extended measure from this generator
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            value = stoi(
                reference.astype(np.float64), test.astype(np.float64), sample_rate_hz, extended=extended
            )
        except RuntimeWarning as error:  # it would return 1e-5
            raise NotApplicableError(
                "fewer than 30 frames (0.4 s) of the reference are not silent"
            ) from error
    return Measurement(float(value))
