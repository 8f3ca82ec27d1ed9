"""The threshold in quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

QUIET_LIMIT_DB_SPL = 68.0
"""The standard's tables stop here, at both ends of the spectrum."""


def threshold_in_quiet_db_spl(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Threshold in quiet LTq in dB SPL of frequencies in Hz, at most `QUIET_LIMIT_DB_SPL`.

    Terhardt (1979), within 0.01 dB of ISO 11172-3, tables D.1. At 0 Hz it is the limit.
    """
    f_khz = np.maximum(np.asarray(frequency_hz, dtype=np.float64) / 1000, 1e-6)
    quiet_db = 3.64 * f_khz**-0.8 - 6.5 * np.exp(-0.6 * (f_khz - 3.3) ** 2) + 1e-3 * f_khz**4
    return np.minimum(quiet_db, QUIET_LIMIT_DB_SPL)
