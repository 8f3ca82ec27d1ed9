from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_app.analysis.frequency_axis import FrequencyAxis, Scale, bark, mel
from earbench_app.analysis.spectrogram import Spectrogram, StftSettings
from earbench_codecs.clip import AudioClip

RATE = 48000


def _sine(frequency_hz: float, seconds: float = 2.0, rate_hz: int = RATE) -> AudioClip:
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    return AudioClip.mono(np.sin(2 * np.pi * frequency_hz * t), rate_hz)


@pytest.mark.parametrize("scale", Scale)
@given(frequency_hz=st.floats(25, 23_900))
def test_an_axis_and_its_inverse_agree(scale: Scale, frequency_hz: float) -> None:
    axis = FrequencyAxis(scale, 24_000)
    back = float(axis.frequency_hz(axis.position(frequency_hz)))
    assert back == pytest.approx(frequency_hz, rel=1e-3)


def test_known_points_of_the_scales() -> None:
    assert float(mel(1000)) == pytest.approx(1000, abs=0.5)
    assert float(bark(1000)) == pytest.approx(8.51, abs=0.01)  # Zwicker's table: 1000 Hz lies at 8.5 Bark
    assert float(FrequencyAxis(Scale.LOG, 20_480).position(20 * 2**5)) == pytest.approx(0.5)


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("frequency_hz", [468.75, 3000.0, 12_000.0])
def test_a_full_scale_sine_reads_0_db_in_its_row(scale: Scale, frequency_hz: float) -> None:
    axis = FrequencyAxis(scale, RATE / 2)
    picture = Spectrogram(_sine(frequency_hz), StftSettings()).picture(0.2, 1.8, 500, 400, axis)
    mean = picture.db.mean(axis=1)
    assert mean.max() == pytest.approx(0, abs=0.6)  # a row's centre is up to half a row off the bin
    assert abs(int(mean.argmax()) - float(axis.position(frequency_hz)) * 400) <= 2


def test_columns_stand_where_the_sound_is() -> None:
    samples = np.zeros(RATE * 4, np.float32)
    samples[RATE : RATE + 4800] = np.random.default_rng(0).standard_normal(4800) * 0.1
    spectrogram = Spectrogram(AudioClip.mono(samples, RATE), StftSettings(n_fft=512))
    picture = spectrogram.picture(0, 4, 1000, 100, FrequencyAxis(Scale.LINEAR, RATE / 2))
    times = np.linspace(picture.start_s, picture.end_s, picture.db.shape[1] + 1)
    loud = np.flatnonzero(picture.db.max(axis=0) > -80)
    assert times[loud[0]] == pytest.approx(1.0, abs=0.011)
    assert times[loud[-1] + 1] == pytest.approx(1.1, abs=0.011)


def test_a_tile_equals_the_plain_transform() -> None:
    clip = AudioClip(np.random.default_rng(1).standard_normal((2, 20_000)).astype(np.float32), RATE)
    settings = StftSettings(n_fft=1024, overlap=0.5)
    tile = Spectrogram(clip, settings).spectra_db(512, 0)
    window = np.hanning(1025)[:-1]
    frame = clip.samples[:, 512 * 7 + 256 - 512 : 512 * 7 + 256 + 512]
    oracle = np.mean(np.abs(np.fft.rfft(frame * window * 2 / window.sum(), axis=1)) ** 2, axis=0)
    np.testing.assert_allclose(tile[7], 10 * np.log10(oracle), atol=1e-3)


def test_pictures_of_any_zoom_have_a_value_a_pixel() -> None:
    spectrogram = Spectrogram(_sine(1000, 30), StftSettings())
    axis = FrequencyAxis(Scale.BARK, RATE / 2)
    for start, end in ((0, 30), (3, 4), (29.9, 30), (10, 10.001)):
        picture = spectrogram.picture(start, end, 400, 64, axis)
        assert picture.db.shape == (64, 400)
        assert (picture.start_s, picture.end_s) == pytest.approx((start, end))
