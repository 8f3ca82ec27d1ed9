"""What every codec must do alike, on speech, music and clicks, whatever is inside it."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.container import write_ebc
from earbench_codecs.errors import BitstreamError, CodecError, InvalidAudioError, SettingError
from earbench_codecs.registry import BUILT_IN, Registry
from earbench_codecs.resampling import resampled

REGISTRY = Registry()
REGISTRY.add_built_in()
BAND_HZ = (2_000, 3_400)
"""Where delay is judged: all codecs pass it, and a speech codec's high-pass does not turn its phase."""


def settings_of(info):
    """The default, both ends of the bitrates, and the values of each option at both ends."""
    found = [info.default]
    if info.bitrates_kbps:
        found += [Setting(min(info.bitrates_kbps)), Setting(max(info.bitrates_kbps))]
    for option in info.options:
        kbps = None if option.replaces_bitrate else info.default.kbps
        found += [
            Setting.of(kbps, **{option.name: value})
            for value in dict.fromkeys((option.values[1], option.values[-1]))
        ]
    return found


def cases(wanted):
    """Parameters (codec, setting) of what is available; what is not is a skip with its reason."""
    found = []
    for info in REGISTRY.codecs():
        if not info.available:
            found.append(pytest.param(info.name, None, id=info.name, marks=pytest.mark.skip(info.reason)))
            continue
        for setting in wanted(info):
            label = info.label(setting).replace(" ", "-") or "plain"
            found.append(pytest.param(info.name, setting, id=f"{info.name}-{label}"))
    return found


def from_default_up(info):
    """Settings good enough that what comes back is like what went in."""
    floor = info.default.kbps or 0
    return [setting for setting in settings_of(info) if setting.kbps is None or setting.kbps >= floor]


def constant_rates(info):
    """Four bitrates from the lowest to the highest, of a codec that means to keep them."""
    rates = info.bitrates_kbps if info.constant_rate else ()
    return [Setting(rates[i * (len(rates) - 1) // 3]) for i in range(4) if rates]


each_codec = pytest.mark.parametrize(("name", "setting"), cases(lambda info: [info.default]))
each_setting = pytest.mark.parametrize(("name", "setting"), cases(settings_of))
each_good_setting = pytest.mark.parametrize(("name", "setting"), cases(from_default_up))


@cache
def bundled(name, start_s, end_s):
    path = files("earbench_assets") / "clips" / f"{name}.flac"
    return read_clip(str(path)).excerpt(start_s, end_s)


def speech():
    return bundled("speech_en_sonnet", 0.5, 3.5)


def music():
    return bundled("harpsichord_bach", 2, 5)


def clicks():
    samples = np.zeros((1, 96_000), np.float32)
    samples[0, 1_777::4_801] = 0.9
    return AudioClip(samples, 48_000)


def stereo():
    """Speech left, music right: nothing a joint stereo may mix up unseen."""
    left, right = resampled(bundled("speech_en_sonnet", 0.5, 2.5), 44_100), bundled("harpsichord_bach", 2, 4)
    return AudioClip(np.concatenate([left.samples, right.samples]), 44_100)


def noise(n_samples, rate_hz=48_000, channels=1):
    white = np.random.default_rng(7).uniform(-0.5, 0.5, (channels, n_samples))
    return AudioClip(white, rate_hz)


def encoded_at(name, setting, clip):
    """Encode at the setting, or the next lower bitrate that fits the clip's rate and channels."""
    codec = REGISTRY.codec(name)
    lower = [replace(setting, kbps=kbps) for kbps in codec.info.bitrates_kbps if kbps < (setting.kbps or 0)]
    for at in [setting, *reversed(lower)]:
        try:
            return codec.encode(clip, at)
        except SettingError as error:
            refused = error
    raise refused


def round_trip(name, setting, clip):
    return REGISTRY.codec(name).decode(encoded_at(name, setting, clip))


def in_band(samples, rate_hz):
    """Spectrum, zero outside BAND_HZ, of samples padded so that lags do not wrap."""
    spectrum = np.fft.rfft(samples.astype(float), 2 * len(samples))
    f_hz = np.fft.rfftfreq(2 * len(samples), 1 / rate_hz)
    return np.where((f_hz >= BAND_HZ[0]) & (f_hz <= BAND_HZ[1]), spectrum, 0)


def lag_samples(reference, other, rate_hz):
    """Samples by which `other` is late, by the largest cross-correlation of either sign; that sign."""
    correlation = np.fft.irfft(in_band(other, rate_hz) * np.conj(in_band(reference, rate_hz)))
    peak = int(np.argmax(np.abs(correlation)))
    return (peak if peak < len(correlation) // 2 else peak - len(correlation)), np.sign(correlation[peak])


def assert_aligned(name, setting, clip, decoded, channel):
    """Assert lag 0; SILK, which voip prefers, delays by parts of a sample that change with frequency."""
    lag, sign = lag_samples(clip.samples[channel], decoded.samples[channel], clip.sample_rate_hz)
    silk = name == "opus" and setting.get("application", "audio") == "voip"
    assert abs(lag) <= (1 if silk else 0)
    assert sign == 1


def level_db(samples, rate_hz):
    return 10 * np.log10((np.abs(in_band(samples, rate_hz)) ** 2).sum())


@pytest.mark.parametrize("make", [speech, music, clicks])
@each_good_setting
def test_what_comes_back_is_aligned_to_the_sample_and_upright(name, setting, make):
    clip = make()
    decoded = round_trip(name, setting, clip)
    assert decoded.samples.shape == clip.samples.shape
    assert decoded.sample_rate_hz == clip.sample_rate_hz
    assert_aligned(name, setting, clip, decoded, channel=0)


@pytest.mark.parametrize(("make", "most_db"), [(speech, 1), (music, 1.5)])
@each_good_setting
def test_the_level_is_kept(name, setting, make, most_db):
    clip = make()
    decoded = round_trip(name, setting, clip)
    before_db, after_db = (level_db(c.samples[0], c.sample_rate_hz) for c in (clip, decoded))
    assert abs(after_db - before_db) < most_db


@each_good_setting
def test_stereo_channels_stay_apart_and_aligned(name, setting):
    clip = stereo()
    decoded = round_trip(name, setting, clip)
    assert decoded.samples.shape == clip.samples.shape
    for own, other in ((0, 1), (1, 0)):
        assert_aligned(name, setting, clip, decoded, own)
        like = np.corrcoef(decoded.samples[own], clip.samples[own])[0, 1]
        assert like > abs(np.corrcoef(decoded.samples[own], clip.samples[other])[0, 1]) + 0.3


@pytest.mark.parametrize(("name", "setting"), cases(constant_rates))
def test_the_measured_rate_is_the_rate_asked(name, setting):
    clip = bundled("rock_feelings", 1, 6)
    clip = clip.with_samples(clip.samples[: REGISTRY.codec(name).info.max_channels])
    encoded = encoded_at(name, setting, clip)
    assert encoded.bitrate_kbps == 8 * len(encoded.payload) / clip.duration_s / 1000
    assert encoded.bitrate_kbps == pytest.approx(encoded.setting.kbps, rel=0.10)


@pytest.mark.parametrize(
    ("n_samples", "rate_hz", "channels"),
    [
        (1, 48_000, 1),
        (1, 44_100, 2),
        (100, 16_000, 1),
        (100, 96_000, 2),
        (4_799, 11_025, 2),
        (9_973, 96_000, 1),
        (7_919, 8_000, 1),
        (5_003, 44_100, 3),
        (2_003, 192_000, 1),
    ],
)
@each_codec
def test_odd_lengths_rates_and_channels(name, setting, n_samples, rate_hz, channels):
    clip = noise(n_samples, rate_hz, channels)
    codec = REGISTRY.codec(name)
    encoded = encoded_at(name, setting, clip)
    decoded = codec.decode(encoded)
    assert (decoded.samples.shape, decoded.sample_rate_hz) == (clip.samples.shape, rate_hz)
    assert encoded.n_bytes > 0
    if encoded.coded_rate_hz != rate_hz:
        assert any("resampled" in note for note in encoded.notes)
    if channels > codec.info.max_channels:
        assert any("streams" in note for note in encoded.notes)


@each_setting
def test_silence_stays_silent(name, setting):
    clip = AudioClip(np.zeros((2, 20_011), np.float32), 44_100)
    assert np.abs(round_trip(name, setting, clip).samples).max() < 1e-3


@each_good_setting
def test_full_scale_neither_wraps_nor_fails(name, setting):
    time_s = np.arange(30_011) / 44_100
    clip = AudioClip.mono(np.sin(2 * np.pi * 997 * time_s), 44_100)
    decoded = round_trip(name, setting, clip)
    assert np.abs(decoded.samples).max() < 1.6
    assert np.corrcoef(decoded.samples[0, 5_000:-5_000], clip.samples[0, 5_000:-5_000])[0, 1] > 0.9


@each_codec
def test_nan_and_infinity_never_reach_it(name, setting):
    for value in (np.nan, np.inf):
        with pytest.raises(InvalidAudioError):
            REGISTRY.codec(name).encode(AudioClip.mono([0.0, value], 48_000), setting)


@each_setting
def test_the_same_bytes_each_time_in_threads_too(name, setting):
    codec, clip = REGISTRY.codec(name), stereo()
    first = codec.encode(clip, setting)
    with ThreadPoolExecutor(3) as pool:
        assert all(again == first for again in pool.map(lambda _: codec.encode(clip, setting), range(3)))


@each_codec
def test_the_setting_written_down_is_complete_and_checking_it_again_changes_nothing(name, setting):
    codec = REGISTRY.codec(name)
    written = codec.encode(noise(2_000), None).setting
    assert written == codec.check_setting(written) == codec.check_setting(setting)
    assert {option for option, _ in written.options} == {option.name for option in codec.info.options}


@each_codec
def test_what_it_does_not_have_is_refused(name, setting):
    codec = REGISTRY.codec(name)
    with pytest.raises(SettingError, match="colour"):
        codec.encode(noise(100), Setting.of(setting.kbps, colour="blue"))
    with pytest.raises(SettingError, match=r"kbps|bitrate"):
        codec.encode(noise(100), Setting(1e6))


@each_codec
def test_bytes_of_another_codec_or_checkpoint_are_refused(name, setting):
    codec = REGISTRY.codec(name)
    encoded = codec.encode(noise(2_000), setting)
    with pytest.raises(BitstreamError, match="another"):
        codec.decode(replace(encoded, codec="another"))
    with pytest.raises(BitstreamError, match="checkpoint"):
        codec.decode(replace(encoded, checkpoint_sha256="0" * 64))


@each_codec
def test_damaged_bytes_do_no_worse_than_a_codec_error(name, setting):
    codec, rng = REGISTRY.codec(name), np.random.default_rng(8)
    encoded = codec.encode(noise(12_000, channels=2), setting)
    refused = 0
    for attempt in range(20):
        segments = list(encoded.segments)
        which = rng.integers(len(segments))
        damaged = bytearray(segments[which])
        damaged[rng.integers(len(damaged))] ^= 0xFF
        segments[which] = bytes(damaged) if attempt % 2 else rng.bytes(len(damaged))
        try:
            decoded = codec.decode(replace(encoded, segments=tuple(segments)))
        except CodecError:
            refused += 1
        else:
            assert decoded.samples.shape == (2, 12_000)
    for segments in ((), encoded.segments[:-1], (*encoded.segments, b"more")):
        with pytest.raises(CodecError):
            codec.decode(replace(encoded, segments=segments))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Encode and decode with every codec here, and again in one fresh process; both results by codec."""
    folder = tmp_path_factory.mktemp("elsewhere")
    np.save(folder / "clip.npy", stereo().samples)
    here = {}
    for info in REGISTRY.codecs():
        if info.available:
            encoded = REGISTRY.codec(info.name).encode(stereo())
            write_ebc(folder / f"{info.name}.ebc", encoded)
            decoded = REGISTRY.codec(info.name).decode(encoded)
            here[info.name] = [hashlib.sha256(encoded.payload).hexdigest(), decoded.sha256()]
    command = [sys.executable, "-c", FRESH, str(folder), str(stereo().sample_rate_hz), *here]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return here, json.loads(done.stdout)


FRESH = """
import hashlib, json, sys
import numpy as np
from earbench_codecs.clip import AudioClip
from earbench_codecs.container import read_ebc
from earbench_codecs.registry import codec
folder, rate_hz, *names = sys.argv[1:]
found = {}
for name in names:
    decoded = codec(name).decode(read_ebc(f"{folder}/{name}.ebc"))
    encoded = codec(name).encode(AudioClip(np.load(f"{folder}/clip.npy"), int(rate_hz)))
    found[name] = [hashlib.sha256(encoded.payload).hexdigest(), decoded.sha256()]
print(json.dumps(found))
"""


@each_codec
def test_another_process_makes_the_same_bytes_and_the_same_audio_of_the_file(name, setting, elsewhere):
    here, there = elsewhere
    assert there[name] == here[name]


def test_all_built_in_codecs_are_under_contract():
    assert [info.name for info in REGISTRY.codecs()] == list(BUILT_IN)
