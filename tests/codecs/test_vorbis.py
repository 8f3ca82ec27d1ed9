"""Vorbis: every rate aligned, quality and rate do what they say, headers counted, damage told."""

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, CodecUnavailableError, SettingError
from earbench_codecs.reference.vorbis import RATES_HZ, Vorbis


def round_trip(clip, setting):
    codec = Vorbis()
    return codec.decode(codec.encode(clip, setting))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("channels", "quality"), [(1, 0), (2, 5), (2, 10)])
def test_noise_comes_back_without_delay(rate_hz, channels, quality, delay_of, noise_clip):
    clip = noise_clip(rate_hz, seconds=0.5, channels=channels)
    encoded = Vorbis().encode(clip, Setting.of(quality=quality))
    assert encoded.coded_rate_hz == rate_hz
    for before, after in zip(clip.samples, Vorbis().decode(encoded).samples, strict=True):
        assert abs(delay_of(before, after)) < 0.05


def test_clicks_come_back_where_they_were(click_clip):
    clip, at = click_clip(44_100)
    decoded = round_trip(clip, Setting.of(quality=5))
    for click in at:
        assert np.argmax(decoded.samples[0, click - 100 : click + 100]) == 100


@pytest.mark.parametrize("n_samples", [1, 2, 101, 1023, 1024, 1025, 70_001])
def test_the_last_samples_are_as_good_as_the_rest(n_samples):
    tone = np.sin(2 * np.pi * 0.05 * np.arange(n_samples) + 1) / 2
    clip = AudioClip.mono(tone, 44_100)
    decoded = round_trip(clip, Setting.of(quality=8))
    assert decoded.samples.shape == clip.samples.shape
    error = (decoded.samples - clip.samples)[:, -100:]
    assert np.square(error).sum() < 0.25 * np.square(clip.samples[:, -100:]).sum()


def test_libvorbis_decodes_the_same(noise_clip):
    """The same clip through libsndfile both ways, at the same quality."""
    clip = noise_clip(44_100, channels=2)
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", 44_100, 2, format="OGG", subtype="VORBIS", compression_level=0.5
    ) as writer:
        writer.write(clip.samples.T)
    file.seek(0)
    expected, _ = soundfile.read(file, dtype="float32")
    decoded = round_trip(clip, Setting.of(quality=5))
    assert np.abs(decoded.samples.T - expected).max() < 1e-4


def test_better_quality_costs_more(noise_clip):
    clip = noise_clip(44_100, channels=2)
    encoded = [Vorbis().encode(clip, Setting.of(quality=quality)) for quality in range(11)]
    sizes = [e.n_bytes for e in encoded]
    assert sizes == sorted(sizes)
    assert {e.setting.kbps for e in encoded} == {None}


@pytest.mark.parametrize("kbps", [80, 128, 256])
def test_a_bitrate_is_that_of_the_whole_clip_headers_included(kbps, noise_clip):
    encoded = Vorbis().encode(noise_clip(44_100, seconds=5, channels=2), Setting(kbps))
    assert encoded.bitrate_kbps == pytest.approx(kbps, rel=0.03)
    assert len(encoded.segments[0]) > 2_000  # the codebooks


def test_a_rate_out_of_reach_gives_the_nearest_quality():
    silence = AudioClip(np.zeros((1, 44_100), np.float32), 44_100)
    assert Vorbis().encode(silence, Setting(320)).bitrate_kbps < 64


@pytest.mark.parametrize("setting", [Setting(16), Setting.of(96, quality=3), Setting.of(quality=11)])
def test_settings_it_does_not_have_are_refused(setting, noise_clip):
    with pytest.raises(SettingError):
        Vorbis().encode(noise_clip(44_100, seconds=0.1), setting)


def test_damage_is_told(noise_clip):
    encoded = Vorbis().encode(noise_clip(44_100, seconds=3), Setting.of(quality=5))
    headers, first, *rest = encoded.segments
    for segments in [
        (),
        (headers,),
        (first, *rest),
        (headers, first),
        (headers[:1000], first, *rest),
        (headers, first[:-1], *rest),
    ]:
        with pytest.raises(BitstreamError):
            Vorbis().decode(replace(encoded, segments=segments))


def test_without_libvorbis_it_is_listed_with_the_reason(monkeypatch, noise_clip):
    monkeypatch.setattr(soundfile, "available_subtypes", lambda form: {"OPUS": "Opus"})
    with pytest.raises(CodecUnavailableError, match="pip install"):
        Vorbis().encode(noise_clip(44_100, seconds=0.1))
