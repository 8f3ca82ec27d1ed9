"""AMR-WB: real storage-format bytes, nine modes, aligned, and plain words where the library is missing."""

from dataclasses import replace
from io import BytesIO

import av
import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, CodecUnavailableError, SettingError
from earbench_codecs.reference import amr_wb
from earbench_codecs.reference.amr_wb import MODES_KBPS, AmrWb

needs_library = pytest.mark.skipif(not AmrWb().info.available, reason=AmrWb().info.reason)


def noise(n_samples=16_000, channels=1, rate=16_000):
    white = np.random.default_rng(5).standard_normal((channels, n_samples))
    return AudioClip(0.1 * white, rate)


def lag(reference, other):
    size = 2 * len(reference)
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(reference, size))
    peak = int(np.argmax(np.fft.irfft(product, size)))
    return peak if peak < size // 2 else peak - size


@needs_library
@pytest.mark.parametrize("kbps", MODES_KBPS)
def test_each_mode_is_aligned_to_the_sample(kbps):
    clip = noise()
    decoded = AmrWb().decode(AmrWb().encode(clip, Setting(kbps)))
    assert lag(clip.samples[0], decoded.samples[0]) == 0


@needs_library
def test_a_click_train_comes_back_where_it_was():
    clicks = np.zeros(16_000)
    clicks[777::1_601] = 0.9
    decoded = AmrWb().decode(AmrWb().encode(AudioClip.mono(clicks, 16_000), Setting(23.85)))
    assert lag(clicks, decoded.samples[0]) == 0


@needs_library
@pytest.mark.parametrize(("kbps", "frame_bytes"), [(6.6, 18), (12.65, 33), (15.85, 41), (23.85, 61)])
def test_the_payload_is_a_file_any_amr_reader_takes(kbps, frame_bytes):
    payload = AmrWb().encode(noise(), Setting(kbps)).payload
    n_frames = 51  # one second and the delay
    assert len(payload) == len(b"#!AMR-WB\n") + n_frames * frame_bytes
    with av.open(BytesIO(payload)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.codec_context.sample_rate) == ("amrwb", 16_000)
        assert sum(frame.samples for frame in container.decode(stream)) == n_frames * 320


@needs_library
def test_the_tail_is_there():
    clip = AudioClip.mono(np.concatenate([np.zeros(15_000), noise(1_000).samples[0]]), 16_000)
    out = AmrWb().decode(AmrWb().encode(clip, Setting(23.85))).samples[0]
    assert np.sqrt(np.mean(out[-80:] ** 2)) > 0.03  # the last 5 ms, where the delay would have cut


@needs_library
def test_stereo_is_two_streams_and_that_is_said():
    clip = noise(channels=2)
    encoded = AmrWb().encode(clip, Setting(12.65))
    assert "2 channels coded as 2 streams" in encoded.notes[0]
    mono = AmrWb().encode(AudioClip(clip.samples[1:], 16_000), Setting(12.65))
    assert encoded.segments[2] == mono.segments[0]
    assert AmrWb().decode(encoded).samples.shape == clip.samples.shape


@needs_library
def test_other_rates_are_resampled_and_that_is_said():
    encoded = AmrWb().encode(noise(rate=44_100))
    assert encoded.coded_rate_hz == 16_000
    assert "resampled from 44100 to 16000 Hz" in encoded.notes[0]


@needs_library
def test_a_mode_it_lacks_is_refused_with_those_it_has():
    with pytest.raises(SettingError, match=r"no mode at 13 kbps; it has: 6\.6, 8\.85"):
        AmrWb().encode(noise(), Setting(13))


@needs_library
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="a byte short"),
        pytest.param(lambda data: data[:-33], id="a frame short"),
        pytest.param(lambda data: b"?" + data[1:], id="wrong magic"),
        pytest.param(lambda data: b"", id="nothing"),
        pytest.param(lambda data: data[:42] + b"\xff" + data[43:], id="wrong mode"),
    ],
)
def test_damaged_bytes_are_refused(damage):
    encoded = AmrWb().encode(noise())
    with pytest.raises(BitstreamError):
        AmrWb().decode(replace(encoded, segments=(damage(encoded.payload),)))


@pytest.fixture
def library_is_missing(monkeypatch):
    monkeypatch.setattr(amr_wb, "_LIBRARY_NAMES", ("libno-such-library.so.0",))


def test_without_the_library_the_reason_has_the_install_command(library_is_missing, monkeypatch):
    monkeypatch.setattr(amr_wb.shutil, "which", lambda program: program == "apt-get" or None)
    info = AmrWb().info
    assert not info.available
    assert "sudo apt-get install libvo-amrwbenc0" in info.reason
    with pytest.raises(CodecUnavailableError, match=r"amr-wb is not available: .*apt-get install"):
        AmrWb().encode(noise())


def test_on_another_system_the_reason_has_its_command(library_is_missing, monkeypatch):
    monkeypatch.setattr(amr_wb.shutil, "which", lambda program: program == "brew" or None)
    assert "brew install vo-amrwbenc" in AmrWb().info.reason


@needs_library
def test_decoding_needs_no_library(monkeypatch):
    encoded = AmrWb().encode(noise())
    whole = AmrWb().decode(encoded)
    monkeypatch.setattr(amr_wb, "_LIBRARY_NAMES", ())
    np.testing.assert_array_equal(AmrWb().decode(encoded).samples, whole.samples)
