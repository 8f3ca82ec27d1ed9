"""The gain for a rate is found, also for signals unlike those the table was measured with."""

from __future__ import annotations

import math

import pytest

from earbench_codecs.neural.rate_search import GainSearch, usual_gain

TABLE = [(4.0, 0.125), (16.0, 1.0), (64.0, 8.0)]


@pytest.mark.parametrize("wanted", [5.0, 16.0, 50.0])
@pytest.mark.parametrize("louder", [0.1, 1.0, 20.0])
def test_a_curve_is_met_within_a_third_of_a_percent(wanted, louder):
    tried = []

    def measured(gain):
        tried.append(20 * math.log2(1 + (louder * gain) ** 0.7))
        return tried[-1]

    assert GainSearch(wanted, TABLE).approach(measured, 0.003, 8)
    assert tried[-1] == pytest.approx(wanted, rel=0.0031)
    assert len(tried) <= 8


def test_where_a_rate_is_near_the_next_gain_meets_it():
    """Also where another measurement, of some percent more, follows upon the first."""
    tried = []

    def measured(gain, factor):
        tried.append(factor * 20 * math.log2(1 + gain**0.7))
        return tried[-1]

    search = GainSearch(30.0, TABLE)
    assert search.approach(lambda gain: measured(gain, 1.0), 0.003, 8)
    assert not search.approach(lambda gain: measured(gain, 1.03), 0.005, 1)
    assert search.approach(lambda gain: measured(gain, 1.03), 0.005, 1)


def test_a_rate_that_cannot_be_had_ends_with_the_most_there_is():
    tried = []
    search = GainSearch(40.0, TABLE)
    assert not search.approach(lambda gain: tried.append(gain) or min(10.0, 5 * gain), 0.003, 8)
    assert min(10.0, 5 * tried[-1]) == 10
    assert len(tried) <= 8
    assert max(tried) <= 8 * 2**6


@pytest.mark.parametrize("wanted", [6.0, 11.0, 19.0, 31.0, 47.0])
def test_a_rate_is_met_where_it_falls_between_notches(wanted):
    """Each octave of gain begins some percent below where the one before ended."""
    tried = []

    def measured(gain):
        notch, within = divmod(math.log2(gain), 1)
        tried.append(16 * 2 ** (0.35 * notch + 0.42 * within))
        return tried[-1]

    assert GainSearch(wanted, TABLE).approach(measured, 0.004, 12)
    assert tried[-1] == pytest.approx(wanted, rel=0.0041)


def test_silence_ends_at_the_highest_gain():
    tried = []
    assert not GainSearch(16.0, TABLE).approach(lambda gain: tried.append(gain) or 0.0, 0.003, 8)
    assert tried == sorted(set(tried))
    assert tried[-1] == 8 * 2**6


def test_what_is_usual_is_between_the_rates_of_the_table():
    assert usual_gain(16.0, TABLE) == pytest.approx(1.0)
    assert usual_gain(8.0, TABLE) == pytest.approx(0.125**0.5)
    assert usual_gain(1.0, TABLE) == pytest.approx(0.125)
