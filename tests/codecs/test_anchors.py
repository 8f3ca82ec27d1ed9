"""The anchors hold the mask of BS.1534-3 without delay, at every rate, measured on what they give back."""

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, SettingError
from earbench_codecs.reference.anchors import anchor35, anchor70

RATES_HZ = [16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000]
ANCHORS = [pytest.param(anchor35, 1, id="anchor35"), pytest.param(anchor70, 2, id="anchor70")]


def through(make, samples, rate_hz):
    codec = make()
    return codec.decode(codec.encode(AudioClip(np.atleast_2d(samples).astype(np.float32), rate_hz)))


def response(make, rate_hz):
    """Impulse in the middle of 2 s; response at a resolution of 0.5 Hz, phase referred to the impulse."""
    impulse = np.zeros(2 * rate_hz)
    impulse[rate_hz] = 1
    out = np.roll(through(make, impulse, rate_hz).samples[0].astype(float), -rate_hz)
    return np.fft.rfftfreq(len(out), 1 / rate_hz), np.fft.rfft(out)


def level_db(values):
    return 20 * np.log10(np.maximum(np.abs(values), 1e-9))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("make", "scale"), ANCHORS)
def test_the_mask_is_held(make, scale, rate_hz):
    f_hz, h = response(make, rate_hz)
    passed, at_4k, from_4k5 = f_hz <= 3_500 * scale, f_hz >= 4_000 * scale, f_hz >= 4_500 * scale
    assert np.abs(level_db(h[passed])).max() <= 0.1
    assert at_4k.any()
    assert level_db(h[at_4k]).max() <= -25
    if from_4k5.any():  # 9 kHz does not exist at a rate of 16 kHz
        assert level_db(h[from_4k5]).max() <= -50


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("make", "scale"), ANCHORS)
def test_there_is_no_delay_at_any_frequency(make, scale, rate_hz):
    f_hz, h = response(make, rate_hz)
    passed = f_hz <= 3_500 * scale
    assert np.abs(np.angle(h[passed])).max() < 1e-4  # zero phase is zero delay, and the polarity is kept


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 192_000])
@pytest.mark.parametrize(("make", "scale"), ANCHORS)
@pytest.mark.parametrize(
    ("at_hz", "low_db", "high_db"),
    [(100, -0.1, 0.1), (3_400, -0.1, 0.1), (3_500, -0.1, 0.1), (4_000, -200, -25), (4_500, -200, -50)],
)
def test_sines_come_out_at_the_levels_of_the_mask(make, scale, rate_hz, at_hz, low_db, high_db):
    if at_hz * scale >= rate_hz / 2:
        pytest.skip("beyond half the rate")
    sine = 0.5 * np.sin(2 * np.pi * at_hz * scale * np.arange(rate_hz) / rate_hz)
    middle = slice(rate_hz // 4, 3 * rate_hz // 4)
    out = through(make, sine, rate_hz).samples[0].astype(float)
    gain_db = level_db(np.sqrt(np.mean(out[middle] ** 2) / np.mean(sine[middle] ** 2)))
    assert low_db <= gain_db <= high_db


@pytest.mark.parametrize(("make", "scale"), ANCHORS)
def test_channels_are_filtered_alike_and_apart(make, scale):
    noise = np.random.default_rng(3).standard_normal((3, 4_801)) * 0.1
    together = through(make, noise, 48_000)
    for channel in range(3):
        alone = through(make, noise[channel], 48_000).samples[0]
        np.testing.assert_allclose(together.samples[channel], alone, atol=1e-7)


def test_a_long_clip_is_filtered_as_in_one_piece():
    noise = np.random.default_rng(5).uniform(-0.5, 0.5, 100_003)
    impulse = np.zeros(2_001)
    impulse[1_000] = 1
    taps = through(anchor35, impulse, 48_000).samples[0]
    expected = np.convolve(noise.astype(np.float32), taps, mode="same")
    np.testing.assert_allclose(through(anchor35, noise, 48_000).samples[0], expected, atol=1e-6)


@pytest.mark.parametrize(("make", "rate_hz"), [(anchor35, 6_000), (anchor70, 8_000), (anchor70, 11_025)])
def test_where_nothing_is_above_the_edge_the_clip_is_kept_and_that_is_said(make, rate_hz):
    clip = AudioClip.mono(np.random.default_rng(4).uniform(-1, 1, 999), rate_hz)
    encoded = make().encode(clip)
    assert "equal to the original" in encoded.notes[0]
    np.testing.assert_array_equal(make().decode(encoded).samples, clip.samples)


def test_low_rates_with_room_are_filtered():
    f_hz, h = response(anchor35, 8_000)
    assert level_db(h[f_hz >= 4_000]).max() <= -25
    assert anchor35().encode(AudioClip.mono(np.ones(99), 8_000)).notes == ()


def test_an_anchor_has_no_bitrate_and_its_bytes_are_its_samples():
    encoded = anchor35().encode(AudioClip.mono(np.ones(480), 48_000))
    assert anchor35().info.bitrates_kbps == ()
    assert encoded.setting == Setting()
    assert encoded.n_bytes == 4 * 480
    with pytest.raises(SettingError, match="no bitrate"):
        anchor35().encode(AudioClip.mono(np.ones(480), 48_000), Setting(64))


def test_cut_bytes_are_refused():
    from dataclasses import replace

    encoded = anchor35().encode(AudioClip.mono(np.ones(480), 48_000))
    with pytest.raises(BitstreamError, match="1916 bytes"):
        anchor35().decode(replace(encoded, segments=(encoded.payload[:-4],)))
