"""MP3: every rate and channel count aligned, frames any player takes, rates kept, damage told."""

from dataclasses import replace
from io import BytesIO

import av
import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, CodecUnavailableError, SettingError
from earbench_codecs.reference import mp3
from earbench_codecs.reference.mp3 import KBPS_BY_RATE, Mp3

MATRIX = [
    (rate, channels, kbps)
    for rate, rates_kbps in KBPS_BY_RATE.items()
    for channels in (1, 2)
    for kbps in sorted({rates_kbps[0], rates_kbps[len(rates_kbps) // 2], rates_kbps[-1]})
]


def round_trip(clip, setting):
    codec = Mp3()
    return codec.decode(codec.encode(clip, setting))


@pytest.mark.parametrize(("rate_hz", "channels", "kbps"), MATRIX)
def test_noise_comes_back_without_delay(rate_hz, channels, kbps, delay_of, noise_clip):
    clip = noise_clip(rate_hz, channels=channels)
    encoded = Mp3().encode(clip, Setting(kbps))
    decoded = Mp3().decode(encoded)
    assert encoded.coded_rate_hz == rate_hz
    for before, after in zip(clip.samples, decoded.samples, strict=True):
        assert abs(delay_of(before, after)) < (0.05 if kbps / channels > 16 else 0.8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate_hz", "kbps"), [(rate, kbps) for rate, rates in KBPS_BY_RATE.items() for kbps in rates]
)
def test_each_bitrate_of_each_rate_is_aligned_and_kept(rate_hz, kbps, delay_of, noise_clip):
    clip = noise_clip(rate_hz, seconds=10)
    encoded = Mp3().encode(clip, Setting(kbps))
    assert abs(delay_of(clip.samples[0], Mp3().decode(encoded).samples[0])) < 0.05
    assert encoded.bitrate_kbps == pytest.approx(kbps, rel=0.02)


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 22_050, 16_000, 11_025])
def test_clicks_come_back_where_they_were(rate_hz, click_clip):
    clip, at = click_clip(rate_hz)
    decoded = round_trip(clip, Setting(max(KBPS_BY_RATE[rate_hz])))
    for click in at:
        near = decoded.samples[0, click - 100 : click + 100]
        assert np.argmax(near) == 100


@pytest.mark.parametrize("n_samples", [1, 2, 47, 1151, 1152, 1153, 30_011])
def test_the_last_samples_are_as_good_as_the_rest(n_samples):
    rng = np.random.default_rng(3)
    clip = AudioClip.mono(np.convolve(rng.standard_normal(n_samples), np.ones(8) / 20, "same"), 44_100)
    decoded = round_trip(clip, Setting(320))
    assert decoded.samples.shape == clip.samples.shape
    error = (decoded.samples - clip.samples)[:, -100:]
    assert np.square(error).sum() < 0.25 * np.square(clip.samples[:, -100:]).sum()


def test_the_payload_is_a_stream_any_player_takes(noise_clip):
    clip = noise_clip(44_100, seconds=2, channels=2)
    encoded = Mp3().encode(clip, Setting(128))
    with av.open(BytesIO(encoded.payload), format="mp3") as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.sample_rate, stream.codec_context.layout.name) == (44_100, "stereo")
        n_samples = sum(frame.samples for frame in container.decode(stream))
    assert 0 <= n_samples - (clip.n_samples + 1105) < 1152  # not a frame too many


@pytest.mark.parametrize("kbps", [32, 128, 320])
def test_ten_seconds_cost_what_was_asked(kbps, noise_clip):
    encoded = Mp3().encode(noise_clip(44_100, seconds=10, channels=2), Setting(kbps))
    assert encoded.bitrate_kbps == pytest.approx(kbps, rel=0.01)


def test_better_vbr_quality_costs_more_and_is_aligned(delay_of, noise_clip):
    clip = noise_clip(44_100, channels=2)
    encoded = [Mp3().encode(clip, Setting.of(vbr=quality)) for quality in (0, 2, 4, 6, 9)]
    assert [e.setting.kbps for e in encoded] == [None] * 5
    sizes = [e.n_bytes for e in encoded]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[-1]
    for version in encoded:
        assert abs(delay_of(clip.samples[0], Mp3().decode(version).samples[0])) < 0.05


def test_joint_stereo_is_what_it_says():
    """The header's mode bits: 1 joint stereo, 0 left and right apart."""
    clip = AudioClip(np.random.default_rng(1).standard_normal((2, 9_999)) / 10, 44_100)
    joint, separate = (
        Mp3().encode(clip, Setting.of(64, stereo=stereo)).payload[3] >> 6 for stereo in ("joint", "separate")
    )
    assert (joint, separate) == (1, 0)


@pytest.mark.parametrize(
    ("clip_hz", "kbps", "coded_hz"),
    [
        (44_100, 128, 44_100),
        (44_100, 24, 24_000),  # MPEG-1 begins at 32 kbps
        (16_000, 160, 16_000),
        (16_000, 320, 32_000),  # MPEG-2 ends at 160
        (8_000, 64, 8_000),
        (8_000, 144, 16_000),
        (96_000, 128, 48_000),
    ],
)
def test_a_bitrate_is_coded_at_a_rate_that_has_it_and_said_so(clip_hz, kbps, coded_hz, noise_clip):
    clip = noise_clip(clip_hz, seconds=0.2)
    encoded = Mp3().encode(clip, Setting(kbps))
    assert encoded.coded_rate_hz == coded_hz
    assert any("resampled" in note for note in encoded.notes) == (clip_hz != coded_hz)
    assert Mp3().decode(encoded).samples.shape == clip.samples.shape


def test_what_exceeds_full_scale_is_kept():
    time_s = np.arange(44_100) / 44_100
    clip = AudioClip.mono(np.sign(np.sin(2 * np.pi * 441 * time_s)), 44_100)
    decoded = round_trip(clip, Setting(128))
    assert 1.0 < np.abs(decoded.samples).max() < 1.6
    assert np.corrcoef(decoded.samples[0], clip.samples[0])[0, 1] > 0.97


@pytest.mark.parametrize("setting", [Setting(33), Setting.of(128, vbr=2), Setting.of(vbr=10), Setting(400)])
def test_settings_it_does_not_have_are_refused(setting, noise_clip):
    with pytest.raises(SettingError):
        Mp3().encode(noise_clip(44_100, seconds=0.1), setting)


def test_damage_is_told(noise_clip):
    encoded = Mp3().encode(noise_clip(44_100), Setting(64))
    first, *rest = encoded.segments
    reserved_rate = first[:2] + bytes([first[2] | 0x0C]) + first[3:]
    for segments, message in [
        ((first[:-1], *rest), "damaged"),
        ((*rest[:-1], rest[-1][:-1]), "cut"),
        ((first,), "frames"),
        ((first, *rest, first), "frames"),
        ((reserved_rate, *rest), "reserved"),
        ((b"\0" * 500,), "no header"),
        ((), "0 MP3 frames"),
    ]:
        with pytest.raises(BitstreamError, match=message):
            Mp3().decode(replace(encoded, segments=tuple(segments)))
    with pytest.raises(BitstreamError, match="44100 Hz, not 48000"):
        Mp3().decode(replace(encoded, coded_rate_hz=48_000))


def test_the_version_names_lame():
    assert Mp3().info.version.startswith("libmp3lame 3.")


def test_without_lame_it_is_listed_with_the_reason(monkeypatch, noise_clip):
    monkeypatch.setattr(mp3, "why_missing", lambda encoder: f"no encoder {encoder}; install it")
    assert not Mp3().info.available
    with pytest.raises(CodecUnavailableError, match="no encoder libmp3lame; install it"):
        Mp3().encode(noise_clip(44_100, seconds=0.1))
