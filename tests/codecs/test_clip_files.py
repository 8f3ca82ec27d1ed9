"""Audio files in and out: exact samples, gapless trimming, plain errors, no half files."""

import os
import wave
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import audio_files, read_clip, write_wav
from earbench_codecs.errors import AudioFileError


def noise(n=5_003, channels=2, rate=44_100):
    return AudioClip(np.random.default_rng(1).uniform(-0.9, 0.9, (channels, n)), rate)


def encode_with_ffmpeg(path, clip, codec):
    """Write with a muxer that notes priming and padding, independently of Earbench's codecs."""
    layout = "stereo" if clip.n_channels == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=clip.sample_rate_hz, layout=layout)
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(clip.samples, format="fltp", layout=layout)
        frame.sample_rate = clip.sample_rate_hz
        pieces = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=clip.sample_rate_hz,
            frame_size=stream.codec_context.frame_size,
        )
        position = 0
        for piece in [*pieces.resample(frame), *pieces.resample(None)]:
            piece.pts, piece.time_base = position, Fraction(1, clip.sample_rate_hz)
            position += piece.samples
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def lag(reference, other):
    size = 2 * max(len(reference), len(other))
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(reference, size))
    peak = int(np.argmax(np.fft.irfft(product, size)))
    return peak if peak < size // 2 else peak - size


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_float_wav_keeps_every_bit_even_over_full_scale(tmp_path, channels):
    clip = AudioClip(3 * noise(channels=channels).samples, 44_100)
    write_wav(tmp_path / "x.wav", clip)
    back, rate = soundfile.read(tmp_path / "x.wav", dtype="float32", always_2d=True)
    np.testing.assert_array_equal(back.T, clip.samples)
    assert rate == 44_100
    assert read_clip(tmp_path / "x.wav").sha256() == clip.sha256()


@pytest.mark.parametrize(("subtype", "bits"), [("16", 16), ("24", 24)])
def test_integer_wav_is_rounded_to_the_nearest_step(tmp_path, subtype, bits):
    clip = noise(n=501, channels=1)
    write_wav(tmp_path / "x.wav", clip, subtype)
    with wave.open(str(tmp_path / "x.wav")) as file:  # the standard library's own parser
        assert (file.getsampwidth(), file.getframerate(), file.getnframes()) == (bits // 8, 44_100, 501)
        raw = file.readframes(501)
    steps = [
        int.from_bytes(raw[i : i + bits // 8], "little", signed=True) for i in range(0, len(raw), bits // 8)
    ]
    np.testing.assert_array_equal(steps, np.rint(clip.samples[0].astype(float) * 2 ** (bits - 1)))
    np.testing.assert_array_equal(
        read_clip(tmp_path / "x.wav").samples[0], np.float32(np.array(steps) / 2 ** (bits - 1))
    )


def test_an_integer_wav_does_not_clip_unasked(tmp_path):
    loud = AudioClip.mono([0.0, 1.2, -1.2], 8_000)
    with pytest.raises(AudioFileError, match=r"1\.200.*float"):
        write_wav(tmp_path / "x.wav", loud, "16")
    assert list(tmp_path.iterdir()) == []
    write_wav(tmp_path / "x.wav", loud, "16", overload="clip")
    assert read_clip(tmp_path / "x.wav").samples[0].tolist() == [0.0, 32767 / 32768, -1.0]


def test_exactly_full_scale_fits_an_integer_wav(tmp_path):
    write_wav(tmp_path / "x.wav", AudioClip.mono([1.0, -1.0], 8_000), "24")
    assert np.abs(read_clip(tmp_path / "x.wav").samples).max() == 1.0


def test_equal_clips_make_equal_files(tmp_path):
    write_wav(tmp_path / "a.wav", noise())
    os.utime(tmp_path / "a.wav", (0, 0))
    write_wav(tmp_path / "b.wav", noise())
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_failed_write_leaves_the_older_file(tmp_path, monkeypatch):
    write_wav(tmp_path / "x.wav", noise(n=10))
    before = (tmp_path / "x.wav").read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AudioFileError, match="No space left"):
        write_wav(tmp_path / "x.wav", noise(n=20))
    assert (tmp_path / "x.wav").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.wav"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(AudioFileError, match="cannot be written"):
        write_wav(tmp_path / "no" / "x.wav", noise(n=10))


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [(".flac", "PCM_24"), (".aiff", "PCM_24"), (".au", "FLOAT"), (".caf", "PCM_24"), (".w64", "FLOAT")],
)
def test_lossless_formats_read_back_exactly(tmp_path, suffix, subtype):
    steps = np.random.default_rng(2).integers(-(2**23), 2**23, (700, 2))
    path = tmp_path / f"x{suffix}"
    soundfile.write(
        path, steps / 2**23, 48_000, subtype=subtype, format=None if suffix != ".aiff" else "AIFF"
    )
    clip = read_clip(path)
    np.testing.assert_array_equal(clip.samples, (steps / 2**23).T.astype(np.float32))
    assert clip.sample_rate_hz == 48_000


@pytest.mark.parametrize("name", ["x.mp3", "x.opus", "x.m4a", "x.mka"])
@pytest.mark.parametrize("channels", [1, 2])
def test_priming_is_cut_where_the_file_tells_of_it(tmp_path, name, channels):
    codec = {".mp3": "libmp3lame", ".opus": "libopus", ".m4a": "aac", ".mka": "libopus"}[name[1:]]
    white = noise(n=50_021, channels=channels).samples
    clip = AudioClip(0.2 * (white + np.roll(white, 1, axis=1) + np.roll(white, 2, axis=1)), 48_000)
    encode_with_ffmpeg(tmp_path / name, clip, codec)
    back = read_clip(tmp_path / name)
    assert (back.n_channels, back.sample_rate_hz) == (channels, 48_000)
    assert lag(clip.samples[0], back.samples[0]) == 0
    padding = 1_024 if name.endswith("m4a") else 0  # an edit list is in whole milliseconds: its end is kept
    assert 0 <= back.n_samples - clip.n_samples <= padding


def test_a_wrong_ending_does_not_matter(tmp_path):
    encode_with_ffmpeg(tmp_path / "x.m4a", noise(rate=48_000), "aac")
    (tmp_path / "x.m4a").rename(tmp_path / "x.wav")
    assert read_clip(tmp_path / "x.wav").sample_rate_hz == 48_000


def test_what_is_no_audio_is_refused_by_name(tmp_path):
    (tmp_path / "x.wav").write_bytes(b"not audio at all" * 50)
    with pytest.raises(AudioFileError, match=r"x\.wav: it is not audio"):
        read_clip(tmp_path / "x.wav")
    with pytest.raises(AudioFileError, match="no such file"):
        read_clip(tmp_path / "y.wav")


def test_an_empty_file_of_audio_is_refused(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 1)), 8_000)
    with pytest.raises(AudioFileError, match="no audio"):
        read_clip(tmp_path / "x.wav")


def test_nan_in_a_file_is_refused_with_its_name(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.array([0.0, np.nan]), 8_000, subtype="FLOAT")
    with pytest.raises(AudioFileError, match=r"x\.wav.*NaN"):
        read_clip(tmp_path / "x.wav")


def test_a_cut_flac_is_refused(tmp_path):
    soundfile.write(tmp_path / "x.flac", noise(n=40_000).samples.T, 44_100)
    data = (tmp_path / "x.flac").read_bytes()
    (tmp_path / "x.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioFileError, match="damaged"):
        read_clip(tmp_path / "x.flac")


@pytest.mark.parametrize("format_", ["WAV", "AIFF"])
def test_a_cut_file_of_pcm_is_refused(tmp_path, format_):
    soundfile.write(tmp_path / "x", noise(n=4_000).samples.T, 44_100, format=format_)
    data = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioFileError, match="cut off"):
        read_clip(tmp_path / "x")


def test_a_wav_from_a_pipe_is_whole(tmp_path):
    write_wav(tmp_path / "x.wav", noise(n=100))
    data = bytearray((tmp_path / "x.wav").read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff" * 4
    (tmp_path / "x.wav").write_bytes(data)
    np.testing.assert_array_equal(read_clip(tmp_path / "x.wav").samples, noise(n=100).samples)


def test_folders_expand_in_natural_order(tmp_path):
    for name in ["b/clip10.wav", "b/clip2.WAV", "a/x.flac", "b/notes.txt", "b/._clip2.wav", ".trash/y.wav"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    outright = tmp_path / "b" / "notes.txt"
    found = audio_files([outright, tmp_path, tmp_path / "a" / "x.flac"])
    names = [str(path.relative_to(tmp_path)) for path in found]
    assert names == ["b/notes.txt", "a/x.flac", "b/clip2.WAV", "b/clip10.wav"]
    with pytest.raises(AudioFileError, match="no such file or folder"):
        audio_files([tmp_path / "gone"])
