"""The histogram of code values is that of the symbols an independent reader finds in the bytes."""

import struct

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.codes import ShowsCodes, code_histogram
from earbench_codecs.neural.codec import NeuralCodec, UntrainedCodec
from earbench_codecs.registry import codec as codec_of


def symbols_of(checkpoint, encoded, segments, n_samples):
    """Read the codes of one stream with the entropy coder alone."""
    from earbench_codecs.neural.entropy_coding import decode_codes

    coder = checkpoint.coder
    model = checkpoint.tables.model(str(encoded.setting.get("entropy", "")))
    n_frames = coder.config.framing.n_frames(n_samples)
    at_once = round(coder.config.sample_rate_hz / coder.config.framing.hop)
    for number, segment in enumerate(segments):
        shape = (min(at_once, n_frames - number * at_once), *coder.code_shape)
        yield decode_codes(segment[2:], shape, coder.alphabet, model).ravel()


@pytest.mark.parametrize(
    ("architecture", "setting"),
    [
        ("kankanahalli", Setting.of(16, entropy="context")),
        ("koishekenov", Setting.of(16, entropy="static")),  # several streams, escapes
    ],
)
def test_counts_are_those_of_the_symbols_in_the_bytes(small_checkpoint, signal_of, architecture, setting):
    from earbench_codecs.neural.checkpoint import load_checkpoint

    path = small_checkpoint(architecture)
    codec, checkpoint = NeuralCodec.from_file(path), load_checkpoint(path)
    rate_hz = codec.description.sample_rate_hz
    channels = np.stack([signal_of(3 * rate_hz // 2, rate_hz, seed) for seed in (1, 2)])
    clip = AudioClip(channels, rate_hz)
    encoded = codec.encode(clip, setting)
    found = code_histogram(codec, encoded)

    n_left = struct.unpack("<II", encoded.segments[0])[0]
    streams = encoded.segments[1 : 1 + n_left], encoded.segments[1 + n_left :]
    read = [part for one in streams for part in symbols_of(checkpoint, encoded, one, clip.n_samples)]
    values, counts = np.unique(np.concatenate(read), return_counts=True)
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.counts, counts)
    n_frames = checkpoint.coder.config.framing.n_frames(clip.n_samples)
    assert found.n_codes == 2 * n_frames * np.prod(checkpoint.coder.code_shape)
    assert len(values) > 2
    share = counts / counts.sum()
    assert found.entropy_bits == pytest.approx(-sum(p * np.log2(p) for p in share))


def test_the_codes_decode_to_what_the_codec_decodes(small_checkpoint, signal_of):
    """What is counted is what sounds: the network makes the decoded clip of it."""
    import torch

    from earbench_codecs.neural.checkpoint import load_checkpoint

    path = small_checkpoint("kankanahalli")
    codec, coder = NeuralCodec.from_file(path), load_checkpoint(path).coder
    clip = AudioClip.mono(signal_of(8000, 16000), 16000)
    encoded = codec.encode(clip)
    codes = torch.from_numpy(np.concatenate([*codec.code_values(encoded)]))
    with torch.inference_mode():
        signal = coder.config.framing.overlap_add(coder.decode(codes).squeeze(1)).numpy()
    level = 2.0 ** ((struct.unpack("<H", encoded.segments[0][:2])[0] - 49152) / 2048)
    overlap = coder.config.framing.overlap
    decoded = codec.decode(encoded).samples[0]
    np.testing.assert_allclose(signal[overlap : overlap + 8000] * level, decoded, atol=1e-5)


def test_the_table_is_the_static_one_without_its_escape(small_checkpoint):
    from earbench_codecs.neural.checkpoint import load_checkpoint

    path = small_checkpoint("koishekenov")
    checkpoint, table = load_checkpoint(path), NeuralCodec.from_file(path).code_table()
    alphabet = checkpoint.coder.alphabet
    assert (table.values[0], table.values[-1]) == (alphabet.low, alphabet.high)
    assert alphabet.escape
    by_stream = checkpoint.tables.static / 65536
    escaped = by_stream[:, -1].mean()
    assert table.shares.sum() == pytest.approx(1 - escaped)
    assert table.shares[3] == pytest.approx(by_stream[:, 3].mean())


def test_codecs_without_codes_are_told_apart():
    assert not isinstance(codec_of("mp3"), ShowsCodes)
    assert not isinstance(UntrainedCodec("vred"), ShowsCodes)
