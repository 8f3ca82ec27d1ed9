"""Blocks split into four where something attacks: exact, in the right places, the same in both channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.entropy_coding import code_bits
from earbench_codecs.neural.hyper_model import HyperModel
from earbench_codecs.neural.mdct_hyper import MdctHyper
from earbench_codecs.neural.segments import SegmentCoder
from earbench_codecs.neural.spectral import LappedTransform
from earbench_codecs.neural.switched_transform import (
    MaskOfSwitched,
    SwitchedTransform,
    attacks,
    interleaved,
)
from earbench_codecs.neural.zoo import SIZES, build_from_json, config_to_json

SIZE, LONG, N_BLOCKS = 64, 1024, 9
LENGTH = SIZE * N_BLOCKS
PATTERNS = {
    "none": [],
    "all": range(N_BLOCKS),
    "first": [0],
    "last": [N_BLOCKS - 1],
    "one": [4],
    "neighbours": [3, 4],
    "every other": range(0, N_BLOCKS, 2),
}


def split_of(blocks):
    split = torch.zeros(1, N_BLOCKS, dtype=torch.bool)
    split[:, list(blocks)] = True
    return split


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("blocks", PATTERNS.values(), ids=PATTERNS)
def test_the_transform_is_orthonormal_and_comes_back_whatever_is_split(blocks):
    transform, split = SwitchedTransform(SIZE), split_of(blocks)
    every = transform(torch.eye(LENGTH).unsqueeze(1), split.expand(LENGTH, -1)).flatten(1)
    torch.testing.assert_close(every @ every.t(), torch.eye(LENGTH), atol=3e-6, rtol=0)
    frames = noise(1, 1, LENGTH)
    back = transform.inverse(transform(frames, split), split)
    torch.testing.assert_close(back, frames, atol=3e-6, rtol=0)


def test_frames_of_many_patterns_at_once_come_back():
    transform, frames = SwitchedTransform(SIZE), noise(40, 1, LENGTH)
    split = noise(40, N_BLOCKS, seed=1) > 0
    coefficients = transform(frames, split)
    torch.testing.assert_close(transform.inverse(coefficients, split), frames, atol=3e-6, rtol=0)
    alone = torch.cat([transform(frames[n : n + 1], split[n : n + 1]) for n in range(40)])
    torch.testing.assert_close(coefficients, alone, atol=1e-6, rtol=0)


def test_blocks_away_from_split_ones_are_as_ever():
    frames, split = noise(2, 1, LENGTH), torch.cat([split_of([4]), split_of([])])
    found, ever = SwitchedTransform(SIZE)(frames, split), LappedTransform(SIZE)(frames)
    torch.testing.assert_close(found[1], ever[1], atol=0, rtol=0)
    same = (found[0] - ever[0]).abs().amax(1) == 0
    assert same.tolist() == [block not in (3, 4, 5) for block in range(N_BLOCKS)]


def test_split_blocks_beside_each_other_are_those_of_a_quarter_interleaved():
    frames = noise(1, 1, LENGTH)
    quarters = LappedTransform(SIZE // 4)(frames).unflatten(1, (N_BLOCKS, 4))
    found = SwitchedTransform(SIZE)(frames, split_of(range(N_BLOCKS)))
    torch.testing.assert_close(found, interleaved(quarters), atol=1e-6, rtol=0)


@pytest.mark.parametrize("part", range(4))
def test_what_is_wrong_in_a_part_is_heard_there_alone(part):
    """And over half a part on either side, where it fades."""
    coefficients = torch.zeros(1, N_BLOCKS, SIZE)
    coefficients[0, 4, part::4] = 1
    heard = SwitchedTransform(SIZE).inverse(coefficients, split_of([4]))[0, 0].nonzero()
    start, quarter = 4 * SIZE + part * SIZE // 4, SIZE // 4
    assert heard.min() >= start - quarter // 2
    assert heard.max() < start + quarter + quarter // 2


def steady(seed=0):
    return 0.01 * noise(1, 1, N_BLOCKS * LONG, seed=seed)


def blocks_of(frames):
    return attacks(frames, LONG)[0].nonzero()[:, 0].tolist()


def clicked(at, size=1.0):
    frames = steady()
    frames[..., at] += size
    return frames


@pytest.mark.parametrize("block", range(1, N_BLOCKS))
def test_a_click_splits_its_block(block):
    assert blocks_of(clicked(block * LONG + 500)) == [block]


def test_a_click_as_a_block_begins_splits_the_one_before_too():
    assert blocks_of(clicked(5 * LONG + 50)) == [4, 5]


def test_a_click_in_a_frame_s_first_block_is_found_by_what_is_before_it_in_the_frame():
    assert blocks_of(clicked(600)) == [0]
    assert blocks_of(clicked(50)) == []  # where frames are faded in, anything would rise


def test_a_decay_is_no_attack_and_an_onset_is_one():
    loudness = torch.cat([torch.full((3200,), 0.01), 0.9998 ** torch.arange(N_BLOCKS * LONG - 3200)])
    assert blocks_of(noise(1, 1, N_BLOCKS * LONG) * loudness) == [3200 // LONG]


def test_a_sine_and_silence_are_not_split():
    sine = torch.sin(2 * np.pi * 0.21 * torch.arange(N_BLOCKS * LONG)).view(1, 1, -1)
    assert blocks_of(sine) == []
    assert blocks_of(torch.zeros(1, 1, N_BLOCKS * LONG)) == []


def test_sound_out_of_silence_is_an_attack():
    frames = torch.zeros(1, 1, N_BLOCKS * LONG)
    frames[..., 3 * LONG + 480 :] = noise((N_BLOCKS - 3) * LONG - 480)
    assert blocks_of(frames) == [3]


@pytest.mark.parametrize("gain", [1e-4, 1 / 3, 1e4])
def test_how_loud_a_frame_is_makes_no_difference(gain):
    frames = clicked(5 * LONG + 50) + clicked(2400, 0.1)
    assert torch.equal(attacks(gain * frames, LONG), attacks(frames, LONG))


def test_what_comes_later_than_an_eighth_of_the_next_block_makes_no_difference():
    frames, other = clicked(5000), clicked(5000)
    end = 6 * LONG + LONG // 8
    other[..., end:] = 0.01 * noise(N_BLOCKS * LONG - end, seed=5)
    assert torch.equal(attacks(other, LONG)[:, :6], attacks(frames, LONG)[:, :6])


def test_a_higher_threshold_splits_less():
    frames = noise(8, 1, N_BLOCKS * LONG) * (
        1 + 4 * (noise(8, 1, N_BLOCKS * LONG // 256, seed=2) > 1)
    ).repeat_interleave(256, -1)
    low, high = (attacks(frames, LONG, rise_db) for rise_db in (4.0, 10.0))
    assert low.sum() > high.sum() > 0
    drawn = torch.tensor([4.0, 10.0]).repeat(4)[:, None]
    assert torch.equal(attacks(frames, LONG, drawn), torch.where(drawn == 4, low, high))


def test_parts_before_an_attack_tolerate_less_noise_than_those_behind():
    size, rate_hz = 1024, 44_100
    frames = 1e-4 * noise(1, 1, 8 * size)
    frames[..., 4 * size + 600 :] *= 1000
    split = torch.zeros(1, 8, dtype=torch.bool)
    split[:, 4] = True
    mask = MaskOfSwitched(size, rate_hz)
    parts = mask(frames, split)[0, 4].unflatten(0, (-1, 4))[10:200].log10().mean(0)
    assert parts[0] < parts[3] - 2
    whole = mask(frames, torch.zeros_like(split))
    elsewhere = torch.arange(8) != 4
    assert torch.equal(mask(frames, split)[:, elsewhere], whole[:, elsewhere])


def drums(n_samples, seed=1):
    """Bursts of noise that decay, over quiet noise, float32 [T]."""
    rng = np.random.default_rng(seed)
    loudness = np.full(n_samples, 0.002)
    for at in rng.integers(0, n_samples, n_samples // 2000):
        loudness[at:] += 0.2 * np.exp(-np.arange(n_samples - at) / 400)
    return (loudness * rng.standard_normal(n_samples)).astype(np.float32)


@pytest.fixture
def codec(small_checkpoint):
    return NeuralCodec.from_file(small_checkpoint("mdct-hyper-switched"))


def flags_of(codes):
    return codes[..., 0, -2]


def test_codes_say_which_blocks_are_split(codec):
    coder = codec._loaded().coder
    frames = coder.config.framing.split(torch.from_numpy(drums(40_000))).unsqueeze(1)
    with torch.inference_mode():
        codes = coder.encode(frames)
    split = attacks(frames, 256)
    assert 0.1 < split.float().mean() < 0.6
    assert torch.equal(flags_of(codes).bool().view(split.shape), split)
    assert set(flags_of(codes).unique().tolist()) == {0, 1}


def test_what_is_written_is_what_is_decoded_and_estimated(codec):
    own, signal = codec.segment_coder(codec.info.default, 1), drums(60_000)
    plans = own.plans(signal, 20.0)
    coded = list(own.encode(signal, plans=plans))
    data = [one.data for one in coded]
    assert np.array_equal(own.decode(data, len(signal)), own.approximated(signal, plans))
    n_bits = 8 * sum(map(len, data))
    assert sum(one.bits for one in coded) == pytest.approx(n_bits, rel=0.01)
    assert own.bits([signal], 20.0) == pytest.approx(n_bits, rel=0.01)


@pytest.mark.parametrize("gain", [0.02, 1.0, 50.0])
def test_finer_steps_bring_it_closer(codec, gain):
    """A decoder that took split blocks for others would not come closer at all."""
    own, signal = codec.segment_coder(codec.info.default, 1), drums(30_000)
    errors = [
        np.square(own.approximated(signal, own.plans(signal, g)) - signal).mean() for g in (gain, 30 * gain)
    ]
    assert errors[1] < errors[0] / 5


@pytest.mark.parametrize("attacking", [0, 1])
def test_both_channels_are_split_for_an_attack_in_one(codec, attacking):
    own = codec.segment_coder(codec.info.default, 2)
    signal = 0.01 * np.random.default_rng(0).standard_normal((2, 40_000)).astype(np.float32)
    signal[attacking, 20_000:20_100] += 1
    plans = [replace(p, mid_side=tuple(k % 2 == 0 for k in range(len(p.offsets)))) for p in own.plans(signal)]
    data = [one.data for one in own.encode(signal, plans=plans)]
    for codes in own.codes(data, signal.shape[-1]):
        left, right = flags_of(codes)
        assert np.array_equal(left, right)
    flags = np.concatenate([flags_of(codes)[0] for codes in own.codes(data, signal.shape[-1])])
    assert 1 <= flags.sum() <= 4
    decoded = own.decode(data, signal.shape[-1])
    assert np.array_equal(decoded, own.approximated(signal, plans))


def test_a_lost_segment_costs_only_itself(codec):
    own, signal = codec.segment_coder(codec.info.default, 1), drums(60_000)
    data = [one.data for one in own.encode(signal, 20.0)]
    whole, lost = (own.decode(some, len(signal)) for some in (data, [data[0], b"", *data[2:]]))
    hop = 15_872 - 32
    assert np.array_equal(lost[: hop - 32], whole[: hop - 32])
    assert np.array_equal(lost[2 * hop :], whole[2 * hop :])
    assert not np.array_equal(lost[hop : 2 * hop], whole[hop : 2 * hop])


def test_segments_are_the_same_whatever_is_beside_them(codec):
    checkpoint, signal = codec._loaded(), drums(60_000)
    own = SegmentCoder(checkpoint.coder, checkpoint.tables.model("network"))
    work = list(zip(own.places(len(signal)), own.plans(signal, 5.0), strict=True))
    together = [one.data for one in own.written(signal, work)]
    assert together == [next(own.written(signal, [one])).data for one in work]


def test_steps_of_the_parts_of_split_blocks_alone_differ():
    torch.manual_seed(0)
    coder = small()
    coder.prior.synthesis.last.bias[-4:] = torch.tensor([-1.0, 0.0, 1.0, 2.0]) * 4 * 8 / 64
    latents = torch.randint(-5, 6, (1, 4, 16)).float()
    latents[..., -2] = torch.tensor([0, 1, 0, 1])
    whole = coder.prior.step_levels(coder.prior.with_split(latents, torch.zeros(1, 4) > 0), 0 * latents)
    levels = coder.prior.step_levels(latents, 0 * latents)
    of_parts = levels.unflatten(-1, (-1, 4))
    assert of_parts.shape == (1, 4, SIZES["mdct-hyper-16k"][1].transform // 4, 4)
    assert torch.equal(levels[:, [0, 2]], whole[:, [0, 2]])
    assert not torch.equal(levels[:, [1, 3]], whole[:, [1, 3]])


def small(**options):
    config = config_to_json(SIZES["mdct-hyper-16k"][1]) | {"parts": 4, "width": 8, "hyper_width": 12}
    return build_from_json("mdct-hyper", config | options).eval().requires_grad_(False)


def test_all_of_it_is_trained():
    torch.manual_seed(0)
    coder = small(transform=256, framing={"length": 4096, "overlap": 32}).train().requires_grad_(True)
    frames = torch.from_numpy(drums(8 * 4096)).view(8, 1, -1) * 30
    optimiser = torch.optim.AdamW(coder.parameters(), lr=1e-2)
    for _ in range(3):
        out = coder(frames)
        optimiser.zero_grad()
        (out.rate_bits / coder.n_codes + 8.66 * out.terms["weighted"]).backward()
        optimiser.step()
    assert [name for name, p in coder.named_parameters() if not p.grad.any()] == []
    assert coder.prior.synthesis.last.bias.grad[-4:].all()


def test_blocks_are_not_split_without_looking_ahead():
    with pytest.raises(SettingError, match="not without looking ahead"):
        small(look_ahead=False)


def test_coders_that_split_nothing_are_as_they_were(small_checkpoint, signal_of):
    """Configurations of before, the same transform, and no latent that says something else."""
    coder = NeuralCodec.from_file(small_checkpoint("mdct-hyper"))._loaded().coder
    older = {k: v for k, v in config_to_json(coder.config).items() if k != "parts"}
    assert build_from_json("mdct-hyper", older).config == coder.config
    frames = coder.config.framing.split(torch.from_numpy(drums(30_000))).unsqueeze(1)
    coefficients, split = coder.transformed(frames.transpose(0, 1))
    assert not split.any()
    assert torch.equal(coefficients, LappedTransform(128)(frames))
    codes = coder.encode(20 * frames)
    assert flags_of(codes).any()
    back = LappedTransform(128).inverse(coder.dequantised(codes))
    assert torch.equal(coder.decode(codes), back)
    free = HyperModel(coder.prior)
    assert code_bits(codes.numpy()[np.newaxis], MdctHyper.alphabet, free) > 0
