"""Levels of holes that are sent: as loud as they were, and next to nothing where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from earbench_codecs.errors import BitstreamError, SettingError
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.hole_levels import HoleLevels, band_of_each, level_table
from earbench_codecs.neural.hyper_model import HyperModel
from earbench_codecs.neural.mdct_hyper import MdctHyper
from earbench_codecs.neural.zoo import build_from_json, config_to_json

SIZE, RATE_HZ, FROM_HZ = 256, 16_000, 2000.0
BANDS = band_of_each(SIZE, RATE_HZ, FROM_HZ)


@pytest.fixture
def levels():
    return HoleLevels(SIZE, RATE_HZ, FROM_HZ)


def octaves_between(one, other):
    """How much louder one is than the other in each band, [..., 16]."""
    member = torch.from_numpy(BANDS[:, np.newaxis] == np.arange(16)).float()
    return ((one.square() @ member) / (other.square() @ member)).log2() / 2


def test_bands_begin_where_noise_does_and_get_wider():
    assert (BANDS[np.arange(SIZE) * RATE_HZ / 2 / SIZE < FROM_HZ] == -1).all()
    sizes = np.bincount(BANDS[BANDS >= 0], minlength=16)
    music = band_of_each(1024, 44_100, 4000.0)
    assert (np.bincount(music[music >= 0], minlength=16) > 15).all()
    assert music[-1] == 15
    assert sizes[0] < sizes[5]


def test_holes_are_as_loud_as_they_were_within_a_step(levels):
    """From 20 dB above what is told to 20 dB below, all the way."""
    generator = torch.Generator().manual_seed(1)
    loudness = torch.linspace(-3.3, 3.3, 40).exp2()[:, None]
    values = loudness * 0.05 * torch.randn(2, 40, SIZE, generator=generator)
    told = torch.full_like(values, 0.05)
    codes = torch.zeros_like(values)
    found = levels.found(values, codes, told)
    assert torch.equal(found, found.round())
    there = BANDS.max()
    off = octaves_between(told * levels.gains(found), values)[..., :there]
    assert off.abs().max() * 6.02 < 3.0
    assert (found[:, 0, :there] < -3).all()
    assert (found[:, -1, :there] > 3).all()


def test_each_part_of_a_split_block_has_noise_as_loud_as_it_was(levels):
    """Of parts 20 dB apart; blocks beside it that are whole have theirs by finer bands."""
    generator = torch.Generator().manual_seed(1)
    values = 0.05 * torch.randn(1, 3, SIZE, generator=generator)
    values[0, 1] *= torch.tensor([0.03, 0.3, 3.0, 1.0]).repeat(SIZE // 4)
    codes, told = torch.zeros_like(values), torch.full_like(values, 0.05)
    split = torch.tensor([[False, True, False]])
    back = told * levels.gains(levels.found(values, codes, told, split), split)
    assert octaves_between(back, values)[:, [0, 2], : BANDS.max()].abs().max() * 6.02 < 3.0
    inside = (BANDS >= 0).reshape(-1, 4).all(1)
    power = [x[0, 1].square().view(-1, 4)[inside].mean(0).log10() * 10 for x in (back, values)]
    assert (power[0] - power[1]).abs().max() < 2.0


def test_bands_without_holes_have_no_level(levels):
    codes = torch.ones(1, 5, SIZE)
    codes[..., BANDS == 3] = 0
    values = torch.where(codes == 0, 0.3, codes)
    found = levels.found(values, codes, torch.full_like(codes, 0.1))
    elsewhere = torch.arange(16) != 3
    assert (found[..., elsewhere] == 0).all()
    assert (found[..., 3] == 3).all()


def test_what_is_not_sent_costs_nothing():
    torch.manual_seed(0)
    model = HyperModel(small(hole_levels=True).prior)
    symbols = np.full((1, 7, 2 + SIZE // 16, 16), 15)
    symbols[:, :, 1:-1] += 1
    *_, (place, numbers) = model.passes(symbols, known=True)
    assert place[2] == 1 + SIZE // 16
    assert model.costs[numbers, symbols[place]].max() < 0.001


def test_silence_stays_silent(levels):
    values = torch.zeros(1, 4, SIZE)
    told = torch.full_like(values, 0.2)
    gains = levels.gains(levels.found(values, values, told))
    assert (gains[..., BANDS >= 0] < 0.006).all()
    assert (gains[..., BANDS < 0] == 1).all()


def test_tables_are_by_the_last_level_that_was_sent(levels):
    blocks = torch.tensor([[3.0], [0.0], [-2.0], [5.0]]).expand(4, 16)
    sent = torch.tensor([[True], [False], [True], [True]]).expand(4, 16)
    notches = torch.tensor([[0.0], [0.0], [8.0], [9.0]])
    found = levels.all_numbers(blocks, sent, notches)
    assert found[:, 0].tolist() == [16, 0, 16 + 3, 31 + 16 - 2]
    last = torch.zeros(16)
    for block, there, coarser, numbers in zip(blocks, sent, notches, found, strict=True):  # as a decoder
        assert torch.equal(levels.numbers(last, there, coarser), numbers)
        last = torch.where(there, block, last)


def test_levels_beyond_the_alphabet_as_damage_makes_them_do_no_harm(levels):
    wild = torch.full((1, 16), 2e5)
    assert torch.isfinite(levels.gains(wild)).all()
    assert levels.numbers(wild, torch.ones(1, 16, dtype=torch.bool), 15 * torch.ones(1, 1)).max() < len(
        levels.table
    )


def test_tables_are_whole_numbers_that_sum_to_2_to_the_16():
    table = level_table()
    assert (table.sum(-1) == 2**16).all()
    assert (table > 0).all()
    assert table[0, 15] == table[0].max() > 65_000


def test_tables_follow_levels_of_coarser_steps_too():
    """Of noise that is quiet and loud by turns, with more and more notches."""
    torch.manual_seed(3)
    coder = small(hole_levels=True, coarsest=15)
    loudness = torch.linspace(-3, 3, 5).exp2().repeat_interleave(SIZE).repeat(4)[: 16 * SIZE]
    frames = 0.1 * loudness * torch.randn(30, 1, 16 * SIZE)
    coarser = torch.full((30, 1, 1), 12.0)
    with torch.inference_mode():
        codes = coder.quantised(*coder.transformed(frames.transpose(0, 1)), coarser)
    symbols = coder.alphabet.symbols(codes).numpy().reshape(30, 16, -1, 16)
    before = level_bits(coder, symbols)
    coder.learn_codes(frame[None] for frame in frames)
    assert level_bits(coder, symbols) < 0.9 * before


def level_bits(coder, symbols):
    """What levels of holes cost, of symbols [N, R, S, 16]."""
    model = HyperModel(coder.prior)
    last = symbols.shape[2] - 1
    passes = model.passes(symbols, known=True)
    return sum(model.costs[numbers, symbols[at]].sum() for at, numbers in passes if at[2] == last)


def small(**options):
    config = config_to_json(MdctHyper.config_type(sample_rate_hz=RATE_HZ))
    framing = {"length": 16 * SIZE, "overlap": 32, "ramp": "half-sine", "side": "both"}
    made = {"framing": framing, "fill_from_hz": FROM_HZ, "terms": ["holes"], "width": 8}
    return build_from_json("mdct-hyper", config | made | options).eval().requires_grad_(False)


def test_they_take_what_tells_what_they_are_relative_to():
    with pytest.raises(SettingError, match="no such configuration: levels of holes"):
        small(hole_levels=True, terms=[])


def test_coders_without_are_as_they_were(small_checkpoint):
    """Nothing of it in their files, nor in their codes."""
    checkpoint = NeuralCodec.from_file(small_checkpoint("mdct-hyper"))._loaded()
    coder = checkpoint.coder
    assert coder.code_shape == (128 // 16 + 1, 16)
    assert not any("level" in name for name in coder.state_dict())
    older = {k: v for k, v in config_to_json(coder.config).items() if k != "hole_levels"}
    assert build_from_json("mdct-hyper", older).config == coder.config


def test_what_is_sent_makes_holes_as_loud_as_they_were():
    """Of noise too quiet to be coded, whatever an untrained network tells of it."""
    torch.manual_seed(2)
    told, sent = small(fill=1.0), small(fill=1.0, hole_levels=True)
    sent.load_state_dict(told.state_dict(), strict=False)
    frames = 0.01 * torch.randn(1, 1, 16 * SIZE)
    with torch.inference_mode():
        true, _ = sent.transformed(frames)
        off = [
            octaves_between(coder.dequantised(coder.encode(frames)), true)[..., 1:-1, : BANDS.max()]
            for coder in (told, sent)
        ]
    assert off[1].abs().max() * 6.02 < 3.0 < off[0].abs().max() * 6.02


@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_lost_segment_costs_only_itself(small_checkpoint, signal_of, n_channels):
    coder, signal, data = coded(small_checkpoint, signal_of, n_channels)
    whole = coder.decode(data, signal.shape[-1])
    lost = coder.decode([data[0], b"", *data[2:]], signal.shape[-1])
    hop = 15_872 - 32
    assert whole.shape == signal.shape
    assert np.array_equal(lost[..., : hop - 32], whole[..., : hop - 32])
    assert np.array_equal(lost[..., 2 * hop :], whole[..., 2 * hop :])
    assert not np.array_equal(lost[..., hop : 2 * hop], whole[..., hop : 2 * hop])


def test_damage_is_told(small_checkpoint, signal_of):
    """Whatever levels it makes: all codes are read before what is left over tells of it."""
    coder, signal, data = coded(small_checkpoint, signal_of, 1)
    rng = np.random.default_rng(3)
    for _ in range(20):
        hurt = bytearray(data[0])
        hurt[rng.integers(2, len(hurt) // 2)] ^= 1 << rng.integers(8)
        with pytest.raises(BitstreamError, match="a segment is damaged"):
            coder.decode([bytes(hurt), *data[1:]], len(signal))


def coded(small_checkpoint, signal_of, n_channels):
    """Return what codes, a signal of so many channels, and its segments."""
    codec = NeuralCodec.from_file(small_checkpoint("mdct-hyper-levels"))
    coder = codec.segment_coder(codec.info.default, n_channels)
    signals = np.stack([signal_of(50_000, RATE_HZ, seed) for seed in range(1, 1 + n_channels)])
    signal = signals if n_channels > 1 else signals[0]
    return coder, signal, [one.data for one in coder.encode(signal, 20.0)]
