"""AAC: every rate and channel count aligned, the average rate kept, units any player takes, damage told."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.errors import BitstreamError, SettingError
from earbench_codecs.reference.aac import RATES_HZ, Aac
from earbench_codecs.reference.pyav_stream import unpack_segments


def round_trip(clip, setting):
    codec = Aac()
    return codec.decode(codec.encode(clip, setting))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("channels", "kbps_per_khz"), [(1, 1.5), (2, 3), (1, 3)])
def test_noise_comes_back_without_delay(rate_hz, channels, kbps_per_khz, delay_of, noise_clip):
    clip = noise_clip(rate_hz, channels=channels)
    kbps = max(16, kbps_per_khz * rate_hz / 1000)
    encoded = Aac().encode(clip, Setting(kbps))
    assert encoded.coded_rate_hz == rate_hz
    for before, after in zip(clip.samples, Aac().decode(encoded).samples, strict=True):
        assert abs(delay_of(before, after)) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kbps", Aac().info.bitrates_kbps)
def test_each_bitrate_is_aligned(kbps, channels, delay_of, noise_clip):
    clip = noise_clip(44_100, seconds=3, channels=channels)
    decoded = round_trip(clip, Setting(kbps))
    for before, after in zip(clip.samples, decoded.samples, strict=True):
        assert abs(delay_of(before, after)) < 0.3


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 16_000])
def test_clicks_come_back_where_they_were(rate_hz, click_clip):
    clip, at = click_clip(rate_hz)
    decoded = round_trip(clip, Setting(64))
    for click in at:
        assert np.argmax(decoded.samples[0, click - 100 : click + 100]) == 100


@pytest.mark.parametrize("n_samples", [1, 2, 101, 1023, 1024, 1025, 30_011])
def test_the_last_samples_are_as_good_as_the_rest(n_samples):
    tone = np.sin(2 * np.pi * 0.05 * np.arange(n_samples) + 1) / 2
    clip = AudioClip.mono(tone, 44_100)
    decoded = round_trip(clip, Setting(160))
    assert decoded.samples.shape == clip.samples.shape
    error = (decoded.samples - clip.samples)[:, -100:]
    assert np.square(error).sum() < 0.25 * np.square(clip.samples[:, -100:]).sum()


@pytest.mark.parametrize("kbps", [16, 48, 96])
@pytest.mark.parametrize("name", ["castanets", "rock_feelings", "speech_en_sonnet"])
def test_the_average_rate_is_kept_on_real_sounds(name, kbps):
    clip = read_clip(str(files("earbench_assets") / "clips" / f"{name}.flac")).excerpt(0, 4)
    stereo = AudioClip(np.concatenate([clip.samples, clip.samples[:, ::-1]])[-2:], clip.sample_rate_hz)
    assert Aac().encode(stereo, Setting(kbps)).bitrate_kbps == pytest.approx(kbps, rel=0.04)


def test_the_units_are_what_another_decoder_takes(noise_clip):
    """FFmpeg's fixed-point decoder, from an ADTS stream made here by ISO 13818-7, 6.2, agrees."""
    import av

    clip = noise_clip(44_100)
    encoded = Aac().encode(clip, Setting(96))
    decoder = av.CodecContext.create("aac_fixed", "r")
    blocks = []
    for unit in unpack_segments(encoded.segments):
        size = len(unit) + 7
        rate_index, channels = 4, 1
        header = bytes(
            [0xFF, 0xF1, 1 << 6 | rate_index << 2, channels << 6 | size >> 11, size >> 3 & 0xFF]
        ) + bytes([(size & 7) << 5 | 0x1F, 0xFC])
        blocks += [frame.to_ndarray() for frame in decoder.decode(av.Packet(header + unit))]
    other = np.concatenate(blocks, axis=1)[0, 1024 : 1024 + clip.n_samples] / 2**31
    assert np.abs(other - Aac().decode(encoded).samples[0]).max() < 1e-4


@pytest.mark.parametrize(
    ("clip_hz", "kbps", "coded_hz"),
    [
        (44_100, 128, 44_100),
        (44_100, 32, 32_000),
        (96_000, 64, 64_000),
        (8_000, 64, 16_000),
        (16_000, 64, 16_000),
    ],
)
def test_rates_too_high_or_low_for_the_bitrate_are_resampled_and_said_so(clip_hz, kbps, coded_hz, noise_clip):
    clip = noise_clip(clip_hz, seconds=0.2)
    encoded = Aac().encode(clip, Setting(kbps))
    assert encoded.coded_rate_hz == coded_hz
    assert any("resampled" in note for note in encoded.notes) == (clip_hz != coded_hz)


@pytest.mark.parametrize("setting", [Setting(8), Setting(321), Setting.of(64, vbr=1)])
def test_settings_it_does_not_have_are_refused(setting, noise_clip):
    with pytest.raises(SettingError):
        Aac().encode(noise_clip(44_100, seconds=0.1), setting)


def test_damage_is_told(noise_clip):
    encoded = Aac().encode(noise_clip(44_100, seconds=2.5), Setting(64))
    first, *rest = encoded.segments
    units = unpack_segments(encoded.segments)
    for segments in [
        (),
        tuple(rest),
        (*encoded.segments, first),
        (first[:-1], *rest),
        (first[: -len(units[0])] + b"\xff" * len(units[0]), *rest),
    ]:
        with pytest.raises(BitstreamError):
            Aac().decode(replace(encoded, segments=segments))


def test_the_version_names_ffmpeg():
    assert "FFmpeg" in Aac().info.version
