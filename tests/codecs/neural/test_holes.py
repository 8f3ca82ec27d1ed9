"""Noise in place of zeros: as loud as what was coded as zeros, without a bit for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.holes import HoleNetwork
from earbench_codecs.neural.hyper_prior import interpolation
from earbench_codecs.neural.mdct_hyper import MdctHyper
from earbench_codecs.neural.mdct_hyper_config import MdctHyperConfig

LIMIT = 0.65


@pytest.fixture
def network():
    """One of 64 coefficients."""
    torch.manual_seed(0)
    shares = torch.from_numpy(interpolation(64, 10)).float()
    return HoleNetwork((shares / shares.sum(1, keepdim=True)).T, shares, 16, 16, LIMIT)


@pytest.fixture
def coder():
    """A small one that fills what it leaves out above 2 kHz."""
    torch.manual_seed(0)
    return MdctHyper(
        MdctHyperConfig(
            sample_rate_hz=16_000,
            framing=Framing(8 * 64, 32, "half-sine", "both"),
            level="std",
            transform=64,
            nodes=10,
            width=8,
            hyper_width=16,
            terms=("masked", "holes"),
            fill=1.0,
            fill_from_hz=2000.0,
        )
    )


def test_no_more_is_told_than_a_hole_can_hold(network):
    told = network(
        100 * torch.randn(2, 8, 16), 50 * torch.randn(2, 8, 64).round(), torch.rand(2, 8, 64) + 0.1
    )
    assert told.shape == (2, 8, 64)
    assert (told >= 0).all()
    assert (told <= LIMIT / 3**0.5).all()


def test_what_is_an_octave_off_loses_one(network):
    told = torch.full((1, 8, 64), 0.1)
    values, codes = torch.where(torch.rand(1, 8, 64) < 0.5, -0.1, 0.1), torch.zeros(1, 8, 64)
    assert network.loss(values, codes, told) == pytest.approx(0, abs=1e-4)
    assert network.loss(2 * values, codes, told) == pytest.approx(1, rel=0.02)
    assert network.loss(values, codes, 4 * told) == pytest.approx(4, rel=0.02)


def test_only_holes_count(network):
    told, values = torch.full((1, 8, 64), 0.1), torch.full((1, 8, 64), 0.1)
    codes = torch.zeros(1, 8, 64)
    codes[..., ::3] = 2
    loud = torch.where(codes == 0, values, torch.tensor(30.0))
    assert network.loss(loud, codes, told) == network.loss(values, codes, told)
    nowhere = network.loss(values, torch.ones(1, 8, 64), told)
    assert nowhere == 0
    assert torch.isfinite(nowhere)


def test_it_learns_what_latents_say(network):
    generator = torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)

    def loss_of_a_batch():
        latents = torch.randint(-8, 8, (4, 8, 16), generator=generator).float()
        size = torch.exp2(latents[..., :1] / 4 - 4)
        values = torch.where(torch.rand(4, 8, 64, generator=generator) < 0.5, -size, size)
        codes, steps = torch.zeros(4, 8, 64), torch.ones(4, 8, 64)
        return network.loss(values, codes, network(latents, codes, steps))

    before = loss_of_a_batch().item()
    for _ in range(150):
        optimiser.zero_grad()
        loss_of_a_batch().backward()
        optimiser.step()
    assert loss_of_a_batch().item() < 0.1 < 1 < before


def test_holes_come_back_as_noise_above_a_frequency_alone(coder):
    coder.eval()
    codes = torch.zeros(8, *coder.code_shape, dtype=torch.int64)
    filled = coder.dequantised(codes)
    first = 2000 * 2 * 64 // 16_000
    assert (filled[..., :first] == 0).all()
    assert (filled[..., first:] != 0).float().mean() > 0.9
    steps = coder.stepped(codes)[1]
    told = coder.holes(codes[:, 0].float()[None], torch.zeros_like(steps), steps) * steps
    share = (filled[..., first:].square().mean() / told[..., first:].square().mean()).sqrt()
    assert share.item() == pytest.approx(1, abs=0.15)


def test_what_is_expected_of_codes_need_not_be_known(coder):
    coder.eval()
    codes = torch.randint(-3, 4, (8, *coder.code_shape))
    tables = torch.full(codes.shape, 2000)
    with torch.inference_mode():
        assert (coder.dequantised(codes, tables) == coder.dequantised(codes)).all()


def test_checkpoints_without_the_network_have_none(coder):
    plain = MdctHyper(replace(coder.config, terms=("masked",)))
    assert plain.holes is None
    assert not any(name.startswith("holes") for name in plain.state_dict())


def test_noise_gets_as_loud_as_is_told_by_and_by(coder):
    """Half as loud as told at 2 kHz, all of it from 6 kHz on."""
    config = replace(coder._hyper, fill=0.5, full_from_hz=6000.0)
    shares = MdctHyper(config).get_buffer("filled") / 3**0.5
    hz = torch.arange(64) * 16_000 / 2 / 64
    assert (shares[hz < 2000] == 0).all()
    assert (shares[hz >= 6000] == 1).all()
    torch.testing.assert_close(shares[hz == 2000], torch.tensor([0.5]))
    torch.testing.assert_close(shares[hz == 4000], torch.tensor([0.75]))
