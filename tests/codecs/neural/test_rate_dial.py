"""What is heard while a bitrate is chosen is what the bytes at that rate decode to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.neural.checkpoint_info import read_info, rewrite
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.rate_dial import RateDial, dial_of
from earbench_codecs.neural.segments import SegmentCoder
from earbench_codecs.registry import codec as codec_called

RATE_HZ = 16_000


@pytest.fixture
def codec(small_checkpoint, signal_of, tmp_path):
    """A small coder that takes any rate."""
    path = small_checkpoint("mdct-hyper")
    checkpoint = NeuralCodec.from_file(path)._loaded()
    coder = SegmentCoder(checkpoint.coder, checkpoint.tables.model("network"))
    knob = [(coder.bits([signal_of(32_000, RATE_HZ)], gain) / 2000, gain) for gain in (0.01, 0.1, 1, 10, 100)]
    dialled = tmp_path / "hyper.safetensors"
    rewrite(path, read_info(path).model_copy(update={"knob": knob}), dialled)
    return NeuralCodec.from_file(dialled)


def excerpt(signal_of, n_channels: int, rate_hz: int = RATE_HZ) -> AudioClip:
    signals = [signal_of(round(1.7 * rate_hz), rate_hz, seed) for seed in range(2, 2 + n_channels)]
    return AudioClip(np.stack(signals), rate_hz)


def middle_kbps(codec: NeuralCodec) -> float:
    return float(np.sqrt(min(codec.info.bitrates_kbps) * max(codec.info.bitrates_kbps)))


@pytest.mark.slow
@pytest.mark.parametrize(("n_channels", "rate_hz"), [(1, 16_000), (1, 44_100), (2, 16_000)])
def test_what_is_heard_is_what_the_bytes_decode_to(codec, signal_of, n_channels, rate_hz):
    clip = excerpt(signal_of, n_channels, rate_hz)
    kbps = middle_kbps(codec)
    encoded = codec.encode(clip, Setting.of(kbps))
    dial = dial_of(codec, clip, encoded.setting)
    plans = dial.plans(kbps)
    same = replace(encoded, segments=tuple(dial.segments(plans)))
    np.testing.assert_array_equal(dial.heard(plans).samples, codec.decode(same).samples)


@pytest.mark.slow
def test_rates_are_met_once_a_few_gains_were_measured(codec, signal_of):
    clip = excerpt(signal_of, 1)
    dial = dial_of(codec, clip, codec.check_setting(None))
    n_measured = 1
    while dial.learn():
        n_measured += 1
    assert 3 < n_measured < 16
    for kbps in np.geomspace(min(codec.info.bitrates_kbps), max(codec.info.bitrates_kbps), 7):
        n_bytes = sum(map(len, dial.segments(dial.plans(float(kbps)))))
        # of a coder without training, whose table has few entries; a trained one is within 2 %
        assert 8 * n_bytes / clip.duration_s / 1000 == pytest.approx(kbps, rel=0.12)


@pytest.mark.slow
def test_a_dial_of_two_channels_has_their_sum_alone_below_what_both_take(signal_of):
    codec = codec_called("mdct-hyper-16k")
    clip = excerpt(signal_of, 2)
    dial = dial_of(codec, clip, codec.check_setting(None))
    while dial.learn():
        pass
    for kbps in (7, 11, 13, 32):
        plans = dial.plans(kbps)
        assert {plan.summed for plan in plans} == {kbps < 12}
        n_bytes = sum(map(len, dial.segments(plans)))
        assert 8 * n_bytes / clip.duration_s / 1000 == pytest.approx(kbps, rel=0.08)
        left, right = dial.heard(plans).samples
        assert np.array_equal(left, right) == (kbps < 12)


@pytest.mark.slow
def test_without_learning_a_rate_is_guessed_from_one_measurement(codec, signal_of):
    clip = excerpt(signal_of, 1)
    quieter = clip.with_samples(clip.samples * np.float32(0.01))
    kbps = middle_kbps(codec)
    dial = dial_of(codec, quieter, codec.check_setting(None))
    n_bytes = sum(map(len, dial.segments(dial.plans(kbps))))
    assert 8 * n_bytes / clip.duration_s / 1000 == pytest.approx(kbps, rel=0.3)


@pytest.mark.parametrize("options", [{"mode": "cbr"}, {"nmr_db": -6}])
def test_a_codec_whose_gain_changes_within_a_file_has_no_dial(codec, signal_of, options):
    kbps = None if "nmr_db" in options else middle_kbps(codec)
    setting = codec.check_setting(Setting.of(kbps, **options))
    assert dial_of(codec, excerpt(signal_of, 1), setting) is None
    assert isinstance(dial_of(codec, excerpt(signal_of, 1), codec.check_setting(None)), RateDial)


def test_a_codec_that_is_no_network_has_no_dial(signal_of):
    opus = codec_called("opus")
    assert dial_of(opus, excerpt(signal_of, 1), Setting.of(24)) is None
