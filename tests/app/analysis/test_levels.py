from __future__ import annotations

import numpy as np
import pytest

from earbench_app.analysis.levels import FLOOR_DBFS, long_term_spectrum, loudness_lufs, meter
from earbench_codecs.clip import AudioClip


def _sine(frequency_hz: float, amplitude: float, seconds: float = 5.0, rate_hz: int = 48000) -> AudioClip:
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    return AudioClip.mono(amplitude * np.sin(2 * np.pi * frequency_hz * t), rate_hz)


def test_a_sine_stands_at_its_level_in_the_long_term_spectrum() -> None:
    spectrum = long_term_spectrum(_sine(3000, 0.1))
    peak = int(spectrum.db.argmax())
    assert spectrum.frequencies_hz[peak] == pytest.approx(3000, abs=12)
    assert spectrum.db[peak] == pytest.approx(-20, abs=0.05)


def test_a_997_hz_sine_has_the_loudness_the_standard_gives() -> None:
    """BS.1770-4: a 0 dBFS sine at 997 Hz in one channel reads -3.01 LKFS."""
    assert loudness_lufs(_sine(997, 1.0)) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("clip", [_sine(997, 0.0), _sine(997, 0.5, 0.2)])
def test_silence_and_very_short_clips_have_no_loudness(clip: AudioClip) -> None:
    assert loudness_lufs(clip) is None


def test_the_meter_reads_peak_and_rms_of_what_was_just_heard() -> None:
    clip = AudioClip(np.stack([_sine(1000, 1.0).samples[0], np.zeros(240_000)]), 48000)
    levels = meter(clip, 2.0)
    assert levels.peak_dbfs == pytest.approx((0, FLOOR_DBFS), abs=0.01)
    assert levels.rms_dbfs == pytest.approx((-3.0103, FLOOR_DBFS), abs=0.01)


def test_a_clip_shorter_than_the_transform_has_a_spectrum() -> None:
    assert np.isfinite(long_term_spectrum(AudioClip.mono([0.5], 48000)).db).all()
