"""Two channels: as left and right or mid and side, what takes fewer bits at the same noise; or as one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.neural.segments import Samples, SegmentCoder
    from earbench_codecs.neural.units import Plan

_BITS = 6 / math.log(2)
"""What noise is worth, in squares of the step: a coefficient's bits grow by 6 / ln 2 for each step² that its
noise, step²/12 in the mean, is made smaller."""
_FAR_LOUDER = 4.0
"""In power."""
SUMMED_BELOW_KBPS = 12.0
"""Below, of both together, noise is more above the threshold with two channels than with their sum alone."""


def is_summed(kbps: float, n_channels: int) -> bool:
    """Whether channels of a stream are coded as their sum alone, as there are too few bits for two."""
    return n_channels > 1 and kbps < SUMMED_BELOW_KBPS


def with_sum(coder: SegmentCoder, signal: Samples, plans: Sequence[Plan]) -> list[Plan]:
    """Return plans of a signal [2, T] by which one channel is coded for two.

    It is their sum; in segments in which that is far quieter, as where one was turned over, their difference.
    """
    places = coder.places(signal.shape[-1])
    return [_alone(plan, *coder.seen(signal, place)) for plan, place in zip(plans, places, strict=True)]


def _alone(plan: Plan, left: Samples, right: Samples) -> Plan:
    apart = np.square(left - right).sum() > _FAR_LOUDER * np.square(left + right).sum()
    return replace(plan, summed=True, mid_side=(bool(apart),) * len(plan.offsets))


def _are_one(left: Samples, right: Samples) -> bool:
    """Whether one channel tells the other."""
    return np.array_equal(left, right) or np.array_equal(left, -right)


def with_best_channels(coder: SegmentCoder, signal: Samples, plans: Sequence[Plan]) -> list[Plan]:
    """Return plans of a signal with the better choice for each unit; those of one channel as they are.

    Segments in which one channel tells the other are coded as one. Of others, both ways are: noise in mid and
    side is noise in left and right, half of each sum in each; there it is weighed by the steps that the coder
    has for left and right.

    Parameters
    ----------
    coder : SegmentCoder
    signal : ndarray of float32, shape [T] or [2, T]
    plans : sequence of Plan
        Of all its segments.
    """
    if coder.syntax.n_channels == 1:
        return list(plans)
    places = list(coder.places(signal.shape[-1]))
    pairs = [coder.seen(signal, place) for place in places]
    found = [_alone(p, *pair) if _are_one(*pair) else p for p, pair in zip(plans, pairs, strict=True)]
    others = [number for number, plan in enumerate(found) if not plan.summed]
    work = [
        [(places[n], replace(found[n], mid_side=(joined,) * len(found[n].offsets))) for n in others]
        for joined in (False, True)
    ]
    bits = [coder.unit_bits(signal, own) for own in work]
    noise = [coder.noise(signal, own) for own in work]
    for number, *costs, apart, joined in zip(others, *bits, *noise, strict=True):
        weights = 1 / apart[1].square()
        by_row = [(apart[0] * weights).sum((0, 2)), (joined[0].mean(0) * weights.sum(0)).sum(-1)]
        separate, together = (
            cost + _BITS * coder.by_unit(rows.double().cpu().numpy())
            for cost, rows in zip(costs, by_row, strict=True)
        )
        found[number] = replace(found[number], mid_side=tuple((together < separate).tolist()))
    return found
