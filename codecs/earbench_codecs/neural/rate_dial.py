"""An excerpt that is heard at one rate after another, as fast as its codes can be made.

What it costs at a few gains is measured once; from then on, a rate takes one encode. What is heard is made
from the codes themselves: decoding the bytes gives the same samples, bit by bit.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.clip import AudioClip
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.rate_search import BEYOND_OCTAVES
from earbench_codecs.neural.stereo import SUMMED_BELOW_KBPS, is_summed, with_best_channels, with_sum
from earbench_codecs.resampling import fit_length, resampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.base import Codec
    from earbench_codecs.neural.units import Plan
    from earbench_codecs.setting import Setting

_EVERY_OCTAVES = 1.6
"""Between the gains whose rates are measured."""
_STEPS_AN_OCTAVE = 32


class RateDial:
    """One excerpt, one codec, any rate.

    Parameters
    ----------
    codec : NeuralCodec
        Which takes any rate.
    clip : AudioClip
        Of one or two channels.
    setting : Setting
        Its options, with an average rate; the rate is given anew each time.
    """

    def __init__(self, codec: NeuralCodec, clip: AudioClip, setting: Setting) -> None:
        self._coder = codec.segment_coder(setting, clip.n_channels)
        self._clip = clip
        self._native_hz = codec.native_rate_hz(clip.sample_rate_hz, setting)
        native = resampled(clip, self._native_hz).samples
        self._signal = native if clip.n_channels > 1 else native[0]
        self._curves = _curves(codec, clip.n_channels)
        self._plans: dict[bool, list[Plan]] = {}

    def learn(self) -> bool:
        """Measure the rate at one more gain; return whether there are more to measure."""
        for summed, curve in self._curves.items():
            if (gain := curve.next_gain()) is not None:
                self._measure(gain, summed=summed)
                break
        return any(curve.next_gain() is not None for curve in self._curves.values())

    def plans(self, kbps: float) -> list[Plan]:
        """Return how segments are coded for a rate, all channels together, as far as is known by now."""
        summed = is_summed(kbps, self._clip.n_channels)
        curve = self._curves[summed]
        if not curve.known:
            self._measure(curve.gain(kbps), summed=summed)
        return self._at(curve.gain(kbps), summed=summed)

    def heard(self, plans: Sequence[Plan]) -> AudioClip:
        """Return what the decoder makes of the excerpt coded by plans."""
        samples = self._coder.approximated(self._signal, plans)
        native = AudioClip(np.atleast_2d(samples), self._native_hz)
        back = resampled(native, self._clip.sample_rate_hz)
        return back.with_samples(fit_length(back.samples, self._clip.n_samples))

    def segments(self, plans: Sequence[Plan]) -> list[bytes]:
        """Return the bytes of the excerpt coded by plans."""
        return [coded.data for coded in self._coder.encode(self._signal, plans=plans)]

    def _at(self, gain: float, *, summed: bool) -> list[Plan]:
        """Return how segments are coded; which channels are joined is decided once, at a middle rate."""
        if summed not in self._plans:
            plans = self._coder.plans(self._signal, self._curves[summed].middle)
            choose = with_sum if summed else with_best_channels
            self._plans[summed] = choose(self._coder, self._signal, plans)
        level = self._coder.level_number(self._signal, gain)
        return [replace(plan, level=level) for plan in self._plans[summed]]

    def _measure(self, gain: float, *, summed: bool) -> None:
        bits = self._coder.bits([self._signal], plans=[self._at(gain, summed=summed)])
        self._curves[summed].add(gain, bits / self._clip.duration_s / 1000)


def _curves(codec: NeuralCodec, n_channels: int) -> dict[bool, _Curve]:
    """Return a curve of the rates at which all channels are coded, and one of those with their sum alone."""
    rates, knob = codec.info.bitrates_kbps, codec.description.knob
    lowest, highest = min(rates), max(rates)
    if not is_summed(lowest, n_channels):
        return {False: _Curve(knob, lowest, highest)}
    middle = min(SUMMED_BELOW_KBPS, highest)
    return {False: _Curve(knob, middle, highest), True: _Curve(knob, lowest, middle)}


def dial_of(codec: Codec, clip: AudioClip, setting: Setting) -> RateDial | None:
    """Return a dial for an excerpt; None where a codec has no gain that is the same throughout."""
    if not isinstance(codec, NeuralCodec) or not codec.info.continuous:
        return None
    averaged = setting.get("mode", "abr") == "abr" and setting.get("nmr_db", "off") == "off"
    return RateDial(codec, clip, setting) if averaged and clip.n_channels <= codec.info.max_channels else None


class _Curve:
    """Rate over gain: what is usual, moved to what was measured.

    Parameters
    ----------
    table : sequence of (kbps, gain)
        What is usual.
    lowest_kbps, highest_kbps : float
        Rates that are asked for.
    """

    def __init__(self, table: Sequence[tuple[float, float]], lowest_kbps: float, highest_kbps: float) -> None:
        rates, gains = np.log2(np.array(table)).T
        low, high = np.interp(np.log2([lowest_kbps, highest_kbps]), rates, gains)
        n_knots = 2 + max(1, round((high - low) / _EVERY_OCTAVES))
        self._knots = np.linspace(low - _EVERY_OCTAVES / 2, high + _EVERY_OCTAVES / 2, n_knots)
        steps = round((gains[-1] - gains[0] + 2 * BEYOND_OCTAVES) * _STEPS_AN_OCTAVE) + 1
        self._gains = np.linspace(gains[0] - BEYOND_OCTAVES, gains[-1] + BEYOND_OCTAVES, steps)
        self._usual = np.interp(self._gains, gains, rates)
        for end, inside, outside in ((0, 1, self._gains < gains[0]), (-1, -2, self._gains > gains[-1])):
            slope = (rates[end] - rates[inside]) / (gains[end] - gains[inside])
            self._usual[outside] = rates[end] + slope * (self._gains[outside] - gains[end])
        self._excess: dict[float, float] = {}  # octaves of rate beyond the usual, by octaves of gain

    @property
    def known(self) -> bool:
        return bool(self._excess)

    @property
    def middle(self) -> float:
        return float(2 ** self._knots[len(self._knots) // 2])

    def next_gain(self) -> float | None:
        """Return a gain that would tell more."""
        near = np.array([*self._excess, -math.inf])
        missing = [octave for octave in self._knots if np.abs(near - octave).min() > _EVERY_OCTAVES / 4]
        return float(2 ** missing[len(missing) // 2]) if missing else None

    def add(self, gain: float, kbps: float) -> None:
        octaves = math.log2(gain)
        usual = float(np.interp(octaves, self._gains, self._usual))
        self._excess[octaves] = math.log2(max(kbps, 1e-9)) - usual

    def gain(self, kbps: float) -> float:
        rates = self._usual
        if self._excess:
            gains, excess = np.array(sorted(self._excess.items())).T
            rates = rates + np.interp(self._gains, gains, excess)
        return float(2 ** np.interp(math.log2(kbps), np.maximum.accumulate(rates), self._gains))
