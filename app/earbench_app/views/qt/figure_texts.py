"""A version's figures as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earbench_app.audition.cache import Figures


def figure_texts(figures: Figures) -> tuple[str, ...]:
    """Return the cells of rate, bytes, real-time factors and SDR."""
    sdr = "∞" if math.isinf(figures.sdr_db) and figures.sdr_db > 0 else f"{figures.sdr_db:.1f}"
    return (
        _rate_text(figures),
        f"{figures.n_bytes:,}".replace(",", "\u202f"),
        _rtf_text(figures.encode_rtf),
        _rtf_text(figures.decode_rtf),
        sdr.replace("-", "−").replace("−inf", "−∞"),
    )


def _rate_text(figures: Figures) -> str:
    estimate = "" if figures.entropy_kbps is None else f" (est {figures.entropy_kbps:.1f})"
    return f"{figures.bitrate_kbps:.1f}{estimate}"


def rate_tip(figures: Figures) -> str:
    """Return what a rate was measured of, and how far the estimate is from it."""
    n_bytes = f"{figures.n_bytes:,}".replace(",", "\u202f")
    tip = f"Measured: {figures.bitrate_kbps:.3f} kbps, from the {n_bytes} bytes of the bitstream"
    if figures.entropy_kbps is None:
        return tip
    more = 100 * (figures.bitrate_kbps / figures.entropy_kbps - 1)
    return f"{tip}\nEstimate of the codec's model: {figures.entropy_kbps:.3f} kbps (measured {more:+.2f} %)"


def _rtf_text(rtf: float) -> str:
    if math.isnan(rtf):
        return "–"  # of a part it would say little
    return f"{rtf:.3f}" if rtf < 10 else f"{rtf:.0f}"
