"""Neural codecs make files: real bytes near their estimate, exact lengths, the same codes elsewhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.container import ebc_bytes, encoded_from_bytes, write_ebc
from earbench_codecs.errors import BitstreamError, CodecUnavailableError, SettingError
from earbench_codecs.neural import segments
from earbench_codecs.neural.codec import ARCHITECTURES, NeuralCodec, UntrainedCodec
from earbench_codecs.neural.coder import Alphabet, Coder, CoderConfig
from earbench_codecs.neural.entropy_coding import StaticModel, decode_codes, frequencies
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.segments import SegmentCoder

each = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture
def codec_of(small_checkpoint):
    return lambda architecture: NeuralCodec.from_file(small_checkpoint(architecture))


def clip_of(signal_of, codec, seconds, channels=1, rate_hz=None):
    rate_hz = rate_hz or codec.info.sample_rates_hz[0]
    n = round(seconds * rate_hz)
    return AudioClip(np.stack([signal_of(n, rate_hz, seed) for seed in range(1, channels + 1)]), rate_hz)


@each
@pytest.mark.parametrize("entropy", ["context", "static"])
def test_bytes_are_within_2_percent_of_the_estimate(codec_of, signal_of, architecture, entropy):
    codec = codec_of(architecture)
    clip = clip_of(signal_of, codec, 10)
    encoded = codec.encode(clip, Setting.of(entropy=entropy))
    assert 1 <= encoded.bitrate_kbps / encoded.entropy_kbps < 1.02
    assert encoded_from_bytes(ebc_bytes(encoded)) == encoded


@each
def test_a_file_decodes_to_what_the_network_makes_of_the_whole_signal(codec_of, signal_of, architecture):
    """An independent way: all frames at once, no bytes, no segments."""
    codec = codec_of(architecture)
    coder = load_checkpoint_of(codec).coder
    clip = clip_of(signal_of, codec, 2.3)
    signal = torch.from_numpy(clip.samples[0].copy())
    level = {"none": 1.0, "peak": float(signal.abs().max()), "std": float(signal.std()) * coder.config.crest}
    framing = coder.config.framing
    with torch.inference_mode():
        frames = framing.split(signal / level[coder.config.level]).unsqueeze(1)
        whole = framing.join(coder.decode(coder.encode(frames)).squeeze(1), clip.n_samples)
    expected = whole.numpy() * level[coder.config.level]
    error = codec.decode(codec.encode(clip)).samples[0] - expected
    # The level is sent in steps of 0.003 dB, which moves a few codes to a neighbour.
    assert np.sqrt((error**2).mean()) < 0.03 * np.sqrt((expected**2).mean())


def load_checkpoint_of(codec):
    return codec._loaded()


@each
@pytest.mark.parametrize(
    ("n_samples", "rate_hz", "channels"), [(1, 48_000, 1), (100, 16_000, 2), (9_973, 44_100, 1)]
)
def test_any_length_rate_and_channels(codec_of, signal_of, architecture, n_samples, rate_hz, channels):
    codec = codec_of(architecture)
    clip = clip_of(signal_of, codec, n_samples / rate_hz, channels, rate_hz)
    decoded = codec.decode(codec.encode(clip))
    assert (decoded.samples.shape, decoded.sample_rate_hz) == (clip.samples.shape, rate_hz)


@each
def test_silence_stays_silent(codec_of, architecture):
    codec = codec_of(architecture)
    clip = AudioClip(np.zeros((1, 20_011), np.float32), codec.info.sample_rates_hz[0])
    decoded = codec.decode(codec.encode(clip)).samples
    if load_checkpoint_of(codec).coder.config.level != "none":
        assert np.abs(decoded).max() < 1e-3
    assert np.isfinite(decoded).all()


@each
def test_a_lost_segment_costs_only_itself(codec_of, signal_of, architecture):
    codec = codec_of(architecture)
    coder = load_checkpoint_of(codec).coder
    encoded = codec.encode(clip_of(signal_of, codec, 3.4))
    assert len(encoded.segments) == 4
    whole = codec.decode(encoded).samples[0]
    lost = replace(encoded, segments=(encoded.segments[0], b"", *encoded.segments[2:]))
    found = codec.decode(lost).samples[0]
    n = SegmentCoder(coder, None).n_frames
    hop, overlap = coder.config.framing.hop, coder.config.framing.overlap
    start, end = n * hop - overlap, 2 * n * hop
    assert np.array_equal(found[:start], whole[:start])
    assert np.array_equal(found[end:], whole[end:])
    assert not np.array_equal(found[start:end], whole[start:end])


@each
def test_each_channel_is_coded_alone(codec_of, signal_of, architecture):
    codec = codec_of(architecture)
    clip = clip_of(signal_of, codec, 0.4, channels=3)
    together = codec.decode(codec.encode(clip)).samples
    for own, channel in zip(together, clip.samples, strict=True):
        alone = codec.decode(codec.encode(clip.with_samples(channel[np.newaxis]))).samples[0]
        assert np.array_equal(own, alone)


def test_threads_share_a_codec(codec_of, signal_of):
    codec = codec_of("resglu")
    clip = clip_of(signal_of, codec, 1)
    first = codec.encode(clip)
    with ThreadPoolExecutor(3) as pool:
        assert all(again == first for again in pool.map(lambda _: codec.encode(clip), range(6)))


ELSEWHERE = """
import hashlib, sys
from pathlib import Path
import torch
from earbench_codecs.container import read_ebc
from earbench_codecs.neural import segments
from earbench_codecs.neural.codec import NeuralCodec
threads, together, checkpoint, file = sys.argv[1:]
torch.set_num_threads(int(threads))
segments.TOGETHER = int(together)
codec, encoded, digest = NeuralCodec.from_file(Path(checkpoint)), read_ebc(file), hashlib.sha256()
for codes in codec.code_values(encoded):
    digest.update(codes.astype("<i8").tobytes())
print(digest.hexdigest())
print(hashlib.sha256(codec.decode(encoded).samples.tobytes()).hexdigest())
"""


@pytest.mark.parametrize(
    ("architecture", "threads", "together"),
    [
        pytest.param("pam-nac", 1, 2, marks=pytest.mark.slow),
        ("koishekenov", 2, 3),
    ],
)
def test_another_process_reads_the_codes_that_were_written(
    small_checkpoint, signal_of, tmp_path, architecture, threads, together
):
    """With another number of threads, and of segments side by side: the very integers of the encoder."""
    path = small_checkpoint(architecture)
    codec = NeuralCodec.from_file(path)
    clip, coder = clip_of(signal_of, codec, 4.7), load_checkpoint_of(codec).coder
    encoded = codec.encode(clip)
    write_ebc(tmp_path / "a.ebc", encoded)
    written, encode = [], coder.encode
    coder.encode = lambda frames: written.append(encode(frames)) or written[-1]
    assert codec.encode(clip) == encoded
    expected = hashlib.sha256(b"".join(codes.numpy().astype("<i8").tobytes() for codes in written))
    command = [sys.executable, "-c", ELSEWHERE, str(threads), str(together), path, tmp_path / "a.ebc"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    codes, samples = done.stdout.split()
    assert codes == expected.hexdigest()
    assert samples == hashlib.sha256(codec.decode(encoded).samples.tobytes()).hexdigest()


@each
@pytest.mark.parametrize(("threads", "together"), [(1, 1), (2, 2), (2, 16)])
def test_neither_threads_nor_segments_side_by_side_change_a_byte(
    codec_of, signal_of, monkeypatch, architecture, threads, together
):
    codec = codec_of(architecture)
    clip = clip_of(signal_of, codec, 3.2)
    encoded = codec.encode(clip)
    decoded = codec.decode(encoded).samples
    monkeypatch.setattr(segments, "TOGETHER", together)
    torch.set_num_threads(threads)
    assert codec.encode(clip).segments == encoded.segments
    assert np.array_equal(codec.decode(encoded).samples, decoded)
    assert torch.get_num_threads() == threads
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == threads


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@each
def test_a_gpu_reads_the_codes_that_a_processor_wrote_and_the_other_way_round(
    small_checkpoint, signal_of, architecture
):
    """Codes are integers on both; what the networks make of them differs by rounding alone."""
    codecs = [NeuralCodec.from_file(small_checkpoint(architecture)) for _ in range(2)]
    load_checkpoint_of(codecs[1]).coder.to("cuda")
    clip = clip_of(signal_of, codecs[0], 2.3)
    for writer in codecs:
        encoded = writer.encode(clip)
        read = [np.concatenate([*reader.code_values(encoded)]) for reader in codecs]
        assert np.array_equal(*read)
        one, other = (reader.decode(encoded).samples for reader in codecs)
        assert np.abs(one - other).max() < 0.01 * np.abs(one).max()  # TF32 has 10 bits of mantissa


def test_another_checkpoint_does_not_decode(small_checkpoint, codec_of, signal_of):
    codec = codec_of("resglu")
    encoded = codec.encode(clip_of(signal_of, codec, 0.2))
    with pytest.raises(BitstreamError, match=r"made .*resglu-test"):
        codec_of("pam-nac").decode(encoded)
    with pytest.raises(BitstreamError, match="checkpoint"):
        codec.decode(replace(encoded, checkpoint_sha256="0" * 64))
    renamed = NeuralCodec.from_file(small_checkpoint("resglu"), "mine")
    assert np.array_equal(renamed.decode(encoded).samples, codec.decode(encoded).samples)


def test_damage_does_no_worse_than_a_bitstream_error(codec_of, signal_of):
    codec, rng = codec_of("koishekenov"), np.random.default_rng(8)
    encoded = codec.encode(clip_of(signal_of, codec, 1.2))
    for _ in range(10):
        noise = tuple(rng.bytes(len(segment)) for segment in encoded.segments)
        try:
            decoded = codec.decode(replace(encoded, segments=noise))
        except BitstreamError:
            continue
        assert decoded.n_samples == encoded.n_samples
    for wrong in ((), encoded.segments[:-1], (*encoded.segments, b"more"), (b"\0", b"\0")):
        with pytest.raises(BitstreamError):
            codec.decode(replace(encoded, segments=wrong))


def test_a_rate_it_does_not_have_is_refused(codec_of, signal_of):
    codec = codec_of("resglu")
    with pytest.raises(SettingError, match="16"):
        codec.encode(clip_of(signal_of, codec, 0.1), Setting(48))


def test_an_untrained_network_says_how_to_train_it_and_takes_a_checkpoint(small_checkpoint, signal_of):
    codec = UntrainedCodec("resglu")
    clip = clip_of(signal_of, codec, 0.1, rate_hz=32_000)
    with pytest.raises(CodecUnavailableError, match="earbench train resglu-64"):
        codec.encode(clip)
    trained = codec.with_checkpoint(small_checkpoint("resglu"))
    assert trained.decode(trained.encode(clip)).n_samples == clip.n_samples


class PassThrough(Coder):
    """Sixteen bits of each sample, no network: what is left is framing, level, segments and bytes."""

    architecture = "pass"
    config_type = CoderConfig

    def __init__(self, config):
        super().__init__(config)
        self.scale = torch.nn.Parameter(torch.tensor(32_000.0))

    alphabet = Alphabet(-32_768, -1, escape=True)
    code_shape = (1, 512)

    def forward(self, frames):
        raise NotImplementedError

    def encode(self, frames):
        return (frames * self.scale).round().long() - 16_384

    def decode(self, codes):
        return (codes + 16_384) / self.scale


@pytest.mark.parametrize(
    "framing", [Framing(), Framing(side="synthesis"), Framing(ramp="half-sine", side="both")]
)
@pytest.mark.parametrize("level", ["none", "peak", "std"])
def test_without_a_network_the_signal_comes_back(signal_of, framing, level):
    """To half of what 16 bits resolve, wherever segments meet."""
    config = CoderConfig(sample_rate_hz=8000, framing=framing, level=level, crest=6.0)
    coder = SegmentCoder(PassThrough(config), StaticModel(frequencies(np.ones((1, 32_767), np.int64))))
    coder._coder.alphabet = Alphabet(-32_768, -3, escape=True)
    signal = signal_of(20_000, 8000)
    decoded = coder.decode([coded.data for coded in coder.encode(signal)], 20_000)
    assert np.abs(decoded - signal).max() < 2e-4


def test_what_stands_still_has_the_level_of_what_swings_as_far():
    config = CoderConfig(sample_rate_hz=8000, level="std", crest=6.0)
    coder = SegmentCoder(PassThrough(config), StaticModel(frequencies(np.ones((1, 32_767), np.int64))))
    still = np.full(1000, 0.25, np.float32)
    swinging = still * np.resize(np.float32([1, -1]), 1000)
    assert coder.level_number(still) == coder.level_number(-still[:1]) == coder.level_number(swinging)


def test_memory_does_not_grow_with_length(codec_of, signal_of, monkeypatch):
    """Beyond the signal itself; nine seconds take what three take (of numpy; torch is not traced)."""
    monkeypatch.setattr(segments, "TOGETHER", 2)
    codec = codec_of("koishekenov")
    load_checkpoint_of(codec)
    extra = []
    for seconds in (3, 9):
        signal = clip_of(signal_of, codec, seconds).samples[0]
        coder = codec.segment_coder(codec.info.default)
        tracemalloc.start()
        coded = [one.data for one in coder.encode(signal)]
        coder.decode(coded, len(signal))
        extra.append(
            tracemalloc.get_traced_memory()[1] - 2 * signal.nbytes
        )  # of which one is what is decoded
        tracemalloc.stop()
    assert extra[1] < extra[0] + 200_000


LONG = """
import re, sys
from pathlib import Path
import numpy as np
from earbench_codecs.clip import AudioClip
from earbench_codecs.neural.codec import NeuralCodec

def kib(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def more_kib(work):
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = kib("VmRSS")
    return work(), kib("VmHWM") - before

codec, minutes = NeuralCodec.from_file(Path(sys.argv[1])), int(sys.argv[2])
rate = codec.info.sample_rates_hz[0]
tone = (0.1 * np.sin(np.arange(40 * rate, dtype=np.float32) / 9)).astype(np.float32)
codec.decode(codec.encode(AudioClip.mono(tone, rate)))
clip = AudioClip.mono(np.resize(tone, minutes * 60 * rate), rate)
encoded, encoding_kib = more_kib(lambda: codec.encode(clip))
decoded, decoding_kib = more_kib(lambda: codec.decode(encoded))
assert decoded.n_samples == clip.n_samples
print(clip.samples.nbytes >> 10, encoded.n_bytes >> 10, encoding_kib, decoding_kib)
"""


@pytest.mark.slow
def test_a_long_file_takes_little_more_memory_than_its_samples(small_checkpoint):
    """Ten minutes, once 40 seconds are coded: the bytes; and, decoding, the samples, with one bit each."""
    command = [sys.executable, "-c", LONG, str(small_checkpoint("kankanahalli")), "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    samples_kib, bytes_kib, encoding_kib, decoding_kib = map(int, done.stdout.split())
    assert samples_kib == 37_500
    assert encoding_kib < 2 * bytes_kib + 30_000
    assert decoding_kib < 1.5 * samples_kib + 30_000


def test_decode_codes_of_a_segment_needs_no_other(codec_of, signal_of):
    codec = codec_of("kankanahalli")
    encoded = codec.encode(clip_of(signal_of, codec, 2.5))
    checkpoint = load_checkpoint_of(codec)
    last = encoded.segments[-1][2:]
    count = (
        checkpoint.coder.config.framing.n_frames(40_000) - 2 * SegmentCoder(checkpoint.coder, None).n_frames
    )
    codes = decode_codes(last, (count, 1, 256), checkpoint.coder.alphabet, checkpoint.tables.model("context"))
    assert codes.shape == (count, 1, 256)


def test_a_damaged_file_loses_what_is_damaged(codec_of, signal_of):
    """Wherever a byte is hit, in lengths and CRCs too; but for the header, which all depends on."""
    codec = codec_of("kankanahalli")
    encoded = codec.encode(clip_of(signal_of, codec, 3.4))
    data = ebc_bytes(encoded)
    start = len(data) - encoded.n_bytes - 8 * len(encoded.segments)
    ends = np.cumsum([8 + len(segment) for segment in encoded.segments]) + start
    for at in [
        *range(start, start + 9),
        *np.random.default_rng(2).integers(start, len(data), 15),
        len(data) - 1,
    ]:
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        with pytest.raises(BitstreamError):
            encoded_from_bytes(bytes(damaged))
        found = encoded_from_bytes(bytes(damaged), conceal=True)
        hit = int(np.searchsorted(ends, at, side="right"))
        expected = [b"" if i == hit else segment for i, segment in enumerate(encoded.segments)]
        assert list(found.segments) == expected
        assert found.notes[-1] == "1 of 4 segments lost"
    cut = encoded_from_bytes(data[: ends[1] + 5], conceal=True)
    assert cut.segments == (*encoded.segments[:2], b"", b"")
    assert codec.decode(cut).n_samples == encoded.n_samples
    assert encoded_from_bytes(data, conceal=True) == encoded
