"""Bark and threshold in quiet against the standard's printed tables.

Oracle: ISO 11172-3 tables D.1b (Layer I, 44.1 kHz: all 106 rows, as typed in by F. Petitcolas, Matlab_MPEG
at 6921060), and rows of D.1 e, f (Layer II, 32 and 48 kHz, as typed in by twolame at 245bfc8).
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.psychoacoustics.bark import (
    band_matrix,
    bark,
    critical_band_of_line,
    line_frequencies_hz,
)
from earbench_codecs.psychoacoustics.threshold import threshold_in_quiet_db_spl

TABLES = np.genfromtxt(Path(__file__).with_name("iso_11172_3_tables.csv"), delimiter=",", names=True)
# Table D.2e, critical band limits of Layer II at 44.1 kHz, in lines of a 1024-point FFT.
BAND_LIMITS = [1, 2, 3, 5, 7, 10, 13, 16, 19, 22, 26, 30, 35, 40, 46, 54, 64, 76, 90, 104, 124, 148, 176, 216]
BAND_LIMITS += [264, 360, 464]


def test_the_tables_are_all_there() -> None:
    assert {rate: int((TABLES["sample_rate_hz"] == rate).sum()) for rate in (44100, 48000, 32000)} == {
        44100: 106,
        48000: 36,
        32000: 25,
    }


def test_bark_is_the_standards() -> None:
    assert bark(TABLES["frequency_hz"]) == pytest.approx(TABLES["bark"], abs=1e-3)


def test_threshold_in_quiet_is_the_standards() -> None:
    found = threshold_in_quiet_db_spl(TABLES["frequency_hz"])
    assert found == pytest.approx(TABLES["threshold_in_quiet_db_spl"], abs=0.01)


def test_bark_at_textbook_frequencies() -> None:
    # 13 atan(0.76) + 3.5 atan(1 / 7.5^2), by hand; and its limit 16.5 × π / 2.
    assert bark(1000) == pytest.approx(8.511, abs=5e-4)
    assert bark(0) == 0
    assert bark(1e12) == pytest.approx(16.5 * np.pi / 2)


@given(st.floats(0, 96_000), st.floats(0.1, 1000))
def test_bark_rises(frequency_hz: float, more_hz: float) -> None:
    assert bark(frequency_hz + more_hz) > bark(frequency_hz)


@given(st.floats(0, 96_000))
def test_threshold_in_quiet_is_finite_and_capped(frequency_hz: float) -> None:
    assert -5.0 < threshold_in_quiet_db_spl(frequency_hz) <= 68.0


def test_critical_bands_begin_at_the_standards_lines_or_near() -> None:
    """The standard rounds band limits to lines of its tables, every eighth at the top."""
    band = critical_band_of_line(1024, 44_100)
    starts = [int(np.argmax(band == b)) for b in range(2, 25)]
    apart = np.abs(np.array(starts) - BAND_LIMITS[3:-1])
    assert apart.max() <= 3
    assert np.median(apart) <= 1


@pytest.mark.parametrize("rate", [8000, 44_100, 192_000])
@pytest.mark.parametrize("n_fft", [512, 1024])
def test_every_line_that_can_mask_is_in_one_band(rate: int, n_fft: int) -> None:
    bands, matrix = band_matrix(n_fft, rate)
    frequency_hz = line_frequencies_hz(n_fft, rate)
    inside = (frequency_hz > 0) & (frequency_hz < rate / 2) & (frequency_hz <= 20_000)
    assert (matrix.sum(axis=1) == inside).all()
    assert (matrix.sum(axis=0) >= 1).all()
    lower = matrix.T @ frequency_hz / matrix.sum(axis=0)
    assert (np.floor(bark(lower)) == bands).all()
