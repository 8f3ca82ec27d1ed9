"""Small coders: an exact transform, an envelope that comes back, and a start that is a transform coder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dct

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.checkpoint import entropy_tables
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.segments import SegmentCoder
from earbench_codecs.neural.spectral import N_BANDS, LappedTransform
from earbench_codecs.neural.zoo import build_from_json, config_to_json

SMALL = ("kankanahalli", "koishekenov", "pam-nac", "resglu")
each_small = pytest.mark.parametrize("paper", SMALL)


def small(paper, **options):
    """The coder at a tenth of its width, one of 8 kHz with two blocks to a frame."""
    from earbench_codecs.neural.zoo import SIZES

    architecture, config = SIZES[f"{paper}-small"]
    tiny = {"sample_rate_hz": 8000, "transform": 64, "channels": 8, "framing": {"length": 256, "overlap": 32}}
    torch.manual_seed(1)
    return build_from_json(architecture, config_to_json(config) | tiny | options)


def speech_like(n, seed=2):
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 8000
    tone = sum(np.sin(2 * np.pi * 150 * k * t + k) / k for k in range(1, 12))
    swell = 0.3 + np.abs(np.sin(2 * np.pi * 2 * t))
    signal = swell * (tone + 0.1 * rng.standard_normal(n))
    return torch.from_numpy(signal / np.abs(signal).max()).float()


def test_the_transform_is_orthonormal_and_its_own_inverse():
    transform = LappedTransform(64)
    frames = torch.randn(3, 1, 512, generator=torch.Generator().manual_seed(0))
    coefficients = transform(frames)
    assert coefficients.shape == (3, 8, 64)
    assert coefficients.square().sum() == pytest.approx(frames.square().sum().item(), rel=1e-5)
    torch.testing.assert_close(transform.inverse(coefficients), frames, atol=2e-6, rtol=0)


def test_blocks_inside_a_frame_are_those_of_a_sine_window():
    size, frame = 32, np.random.default_rng(4).standard_normal(32 * 5)
    ours = LappedTransform(size)(torch.from_numpy(frame).float().reshape(1, 1, -1))[0].numpy()
    window = np.sin(np.pi / (2 * size) * (np.arange(2 * size) + 0.5))
    for block in (1, 2, 3):
        start = block * size - size // 2
        windowed = window * frame[start : start + 2 * size]
        # folded: even about the left border, odd about the right one
        a, b, c, d = np.split(windowed, 4)
        expected = dct(np.concatenate([b + a[::-1], c - d[::-1]]), type=4, norm="ortho")
        np.testing.assert_allclose(ours[block], expected, atol=1e-5)


@each_small
def test_codes_alone_bring_back_what_the_coder_makes_in_evaluation(paper):
    coder = small(paper).eval()
    for parameter in coder.parameters():  # away from the start, where networks correct nothing
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3))
    frames = coder.config.framing.split(speech_like(4000)).unsqueeze(1)
    with torch.no_grad():
        output, codes = coder(frames), coder.encode(frames)
        assert codes.shape == (len(frames) * coder.code_rows, *coder.code_shape)
        torch.testing.assert_close(coder.decode(codes), output.decoded, atol=1e-5, rtol=0)
    symbols = coder.alphabet.symbols(codes)
    assert symbols.min() >= 0
    assert symbols.max() < coder.alphabet.n_symbols


@each_small
def test_an_untrained_coder_is_a_transform_coder(paper):
    coder = small(paper, step=0.05).eval()
    signal = speech_like(8000)
    frames = coder.config.framing.split(signal).unsqueeze(1)
    with torch.no_grad():
        decoded = coder.config.framing.join(coder(frames).decoded.squeeze(1), len(signal))
    error = decoded - signal
    assert 10 * torch.log10(signal.square().sum() / error.square().sum()) > 15


@each_small
def test_gradients_reach_every_parameter(paper):
    coder = small(paper).train()
    torch.nn.init.normal_(coder.analysis.last.weight, std=0.1)  # zero weights pass no gradient on
    torch.nn.init.normal_(coder.synthesis.last.weight, std=0.1)
    output = coder(coder.config.framing.split(speech_like(4000)).unsqueeze(1))
    (output.decoded.square().mean() + output.rate_bits + sum(output.terms.values())).backward()
    without = [name for name, p in coder.named_parameters() if p.grad is None or not p.grad.any()]
    assert without in ([], ["quantizer.sigma"])  # so far from borders that softness changes nothing


def test_a_coarser_step_costs_fewer_bytes_and_bytes_decode():
    signal, sizes = speech_like(16_000).numpy(), []
    for step in (0.05, 0.2):
        coder = small("kankanahalli", step=step).eval().requires_grad_(False)
        frames = coder.config.framing.split(torch.from_numpy(signal)).unsqueeze(1)
        segments = SegmentCoder(coder, entropy_tables(coder, [frames]).model("context"))
        coded = [one.data for one in segments.encode(signal)]
        sizes.append(sum(map(len, coded)))
        decoded = segments.decode(coded, len(signal))
        assert np.square(decoded - signal).sum() < np.square(signal).sum() / 10
    assert sizes[1] < 0.8 * sizes[0]


def test_what_fills_zeros_is_the_same_each_time_and_differs_from_block_to_block():
    coder = small("kankanahalli", fill=0.2).eval()
    steps = torch.zeros(2, 4, 64)
    steps[:, 1:, 5] = torch.tensor([3.0, 4.0, 7.0])
    noise = coder._filling(steps)
    assert (noise == coder._filling(steps.clone())).all()
    assert (noise[:, 1:, 5] == 0).all()
    assert not torch.equal(noise[0, 1, 6:], noise[0, 2, 6:])
    assert 0.15 < noise.abs().max() <= 0.2


def test_the_envelope_may_jump_from_one_end_to_the_other():
    coder = small("kankanahalli").eval()
    frame = torch.zeros(1, 1, 256)
    frame[..., 64:128] = 0.9 * torch.randn(64, generator=torch.Generator().manual_seed(8))
    with torch.no_grad():
        _, numbers, _ = coder._analysed(frame)
        codes = coder.encode(frame)
    changes = codes[:, 0].reshape(4, N_BANDS) - 16
    assert (numbers.diff(dim=1).abs() > 15).any()  # so it wrapped
    torch.testing.assert_close((changes.cumsum(0) + 16) % 32, numbers[0].long())


def test_frames_must_be_whole_numbers_of_blocks():
    with pytest.raises(SettingError, match="whole number"):
        small("resglu", framing={"length": 250, "overlap": 32})
    with pytest.raises(SettingError, match="multiple of 64"):
        small("resglu", transform=32)
    assert small("resglu", framing={"length": 512, "overlap": 32}).config.framing == Framing(512, 32)
