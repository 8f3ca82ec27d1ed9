"""The five networks: sizes to the parameter, shapes, stages, and that decoders need codes alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from earbench_codecs.errors import PluginError, SettingError
from earbench_codecs.neural.blocks import SubPixel1d, n_parameters
from earbench_codecs.neural.checkpoint import entropy_tables
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.kankanahalli import Kankanahalli, KankanahalliConfig
from earbench_codecs.neural.koishekenov import Koishekenov, KoishekenovConfig
from earbench_codecs.neural.pam_nac import PamNac, PamNacConfig
from earbench_codecs.neural.resglu import ResGlu, ResGluConfig
from earbench_codecs.neural.vred import Vred, VredConfig
from earbench_codecs.neural.zoo import SIZES, add_architecture, build, build_from_json, config_to_json

TINY = {
    "kankanahalli": KankanahalliConfig(channels=4, dilations=(1, 2)),
    "koishekenov": KoishekenovConfig(channels=8, n_blocks=1, framing=Framing(512, 32), code_channels=3),
    "pam-nac": PamNacConfig(channels=8, narrow=4, n_modules=2),
    "resglu": ResGluConfig(channels=8, narrow=4, dilations=(1, 2)),
    "vred": VredConfig(n_latents=9, hidden=8, n_features=6, framing=Framing(44 * 8, 44, "none")),
}


def tiny(architecture):
    torch.manual_seed(5)
    return build_from_json(architecture, config_to_json(TINY[architecture]))


def frames_for(coder, n=3):
    generator = torch.Generator().manual_seed(6)
    return 0.3 * torch.randn(n, 1, coder.config.framing.length, generator=generator)


def assert_same(found, expected):
    """Sums in another order, as processors differ in, move a sample by some millionths of the largest."""
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.detach().abs().max()))


each_architecture = pytest.mark.parametrize("architecture", TINY)


def test_kankanahalli_has_the_parameters_the_author_prints():
    coder = Kankanahalli(KankanahalliConfig())
    assert n_parameters(coder.encoder) + n_parameters(coder.quantizer) == 742_448
    assert n_parameters(coder.decoder) == 816_399
    assert n_parameters(coder) == 1_558_847


def test_pam_nac_has_0_45_million_a_module():
    module = PamNac(PamNacConfig()).coding[0]
    assert n_parameters(module.encoder) == 255_561
    assert n_parameters(module.decoder) == 195_591
    assert n_parameters(module) == 451_185
    assert n_parameters(PamNac(PamNacConfig(n_modules=2))) == 902_370
    assert n_parameters(PamNac(PamNacConfig(first_kernel=9))) == 446_585


def test_resglu_has_1_87_million_and_its_variants_what_they_add_up_to():
    assert n_parameters(ResGlu(ResGluConfig())) == 1_873_362
    assert n_parameters(ResGlu(ResGluConfig(gate="tanh"))) == 1_873_362
    assert n_parameters(ResGlu(ResGluConfig(upsampling="sub-pixel"))) == 1_963_462
    assert n_parameters(ResGlu(ResGluConfig(dilations=(2, 4, 8, 16, 32)))) == 1_591_802


def conv(c_in, c_out, kernel=9):
    return c_in * c_out * kernel + c_out


def test_koishekenov_has_what_its_layers_add_up_to():
    blocks = 3 * 2 * conv(128, 128)
    for c in (1, 4):
        encoder = conv(1, 64) + conv(64, 128) + blocks + conv(128, c)
        decoder = conv(c, 256) + blocks + conv(128, 128) + conv(64, 128) + conv(64, 1)
        assert n_parameters(Koishekenov(KoishekenovConfig(code_channels=c))) == encoder + decoder


def test_vred_has_what_its_layers_add_up_to():
    def dense(*widths):
        return sum(a * b + b for a, b in pairwise(widths))

    outer = conv(1, 32, 88) + conv(32, 1, 88)
    embeddings = dense(32, 128) + dense(128, 128) + dense(32, 128)
    layers = dense(256, 128, 128, 128) + dense(128, 128, 128) + dense(256, 128, 128, 32)
    lstm = 4 * 128 * (256 + 128) + 2 * 4 * 128
    assert n_parameters(Vred(VredConfig())) == outer + embeddings + layers + lstm


def test_rates_are_those_of_the_papers():
    """A bit a code: 8.533 kbps at 16 kHz, 17.067 at 32 kHz, 23.52 at 44.1 kHz; VRED 128.29 in all."""
    for size, expected in (("kankanahalli", 8.5333), ("resglu", 17.0667), ("pam-nac-44k", 23.52)):
        assert build(size).kbps(256) == pytest.approx(expected, rel=1e-4)
    coder = build("vred")
    assert coder.kbps(128 * coder.code_shape[1]) == pytest.approx(128.29, abs=0.01)


@pytest.mark.parametrize("size", SIZES)
def test_every_size_builds_comes_back_from_json_and_has_the_shape_it_says(size):
    coder = build(size).eval()
    again = build_from_json(coder.architecture, config_to_json(coder.config))
    assert again.config == coder.config
    assert n_parameters(again) == n_parameters(coder)
    frames = frames_for(coder, n=1)
    with torch.inference_mode():
        codes = coder.encode(frames)
        assert codes.shape == (coder.code_rows, *coder.code_shape)
        assert coder.decode(codes).shape == frames.shape


@pytest.mark.parametrize("full", ["kankanahalli", "koishekenov", "pam-nac-32k", "resglu", "vred"])
def test_small_sizes_are_small(full):
    assert n_parameters(build(full.removesuffix("-32k") + "-small")) < 0.5 * n_parameters(build(full))


@each_architecture
def test_evaluation_is_what_files_hold(architecture):
    """forward, without gradients, equals encoding to integers and decoding these."""
    coder = tiny(architecture).eval()
    frames = frames_for(coder)
    codes = coder.encode(frames)
    assert codes.dtype == torch.int64
    if not coder.alphabet.escape:
        assert coder.alphabet.low <= codes.min()
        assert codes.max() <= coder.alphabet.high
    assert_same(coder.decode(codes), coder(frames).decoded)


@each_architecture
def test_frames_do_not_depend_on_their_batch(architecture):
    coder = tiny(architecture).eval()
    frames = frames_for(coder, n=4)
    assert_same(coder.decode(coder.encode(frames))[2:3], coder.decode(coder.encode(frames)[2:3]))
    assert (coder.encode(frames)[2:3] != coder.encode(frames[2:3])).float().mean() < 0.01


@each_architecture
def test_each_stage_trains_what_it_says_and_no_more(architecture):
    coder = tiny(architecture).train()
    for stage in coder.stages:
        coder.prepare_stage(stage, frames_for(coder, n=8))
        coder.enter_stage(stage)
        coder.zero_grad()
        frames = frames_for(coder)
        out = coder(frames)
        assert out.decoded.shape == frames.shape
        loss = (out.decoded - frames).square().mean() + out.rate_bits + sum(out.terms.values())
        loss.backward()
        assert all(p.grad.isfinite().all() for p in coder.parameters() if p.grad is not None)
        moved = {
            name for name, p in coder.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
        }
        wanted = {id(p) for p in coder.parameters_of(stage)}
        assert moved <= {name for name, p in coder.named_parameters() if id(p) in wanted}
        assert len(moved) > 0.8 * len(wanted)


def test_an_unknown_stage_is_refused():
    with pytest.raises(SettingError, match="unquantized, quantized"):
        tiny("kankanahalli").enter_stage("joint")


def test_without_quantisation_there_is_no_rate_and_no_rounding():
    coder = tiny("kankanahalli").train()
    frames = frames_for(coder)
    coder.enter_stage("unquantized")
    out = coder(frames)
    assert out.rate_bits == 0
    assert torch.equal(out.decoded, coder.decoder(coder.encoder(frames)))


def test_quantisation_begins_from_the_latents_there_are():
    coder = tiny("kankanahalli")
    frames = frames_for(coder, n=8)
    coder.prepare_stage("unquantized", frames)
    assert torch.equal(coder.quantizer.bins.detach(), torch.linspace(-1, 1, 32))
    coder.prepare_stage("quantized", frames)
    latents = coder.encoder(frames)
    assert coder.quantizer.bins.min() >= latents.min()
    assert (coder.quantizer.values(coder.encode(frames)) - latents).abs().mean() < 0.1 * latents.std()


def test_a_second_module_codes_what_the_first_leaves():
    coder = tiny("pam-nac").eval()
    frames = frames_for(coder)
    coder.enter_stage("module1")
    first = coder(frames).decoded
    residual = 5 * (frames - first)
    expected = first + coder.coding[1].decode(coder.coding[1].encode(residual)) / 5
    coder.enter_stage("joint")
    torch.testing.assert_close(coder(frames).decoded, expected)
    assert torch.equal(coder.encode(frames)[:, 1:], coder.coding[1].encode(residual))


def test_vred_frames_join_to_one_convolution_of_the_whole_signal():
    """With the recurrence left out: cutting and joining must not be heard."""
    coder = tiny("vred")
    signal = torch.randn(44 * 50, generator=torch.Generator().manual_seed(7))
    framing = coder.config.framing
    frames = framing.split(signal)[:, None]
    joined = framing.join(coder.synthesis(coder.analysis(frames))[:, 0], len(signal))
    padded = torch.nn.functional.pad(signal, (44, frames.shape[0] * framing.hop - len(signal)))[None, None]
    with_bias = coder.synthesis(coder.analysis(padded))[0, 0, 44 : 44 + len(signal)]
    bias_at_joins = torch.zeros_like(joined)
    for k in range(1, frames.shape[0]):
        bias_at_joins[k * framing.hop - 44 : k * framing.hop] = coder.synthesis.bias.detach()
    torch.testing.assert_close(joined - bias_at_joins, with_bias, rtol=1e-4, atol=1e-5)


def test_vred_sends_raw_bits_unless_asked_otherwise():
    frames = frames_for(tiny("vred"))
    raw = entropy_tables(tiny("vred"), [frames])
    assert (raw.static == 2**15).all()
    assert raw.kinds == ("static",)
    torch.manual_seed(5)
    counted = entropy_tables(Vred(replace(TINY["vred"], raw_bits=False)).eval(), [frames])
    assert counted.static.shape == (9, 2)
    assert counted.kinds == ("context", "static")


def test_static_tables_are_histograms_of_what_is_sent():
    coder = tiny("koishekenov")
    frames = 5000 * frames_for(coder)
    table = entropy_tables(coder, [frames, frames]).static
    codes = coder.encode(frames)
    assert table.shape == (3, coder.alphabet.n_symbols)
    assert table[1, 64 + 2] / 2**16 == pytest.approx(float((codes[:, 1] == 2).float().mean()), abs=2e-3)
    escaped = (codes.abs() > 64).float().mean((0, 2))
    assert escaped.max() > 0
    assert table[:, -1] / 2**16 == pytest.approx(escaped.numpy(), abs=5e-3)


def test_configurations_that_are_not_are_refused_by_name():
    with pytest.raises(SettingError, match="channels"):
        build_from_json("resglu", {"channels": "many"})
    with pytest.raises(SettingError, match="colour"):
        build_from_json("resglu", {"colour": 1})
    with pytest.raises(SettingError, match=r"framing.*overlap"):
        build_from_json("resglu", {"framing": {"overlap": 300}})
    with pytest.raises(SettingError, match="kankanahalli, kankanahalli-mdct, koishekenov"):
        build_from_json("lpc", {})
    with pytest.raises(SettingError, match="kankanahalli-small"):
        build("kankanahalli-tiny")
    with pytest.raises(PluginError, match="vred"):
        add_architecture(Vred, {})


def test_sub_pixel_shuffling_interleaves_pairs_of_channels():
    x = torch.arange(2 * 4 * 3).reshape(2, 4, 3)
    y = SubPixel1d(2)(x)
    for b, c, t, p in torch.cartesian_prod(*map(torch.arange, (2, 2, 3, 2))).tolist():
        assert y[b, c, 2 * t + p] == x[b, 2 * c + p, t]
