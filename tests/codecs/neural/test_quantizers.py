"""Quantisers against the papers' equations written out, and against what files need of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.quantizers import (
    CompandingQuantizer,
    RoundingQuantizer,
    SoftmaxQuantizer,
    bernoulli_straight_through,
    entropy_bits,
    k_means_1d,
    soft_histogram,
)


def latents(*shape, scale=0.5, seed=0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


QUANTIZERS = [SoftmaxQuantizer(), RoundingQuantizer(8), CompandingQuantizer(), CompandingQuantizer(64)]


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda q: type(q).__name__)
def test_codes_survive_being_decoded_and_quantised_again(quantizer):
    """A code's value lies in its own cell, so the decoder and the encoder mean the same by it."""
    codes = torch.arange(quantizer.alphabet.low, quantizer.alphabet.high + 1)
    values = quantizer.values(codes)
    assert (values.diff() > 0).all()
    if isinstance(quantizer, CompandingQuantizer):  # the paper's margin, undone
        values = torch.atanh(torch.tanh(values) / quantizer.margin)
    assert quantizer.codes(values).tolist() == codes.tolist()


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda q: type(q).__name__)
def test_evaluation_gives_what_files_give_and_counts_them(quantizer):
    x = latents(6, 2, 50)
    out = quantizer.eval()(x)
    codes = quantizer.codes(x)
    assert torch.equal(out.values, quantizer.values(codes))
    expected = 0.0
    for stream in range(2):
        shares = np.unique(codes[:, stream].numpy(), return_counts=True)[1] / 300
        expected += 50 * -(shares * np.log2(shares)).sum()
    assert out.bits.item() == pytest.approx(expected, rel=1e-5)


def test_softmax_assignments_are_equation_2():
    quantizer = SoftmaxQuantizer(4, sigma=3)
    found = quantizer.assignments(torch.tensor([0.2]))[0]
    weights = [math.exp(-3 * abs(0.2 - b)) for b in (-1, -1 / 3, 1 / 3, 1)]
    assert found.tolist() == pytest.approx([w / sum(weights) for w in weights], rel=1e-5)


def test_soft_and_hard_agree_when_the_temperature_is_high():
    x = latents(4, 1, 200)
    quantizer = SoftmaxQuantizer(sigma=1e5)
    soft, hard = quantizer.train()(x), quantizer.eval()(x)
    assert (soft.values - hard.values).abs().mean() < 1e-3
    assert soft.bits.item() == pytest.approx(hard.bits.item(), rel=1e-2)
    assert soft.terms["quantization"].item() == pytest.approx(32 * math.sqrt(1e-7), rel=0.1)  # one-hot


def test_the_penalty_is_largest_for_even_assignments():
    quantizer = SoftmaxQuantizer(sigma=0).train()
    assert quantizer(latents(1, 1, 9)).terms["quantization"].item() == pytest.approx(
        math.sqrt(32) - 1, rel=1e-4
    )


def test_unordered_bins_still_give_rising_codes():
    quantizer = SoftmaxQuantizer(4)
    with torch.no_grad():
        quantizer.bins.copy_(torch.tensor([2.0, -3.0, 5.0, 0.0]))
    assert quantizer.codes(torch.tensor([-9.0, 0.4, 1.9, 4.0])).tolist() == [0, 1, 2, 3]
    assert quantizer.values(torch.arange(4)).tolist() == [-3, 0, 2, 5]


def test_k_means_finds_separate_clusters_and_never_loses_a_centre():
    centres = torch.tensor([-4.0, -1.0, 0.5, 6.0])
    noise = latents(4, 500, scale=0.05)
    assert k_means_1d((centres[:, None] + noise).flatten(), 4).tolist() == pytest.approx(
        (centres[:, None] + noise).mean(1).tolist(), abs=1e-4
    )
    assert len(k_means_1d(torch.zeros(40), 4)) == 4
    with pytest.raises(SettingError, match="32 bins"):
        k_means_1d(torch.zeros(31), 32)


def test_k_means_is_at_least_as_near_as_an_even_grid():
    x = latents(5000, scale=2)
    quantizer = SoftmaxQuantizer()
    before = (quantizer.eval()(x.view(1, 1, -1)).values - x).square().mean()
    quantizer.start(x)
    after = (quantizer(x.view(1, 1, -1)).values - x).square().mean()
    assert after < before / 2


def test_rounding_passes_gradients_unchanged():
    x = latents(2, 1, 30, scale=3).requires_grad_()
    out = RoundingQuantizer().train()(x)
    assert torch.equal(out.values.detach(), x.detach().round())
    out.values.backward(torch.arange(60.0).view(2, 1, 30))
    assert torch.equal(x.grad, torch.arange(60.0).view(2, 1, 30))


def test_rounding_has_codes_outside_its_table():
    quantizer = RoundingQuantizer(8)
    codes = quantizer.codes(torch.tensor([-9.2, 8.4, 1e30]))
    assert codes.tolist() == [-9, 8, 2**20 - 1]
    assert quantizer.alphabet.symbols(codes).tolist() == [17, 16, 17]


@pytest.mark.parametrize(("n_levels", "limit"), [(32, 0.9697), (64, 0.9846)])
def test_the_companders_margin_keeps_noise_within_atanh(n_levels, limit):
    """The bounds follow from b (1 + step / 2) < 1."""
    with pytest.raises(SettingError, match=str(limit)):
        CompandingQuantizer(n_levels, margin=limit + 1e-4)
    loud = torch.full((1, 1, 10_000), 50.0)
    assert torch.isfinite(CompandingQuantizer(n_levels, margin=limit - 1e-4).train()(loud).values).all()


def test_a_step_of_a_sixteenth_makes_32_levels_and_the_printed_one_64():
    spread = torch.linspace(-9, 9, 10_001)
    assert len(CompandingQuantizer(32).codes(spread).unique()) == 32
    assert CompandingQuantizer(64).step == 1 / 32
    assert len(CompandingQuantizer(64).codes(spread).unique()) == 64


def test_the_companders_noise_is_like_its_quantisation_error():
    x = latents(1, 1, 50_000)
    quantizer = CompandingQuantizer()
    noisy = quantizer.compress(x)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        soft = quantizer.train()(x)
    hard = quantizer.eval()(x)
    assert soft.bits.item() == pytest.approx(hard.bits.item(), rel=0.01)
    error = (quantizer.codes(x) + 0.5) * quantizer.step - noisy
    assert error.std().item() == pytest.approx(quantizer.step / math.sqrt(12), rel=0.02)


def test_the_companders_slope_trains_only_when_asked():
    assert not list(CompandingQuantizer().parameters())
    assert len(list(CompandingQuantizer(train_slope=True).parameters())) == 1


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda q: type(q).__name__)
def test_rate_has_a_gradient_that_lowers_it(quantizer):
    """Shrinking latents costs fewer bits: the derivative by a common scale is positive."""
    scale = torch.tensor(1.0, requires_grad=True)
    quantizer.train()(
        scale * latents(8, 1, 500, scale=0.7 if quantizer.alphabet.low == 0 else 2)
    ).bits.backward()
    assert scale.grad is not None
    assert scale.grad != 0
    if isinstance(quantizer, RoundingQuantizer):
        assert scale.grad > 0


def test_bins_that_nothing_falls_in_do_not_spoil_the_gradient():
    x = latents(1, 1, 40, scale=0.01).requires_grad_()
    SoftmaxQuantizer().train()(x).bits.backward()
    assert x.grad.isfinite().all()


def test_a_soft_histogram_shares_between_neighbours():
    x = torch.tensor([[[0.0, 1.25, 3.0, 9.0]]])
    assert soft_histogram(x, 4)[0].tolist() == pytest.approx([0.25, 0.75 / 4, 0.25 / 4, 0.5])


def test_entropy_of_even_and_certain_distributions():
    assert entropy_bits(torch.full((8,), 1 / 8)) == pytest.approx(3)
    assert entropy_bits(torch.tensor([0.0, 1.0])) == 0


def test_straight_through_bits_have_the_gradient_of_their_probability():
    p = torch.full((20_000,), 0.3, requires_grad=True)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        bits = bernoulli_straight_through(p, sample=True)
    assert set(bits.detach().round(decimals=5).tolist()) == {0.0, 1.0}
    assert bits.mean().item() == pytest.approx(0.3, abs=0.02)
    bits.sum().backward()
    assert torch.equal(p.grad, torch.ones_like(p))
    assert bernoulli_straight_through(torch.tensor([0.2, 0.5, 0.6]), sample=False).tolist() == [0, 0, 1]
