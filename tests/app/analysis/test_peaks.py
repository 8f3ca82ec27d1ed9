from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_app.analysis.peaks import BASE_BLOCK, PeakPyramid


def _noise(n_samples: int, n_channels: int = 2) -> np.ndarray:
    return np.random.default_rng(n_samples).standard_normal((n_channels, n_samples)).astype(np.float32)


@given(
    n_samples=st.integers(1, 300_000),
    span=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    n_columns=st.integers(1, 3000),
)
def test_every_column_is_the_extreme_of_its_samples(
    n_samples: int, span: tuple[float, float], n_columns: int
) -> None:
    samples = _noise(n_samples)
    start, end = sorted(int(x * n_samples) for x in span)
    if start == end:
        return
    envelope = PeakPyramid(samples).envelope(start, end, n_columns)
    assert envelope.low.shape[1] == len(envelope.edges) - 1 <= n_columns
    assert envelope.edges[0] <= start
    assert envelope.edges[-1] >= end
    for i in {0, len(envelope.edges) // 2 - 1, len(envelope.edges) - 2} & set(range(len(envelope.edges))):
        part = samples[:, envelope.edges[i] : envelope.edges[i + 1]]
        np.testing.assert_array_equal(envelope.low[:, i], part.min(axis=1))
        np.testing.assert_array_equal(envelope.high[:, i], part.max(axis=1))


@pytest.mark.parametrize("n_columns", [100, 1000, 1600])
def test_a_single_click_is_seen_at_every_zoom(n_columns: int) -> None:
    samples = np.zeros((1, 5_000_000), np.float32)
    samples[0, 3_141_592] = 0.9
    pyramid = PeakPyramid(samples)
    for span in (5_000_000, 1_000_000, 100_000, 5_000):
        start = 3_141_592 - span // 3
        assert pyramid.envelope(start, start + span, n_columns).high.max() == np.float32(0.9)


def test_below_a_block_a_pixel_the_samples_themselves_are_read() -> None:
    samples = _noise(BASE_BLOCK * 10)
    envelope = PeakPyramid(samples).envelope(7, 27, 20)
    np.testing.assert_array_equal(envelope.low, samples[:, 7:27])
    np.testing.assert_array_equal(envelope.high, samples[:, 7:27])
