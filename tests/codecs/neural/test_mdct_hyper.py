"""The coder with a hyper-latent: exact frequencies, every rate, the same codes elsewhere."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.container import write_ebc
from earbench_codecs.errors import SettingError
from earbench_codecs.neural.checkpoint_info import read_info, rewrite
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.entropy_coding import code_bits, decode_segments, encode_segments, row_bits
from earbench_codecs.neural.hole_levels import HoleLevels
from earbench_codecs.neural.hyper_model import HyperModel, fit_tables
from earbench_codecs.neural.hyper_prior import HyperPrior, interpolation
from earbench_codecs.neural.hyper_tables import coefficient_table, latent_table, spread_of_zeros
from earbench_codecs.neural.mdct_hyper import MdctHyper
from earbench_codecs.neural.segments import SegmentCoder
from earbench_codecs.neural.zoo import SIZES, build_from_json, config_to_json


@pytest.fixture(params=["plain", "notched", "levels", "switched", "notched, levels, switched"])
def prior(request):
    """One whose networks say something."""
    torch.manual_seed(3)
    levels = HoleLevels(64, 16_000, 2000.0) if "levels" in request.param else None
    notched, switched = "notched" in request.param, "switched" in request.param
    prior = HyperPrior(64, 16, 10, 4, 12, 16, notched=notched, hole_levels=levels, switched=switched)
    prior.eval().requires_grad_(False)
    for network in (prior.latent_network, *prior.networks, prior.synthesis):
        network.last.weight.normal_(0, 0.2)
    return prior


def codes_of(prior, shape, seed=0):
    """Codes like a spectrum's, some of them beyond the alphabet; latents and levels of holes are within."""
    rng = np.random.default_rng(seed)
    codes = np.round(rng.laplace(0, 2, (*shape, 5, 16)) * np.linspace(4, 0, 5)[:, np.newaxis])
    codes[..., 0, :] = rng.integers(-15, 16, (*shape, 16))
    if prior.hole_levels is not None:
        codes = np.concatenate([codes, rng.integers(-15, 16, (*shape, 1, 16))], -2)
        assert 0.1 < prior.hole_levels.sent(torch.from_numpy(coefficients_of(codes))).float().mean() < 0.9
    return codes.astype(np.int64)


def coefficients_of(codes):
    return codes[..., 1:5, :].reshape(*codes.shape[:-2], 64)


@pytest.fixture(params=["mdct-hyper", "mdct-hyper-levels", "mdct-hyper-switched"])
def codec(request, small_checkpoint, signal_of, tmp_path):
    """A codec with a knob."""
    source = small_checkpoint(request.param)
    plain = NeuralCodec.from_file(source)
    checkpoint = plain._loaded()
    coder = SegmentCoder(checkpoint.coder, checkpoint.tables.model("network"))
    signal = signal_of(32_000, 16_000)
    knob = [(coder.bits([signal], gain) / 2000, gain) for gain in (0.01, 0.1, 1.0, 10.0, 100.0)]
    path = tmp_path / "hyper.safetensors"
    rewrite(source, read_info(source).model_copy(update={"knob": knob}), path)
    return NeuralCodec.from_file(path)


def test_frequencies_are_the_same_all_at_once_as_one_after_the_other(prior):
    model = HyperModel(prior)
    symbols = np.clip(codes_of(prior, (3, 9)), -15, 16) + 15
    cost = 0.0
    for (place, own), (_, at_once) in zip(
        model.passes(symbols), model.passes(symbols, known=True), strict=True
    ):
        assert np.array_equal(own, at_once)
        cost += (16 - np.log2(model.tables[own, symbols[place]])).sum()
    assert model.bits(symbols) == pytest.approx(cost, rel=1e-12)


def test_what_is_expected_depends_on_nothing_that_is_not_decoded(prior):
    """Frequencies of a place stay the same when all codes from there on become others."""
    model = HyperModel(prior)
    one, other = (np.clip(codes_of(prior, (1, 4), seed), -15, 16) + 15 for seed in (1, 2))
    mixed = one.copy()
    before = [(place, numbers.copy()) for place, numbers in model.passes(one)]
    for number, (_, expected) in enumerate(before):
        mixed[...] = other
        for place, _ in before[:number]:
            mixed[place] = one[place]
        found = next(t for n, (_, t) in enumerate(model.passes(mixed)) if n == number)
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("n_segments", [1, 4])
def test_codes_come_back_whatever_is_beside_them(prior, n_segments):
    model, alphabet = HyperModel(prior), MdctHyper.alphabet
    codes = codes_of(prior, (n_segments, 6))
    coded = encode_segments(codes, alphabet, model)
    data = [one.data for one in coded]
    decoded = decode_segments(data, codes.shape[1:], alphabet, model)
    assert np.array_equal(decoded.codes, codes)
    symbols = np.where(np.abs(codes) > 15, 31, codes + 15)
    for place, numbers in model.passes(symbols, known=True):
        assert np.array_equal(decoded.tables[place], numbers)
    assert [encode_segments(one[np.newaxis], alphabet, model)[0].data for one in codes] == data


def test_numbers_of_tables_spare_the_decoder_the_network(small_checkpoint, signal_of):
    """And make the same coefficients; others would be heard."""
    checkpoint = NeuralCodec.from_file(small_checkpoint("mdct-hyper"))._loaded()
    coder, model = checkpoint.coder, checkpoint.tables.model("network")
    frames = coder.config.framing.split(torch.from_numpy(signal_of(15_000, 16_000))).unsqueeze(1)
    with torch.inference_mode():
        codes = coder.encode(30 * frames)
        tables = np.zeros(codes.shape, np.int64)
        symbols = coder.alphabet.symbols(codes).numpy()
        for place, numbers in model.passes(symbols[np.newaxis], known=True):
            tables[np.newaxis][place] = numbers
        plain = coder.dequantised(codes)
        assert torch.equal(coder.dequantised(codes, torch.from_numpy(tables)), plain)
        assert not torch.equal(coder.dequantised(codes, torch.from_numpy(tables + 40)), plain)


def test_what_rows_cost_adds_up_to_what_segments_cost(prior):
    model, alphabet = HyperModel(prior), MdctHyper.alphabet
    codes = codes_of(prior, (3, 6))
    assert (np.abs(codes) > 15).any()
    rows = row_bits(codes, alphabet, model)
    assert rows.shape == (3, 6)
    assert rows.sum() == pytest.approx(code_bits(codes, alphabet, model), rel=1e-12)
    later = codes.copy()
    later[:, 4:] = 0
    assert np.array_equal(row_bits(later, alphabet, model)[:, :4], rows[:, :4])


def test_tables_follow_the_codes_of_clips(prior):
    clips = [np.clip(codes_of(prior, (8,), seed), -15, 16) + 15 for seed in range(6)]
    before = HyperModel(prior).bits(np.stack(clips))
    fit_tables(prior, clips)
    once = prior.coefficient_table.clone()
    assert HyperModel(prior).bits(np.stack(clips)) < 0.9 * before
    fit_tables(prior, clips)
    assert torch.equal(prior.coefficient_table, once)  # it does not begin where the last one ended


@pytest.mark.parametrize("table", [coefficient_table(), latent_table()])
def test_tables_are_whole_numbers_that_sum_to_2_to_the_16(table):
    assert (table.sum(-1) == 2**16).all()
    assert (table > 0).all()


def test_interpolation_adds_up_and_is_exact_in_16ths():
    for size, n in ((64, 10), (256, 40), (512, 40)):
        shares = interpolation(size, n)
        assert (shares.sum(0) == 1).all()
        assert (shares * 16 == np.round(shares * 16)).all()
        assert (shares.sum(1) > 0).all()


def test_the_spread_of_zeros_is_that_of_draws():
    rng = np.random.default_rng(4)
    for number in (16, 26, 36):
        x = rng.laplace(0, 2 ** ((number - 26) / 5) / 2, 400_000)
        x = x[np.abs(x) < 0.6]
        assert float(spread_of_zeros(torch.tensor(float(number)), 0.6)) == pytest.approx(x.std(), rel=0.01)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_any_rate_between_the_ends_is_met(codec, signal_of, share):
    """Within a percent, by the bytes of the bitstream."""
    lowest, highest = codec.info.bitrates_kbps[0], codec.info.bitrates_kbps[-1]
    wanted = lowest + share * (highest - lowest)
    clip = AudioClip.mono(signal_of(96_000, 16_000, 7), 16_000)
    encoded = codec.encode(clip, Setting(wanted))
    assert encoded.bitrate_kbps == pytest.approx(wanted, rel=0.01)
    assert encoded.bitrate_kbps == pytest.approx(encoded.entropy_kbps, rel=0.01)


def test_more_bytes_make_a_smaller_error(codec, signal_of):
    clip = AudioClip.mono(signal_of(24_000, 16_000, 7), 16_000)
    lowest, highest = codec.info.bitrates_kbps[0], codec.info.bitrates_kbps[-1]
    errors = [
        np.square(codec.decode(codec.encode(clip, Setting(kbps))).samples - clip.samples).mean()
        for kbps in (lowest, (lowest * highest) ** 0.5, highest)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 10


def test_a_rate_beyond_the_ends_is_refused(codec, signal_of):
    clip = AudioClip.mono(signal_of(16_000, 16_000), 16_000)
    with pytest.raises(SettingError, match="takes"):
        codec.encode(clip, Setting(1000))


ELSEWHERE = """
import hashlib, sys
from pathlib import Path
import torch
from earbench_codecs.container import read_ebc
from earbench_codecs.neural import segments
from earbench_codecs.neural.codec import NeuralCodec
torch.set_num_threads(2)
segments.TOGETHER = 3
codec, digest = NeuralCodec.from_file(Path(sys.argv[1])), hashlib.sha256()
for codes in codec.code_values(read_ebc(sys.argv[2])):
    digest.update(codes.astype("<i8").tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_another_process_with_other_threads_reads_the_same_codes(codec, signal_of, tmp_path):
    import hashlib

    signal = signal_of(20_000, 16_000)
    signal[1000::3000] += 1  # which split blocks, if any can be
    encoded = codec.encode(AudioClip.mono(signal, 16_000), Setting(codec.info.bitrates_kbps[1]))
    if codec._loaded().coder.prior.switched:
        assert any((codes[:, 0, -2] == 1).any() for codes in codec.code_values(encoded))
    write_ebc(tmp_path / "a.ebc", encoded)
    written = hashlib.sha256(b"".join(c.astype("<i8").tobytes() for c in codec.code_values(encoded)))
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "hyper.safetensors"), str(tmp_path / "a.ebc")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == written.hexdigest()


def test_a_lost_segment_costs_only_itself(codec, signal_of):
    clip = AudioClip.mono(signal_of(60_000, 16_000), 16_000)
    encoded = codec.encode(clip, Setting(codec.info.bitrates_kbps[1]))
    whole = codec.decode(encoded).samples[0]
    lost = replace(encoded, segments=(encoded.segments[0], b"", *encoded.segments[2:]))
    found = codec.decode(lost).samples[0]
    hop = 15_872 - 32
    assert np.array_equal(found[: hop - 32], whole[: hop - 32])
    assert np.array_equal(found[2 * hop :], whole[2 * hop :])
    assert not np.array_equal(found[hop : 2 * hop], whole[hop : 2 * hop])


def test_evaluation_is_what_files_hold(codec, signal_of):
    coder = codec._loaded().coder
    frames = coder.config.framing.split(torch.from_numpy(signal_of(30_000, 16_000))).unsqueeze(1) * 10
    with torch.inference_mode():
        whole = coder(frames).decoded
        assert torch.equal(coder.decode(coder.encode(frames)), whole)


def test_training_makes_it_cheaper(signal_of):
    """Bits and weighted noise fall together; every parameter takes part."""
    torch.manual_seed(0)
    config = config_to_json(SIZES["mdct-hyper-16k"][1])
    small = {"transform": 64, "framing": {"length": 4096, "overlap": 32}, "width": 8, "hyper_width": 12}
    coder = build_from_json("mdct-hyper", config | small).train()
    signal = torch.from_numpy(signal_of(4096 * 8, 16_000)).view(8, 1, -1) * 10
    optimiser = torch.optim.AdamW(coder.parameters(), lr=3e-3)
    losses = []
    for step in range(40):
        torch.manual_seed(step % 4)  # the same gains again and again
        out = coder(signal)
        loss = out.rate_bits / coder.n_codes + 8.66 * out.terms["weighted"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8])
    assert all(bool(p.grad.any()) for p in coder.parameters())


@pytest.mark.parametrize(
    "options", [{"transform": 100}, {"framing": {"length": 1000, "overlap": 32}}, {"latents": 10}]
)
def test_sizes_that_do_not_fit_are_refused(options):
    config = config_to_json(SIZES["mdct-hyper-16k"][1])
    with pytest.raises(SettingError, match="multiple of 64"):
        build_from_json("mdct-hyper", config | options)


def reach_of(look_ahead):
    """How many samples beyond one decide how it comes back, for a low-delay coder of random weights."""
    config = SIZES["mdct-hyper-16k-low-delay"][1]
    framing = replace(config.framing, length=16 * config.transform)
    torch.manual_seed(0)
    coder = MdctHyper(replace(config, framing=framing, look_ahead=look_ahead)).eval().requires_grad_(False)
    frames = 20 * torch.randn(1, 1, framing.length)
    decoded = coder.decode(coder.encode(frames))
    reach = 0
    for changed in range(6 * config.transform, 8 * config.transform, 16):
        other = frames.clone()
        other[..., changed:] = 20 * torch.randn(framing.length - changed)
        differs = (coder.decode(coder.encode(other)) != decoded)[0, 0]
        reach = max(reach, changed - int(differs.nonzero()[0]))
    return reach


def test_without_look_ahead_the_delay_is_two_blocks():
    size = SIZES["mdct-hyper-16k-low-delay"][1].transform
    assert size <= reach_of(look_ahead=False) <= 2 * size == 0.016 * 16_000
    assert reach_of(look_ahead=True) > 2 * size


def test_pesq_is_a_term_of_16_khz_alone():
    config = SIZES["mdct-hyper-44k"][1]
    with pytest.raises(SettingError, match="PESQ is of 16000 Hz: no term of a coder of 44100"):
        MdctHyper(replace(config, terms=("pesq",)))


def test_every_term_asks_for_smaller_steps():
    """Its gradient with respect to the level of all steps points up: more noise is worse."""
    torch.manual_seed(0)
    config = SIZES["mdct-hyper-16k"][1]
    every = replace(config, terms=("masked", "pesq"), lowest_gain=1.0, highest_gain=1.0)
    coder = MdctHyper(every).train()
    output = coder(torch.randn(2, 1, config.framing.length))
    assert set(output.terms) == {"weighted", "masked", "pesq"}
    for term in output.terms.values():
        coder.zero_grad()
        term.backward(retain_graph=True)
        assert coder.prior.synthesis.last.bias.grad[: config.nodes].sum() > 0
