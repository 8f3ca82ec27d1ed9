"""PESQ (ITU-T P.862.2 wide band, P.862.1 narrow band) by the `pesq` package, which wraps the ITU's C code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from earbench_codecs.metrics.measurement import Measurement, NotApplicableError
from earbench_codecs.metrics.pairs import refuse_silence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_PART_S = 20.0
"""Longest clip given to the C code: its tables hold 50 utterances, unchecked, and it parts two of them
by 0.4 s at least. On longer clips it crashes, or worse, overwrites some of its own figures."""


def wide_band(reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int) -> Measurement:
    """MOS-LQO of P.862.2, 1.04 to 4.64, of signals [T] at 16 kHz."""
    return _mos(reference, test, sample_rate_hz, "wb")


def narrow_band(
    reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int
) -> Measurement:
    """MOS-LQO of P.862.1, 1.02 to 4.55, of signals [T] at 8 kHz."""
    return _mos(reference, test, sample_rate_hz, "nb")


def _mos(
    reference: NDArray[np.float32],
    test: NDArray[np.float32],
    sample_rate_hz: int,
    mode: Literal["wb", "nb"],
) -> Measurement:
    from pesq import PesqError, pesq

    refuse_silence(reference)
    try:
        return Measurement(float(pesq(sample_rate_hz, reference, test, mode)))
    except PesqError as error:
        text = error.args[0]
        raise NotApplicableError(text.decode() if isinstance(text, bytes) else str(text)) from error
