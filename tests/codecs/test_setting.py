"""What can be asked of a codec, and how it is written down."""

from dataclasses import replace

import numpy as np
import pytest

from earbench_codecs.base import Codec, CodecInfo, OptionInfo, Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, SettingError
from earbench_codecs.setting import checked

INFO = CodecInfo(
    name="x",
    title="X",
    kind="plugin",
    version="1",
    bitrates_kbps=(32, 64, 128),
    default=Setting(64.0),
    options=(OptionInfo("vbr", ("off", 0, 1), "", replaces_bitrate=True), OptionInfo("mode", ("a", "b"), "")),
)


def test_defaults_are_filled_in_once_and_for_all():
    full = Setting.of(64, vbr="off", mode="a")
    assert checked(INFO, Setting()) == checked(INFO, full) == full
    assert checked(INFO, Setting.of(mode="b")) == Setting.of(64, vbr="off", mode="b")


def test_a_quality_takes_the_bitrates_place():
    assert checked(INFO, Setting.of(vbr=0)) == Setting.of(None, vbr=0, mode="a")
    with pytest.raises(SettingError, match="a bitrate or vbr=1, not both"):
        checked(INFO, Setting.of(64, vbr=1))


def test_who_asks_a_mode_for_a_quality_is_told_of_the_option_that_has_it():
    with pytest.raises(SettingError, match=r"mode='vbr' is not one of: a, b; .* it takes vbr=0 to 1"):
        checked(INFO, Setting.of(mode="vbr"))
    with pytest.raises(SettingError, match=r"vbr=7 is not one of: off, 0, 1$"):
        checked(INFO, Setting.of(vbr=7))


def test_a_value_is_written_as_the_codec_has_it():
    assert [type(value) for _, value in checked(INFO, Setting.of(vbr=True)).options] == [str, int]


@pytest.mark.parametrize("kbps", [0, 31, 65, float("nan"), float("inf"), -64])
def test_bitrates_it_does_not_have_are_refused(kbps):
    with pytest.raises(SettingError):
        checked(INFO, Setting(kbps))
    if kbps != 65:
        with pytest.raises(SettingError):
            checked(replace(INFO, continuous=True), Setting(kbps))


def test_labels_leave_out_what_is_default():
    assert INFO.label(Setting.of(64, vbr="off", mode="a")) == "64"
    assert INFO.label(Setting.of(64, vbr="off", mode="b")) == "64 b"
    assert INFO.label(Setting.of(None, vbr=0, mode="a")) == "0"
    assert Setting.of(6.6).label == "6.6"


def test_json_there_and_back():
    setting = Setting.of(6.6, vbr=1, mode="b", flag=True)
    assert Setting.from_json(setting.to_json()) == setting
    assert Setting.from_json({"kbps": None}) == Setting()
    with pytest.raises(SettingError, match="must be a number"):
        Setting.from_json({"kbps": "64"})


class Pairs(Codec):
    """Codes two channels at a time, a segment for each."""

    @property
    def info(self):
        return CodecInfo("pairs", "Pairs", "plugin", "1", max_channels=2)

    def _encode(self, clip, setting):
        return [channel.tobytes() for channel in clip.samples]

    def _decode(self, segments, setting, sample_rate_hz, shape):
        return AudioClip(
            np.stack([np.frombuffer(segment, np.float32) for segment in segments]), sample_rate_hz
        )


def test_more_channels_than_it_takes_are_coded_in_groups():
    clip = AudioClip(np.random.default_rng(1).uniform(-1, 1, (5, 70)), 8_000)
    encoded = Pairs().encode(clip)
    assert len(encoded.segments) == 1 + 5
    np.testing.assert_array_equal(Pairs().decode(encoded).samples, clip.samples)
    index, *rest = encoded.segments
    for damaged in ([], [index], [index, *rest[:-1]], [index[:-1], *rest], [b"\xff" * 12, *rest]):
        with pytest.raises(BitstreamError, match="index of channel groups"):
            Pairs().decode(replace(encoded, segments=tuple(damaged)))


def test_a_decoder_that_gives_another_length_is_found_out():
    clip = AudioClip(np.zeros((2, 70), np.float32), 8_000)
    encoded = Pairs().encode(clip)
    short = tuple(segment[:-4] for segment in encoded.segments)
    with pytest.raises(BitstreamError, match=r"\(2, 69\) samples, not \(2, 70\)"):
        Pairs().decode(replace(encoded, segments=short))


def test_the_rate_it_was_coded_at_is_the_one_it_is_decoded_at():
    class Changed(Pairs):
        def native_rate_hz(self, sample_rate_hz, setting):
            return 2 * sample_rate_hz

    clip = AudioClip(np.random.default_rng(1).uniform(-1, 1, (1, 70)), 8_000)
    np.testing.assert_array_equal(Changed().decode(Pairs().encode(clip)).samples, clip.samples)
