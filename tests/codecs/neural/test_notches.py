"""Steps that are coarser than a coder's own, which make rates below those that a gain reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.checkpoint import entropy_tables
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.hyper_prior import earlier
from earbench_codecs.neural.mdct_hyper import MdctHyper
from earbench_codecs.neural.mdct_hyper_config import MdctHyperConfig
from earbench_codecs.neural.segments import SegmentCoder
from earbench_codecs.neural.units import OFFSETS_PER_COARSER, OFFSETS_PER_OCTAVE, Plan, Syntax

CONFIG = MdctHyperConfig(
    sample_rate_hz=16_000,
    framing=Framing(16_384, 64, "half-sine", "both"),
    level="std",
    nodes=12,
    features=3,
    width=8,
    hyper_width=12,
    coarsest=15,
    lowest_gain=0.5,
)
NOTCH = 2 ** -(OFFSETS_PER_COARSER / OFFSETS_PER_OCTAVE)
"""The gain that a notch stands for."""


@pytest.fixture(scope="module")
def coder():
    torch.manual_seed(5)
    coder = MdctHyper(CONFIG).eval().requires_grad_(False)
    for network in (coder.prior.latent_network, *coder.prior.networks, coder.prior.synthesis):
        network.last.weight.normal_(0, 0.1)
    return coder


@pytest.fixture
def segments(coder, signal_of):
    frames = CONFIG.framing.split(torch.from_numpy(signal_of(32_000, 16_000) * 30)).unsqueeze(1)
    model = entropy_tables(coder, [frames]).model("network")
    return lambda **syntax: SegmentCoder(coder, model, Syntax(**syntax))


def notches_of(codes):
    """Return the notches of each block."""
    return codes[..., 0, -1]


def test_a_notch_makes_steps_a_quarter_octave_coarser_and_nothing_else(coder):
    latents = torch.randint(-9, 10, (2, 7, 16), generator=torch.Generator().manual_seed(1)).float()
    latents[..., -1] = 0
    coarser = latents.clone()
    coarser[..., -1] = 3
    own, features = coder.prior.steps(latents, earlier(latents, 1))
    steps, told = coder.prior.steps(coarser, earlier(coarser, 1))
    assert torch.equal(steps, own + 3 * 8 / 4)
    assert torch.equal(told[:, :-1], features[:, :-1])
    assert (told[:, -1] > features[:, -1]).all()


def test_rates_go_on_falling_where_the_lowest_gain_ends(segments, signal_of):
    signal = signal_of(32_000, 16_000)
    own = segments()
    bits = [own.bits([signal], 0.51 * NOTCH**n) for n in range(12)]
    assert (np.diff(bits) < 0).all()
    assert bits[-1] < 0.75 * bits[0]  # little, as its networks are not trained


@pytest.mark.parametrize("notch", [0, 1, 7, 15, 20])
def test_codes_say_what_a_gain_below_the_lowest_becomes(segments, signal_of, notch):
    signal = signal_of(32_000, 16_000)
    (codes,) = {
        tuple(np.unique(notches_of(one)))
        for one in segments().codes(
            [coded.data for coded in segments().encode(signal, 0.51 * NOTCH**notch)], len(signal)
        )
    }
    assert codes == (min(notch, 15),)


@pytest.mark.parametrize("syntax", [{}, {"gains": True}, {"n_channels": 2}, {"n_channels": 2, "gains": True}])
@pytest.mark.parametrize("gain", [2.0, 0.1, 0.003])
def test_bytes_decode_to_what_was_coded(segments, signal_of, syntax, gain):
    own = segments(**syntax)
    signal = signal_of(32_000, 16_000)
    if syntax.get("n_channels") == 2:
        signal = np.stack([signal, np.roll(signal, 5)])
    plans = own.plans(signal, gain)
    if syntax.get("gains"):  # octaves apart, on both sides of the lowest gain
        spread = [np.linspace(-80, 80, len(plan.offsets)).astype(np.int64) for plan in plans]
        plans = [plan.moved(plan.level, own) for plan, own in zip(plans, spread, strict=True)]
    data = [coded.data for coded in own.encode(signal, plans=plans)]
    assert np.array_equal(own.decode(data, signal.shape[-1]), own.approximated(signal, plans))


def test_gains_above_the_lowest_remain_what_they_are():
    plan = Plan.plain(30_000, 3).moved(30_000, np.array([-5, 0, 20]))
    assert replace(plan.coarsened(40_000, 15), coarser=()) == plan


def test_what_gain_and_notches_stand_for_is_what_was_asked():
    plan = Plan.plain(30_000, 4).moved(30_000, np.array([-100, -20, 0, 20]))
    found = plan.coarsened(29_000, 15)

    def octaves(one):
        notches = np.array(one.coarser or [0] * 4) * OFFSETS_PER_COARSER
        return -one.level / 2048 + (np.array(one.offsets) - notches) / OFFSETS_PER_OCTAVE

    assert octaves(found) == pytest.approx(octaves(plan), abs=1e-9)
    lowest = -found.level / 2048 + np.array(found.offsets) / OFFSETS_PER_OCTAVE
    assert (lowest >= -29_000 / 2048).all()


def test_coarser_examples_teach_no_steps():
    torch.manual_seed(0)
    coder = MdctHyper(CONFIG).train()
    coder._notches = lambda n: torch.full((n, 1, 1), 4)
    output = coder(torch.randn(2, 1, CONFIG.framing.length) * 5)
    output.rate_bits.backward()
    assert all(p.grad is None or not p.grad.any() for p in coder.analysis.parameters())
    assert any(p.grad.abs().sum() > 0 for p in coder.prior.networks.parameters())


def test_more_notches_than_a_latent_can_say_are_refused():
    with pytest.raises(SettingError, match="0 to 15 notches"):
        MdctHyper(replace(CONFIG, coarsest=16))


def test_segments_of_several_frames_decode_to_what_was_coded_too(signal_of):
    """What is expected there depends on the frames before, which a coder alone does not see."""
    torch.manual_seed(5)
    framing = Framing(4096, 64, "half-sine", "both")
    coder = MdctHyper(replace(CONFIG, framing=framing, fill=1.0)).eval().requires_grad_(False)
    for network in coder.prior.networks:
        network.last.weight.normal_(0, 0.1)
    signal = signal_of(16_000, 16_000)
    frames = framing.split(torch.from_numpy(signal * 30)).unsqueeze(1)
    own = SegmentCoder(coder, entropy_tables(coder, [frames]).model("network"))
    assert own.n_frames > 1
    plans = own.plans(signal, 1.0)
    data = [coded.data for coded in own.encode(signal, plans=plans)]
    assert np.array_equal(own.decode(data, len(signal)), own.approximated(signal, plans))
