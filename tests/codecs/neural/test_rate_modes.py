"""Constant rate and constant quality by unit, and two channels in one stream: from the bytes alone."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import weakref
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.container import read_ebc, write_ebc
from earbench_codecs.errors import BitstreamError, SettingError
from earbench_codecs.neural import segments as segments_module
from earbench_codecs.neural.checkpoint_info import read_info, rewrite
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.entropy_coding import decode_segments, encode_segments
from earbench_codecs.neural.joint_model import JointModel
from earbench_codecs.neural.rate_search import Secants
from earbench_codecs.neural.segments import SegmentCoder
from earbench_codecs.neural.stereo import with_best_channels
from earbench_codecs.neural.units import Plan, Syntax, parsed, stuffing_for, unit_of_rows
from earbench_codecs.psychoacoustics import Model1Settings, noise_to_mask
from earbench_codecs.resampling import resampled

RATE_HZ = 16_000
SYNTAXES = [
    Syntax(c, gains, gains and stuffed) for c in (1, 2) for gains, stuffed in ((0, 0), (1, 0), (1, 1))
]


@pytest.fixture(scope="module", params=["mdct-hyper", "mdct-hyper-levels"])
def codec(request, small_checkpoint, signal_of, tmp_path_factory):
    """A codec with a knob."""
    source = small_checkpoint(request.param)
    checkpoint = NeuralCodec.from_file(source)._loaded()
    coder = SegmentCoder(checkpoint.coder, checkpoint.tables.model("network"))
    knob = [(coder.bits([signal_of(32_000, RATE_HZ)], gain) / 2000, gain) for gain in (0.01, 0.1, 1.0, 10.0)]
    path = tmp_path_factory.mktemp("knob") / "hyper.safetensors"
    rewrite(source, read_info(source).model_copy(update={"knob": knob}), path)
    made = NeuralCodec.from_file(path)
    made.path = path
    return made


@pytest.fixture(scope="module")
def trained():
    """The codec that comes with the program."""
    return NeuralCodec.from_file(
        Path(str(files("earbench_assets"))) / "checkpoints/mdct-hyper-16k.safetensors"
    )


@pytest.fixture(scope="module")
def speech():
    """Four seconds at 16 kHz, [T]."""
    clip = read_clip(Path(str(files("earbench_assets"))) / "clips/speech_en_sonnet.flac")
    return resampled(clip.excerpt(1, 5), RATE_HZ).samples[0]


def middle_kbps(codec, share=0.5):
    lowest, highest = codec.info.bitrates_kbps[0], codec.info.bitrates_kbps[-1]
    return lowest + share * (highest - lowest)


def stereo(signal, *gains, delay=7):
    """Two channels of one source, one of them later and with another gain."""
    return np.stack([gains[0] * signal, gains[1] * np.roll(signal, delay)]).astype(np.float32)


def transported(codec, encoded):
    """Return the ends of units in seconds, and the bits transported up to each, by the file alone."""
    coder = codec.segment_coder(encoded.setting, encoded.n_channels)
    ends = list(coder.unit_ends_s(encoded.n_samples))
    every_codes = list(coder.codes(encoded.segments, encoded.n_samples))
    bits = []
    for segment, codes, own in zip(encoded.segments, every_codes, ends, strict=True):
        plan, coded = parsed(segment, coder.syntax, len(own))
        rows = bits_of_rows(coder, codes.reshape(-1, *codes.shape[-3:])).sum(0)
        row_s = coder._coder.config.framing.length / coder._coder.code_rows / coder.sample_rate_hz
        stuffing = 8 * np.array(plan.stuffing)
        of_units = np.bincount(unit_of_rows(len(rows), row_s), rows) + stuffing
        of_units[0] += 8 * (len(segment) - len(coded)) - stuffing.sum()
        of_units[-1] += 8 * len(segment) - of_units.sum()
        bits += of_units.tolist()
    counted = np.ones(len(bits), bool)
    if len(ends) > 1 and len(ends[-1]) == 1:  # the unit of a short last segment counts with the one before
        counted[-2] = False
    return np.concatenate(ends)[counted], np.cumsum(bits)[counted]


def bits_of_rows(coder, codes):
    """Return what codes [C, R, S, P] cost by the model, [C, R]."""
    outside, model = np.abs(codes) > 15, coder._model
    symbols = np.where(outside, 31, codes + 15)
    rows = np.zeros(codes.shape[:2])
    for place, numbers in model.passes(symbols, known=True):
        cost = 16 - np.log2(model.tables[numbers, symbols[place]])
        rows[:, place[1]] += cost.reshape(len(codes), -1).sum(1)
    for channel, row, *at in np.argwhere(outside):
        rows[channel, row] += 5 + int(abs(codes[channel, row, *at]) - 15).bit_length()
    return rows


def excess(codec, encoded):
    """Return how far bits are ahead of what is due at the ends of units, in shares of a second's bits."""
    ends_s, bits = transported(codec, encoded)
    assert bits[-1] == pytest.approx(8 * encoded.n_bytes)
    return bits / (1000 * encoded.setting.kbps) - ends_s


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("n_units", [1, 6, 8, 9])
@pytest.mark.parametrize("summed", [False, True])
def test_heads_come_back(syntax, n_units, summed):
    rng = np.random.default_rng(n_units)
    plan = Plan.plain(40_000, n_units).moved(40_000, rng.integers(-110, 110, n_units))
    stuffing = tuple(stuffing_for(bits) for bits in rng.uniform(-100, 900, n_units))
    plan = Plan(
        plan.level,
        plan.offsets if syntax.gains else (0,) * n_units,
        tuple((rng.random(n_units) < 0.5).tolist()) if syntax.n_channels == 2 else (False,) * n_units,
        stuffing if syntax.stuffing else (0,) * n_units,
        summed=summed and syntax.n_channels == 2,
    )
    segment = plan.head(syntax) + b"codes..." + plan.tail()
    assert parsed(segment, syntax, n_units) == (plan, b"codes...")
    assert len(segment) == len(Plan.plain(0, n_units).head(syntax)) + 8 + sum(plan.stuffing)


def test_a_segment_at_one_level_is_what_it_was():
    assert Plan.plain(0x1234, 6).head(Syntax()) == b"\x34\x12"


def test_gains_beyond_a_level_are_the_same_from_the_middle_of_a_segment():
    moved = Plan.plain(30_000, 3).moved(30_000, np.array([-112, 16, 112]))
    gains = np.array(moved.offsets) / 16 - moved.level / 2048
    assert np.array_equal(gains, np.array([-112, 16, 112]) / 16 - 30_000 / 2048)


@pytest.mark.parametrize("cut", [1, 5, 8])
def test_a_cut_head_is_told(cut):
    syntax = Syntax(2, gains=True, stuffing=True)
    segment = Plan.plain(7, 6).head(syntax)
    with pytest.raises(BitstreamError, match="cut"):
        parsed(segment[:cut], syntax, 6)


def test_rows_are_shared_out_evenly():
    for n_rows, row_s, n_units in ((96, 0.016, 6), (48, 1024 / 44_100, 4), (124, 0.008, 4), (3, 0.01, 1)):
        units = unit_of_rows(n_rows, row_s)
        assert units[-1] + 1 == n_units
        assert np.ptp(np.bincount(units)) <= 1


def test_secants_meet_curves_side_by_side():
    steep = np.array([0.3, 0.6, 1.2])
    search, offsets, wanted = Secants(0.5, 0.1, 3.0), np.zeros(3, np.int64), np.array([1.5, -1.0, 2.0])
    for _ in range(5):
        offsets = search.better(offsets, steep * offsets / 16, wanted)
    assert np.abs(steep * offsets / 16 - wanted).max() <= steep.max() / 16
    assert np.array_equal(search.better(offsets, np.full(3, np.nan), wanted), offsets)


def test_two_channels_in_one_stream_cost_what_they_cost_apart(codec):
    model, coder = codec.segment_coder(Setting())._model, codec._loaded().coder
    alphabet, shape = coder.alphabet, coder.code_shape
    rng = np.random.default_rng(2)
    codes = np.round(rng.laplace(0, 3, (3, 2, 5, *shape))).astype(np.int64)
    codes[:, :, :, 0] = np.clip(codes[:, :, :, 0], -15, 15)
    together = encode_segments(codes, alphabet, JointModel(model))
    apart = encode_segments(codes.reshape(6, 5, *shape), alphabet, model)
    assert sum(c.bits for c in together) == pytest.approx(sum(c.bits for c in apart))
    assert sum(len(c.data) for c in together) <= sum(len(c.data) for c in apart)
    data = [c.data for c in together]
    decoded = decode_segments(data, codes.shape[1:], alphabet, JointModel(model))
    assert np.array_equal(decoded.codes, codes)
    apart = decode_segments([one.data for one in apart], codes.shape[2:], alphabet, model)
    assert np.array_equal(decoded.tables.reshape(apart.tables.shape), apart.tables)


SIGNALS = ["speech", "half silent", "silent", "clicks", "noise", "stereo"]


def signal_called(name, signal_of, n_samples=48_000):
    """Return samples [C, T]; the 'speech' swells and has pauses."""
    rng = np.random.default_rng(8)
    swelling = signal_of(n_samples, RATE_HZ) * (np.sin(np.arange(n_samples) / 3000) > -0.5)
    clicks = np.zeros(n_samples, np.float32)
    clicks[2000::9000] = 0.8
    return {
        "speech": swelling[np.newaxis],
        "half silent": (swelling * (np.arange(n_samples) > n_samples // 2))[np.newaxis],
        "silent": np.zeros((1, n_samples), np.float32),
        "clicks": clicks[np.newaxis],
        "noise": 0.1 * rng.standard_normal((1, n_samples)).astype(np.float32),
        "stereo": stereo(swelling, 1.0, 0.5),
    }[name].astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(("kbps", "n_samples"), [(6, 49_200), (24, 60_000)])
def test_bytes_over_any_second_are_within_two_percent(trained, signal_of, name, kbps, n_samples):
    """The shorter signal ends just after a segment has begun."""
    codec, clip = trained, AudioClip(signal_called(name, signal_of, n_samples), RATE_HZ)
    encoded = codec.encode(clip, Setting.of(kbps * clip.n_channels, mode="cbr"))
    ahead = excess(codec, encoded)
    assert np.abs(ahead).max() <= 0.01
    assert encoded.bitrate_kbps == pytest.approx(encoded.setting.kbps, rel=0.01)
    assert codec.decode(encoded).samples.shape == clip.samples.shape
    if name in ("silent", "half silent"):
        coder = codec.segment_coder(encoded.setting)
        assert sum(parsed(encoded.segments[0], coder.syntax, 6)[0].stuffing) > 0


def test_a_constant_rate_is_met_between_pauses():
    """Where silence lets the gain of an average rise, attacks have theirs all the same."""
    assets = Path(str(files("earbench_assets")))
    codec = NeuralCodec.from_file(assets / "checkpoints/mdct-hyper-44k.safetensors")
    sound = read_clip(assets / "clips/castanets.flac").samples[:, :88_200]
    pause = np.zeros((1, 88_200), np.float32)
    encoded = codec.encode(
        AudioClip(np.concatenate([pause, sound, pause], 1), 44_100), Setting.of(24, mode="cbr")
    )
    assert np.abs(excess(codec, encoded)).max() <= 0.01
    assert encoded.notes == ()


@pytest.mark.parametrize("n_samples", [98_300, 102_000, 108_000, 118_000])
@pytest.mark.parametrize("kbps", [6, 24])
def test_a_constant_rate_is_met_up_to_the_end(n_samples, kbps):
    """Of the last segment, 60 samples to 0.45 s are there."""
    assets = Path(str(files("earbench_assets")))
    codec = NeuralCodec.from_file(assets / "checkpoints/mdct-hyper-44k.safetensors")
    sound = read_clip(assets / "clips/harpsichord_bach.flac").samples[:, 44_100 : 44_100 + n_samples]
    encoded = codec.encode(AudioClip(sound, 44_100), Setting.of(kbps, mode="cbr"))
    assert len(encoded.segments) == 3
    assert np.abs(excess(codec, encoded)).max() <= 0.01
    assert encoded.notes == ()


@pytest.mark.slow
def test_the_end_sounds_as_it_does_where_a_file_goes_on():
    """A short last segment has the gain of what is before it: the last 50 ms lose less than 6 dB."""
    assets = Path(str(files("earbench_assets")))
    codec = NeuralCodec.from_file(assets / "checkpoints/mdct-hyper-44k.safetensors")
    sound = read_clip(assets / "clips/harpsichord_bach.flac").samples[:, 44_100:]
    end = slice(148_176 - 2205, 148_176)  # 3.36 s, of which the last segment has 18 ms

    def snr_db(samples):
        clip = AudioClip(samples, 44_100)
        decoded = codec.decode(codec.encode(clip, Setting.of(64, mode="cbr"))).samples[:, end]
        return 10 * np.log10(np.square(sound[:, end]).sum() / np.square(decoded - sound[:, end]).sum())

    assert snr_db(sound[:, :148_176]) > snr_db(sound[:, :236_376]) - 6


@pytest.mark.slow
def test_a_constant_rate_is_met_where_an_average_one_is_not(codec, signal_of):
    clip = AudioClip(signal_called("speech", signal_of, 24_000), RATE_HZ)
    kbps = middle_kbps(codec, 0.3)
    constant, average = (codec.encode(clip, Setting.of(kbps, mode=mode)) for mode in ("cbr", "abr"))
    assert np.abs(excess(codec, constant)).max() <= 0.01
    assert np.abs(excess(codec, average)).max() > 0.03
    assert all(len(segment) % 4 == 2 for segment in average.segments)  # a level, and words: no more


@pytest.mark.slow
@pytest.mark.parametrize("nmr_db", [-3, 3])
def test_quality_is_constant_where_that_is_asked_for(trained, speech, nmr_db):
    clip = AudioClip.mono(speech, RATE_HZ)

    def ratios(encoded):
        found = noise_to_mask(speech, trained.decode(encoded).samples[0], Model1Settings(RATE_HZ))
        seconds = np.split(10 ** (found.frame_nmr_db[:248].astype(float) / 10), 4)
        return found.total_db, [10 * np.log10(part.mean()) for part in seconds]

    encoded = trained.encode(clip, Setting.of(nmr_db=nmr_db))
    total_db, constant_db = ratios(encoded)
    assert total_db == pytest.approx(nmr_db, abs=0.3)
    assert np.abs(np.array(constant_db) - nmr_db).max() < 0.7
    _, average_db = ratios(trained.encode(clip, Setting(encoded.bitrate_kbps)))
    assert np.std(constant_db) < np.std(average_db) / 1.5


@pytest.mark.slow
@pytest.mark.parametrize("nmr_db", [-6, 4])
def test_a_quality_is_met_far_from_the_usual_gain(nmr_db):
    """At 4 dB steps are many notches coarser than the coder's own."""
    assets = Path(str(files("earbench_assets")))
    music = NeuralCodec.from_file(assets / "checkpoints/mdct-hyper-44k.safetensors")
    clip = read_clip(assets / "clips/harpsichord_bach.flac").excerpt(1, 4)
    clip = AudioClip.mono(resampled(clip, 44_100).samples[0], 44_100)
    decoded = music.decode(music.encode(clip, Setting.of(nmr_db=nmr_db)))
    found = noise_to_mask(clip.samples[0], decoded.samples[0], Model1Settings(44_100))
    assert found.total_db == pytest.approx(nmr_db, abs=0.3)


def test_a_bitrate_and_a_quality_exclude_each_other(codec, signal_of):
    clip = AudioClip.mono(signal_of(8000, RATE_HZ), RATE_HZ)
    with pytest.raises(SettingError, match="not both"):
        codec.encode(clip, Setting.of(middle_kbps(codec), nmr_db=-3))
    with pytest.raises(SettingError, match="constant"):
        codec.encode(clip, Setting.of(nmr_db=-3, mode="cbr"))


@pytest.mark.parametrize("options", [{}, {"mode": "cbr"}])
@pytest.mark.parametrize("kbps", [6, 11.9])
def test_too_few_bits_for_two_channels_are_spent_on_their_sum(options, kbps):
    """Attacks on two channels take 11 kbps at least."""
    assets = Path(str(files("earbench_assets")))
    codec = NeuralCodec.from_file(assets / "checkpoints/mdct-hyper-44k.safetensors")
    sound = read_clip(assets / "clips/castanets.flac").samples[0, :120_000]
    clip = AudioClip(stereo(sound, 1.0, 0.7), 44_100)
    encoded = codec.encode(clip, Setting.of(kbps, **options))
    decoded = codec.decode(encoded).samples
    assert encoded.bitrate_kbps == pytest.approx(kbps, rel=0.01)
    if options:
        assert np.abs(excess(codec, encoded)).max() <= 0.01
    assert encoded.notes == ("two channels are coded as one, as they are below 12 kbps",)
    assert np.array_equal(decoded[0], decoded[1])
    middle = clip.samples.mean(0)
    alone = codec.decode(codec.encode(AudioClip.mono(middle, 44_100), Setting.of(kbps, **options)))
    of_sum, of_mono = (
        noise_to_mask(middle, one.samples[0], Model1Settings(44_100)).total_db
        for one in (codec.decode(encoded), alone)
    )
    assert of_sum < of_mono + (0.5 if kbps > 6 else 2)


@pytest.mark.slow
def test_one_source_on_two_channels_costs_little_more_than_on_one(trained, speech):
    """The sum of two almost equal channels is the one, amplified by √2; the difference is next to nothing."""
    coder, pair = {n: trained.segment_coder(Setting(), n) for n in (1, 2)}, np.stack([speech, 0.999 * speech])
    plain = coder[2].plans(pair)
    joined = with_best_channels(coder[2], pair, plain)
    alone = coder[1].bits([speech], 2**0.5)
    assert np.mean([joint for plan in joined for joint in plan.mid_side]) > 0.9
    assert not any(plan.summed for plan in joined)
    assert coder[2].bits([pair], plans=[joined]) < 1.1 * alone
    assert coder[2].bits([pair], plans=[plain]) > 1.5 * alone


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kbps", [8, 32])
def test_channels_of_which_one_tells_the_other_are_coded_as_one(trained, speech, sign, kbps):
    """At any rate; below 12 kbps, too, nothing is lost where one was turned over."""
    alone = trained.encode(AudioClip.mono(speech, RATE_HZ), Setting(kbps))
    pair = AudioClip(np.stack([speech, sign * speech]), RATE_HZ)
    decoded = trained.decode(trained.encode(pair, Setting(kbps))).samples
    assert np.array_equal(decoded[1], sign * decoded[0])
    of_pair, of_one = (
        np.square(one - speech).sum() for one in (decoded[0], trained.decode(alone).samples[0])
    )
    assert of_pair == pytest.approx(of_one, rel=0.1)


def test_segments_may_differ_in_how_channels_are_coded(trained, speech):
    """Equal in the first, not in the others; the bytes alone tell which."""
    right = np.where(np.arange(len(speech)) < 26_000, speech, np.roll(speech, 40))
    pair = AudioClip(np.stack([speech, right]), RATE_HZ)
    encoded = trained.encode(pair, Setting(48))
    coder = trained.segment_coder(encoded.setting, 2)
    found = [parsed(one, coder.syntax, 6)[0].summed for one in encoded.segments[:-1]]
    assert found == [True, *[False] * (len(encoded.segments) - 2)]
    decoded = trained.decode(encoded).samples
    error = np.square(decoded - pair.samples).sum(1) / np.square(pair.samples).sum(1)
    assert error.max() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("n_samples", [100, 16_000, 20_001])
def test_two_channels_keep_place_length_and_side(codec, signal_of, n_samples):
    signal = stereo(signal_of(n_samples, RATE_HZ), 1.0, 0.0)
    signal[1] = 0.3 * signal_of(n_samples, RATE_HZ, 5)
    decoded, swapped = (
        codec.decode(codec.encode(AudioClip(x, RATE_HZ), Setting(codec.info.bitrates_kbps[-1]))).samples
        for x in (signal, signal[::-1])
    )
    assert decoded.shape == swapped.shape == signal.shape
    for found, own in ((decoded, signal), (swapped, signal[::-1])):
        error = np.square(found - own).sum(1) / np.square(own).sum(1)
        assert n_samples < RATE_HZ or error.max() < 0.1  # a few milliseconds have too few bits


@pytest.mark.slow
def test_a_lost_segment_of_two_channels_costs_only_itself(codec, signal_of):
    clip = AudioClip(stereo(signal_of(40_000, RATE_HZ), 1.0, 0.6), RATE_HZ)
    encoded = codec.encode(clip, Setting(codec.info.bitrates_kbps[1]))
    assert len(encoded.segments) == 3
    whole = codec.decode(encoded).samples
    lost = codec.decode(replace(encoded, segments=(encoded.segments[0], b"", encoded.segments[2]))).samples
    hop = 15_872 - 32
    assert np.array_equal(lost[:, : hop - 32], whole[:, : hop - 32])
    assert np.array_equal(lost[:, 2 * hop :], whole[:, 2 * hop :])
    assert not lost[:, hop : 2 * hop - 32].any()


@pytest.mark.slow
def test_a_damaged_segment_of_two_channels_is_told(codec, signal_of, tmp_path):
    clip = AudioClip(stereo(signal_of(20_000, RATE_HZ), 1.0, 0.6), RATE_HZ)
    write_ebc(tmp_path / "a.ebc", codec.encode(clip, Setting(codec.info.bitrates_kbps[1])))
    data = bytearray((tmp_path / "a.ebc").read_bytes())
    data[-20] ^= 1
    (tmp_path / "b.ebc").write_bytes(data)
    with pytest.raises(BitstreamError, match="segment 2 of 2 is damaged"):
        read_ebc(tmp_path / "b.ebc")
    assert read_ebc(tmp_path / "b.ebc", conceal=True).segments[1] == b""


@pytest.mark.slow
def written_in(version, codec, clip):
    """Return a clip as an earlier version wrote it: at one gain, with codes beyond its end."""
    coder = codec.segment_coder(codec.info.default, clip.n_channels, version)
    signal = clip.samples if clip.n_channels > 1 else clip.samples[0]
    segments = tuple(coded.data for coded in coder.encode(signal))
    return replace(codec.encode(clip), codec_version=version, segments=segments)


def test_two_channels_of_the_first_version_are_read_as_they_were_written(codec, signal_of):
    """They are two streams, with an index of their segments before."""
    pair = stereo(signal_of(18_000, RATE_HZ), 1.0, 0.5)
    one = [written_in("1", codec, AudioClip.mono(channel, RATE_HZ)) for channel in pair]
    index = np.array([len(own.segments) for own in one], "<u4").tobytes()
    old = replace(one[0], n_channels=2, segments=(index, *one[0].segments, *one[1].segments))
    assert np.array_equal(
        codec.decode(old).samples, np.concatenate([codec.decode(own).samples for own in one])
    )


@pytest.mark.parametrize("n_channels", [1, 2])
def test_codes_beyond_the_end_are_read_where_they_were_written(codec, signal_of, n_channels):
    clip = AudioClip(stereo(signal_of(18_000, RATE_HZ), 1.0, 0.5)[:n_channels], RATE_HZ)
    old = written_in("2", codec, clip)
    coder = codec.segment_coder(codec.info.default, n_channels)
    now = replace(old, codec_version="3", segments=())
    signal = clip.samples if n_channels > 1 else clip.samples[0]
    now = replace(now, segments=tuple(coded.data for coded in coder.encode(signal)))
    assert old.segments[0] == now.segments[0]
    assert len(old.segments[1]) > len(now.segments[1])
    whole, cut = (codec.decode(one).samples for one in (old, now))
    close = 1e-3 * np.abs(clip.samples).max()  # how loud holes are at the end, blocks beyond it tell, too
    assert np.abs(whole - cut).max() < close
    codes, of_signal = (list(codec.code_values(one))[1] for one in (old, now))
    rows = of_signal.shape[-3]
    assert np.array_equal(codes[..., :rows, :-1, :], of_signal[..., :, :-1, :])
    with pytest.raises(BitstreamError, match="version 4"):
        codec.decode(replace(now, codec_version="4"))


ELSEWHERE = """
import hashlib, sys
from pathlib import Path
import torch
from earbench_codecs.container import read_ebc
from earbench_codecs.neural import segments
from earbench_codecs.neural.codec import NeuralCodec
torch.set_num_threads(2)
segments.TOGETHER = 3
codec = NeuralCodec.from_file(Path(sys.argv[1]))
for path in sys.argv[2:]:
    digest = hashlib.sha256()
    for codes in codec.code_values(read_ebc(path)):
        digest.update(codes.astype("<i8").tobytes())
    print(digest.hexdigest())
"""
MODES = {"cbr": {"mode": "cbr"}, "nmr": {"nmr_db": -3}, "abr": {}}


def encoded_in(codec, mode, clip):
    kbps = None if mode == "nmr" else middle_kbps(codec, 0.3)
    return codec.encode(clip, Setting.of(kbps, **MODES[mode]))


@pytest.mark.slow
def test_another_process_with_other_threads_reads_the_same_codes(codec, signal_of, tmp_path):
    pair, written, paths = stereo(signal_of(34_000, RATE_HZ), 1.0, 0.5), [], []
    for mode in MODES:
        for channels in (1, 2):
            encoded = encoded_in(codec, mode, AudioClip(pair[:channels], RATE_HZ))
            paths.append(str(tmp_path / f"{mode}-{channels}.ebc"))
            write_ebc(paths[-1], encoded)
            codes = b"".join(c.astype("<i8").tobytes() for c in codec.code_values(encoded))
            written.append(hashlib.sha256(codes).hexdigest())
    command = [sys.executable, "-c", ELSEWHERE, str(codec.path), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == written
    assert len(set(written)) == len(written)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_bytes_are_the_same_with_other_threads_and_batches(codec, signal_of, mode, monkeypatch):
    clip = AudioClip(stereo(signal_of(34_000, RATE_HZ), 1.0, 0.5), RATE_HZ)
    once = encoded_in(codec, mode, clip)
    torch.set_num_threads(2)
    monkeypatch.setattr(segments_module, "TOGETHER", 2)
    assert encoded_in(codec, mode, clip).segments == once.segments


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_codes_of_few_segments_are_held_at_a_time(codec, signal_of, mode, monkeypatch):
    """However long the signal is: this one has ten segments, of which two go side by side."""
    made, alive, coded = [], [], SegmentCoder._coded

    def counted(self, *args):
        for segment in coded(self, *args):
            made.append(weakref.ref(segment.codes))
            alive.append(sum(one() is not None for one in made))
            yield segment

    monkeypatch.setattr(SegmentCoder, "_coded", counted)
    monkeypatch.setattr(segments_module, "TOGETHER", 2)
    encoded = encoded_in(codec, mode, AudioClip.mono(signal_of(155_000, RATE_HZ), RATE_HZ))
    assert len(encoded.segments) == 10
    assert len(made) >= 20
    assert 2 <= max(alive) <= 6


def test_a_label_says_what_a_constant_quality_is(trained):
    label = trained.info.label
    assert label(Setting.of(nmr_db=-3)) == "NMR -3 dB"
    assert label(Setting.of(24, mode="cbr")) == "24 cbr"
    assert label(Setting.of(24, mode="abr")) == "24"
