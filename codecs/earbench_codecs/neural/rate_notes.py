"""What a reader of figures should know where a signal did not take the rate that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.neural.stereo import SUMMED_BELOW_KBPS, is_summed
from earbench_codecs.neural.units import UNIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

AVERAGE, CONSTANT = 0.01, 0.02
"""Share of a rate by which that of a file, and that of a second, is met."""
_SECOND_S = 1.0
_FAR = 0.1
"""Share of a rate from which on it is the sound that does not take it."""


def average_notes(kbps: float, found_kbps: float) -> list[str]:
    """Return a note where a bitstream's rate is another than was asked for."""
    if abs(found_kbps / kbps - 1) <= AVERAGE:
        return []
    why = "the nearest that was found"
    if abs(found_kbps / kbps - 1) > _FAR:
        why = f"this sound takes {'no fewer' if found_kbps > kbps else 'no more'} bits"
    return [f"{kbps:g} kbps were asked for, {found_kbps:.2f} came: {why}"]


def channel_notes(kbps: float, n_channels: int) -> list[str]:
    """Return a note where two channels are coded as one."""
    if not is_summed(kbps, n_channels):
        return []
    return [f"two channels are coded as one, as they are below {SUMMED_BELOW_KBPS:g} kbps"]


def constant_notes(kbps: float, sizes: Sequence[int], ends_s: Sequence[float]) -> list[str]:
    """Return a note where a second has other bytes than were asked for.

    Parameters
    ----------
    kbps : float
    sizes : sequence of int
        Bytes of segments.
    ends_s : sequence of float
        When each ends; a second is told by as many of them as it takes. A last one that is
        one unit counts with the one before.
    """
    seconds = _of_seconds(*_counted(np.asarray(sizes), np.asarray(ends_s)))
    if not len(seconds):
        return average_notes(kbps, 8 * sum(sizes) / ends_s[-1] / 1000)
    off = np.flatnonzero(np.abs(seconds / kbps - 1) > CONSTANT)
    if not len(off):
        return []
    found = (
        f"{seconds[off].min():.2f} to {seconds[off].max():.2f}" if len(off) > 1 else f"{seconds[off[0]]:.2f}"
    )
    return [f"{kbps:g} kbps were asked for in any second, {found} came: this sound cannot be held there"]


def _counted(
    sizes: NDArray[np.int64], ends_s: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return sizes and ends of what counts apart, as `rate_modes` has it."""
    if len(sizes) < 2 or ends_s[-1] - ends_s[-2] > 1.5 * UNIT_S:
        return sizes, ends_s
    return np.append(sizes[:-2], sizes[-2:].sum()), np.append(ends_s[:-2], ends_s[-1])


def _of_seconds(sizes: NDArray[np.int64], ends_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rates of all stretches of segments that last a second, and no segment longer."""
    times_s, totals = (np.concatenate([[0], x]) for x in (ends_s, np.cumsum(sizes)))
    last = np.arange(1, len(times_s))
    first = np.searchsorted(times_s, times_s[1:] - _SECOND_S, side="right") - 1
    last, first = last[first >= 0], first[first >= 0]
    rates: NDArray[np.float64] = 8 * (totals[last] - totals[first]) / (times_s[last] - times_s[first]) / 1000
    return rates
