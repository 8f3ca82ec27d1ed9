"""The .ebc file: what is written is read, and no damage goes unseen."""

import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.base import EncodedAudio, Setting
from earbench_codecs.container import ebc_bytes, encoded_from_bytes, read_ebc, write_ebc
from earbench_codecs.errors import AudioFileError, BitstreamError

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
)
names = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: name != "kbps")


@st.composite
def encoded_audio(draw):
    kbps = draw(st.none() | st.floats(1, 1000))
    return EncodedAudio(
        segments=tuple(draw(st.lists(st.binary(max_size=40), max_size=4))),
        codec=draw(names),
        codec_version=draw(st.text(st.characters(codec="utf-8"))),
        setting=Setting.of(kbps, **draw(st.dictionaries(names, scalars, max_size=3))),
        sample_rate_hz=draw(st.integers(1, 768_000)),
        n_channels=draw(st.integers(1, 64)),
        n_samples=draw(st.integers(1, 2**40)),
        coded_rate_hz=draw(st.none() | st.integers(1, 768_000)),
        checkpoint_sha256=draw(st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)),
        entropy_kbps=draw(st.none() | st.floats(0, 1000)),
        notes=tuple(draw(st.lists(st.text(st.characters(codec="utf-8")), max_size=2))),
    )


def example(*segments):
    return EncodedAudio(
        segments or (b"first", b"", b"third segment"), "x", "1.0", Setting.of(64, mode="vbr"), 48_000, 2, 480
    )


@given(encoded_audio())
def test_reading_gives_what_was_written(encoded):
    back = encoded_from_bytes(ebc_bytes(encoded))
    assert back == encoded
    kinds = [type(value) for _, value in encoded.setting.options]
    assert [type(value) for _, value in back.setting.options] == kinds


@given(encoded_audio(), st.data())
def test_any_flipped_bit_is_found(encoded, data):
    raw = bytearray(ebc_bytes(encoded))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BitstreamError):
        encoded_from_bytes(bytes(raw))


def test_each_flipped_bit_of_one_file_is_found():
    whole = ebc_bytes(example())
    for bit in range(8 * len(whole)):
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BitstreamError):
            encoded_from_bytes(bytes(raw))


def test_each_truncation_is_found():
    whole = ebc_bytes(example())
    for length in range(len(whole)):
        with pytest.raises(BitstreamError):
            encoded_from_bytes(whole[:length])


@given(st.binary(max_size=200))
def test_no_bytes_at_all_do_worse_than_a_bitstream_error(raw):
    for data in (raw, b"EBC1" + raw):
        with pytest.raises(BitstreamError):
            encoded_from_bytes(data)


def test_the_layout_is_the_documented_one():
    raw = ebc_bytes(example(b"abc"))
    length, crc = struct.unpack_from("<II", raw, 4)
    assert raw[:4] == b"EBC1"
    assert zlib.crc32(raw[:8] + raw[12 : 12 + length]) == crc
    header = json.loads(raw[12 : 12 + length].decode("utf-8"))
    assert header["codec"] == "x"
    assert header["codec_version"] == "1.0"
    assert header["setting"] == {"kbps": 64.0, "mode": "vbr"}
    assert (header["sample_rate_hz"], header["channels"], header["n_samples"]) == (48_000, 2, 480)
    assert header["checkpoint_sha256"] is None
    place = struct.pack("<II", 0, 3)
    assert raw[12 + length :] == struct.pack("<II", 3, zlib.crc32(place + b"abc")) + b"abc"


def test_the_message_says_which():
    whole = ebc_bytes(example())
    with pytest.raises(BitstreamError, match=r"not an \.ebc file"):
        encoded_from_bytes(b"RIFF" + whole[4:])
    with pytest.raises(BitstreamError, match=r"version 2 of the \.ebc format"):
        encoded_from_bytes(b"EBC2" + whole[4:])
    with pytest.raises(BitstreamError, match="cut off within the header"):
        encoded_from_bytes(whole[:30])
    with pytest.raises(BitstreamError, match="segment 3 of 3 is damaged or cut off"):
        encoded_from_bytes(whole[:-1])
    with pytest.raises(BitstreamError, match="cut off before segment 3 of 3"):
        encoded_from_bytes(whole[: -len(b"third segment") - 1])
    with pytest.raises(BitstreamError, match="segment 1 of 3 is damaged"):
        encoded_from_bytes(whole.replace(b"first", b"fIrst"))
    with pytest.raises(BitstreamError, match="3 bytes too long"):
        encoded_from_bytes(whole + b"abc")


def test_exchanged_segments_are_found():
    one, two = ebc_bytes(example(b"aaa", b"bbb")), ebc_bytes(example(b"bbb", b"aaa"))
    start = len(one) - 2 * 11
    assert one[:start] == two[:start]
    swapped = one[:start] + one[start + 11 :] + one[start : start + 11]
    with pytest.raises(BitstreamError, match="segment 1"):
        encoded_from_bytes(swapped)


def with_header(**changes):
    raw = ebc_bytes(example(b"abc"))
    length = struct.unpack_from("<I", raw, 4)[0]
    header = json.loads(raw[12 : 12 + length]) | changes
    text = json.dumps(header).encode()
    start = b"EBC1" + struct.pack("<I", len(text))
    return start + struct.pack("<I", zlib.crc32(start + text)) + text + raw[12 + length :]


def test_a_later_version_may_add_keys():
    assert encoded_from_bytes(with_header(colour="blue")) == example(b"abc")


@pytest.mark.parametrize(
    "changes",
    [
        {"n_samples": 0},
        {"n_samples": "9"},
        {"channels": -1},
        {"setting": {"kbps": "64"}},
        {"setting": 7},
        {"n_segments": 2},
        {"n_segment_bytes": 9},
        {"codec": None},
    ],
)
def test_a_header_that_makes_no_sense_is_refused(changes):
    with pytest.raises(BitstreamError):
        encoded_from_bytes(with_header(**changes))


def test_files_are_named_in_errors_and_written_whole(tmp_path):
    path = tmp_path / "x.ebc"
    assert write_ebc(path, example()) == path.stat().st_size
    assert read_ebc(path) == example()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BitstreamError, match=r"x\.ebc"):
        read_ebc(path)
    with pytest.raises(AudioFileError, match="cannot be read"):
        read_ebc(tmp_path / "gone.ebc")
    with pytest.raises(AudioFileError, match="cannot be written"):
        write_ebc(tmp_path / "no" / "x.ebc", example())
    assert [p.name for p in tmp_path.iterdir()] == ["x.ebc"]
