"""How a signal shares out its bits: one gain throughout, as many a second, or as many as it takes.

Average rate: all units of a file (`units`) have one gain, at which its bytes are those asked for.

Constant quality: each unit has the gain at which its noise-to-mask ratio is the one asked for.

Constant rate: transported up to the end of a unit are the segments before, the head of its own, and of each
of its own units so far the codes, by their information content, and the stuffing; with the last one also what
the range coder adds to fill its last word. At the end of each unit, that is within 1 % of a second's bits of
what is due by then. So over any second, from the end of a unit to that of another, bytes are within 2 % of
the rate, however long the file. That 1 % is the reservoir: units take and return bits as long as the sum
stays within. What cannot use its bits, such as silence, is stuffed. Files that are so short that a head alone
is more than is due are as small as can be. A last segment that is one unit, of at most 0.375 s, counts with
the unit before and has its gain: to begin a segment takes bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from earbench_codecs.neural.rate_search import GainSearch, Secants, usual_gain
from earbench_codecs.neural.side_by_side import on_one_thread_each
from earbench_codecs.neural.stereo import is_summed, with_best_channels, with_sum
from earbench_codecs.neural.units import LARGEST_OFFSET, OFFSETS_PER_OCTAVE, stuffing_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from earbench_codecs.neural.entropy_coding import Coded, Integers
    from earbench_codecs.neural.segments import Bits, Place, Samples, SegmentCoder, Work
    from earbench_codecs.neural.units import Plan

    Table = Sequence[tuple[float, float]]

N = TypeVar("N", bound=np.generic)

_RESERVOIR = 0.01
"""Of a second's bits, above and below what is due."""
_FARTHEST = 24 * OFFSETS_PER_OCTAVE
"""From the usual gain of a rate: pauses and attacks are as far apart."""
_USED = 0.75
"""Of the reservoir; the rest is for one word more than the range coder is expected to need."""
_JOINT_TRIALS, _FREE_TRIES, _MOST_TRIES = 3, 6, 20
"""With all segments side by side; with one, before gains only fall, and in all."""
_SLOPES = 0.2, 4.0
"""Octaves of bits that an octave of gain brings, at least and at most."""
_ROUGH = 0.05
"""So near, as a share of a rate, the next gain is expected to meet it."""
_NEAR = 0.004
_MOST_ESTIMATES, _MOST_WRITTEN = 8, 12
_SAMPLED = 4, 16
"""Every fourth segment is looked at first; sixteen are enough."""
_NMR_TRIALS = 8
_DB_PER_OCTAVE = 5.0, 0.7, 9.0
"""By which an octave of gain lowers the ratio, at first, at least and at most; least where notches do."""
_NEAR_DB = 4.0
_CLOSE_DB = 0.1
_MOST_LIFT_DB = 3.0


def average_rate(coder: SegmentCoder, signal: Samples, kbps: float, table: Table) -> list[Coded]:
    """Return the segments of a signal [T] or [2, T] at the rate asked for, with the same gain throughout.

    The gain is looked for with some segments, then with all, by estimates, until their rate is near; then
    bytes are written, again if need be.

    Parameters
    ----------
    coder : SegmentCoder
    signal : ndarray of float32
    kbps : float
        Of all channels together.
    table : sequence of (kbps, gain)
        What is usual of one channel; see `GainSearch`.
    """
    work = list(zip(coder.places(signal.shape[-1]), _started(coder, signal, kbps, table), strict=True))
    n_coded = _n_coded(coder, kbps)
    whole = _Average(coder, signal, work, n_coded * signal.shape[-1] / coder.sample_rate_hz)
    search = _sampled(whole, kbps / n_coded, table)
    search.approach(whole.estimated_kbps, _ROUGH, _MOST_ESTIMATES)
    tried: list[tuple[float, list[Coded]]] = []

    def written_kbps(gain: float) -> float:
        coded = list(coder.written(signal, whole.at(gain)))
        found = whole.kbps(8 * sum(len(one.data) for one in coded))
        tried.append((abs(found - search.kbps), coded))
        tried[:] = [min(tried, key=lambda one: one[0])]  # bytes of an hour are not kept many times
        return found

    search.approach(written_kbps, _NEAR, _MOST_WRITTEN)
    return tried[0][1]


@dataclass(frozen=True)
class _Average:
    """Some segments of a signal with the same gain; seconds are those of all channels that are coded."""

    coder: SegmentCoder
    signal: Samples
    work: Sequence[Work]
    seconds: float

    def at(self, gain: float) -> list[Work]:
        """Return how to code them."""
        level = self.coder.level_number(self.signal, gain)
        return [(place, replace(plan, level=level)) for place, plan in self.work]

    def estimated_kbps(self, gain: float) -> float:
        return self.kbps(self.coder.bits_of(self.signal, self.at(gain)))

    def kbps(self, bits: float) -> float:
        """Return the rate that bits are of each channel."""
        return bits / self.seconds / 1000

    def sample(self) -> _Average:
        """Return a few of them."""
        some = self.work[:: max(_SAMPLED[0], len(self.work) // _SAMPLED[1])]
        return replace(self, work=some, seconds=self.seconds * _n_frames(some) / _n_frames(self.work))


def _n_frames(work: Sequence[Work]) -> int:
    return sum(place.n_frames for place, _ in work)


def _sampled(whole: _Average, kbps: float, table: Table) -> GainSearch:
    """Return a search that begins where a few segments have the rate; where it is usual if they never do."""
    search = GainSearch(kbps, table)
    if len(whole.work) < 2 * _SAMPLED[0]:
        return search
    met = search.approach(whole.sample().estimated_kbps, _ROUGH, _MOST_ESTIMATES)
    return search if met else GainSearch(kbps, table)


def constant_quality(coder: SegmentCoder, signal: Samples, nmr_db: float, gain: float = 1.0) -> list[Plan]:
    """Return plans of a signal [T] or [2, T] that bring the noise-to-mask ratio of each unit to a value.

    Where noise is masked although next to nothing is sent, the ratio is lower; others are then higher by up
    to 3 dB, so that the ratio of the whole is met.

    Parameters
    ----------
    coder : SegmentCoder
    signal : ndarray of float32
    nmr_db : float
        Mean ratio over bands and frames, see `psychoacoustics.noise_to_mask`.
    gain : float
        Where the search begins.
    """
    ends_s = np.concatenate(list(coder.unit_ends_s(signal.shape[-1])))
    gain = _gain_near(coder, signal, nmr_db, gain, ends_s)
    plans = with_best_channels(coder, signal, coder.plans(signal, gain))
    sizes = [len(plan.offsets) for plan in plans]
    search, lift_db = Secants(*_DB_PER_OCTAVE), 0.0
    offsets = np.zeros(len(ends_s), np.int64)
    for trial in range(_NMR_TRIALS):
        tried = _moved(plans, offsets, sizes)
        units_db, total_db = _nmr(signal, coder.approximated(signal, tried), ends_s, coder.sample_rate_hz)
        lift_db += nmr_db - total_db if trial else 0.0
        lift_db = min(max(lift_db, 0.0), _MOST_LIFT_DB)
        aim_db = nmr_db + lift_db
        if trial > 2 and abs(total_db - nmr_db) < _CLOSE_DB:
            break
        offsets = search.better(offsets, -units_db, np.full(len(offsets), -aim_db))
    return tried


def _gain_near(coder: SegmentCoder, signal: Samples, nmr_db: float, gain: float, ends_s: Bits) -> float:
    """Return a gain at which the whole has about that ratio: those of units reach so far around it."""
    search, octaves = Secants(*_DB_PER_OCTAVE), np.zeros(1)
    for _ in range(_NMR_TRIALS):
        plans = coder.plans(signal, gain * float(2 ** octaves[0]))
        _, total_db = _nmr(signal, coder.approximated(signal, plans), ends_s, coder.sample_rate_hz)
        if abs(total_db - nmr_db) < _NEAR_DB:
            break
        octaves = octaves + search.steps(octaves, np.array([-total_db]), np.array([-nmr_db]))
    return gain * float(2 ** octaves[0])


def constant_rate(coder: SegmentCoder, signal: Samples, kbps: float, table: Table) -> Iterator[Coded]:
    """Yield the segments of a signal [T] or [2, T] whose bytes are the same over any second.

    Gains of all units are found side by side to within some percent, then segment by segment, from the bytes
    that were written before.

    Parameters
    ----------
    coder, signal, kbps, table
        As for `average_rate`.
    """
    ends = list(coder.unit_ends_s(signal.shape[-1]))
    sizes = [len(own) for own in ends]
    together = _counted_together(sizes)
    due = np.bincount(together, np.diff(np.concatenate(ends), prepend=0)) * kbps * 1000
    places, plans = list(coder.places(signal.shape[-1])), _started(coder, signal, kbps, table)
    search, offsets = Secants(0.55, *_SLOPES), np.zeros(len(due), np.int64)
    for _ in range(_JOINT_TRIALS):
        work = list(zip(places, _moved(plans, offsets[together], sizes), strict=True))
        bits = np.bincount(together, np.concatenate(list(coder.unit_bits(signal, work))))
        offsets = search.better(offsets, np.log2(bits), np.log2(np.maximum(due, 1)), _FARTHEST)
    n_apart = len(plans) - int(len(due) < len(together))
    moved = _moved(plans, offsets[together], sizes)
    tail = list(coder.written(signal, zip(places[n_apart:], moved[n_apart:], strict=True)))
    due[-1] -= 8 * sum(len(one.data) for one in tail)
    meter = _Meter(_RESERVOIR * kbps * 1000)
    of_each = (_parts(x, sizes[:n_apart]) for x in (offsets, due, search.slopes))
    for place, plan, tried, owed, slopes in zip(places[:n_apart], plans[:n_apart], *of_each, strict=True):
        yield _Segment(coder, signal, place, plan).fitted(tried, owed, slopes, meter)
    yield from tail


@dataclass
class _Meter:
    """Bits beyond what is due, and the reservoir's size in bits."""

    size: float
    ahead: float = 0.0


@dataclass(frozen=True)
class _Segment:
    """A segment whose units are to take the bits they are due."""

    coder: SegmentCoder
    signal: Samples
    place: Place
    plan: Plan

    def fitted(self, offsets: Integers, due: Bits, slopes: Bits, meter: _Meter) -> Coded:
        """Return it coded so that the meter stays within the reservoir."""
        offsets, search = _reachable(offsets), Secants(slopes, *_SLOPES)
        tries: list[tuple[float, Plan, Integers, float]] = []
        while len(tries) < _MOST_TRIES:
            plan = self.plan.moved(self.plan.level, offsets)
            (bits,) = self.coder.unit_bits(self.signal, [(self.place, plan)])
            stuffing, ahead = _stuffed(bits, due, meter)
            tries.append((ahead.max(), plan, stuffing, ahead[-1] - bits.sum() - 8 * stuffing.sum()))
            wasted = (stuffing > 0) & (_reachable(offsets + 1) > offsets)
            late = len(tries) > _FREE_TRIES
            if ahead.max() <= _USED * meter.size and (late or not wasted.any()):
                break
            search.learn(offsets / OFFSETS_PER_OCTAVE, np.log2(bits))
            steered = _steered(offsets, bits, due, search.slopes, meter)
            offsets = np.minimum(offsets - (ahead > _USED * meter.size), steered) if late else steered
            offsets = _reachable(offsets)
        _, plan, stuffing, before = min(tries, key=lambda one: max(one[0], _USED * meter.size))
        plan = replace(plan, stuffing=tuple(stuffing.tolist()))
        (coded,) = self.coder.written(self.signal, [(self.place, plan)])
        meter.ahead = before + 8 * len(coded.data)
        return coded


def _stuffed(bits: Bits, due: Bits, meter: _Meter) -> tuple[Integers, Bits]:
    """Return bytes of stuffing that keep bits from falling behind, and bits ahead after each unit."""
    ahead, stuffing = np.empty_like(bits), np.zeros(len(bits), np.int64)
    now = meter.ahead
    for unit, more in enumerate(bits - due):
        now += more
        stuffing[unit] = stuffing_for(-_USED * meter.size - now)
        now += 8 * stuffing[unit]
        ahead[unit] = now
    return stuffing, ahead


def _steered(offsets: Integers, bits: Bits, due: Bits, slopes: Bits, meter: _Meter) -> Integers:
    """Return offsets that are expected to be closer, unit by unit, each with what the ones before leave."""
    now, found = meter.ahead, offsets.copy()
    for unit, (own, owed, slope) in enumerate(zip(bits, due, slopes, strict=True)):
        if abs(now + own - owed) > _USED / 2 * meter.size:
            wanted = max(owed - now, owed / 4, 1.0)
            change = round(min(16 * math.log2(wanted / own) / slope, 32)) or int(np.sign(wanted - own))
            found[unit] = offsets[unit] + change
        expected = own * 2 ** (slope * (found[unit] - offsets[unit]) / 16)
        now = max(now + expected - owed, -_USED * meter.size)
    return found


def _started(coder: SegmentCoder, signal: Samples, kbps: float, table: Table) -> list[Plan]:
    """Return plans at the gain that is usual, channels summed or joined where that saves bits."""
    plans = coder.plans(signal, usual_gain(kbps / _n_coded(coder, kbps), table))
    if is_summed(kbps, coder.syntax.n_channels):
        return with_sum(coder, signal, plans)
    return with_best_channels(coder, signal, plans)


def _n_coded(coder: SegmentCoder, kbps: float) -> int:
    """Return how many channels are coded at a rate."""
    return 1 if is_summed(kbps, coder.syntax.n_channels) else coder.syntax.n_channels


def _counted_together(sizes: Sequence[int]) -> Integers:
    """Return numbers of units, of segments with so many each: those that count together share one."""
    numbers = np.arange(sum(sizes))
    if len(sizes) > 1 and sizes[-1] == 1:
        numbers[-1] -= 1
    return numbers


def _moved(plans: Sequence[Plan], offsets: Integers, sizes: Sequence[int]) -> list[Plan]:
    pairs = zip(plans, _parts(offsets, sizes), strict=True)
    return [plan.moved(plan.level, _reachable(own)) for plan, own in pairs]


def _reachable(offsets: Integers) -> Integers:
    """Return the offsets of a segment as it can say them: the lowest decides what the others rise to."""
    offsets = np.clip(offsets, -_FARTHEST, _FARTHEST)
    within: Integers = np.minimum(offsets, offsets.min() + 2 * LARGEST_OFFSET)
    return within


def _parts(values: NDArray[N], sizes: Sequence[int]) -> list[NDArray[N]]:
    return np.split(values, np.cumsum(sizes)[:-1])


def _nmr(signal: Samples, test: Samples, ends_s: Bits, sample_rate_hz: int) -> tuple[Bits, float]:
    """Return the noise-to-mask ratio of each unit, NaN of one without a frame, and of all, in dB."""
    from earbench_codecs.psychoacoustics import Model1Settings, noise_to_mask

    settings = Model1Settings(sample_rate_hz)
    with on_one_thread_each() as side_by_side:  # sums in the same order on every machine
        pairs = np.atleast_2d(signal), np.atleast_2d(test)
        found = list(side_by_side(lambda one, other: noise_to_mask(one, other, settings), *pairs))
    ratio = np.mean([10 ** (one.frame_nmr_db.astype(np.float64) / 10) for one in found], axis=0)
    units = np.minimum(np.searchsorted(ends_s, found[0].times_s, side="right"), len(ends_s) - 1)
    sums = (np.bincount(units, weights, len(ends_s)) for weights in (ratio, None))
    with np.errstate(invalid="ignore"):
        units_db: Bits = 10 * np.log10(np.divide(*sums))
    return units_db, float(10 * np.log10(ratio.mean()))
