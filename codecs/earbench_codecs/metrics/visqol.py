"""ViSQOL v3 by the `visqol-python` package, a port of Google's code that meets its conformance values."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from earbench_codecs.metrics.measurement import Measurement
from earbench_codecs.metrics.pairs import refuse_silence

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from visqol import VisqolApi


def audio(reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int) -> Measurement:
    """MOS-LQO of the audio model (support-vector regression) of signals [T] at 48 kHz."""
    return _mos(reference, test, sample_rate_hz, "audio")


def speech(reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int) -> Measurement:
    """MOS-LQO of the speech model (deep lattice network) of signals [T] at 16 kHz."""
    return _mos(reference, test, sample_rate_hz, "speech")


@cache
def _model(mode: Literal["audio", "speech"]) -> VisqolApi:
    from visqol import VisqolApi

    model = VisqolApi()
    # Without its lattice runtime the package falls back to a polynomial that scores up to 2 MOS higher.
    model.create(mode=mode, use_lattice_model=mode == "speech")
    return model


def _mos(
    reference: NDArray[np.float32],
    test: NDArray[np.float32],
    sample_rate_hz: int,
    mode: Literal["audio", "speech"],
) -> Measurement:
    model = _model(mode)
    refuse_silence(reference)
    warned = _Warnings()
    logger = logging.getLogger("visqol")
    logger.addHandler(warned)
    try:
        result = model.measure_from_arrays(
            reference.astype(np.float64), test.astype(np.float64), sample_rate_hz
        )
    finally:
        logger.removeHandler(warned)
    return Measurement(float(result.moslqo), tuple(warned.texts))


class _Warnings(logging.Handler):
    """Collects what the package warns of, such as patches it had to drop."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
