"""The small VRED: digits in a range that both sides know, and a start that codes already."""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import dct

from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.vred_adaptive import VredAdaptive, VredAdaptiveConfig, _lapped_basis


def tiny(**options):
    torch.manual_seed(1)
    return VredAdaptive(VredAdaptiveConfig(framing=Framing(44 * 41, 44, "none"), hidden=8, **options)).eval()


def music_like(n=8820):
    t = np.arange(n) / 44_100
    tone = sum(np.sin(2 * np.pi * 330 * k * t + k) / k for k in range(1, 20))
    noise = 0.05 * np.random.default_rng(0).standard_normal(n)
    signal = (0.2 + np.abs(np.sin(2 * np.pi * 5 * t))) * (tone + noise)
    return torch.from_numpy(signal / np.abs(signal).max()).float()


def coded(coder, signal):
    framing = coder.config.framing
    frames = framing.split(signal).unsqueeze(1)
    with torch.no_grad():
        return framing.join(coder(frames).decoded.squeeze(1), len(signal))


def sdr_db(signal, decoded):
    return 10 * torch.log10(signal.square().sum() / (signal - decoded).square().sum())


def test_its_filters_are_the_modified_cosine_transform():
    block = np.random.default_rng(1).standard_normal(16)
    window = np.sin(np.pi / 16 * (np.arange(16) + 0.5))
    a, b, c, d = np.split(window * block, 4)
    expected = dct(np.concatenate([-c[::-1] - d, a - b[::-1]]), type=4, norm="ortho")
    np.testing.assert_allclose(_lapped_basis(8).numpy() @ block, expected, atol=1e-6)


def test_bits_alone_bring_back_what_the_coder_makes_in_evaluation():
    coder = tiny()
    torch.nn.init.normal_(coder.corrections.weight, std=0.3)
    frames = coder.config.framing.split(music_like()).unsqueeze(1)
    with torch.no_grad():
        codes = coder.encode(frames)
        torch.testing.assert_close(coder.decode(codes), coder(frames).decoded, atol=1e-6, rtol=0)
    assert codes.shape == (len(frames), *coder.code_shape)
    assert set(codes.unique().tolist()) == {0, 1}
    assert coder.kbps(float(coder.n_codes)) * 1000 == 128 * 44_100 / 44


def test_untrained_it_codes_and_more_digits_code_better():
    signal = music_like()
    fine = tuple(count + 2 for count in VredAdaptiveConfig().digits)
    found = [sdr_db(signal, coded(tiny(**options), signal)) for options in ({}, {"digits": fine})]
    assert found[0] > 8
    assert found[1] > found[0]


def test_a_louder_file_is_coded_as_well_as_a_quiet_one():
    coder, signal = tiny(), music_like()
    assert abs(sdr_db(signal, coded(coder, signal)) - sdr_db(signal / 8, coded(coder, signal / 8))) < 3


def test_gradients_pass_the_bits_to_every_parameter():
    coder = tiny().train()
    torch.nn.init.normal_(coder.corrections.weight, std=0.1)
    frames = coder.config.framing.split(music_like()).unsqueeze(1)
    (coder(frames).decoded - frames).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in coder.parameters())
