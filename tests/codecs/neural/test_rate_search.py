"""The gain for a rate is found, also for signals unlike those the table was measured with."""

from __future__ import annotations

import math

import pytest

from earbench_codecs.neural.rate_search import gain_for

TABLE = [(4.0, 0.125), (16.0, 1.0), (64.0, 8.0)]


@pytest.mark.parametrize("wanted", [5.0, 16.0, 50.0])
@pytest.mark.parametrize("louder", [0.1, 1.0, 20.0])
def test_a_curve_is_met_within_a_third_of_a_percent(wanted, louder):
    tried = []

    def measured(gain):
        tried.append(gain)
        return 20 * math.log2(1 + (louder * gain) ** 0.7)

    gain = gain_for(wanted, measured, TABLE)
    assert measured(gain) == pytest.approx(wanted, rel=0.0035)
    assert len(tried) <= 9


def test_a_rate_that_cannot_be_had_ends_with_the_nearest():
    tried = []
    gain = gain_for(40.0, lambda gain: tried.append(gain) or min(10.0, 5 * gain), TABLE)
    assert min(10.0, 5 * gain) == 10
    assert len(tried) == 8
    assert max(tried) <= 8 * 2**6


def test_silence_takes_no_time_at_all():
    assert gain_for(16.0, lambda _gain: 0.0, TABLE) > 0
