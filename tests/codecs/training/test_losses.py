"""Loss terms against closed forms, loops and hand-worked values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from earbench_codecs.errors import SettingError
from earbench_codecs.psychoacoustics import Model1, Model1Settings
from earbench_codecs.training.losses import (
    FramePair,
    MelDistance,
    NoiseModulation,
    Objective,
    PriorityWeighting,
    RootSquaredError,
    ShapedError,
    SquaredError,
    TwoStage,
    rescaled_nmr_db,
)
from earbench_codecs.training.mel import mel_bank
from earbench_codecs.training.recipe import ObjectiveTable


@pytest.fixture(scope="module")
def model():
    return Model1(Model1Settings(32000))


def sine(frequency_hz, amplitude, rate_hz=32000, n=512):
    return amplitude * torch.sin(2 * math.pi * frequency_hz / rate_hz * torch.arange(n))


def floor_bank_by_loop(n_bands, rate_hz=16000, n_fft=512):
    """The common recipe for such banks, as Kankanahalli's code has it."""
    top = 1127.01048 * math.log(1 + rate_hz / 2 / 700)
    points = [700 * (math.exp(top * i / (n_bands + 1) / 1127.01048) - 1) for i in range(n_bands + 2)]
    edges = [math.floor((n_fft // 2 + 1) * f / (rate_hz / 2) + 1e-9) for f in points]
    bank = np.zeros((n_fft // 2 + 1, n_bands))
    for m in range(1, n_bands + 1):
        for k in range(edges[m - 1], edges[m]):
            bank[k, m - 1] = (k - edges[m - 1]) / (edges[m] - edges[m - 1])
        for k in range(edges[m], edges[m + 1]):
            bank[k, m - 1] = (edges[m + 1] - k) / (edges[m + 1] - edges[m])
    return bank


@pytest.mark.parametrize("n_bands", [8, 16, 32, 128])
def test_banks_with_whole_edges_are_those_of_the_loop(n_bands):
    bank = mel_bank(n_bands, 512, 16000, "floor")
    assert np.abs(bank - floor_bank_by_loop(n_bands)).max() < 1e-12


def test_low_filters_of_the_128_bank_are_empty():
    assert not mel_bank(128, 512, 16000, "floor")[:, 0].any()
    assert mel_bank(32, 512, 16000, "floor").any(axis=0).all()


def test_banks_with_free_edges_are_straight_in_mel_and_sum_to_one():
    bank = mel_bank(16, 512, 32000, "triangle")
    mel = 1127.01048 * np.log1p(np.arange(257) * 62.5 / 700)
    width = mel[-1] / 17
    assert not bank[0].any()
    inside = (mel > width) & (mel < 16 * width)
    assert bank[inside].sum(axis=1) == pytest.approx(1)
    for band in (0, 7, 15):
        assert bank[1:, band] == pytest.approx(np.maximum(0, 1 - abs(mel[1:] / width - band - 1)))


def test_squared_errors(model):
    original = torch.zeros(2, 512)
    decoded = torch.stack([torch.full((512,), 0.1), torch.full((512,), 0.3)])
    pair = FramePair(original, decoded, model)
    assert SquaredError()(pair).item() == pytest.approx((0.01 + 0.09) / 2)
    assert RootSquaredError()(pair).item() == pytest.approx((0.1 + 0.3) / 2, rel=1e-4)


def test_root_error_has_a_gradient_where_there_is_none(model):
    decoded = torch.zeros(1, 512, requires_grad=True)
    RootSquaredError()(FramePair(torch.zeros(1, 512), decoded, model)).backward()
    assert torch.isfinite(decoded.grad).all()


def test_mel_distance_is_that_of_a_loop(model):
    rng = np.random.default_rng(0)
    x, y = 0.1 * rng.standard_normal((2, 3, 512))
    distances = []
    for n_bands in (8, 16, 32, 128):
        bank = floor_bank_by_loop(n_bands)
        for a, b in zip(x, y, strict=True):
            log_a, log_b = (np.log(np.abs(np.fft.rfft(s)) ** 2 / 512 @ bank + 1e-7) for s in (a, b))
            distances.append(math.sqrt(np.mean((log_a - log_b) ** 2) + 1e-7))
    pair = FramePair(torch.tensor(x).float(), torch.tensor(y).float(), model)
    assert MelDistance(512, 16000)(pair).item() == pytest.approx(np.mean(distances), rel=1e-4)


def test_mel_distance_of_a_change_of_gain_is_the_gain(model):
    x = torch.randn(4, 512, generator=torch.Generator().manual_seed(1))
    distance = MelDistance(512, 32000, [16, 32], "triangle", skip_bands=3)(FramePair(x, 10 * x, model))
    assert distance.item() == pytest.approx(math.log(100), rel=1e-3)


def test_skipped_bands_do_not_count(model):
    low, high = sine(62.5, 0.5)[None], sine(5000, 0.5)[None]
    whole, skipped = (MelDistance(512, 32000, [16], "triangle", skip_bands=n) for n in (0, 3))
    pair = FramePair(low + high, 0.2 * low + high, model)
    assert whole(pair) > 0.3
    assert skipped(pair) < 0.01
    with pytest.raises(SettingError, match="skip_bands = 8 leaves nothing of 8 bands"):
        MelDistance(512, 32000, [8, 16], "triangle", skip_bands=8)


def test_what_is_quieter_than_the_least_energy_does_not_count(model):
    x = 1e-4 * torch.randn(4, 512, generator=torch.Generator().manual_seed(1))
    deaf, keen = (MelDistance(512, 32000, [16], least=least) for least in (1e-2, 1e-12))
    assert deaf(FramePair(x, 0 * x, model)) < 0.01
    assert keen(FramePair(x, 0 * x, model)) > 5


def test_longer_frames_are_judged_by_windowed_pieces(model):
    rng = np.random.default_rng(5)
    frames = rng.standard_normal((2, 1024))
    pair = FramePair(torch.tensor(frames).float(), torch.zeros(2, 1024), model)
    hann = np.sin(np.pi * np.arange(512) / 512) ** 2 * math.sqrt(8 / 3)
    powers = np.abs(np.fft.rfft([[f[i : i + 512] * hann for i in (0, 256, 512)] for f in frames])) ** 2 / 512
    np.testing.assert_allclose(pair.spectrum_power(pair.original), powers, rtol=1e-3, atol=1e-5)


def test_shaped_error_without_shaping_is_the_square_error_of_lines(model):
    noise = 0.1 * torch.randn(64, 512, generator=torch.Generator().manual_seed(2))
    pair = FramePair(torch.zeros(64, 512), noise, model)
    assert ShapedError(0)(pair).item() == pytest.approx(0.01, rel=0.02)


def test_shaped_error_counts_less_under_a_louder_band(model):
    noise = sine(4000, 1e-3)[None]
    quiet, loud = (sine(4200, a)[None] for a in (0.01, 0.1))  # within nine lines of the noise
    errors = [ShapedError(0.5)(FramePair(x, x + noise, model)).item() for x in (quiet, loud)]
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.05)


def test_priority_counts_errors_where_the_signal_stands_out(model):
    loud, masked = sine(1000, 0.9), sine(1125, 0.9e-3)
    original = (loud + masked)[None]
    gain = 10 ** (1 / 20)
    at_loud = PriorityWeighting()(FramePair(original, (gain * loud + masked)[None], model))
    at_masked = PriorityWeighting()(FramePair(original, (loud + gain * masked)[None], model))
    assert at_loud > 50 * at_masked


def test_priority_is_the_weighted_mean_of_squared_decibels(model):
    original = torch.randn(2, 512, generator=torch.Generator().manual_seed(1)) * 0.1
    mask = model.signal_and_mask(original)
    excess = (mask.level_db_spl - mask.threshold_db_spl).numpy().astype(float)
    wanted = np.mean(np.log10(10 ** (excess / 10) + 1)) * 36
    got = PriorityWeighting()(FramePair(original, original * 10 ** (6 / 20), model))
    assert got.item() == pytest.approx(wanted, rel=1e-3)


def test_noise_modulation_is_nothing_below_the_mask_and_the_worst_excess_above(model):
    original = sine(1000, 0.9)[None]
    assert NoiseModulation()(FramePair(original, original * 1.0001, model)).item() == 0
    decoded = original + sine(4000, 0.01)
    power = model.power(decoded - original)
    threshold_power = 10 ** (model.signal_and_mask(original).threshold_db_spl / 10)
    worst = (power / threshold_power).max() - 1
    assert NoiseModulation()(FramePair(original, decoded, model)).item() == pytest.approx(worst.item())
    assert worst > 10


def test_the_literal_reading_collapses_to_one_number():
    """Every band has the mean, and its gradient: the weights cannot move effort between bands."""
    nmr = torch.tensor([12.0, -3.0, 5.0, 0.0, 1.0], requires_grad=True)
    out = rescaled_nmr_db(nmr, "literal")
    assert out.tolist() == pytest.approx([3.0] * 5)
    weight = torch.tensor([1.0, 0.5, 0.0, 0.2, 0.3])
    (weight * torch.relu(out)).sum().backward()
    assert nmr.grad.tolist() == pytest.approx([0.4] * 5)


def test_the_detached_reading_has_the_same_value_and_each_band_its_own_gradient():
    nmr = torch.tensor([12.0, -3.0, 5.0, 0.0, 1.0], requires_grad=True)
    out = rescaled_nmr_db(nmr, "detached")
    assert out.tolist() == pytest.approx([3.0] * 5)
    weight = torch.tensor([1.0, 0.5, 0.0, 0.2, 0.3])
    (weight * torch.relu(out)).sum().backward()
    assert nmr.grad.tolist() == pytest.approx(weight.tolist())


def test_the_emphasising_reading_drives_vulnerable_bands_alone():
    nmr = torch.tensor([12.0, -3.0, 5.0, 0.0, 1.0], requires_grad=True)
    out = rescaled_nmr_db(nmr, "emphasise")
    assert out.tolist() == pytest.approx([2 * n - 3 for n in (12, -3, 5, 0, 1)])
    torch.relu(out).sum().backward()
    assert nmr.grad.tolist() == [1, 0, 1, 0, 0]


@pytest.mark.parametrize("reading", ["emphasise", "detached", "literal"])
def test_two_stage_falls_when_noise_sinks_below_the_mask(model, reading):
    generator = torch.Generator().manual_seed(2)
    original = torch.randn(4, 512, generator=generator) * 0.1
    noise = torch.randn(4, 512, generator=generator)
    term = TwoStage(512, 32000, reading)
    loud, soft, none = (term(FramePair(original, original + g * noise, model)) for g in (1.0, 0.5, 0.0))
    assert loud > soft > 0
    assert none == 0


def test_two_stage_without_weights_is_the_sum_of_bands_above_the_mask(model):
    """With γ = 0 all weights are 1, and the detached reading is the mean ratio times the bands."""
    original = 0.1 * torch.randn(1, 512, generator=torch.Generator().manual_seed(3))
    decoded = original + 0.5 * torch.randn(1, 512, generator=torch.Generator().manual_seed(4))
    bank = mel_bank(16, 512, 32000, "triangle")
    mask = 10 ** (model.signal_and_mask(original).threshold_db_spl.numpy().astype(float) / 10)
    noise = model.power(decoded - original).numpy().astype(float)
    nmr_db = 10 * np.log10((noise @ bank) / (mask @ bank))
    got = TwoStage(512, 32000, "detached", [16], 0.0)(FramePair(original, decoded, model))
    assert got.item() == pytest.approx(16 * nmr_db.mean(), rel=1e-3)


def test_two_stage_is_finite_for_silence(model):
    decoded = torch.zeros(1, 512, requires_grad=True)
    term = TwoStage(512, 32000)(FramePair(torch.zeros(1, 512), decoded, model))
    term.backward()
    assert torch.isfinite(decoded.grad).all()


def all_terms():
    names = ("mse", "rmse", "mel", "priority", "noise_modulation", "two_stage", "entropy")
    return ObjectiveTable.model_validate({name: {"weight": 1} for name in names})


@pytest.mark.parametrize("length", [512, 1024, 4400])
def test_an_objective_gives_every_term_a_gradient_at_any_length(length):
    objective = Objective(all_terms(), length, 32000)
    generator = torch.Generator().manual_seed(5)
    original = 0.1 * torch.randn(3, 1, length, generator=generator)
    for name in objective(original, original):
        decoded = (original + 0.05 * torch.randn(3, 1, length, generator=generator)).requires_grad_()
        objective(original, decoded)[name].backward()
        assert torch.isfinite(decoded.grad).all()
        assert decoded.grad.abs().max() > 0, name


def test_an_objective_has_the_terms_asked_for():
    table = ObjectiveTable.model_validate({"rmse": {"weight": 60}, "entropy": {"weight": 1}})
    x = torch.zeros(1, 1, 64)
    assert list(Objective(table, 64, 16000)(x, x)) == ["rmse"]
    with pytest.raises(SettingError, match="frames of 512 samples or more, not 64"):
        Objective(all_terms(), 64, 16000)
