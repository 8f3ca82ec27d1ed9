"""The model against closed forms, hand-computed values and a loop over frames and maskers."""

import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.errors import SettingError
from earbench_codecs.psychoacoustics import (
    Model1,
    Model1Settings,
    minimum_per_subband_db_spl,
    noise_to_mask_db,
    priority_weight,
    signal_to_mask_db,
    threshold_in_quiet_db_spl,
)

LOOP = runpy.run_path(str(Path(__file__).with_name("model1_loop.py")))
F64 = torch.float64
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


@cache
def model(rate: int = 32_000, n_fft: int = 512, **settings: object) -> Model1:
    return Model1(Model1Settings(rate, n_fft, **settings), dtype=F64)  # type: ignore[arg-type]


def sine(line: float, n_fft: int = 512, amplitude: float = 1.0) -> torch.Tensor:
    return amplitude * torch.sin(2 * torch.pi * line * torch.arange(n_fft, dtype=F64) / n_fft)


def music(rate: int, n_fft: int, n_frames: int, seed: int = 0) -> torch.Tensor:
    """Frames of tones that glide over coloured noise, from loud to nearly silent."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_frames * n_fft) / rate
    tones = sum(
        a * np.sin(2 * np.pi * f * (t + 2 * t**2))
        for f, a in ((220, 0.3), (523, 0.1), (1760, 0.05), (5000, 0.01))
    )
    noise = np.cumsum(rng.standard_normal(len(t))) * 1e-3 + 1e-3 * rng.standard_normal(len(t))
    fade = np.logspace(0, -5, len(t))
    return torch.from_numpy(((tones + noise) * fade).reshape(n_frames, n_fft))


# ------------------------------------------------------------------------------------- level


@pytest.mark.parametrize("n_fft", [256, 512, 1024, 2048, 4096])
def test_a_full_scale_sine_has_96_db_spl_in_its_line(n_fft: int) -> None:
    level = model(n_fft=n_fft).level_db_spl(sine(16, n_fft))
    assert level.argmax() == 16
    assert level[16].item() == pytest.approx(96.0)
    assert level[[15, 17]].tolist() == pytest.approx([96 - 6.0206] * 2, abs=1e-3)  # Hann: a half
    assert (10 ** (level / 10)).sum().log10().item() * 10 == pytest.approx(96 + 1.7609, abs=1e-3)


def test_the_full_scale_reference_is_a_setting() -> None:
    assert model(full_scale_db_spl=80.0).level_db_spl(sine(16))[16].item() == pytest.approx(80.0)


def test_white_noise_keeps_its_power_under_the_window() -> None:
    """Hann × √(8/3) keeps power: noise of a sine's power has its power, all lines together."""
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((2000, 512))) * np.sqrt(0.5)
    power = model().power(noise)[:, 1:-1].sum(dim=-1).mean()
    assert 10 * np.log10(power.item()) == pytest.approx(97.76, abs=0.1)


# ----------------------------------------------------------------------------- closed forms


def test_silence_has_the_threshold_in_quiet() -> None:
    both = model(44_100).signal_and_mask(torch.zeros(3, 512, dtype=F64))
    quiet = threshold_in_quiet_db_spl(np.arange(257) * 44_100 / 512)
    assert both.threshold_db_spl.numpy() == pytest.approx(np.tile(quiet, (3, 1)))
    assert (both.level_db_spl == -100).all()


def test_the_quiet_offset_lowers_the_threshold_in_quiet() -> None:
    silence = torch.zeros(512, dtype=F64)
    lowered = model(quiet_offset_db=-12.0).signal_and_mask(silence).threshold_db_spl
    assert (lowered - model().signal_and_mask(silence).threshold_db_spl + 12).abs().max() < 1e-9


def test_a_single_tone_masks_as_the_closed_form_says() -> None:
    """A full-scale 1 kHz sine at 32 kHz: line 16, z = 8.511, X = 97.761 dB (three lines).

    av = -1.525 - 0.275 × 8.511 - 4.5 = -8.366, and by hand, z from the standard's table D.1:
    """
    by_hand = {
        16: 97.761 - 8.366,  # dz = 0
        17: 97.761 - 8.366 - 17 * 0.390,  # 1062.5 Hz, z = 8.901
        15: 97.761 - 8.366 - (0.4 * 97.761 + 6) * 0.408,  # 937.5 Hz, z = 8.103
        12: 97.761 - 8.366 + 17 * (-1.741 + 1) - (0.4 * 97.761 + 6),  # 750 Hz, z = 6.770
        24: 97.761 - 8.366 - (2.688 - 1) * (17 - 0.15 * 97.761) - 17,  # 1500 Hz, z = 11.199
        48: 97.761 - 8.366 - (7.091 - 1) * (17 - 0.15 * 97.761) - 17,  # 3000 Hz, z = 15.602
    }
    found = model().signal_and_mask(sine(16)).threshold_db_spl
    assert {k: found[k].item() for k in by_hand} == pytest.approx(by_hand, abs=0.06)
    quiet = threshold_in_quiet_db_spl(np.arange(257) * 62.5)
    out_of_reach = [1, 2, 3, 4, 5, 6, *range(60, 257)]  # below z - 3, above z + 8
    assert found[out_of_reach].numpy() == pytest.approx(quiet[out_of_reach])


def test_the_mask_adds_to_the_threshold_in_quiet_in_power() -> None:
    """A sine of 4 dB SPL at 1 kHz: masker 5.761 dB, 8.366 below, beside the 3.37 dB in quiet."""
    found = model().signal_and_mask(sine(16, amplitude=10 ** (-92 / 20))).threshold_db_spl[16].item()
    assert found == pytest.approx(10 * np.log10(10**0.337 + 10 ** ((5.761 - 8.366) / 10)), abs=0.01)


BAND_8 = [30, 31, 32, 33, 34]  # 937.5 to 1062.5 Hz at 32 kHz and 1024: 8 to 9 Bark


def test_noise_masks_a_tone_3_5_db_below_it() -> None:
    """Five lines of 60 dB are 66.990 dB at line 32, z = 8.511: av = -1.525 - 0.175 × 8.511 - 0.5 = -3.514."""
    power = torch.full((513,), 1e-10, dtype=F64)
    power[BAND_8] = 1e6
    found = model(n_fft=1024).threshold_db_spl(power)
    assert found[32].item() == pytest.approx(66.990 - 3.514, abs=2e-3)
    assert found[34].item() == pytest.approx(66.990 - 3.514 - 17 * 0.390, abs=0.02)  # z = 8.901


def test_a_tone_masks_noise_8_4_db_below_it() -> None:
    power = torch.full((513,), 1e-10, dtype=F64)
    power[32] = 10**6.699
    found = model(n_fft=1024).threshold_db_spl(power)
    assert found[32].item() == pytest.approx(66.990 - 8.366, abs=2e-3)
    assert found[34].item() == pytest.approx(66.990 - 8.366 - 17 * 0.390, abs=0.02)


def test_ultrasound_masks_nothing() -> None:
    power = torch.full((513,), 1e-10, dtype=F64)
    power[[300, 400]] = 1e9  # 28 and 37.5 kHz at 96 kHz
    quiet = threshold_in_quiet_db_spl(np.arange(513) * 93.75)
    assert model(96_000, 1024).threshold_db_spl(power).numpy() == pytest.approx(quiet)


# ------------------------------------------------------------------------- against the loop


@pytest.mark.parametrize("rate", [8000, 16_000, 32_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("n_fft", [512, 1024])
def test_the_batch_is_the_loop(rate: int, n_fft: int) -> None:
    frames = music(rate, n_fft, 12)
    by_loop = np.array([LOOP["threshold_db"](frame, rate) for frame in frames.numpy()])
    both = model(rate, n_fft).signal_and_mask(frames)
    assert both.threshold_db_spl.numpy() == pytest.approx(by_loop, abs=1e-7)
    level = np.array([LOOP["level_db"](frame, 96.0) for frame in frames.numpy()])
    loud = level > -60
    assert both.level_db_spl.numpy()[loud] == pytest.approx(level[loud], abs=1e-3)


def test_float32_is_near_float64() -> None:
    frames = music(44_100, 512, 60, seed=1)
    exact = model(44_100).signal_and_mask(frames).threshold_db_spl
    single = Model1(Model1Settings(44_100)).signal_and_mask(frames.float()).threshold_db_spl
    assert single.dtype == torch.float32
    assert (single - exact).abs().max() < 0.01


def test_any_batch_shape() -> None:
    frames = music(44_100, 512, 24)
    flat = model(44_100).signal_and_mask(frames)
    nested = model(44_100).signal_and_mask(frames.reshape(2, 3, 4, 512))
    one_by_one = [model(44_100).signal_and_mask(frame).threshold_db_spl for frame in frames]
    assert nested.threshold_db_spl.shape == (2, 3, 4, 257)
    assert nested.gain_db.shape == (2, 3, 4, 1)
    assert torch.equal(nested.threshold_db_spl.reshape(24, 257), flat.threshold_db_spl)
    assert torch.allclose(torch.stack(one_by_one), flat.threshold_db_spl, atol=1e-9)


# ------------------------------------------------------------------------------ invariances


@given(st.floats(-30, 0))
def test_a_gain_shifts_a_tones_mask_by_itself_and_spreads_it_by_level(gain_db: float) -> None:
    """Up to 1 Bark above the masker by the gain; elsewhere as the level-dependent slopes say."""
    loud = model().signal_and_mask(sine(16)).threshold_db_spl
    soft = model().signal_and_mask(sine(16, amplitude=10 ** (gain_db / 20))).threshold_db_spl
    shift = (soft - loud).numpy()
    assert shift[[16, 17]] == pytest.approx(gain_db, abs=0.05)
    assert shift[15] == pytest.approx(gain_db * (1 - 0.4 * 0.408), abs=0.05)
    assert shift[24] == pytest.approx(gain_db * (1 + 0.15 * 1.688), abs=0.2)


@given(st.integers(0, 2**32 - 1), st.floats(-80, 0), st.sampled_from([8000, 16_000, 44_100, 192_000]))
def test_the_mask_is_finite_and_not_below_the_threshold_in_quiet(seed: int, db: float, rate: int) -> None:
    rng = np.random.default_rng(seed)
    frames = torch.from_numpy(rng.uniform(-1, 1, (2, 512)) * 10 ** (db / 20))
    both = model(rate).signal_and_mask(frames)
    quiet = torch.from_numpy(threshold_in_quiet_db_spl(np.arange(257) * rate / 512))
    assert both.threshold_db_spl.isfinite().all()
    assert (both.threshold_db_spl >= quiet - 1e-9).all()
    strongest = 10 * torch.log10((10 ** (both.level_db_spl / 10)).sum(dim=-1))
    above = both.threshold_db_spl - torch.maximum(strongest[:, None], quiet)
    assert above.max() < 3.1  # no more than quiet and all of the signal together


@given(st.integers(0, 2**32 - 1))
def test_polarity_changes_nothing(seed: int) -> None:
    frames = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 512)))
    up, down = (model().signal_and_mask(sign * frames).threshold_db_spl for sign in (1, -1))
    assert torch.equal(up, down)


def test_the_frame_peak_reference_does_not_hear_the_gain() -> None:
    frames = music(44_100, 512, 8)
    settings = model(44_100, reference="frame peak")
    loud, soft = (settings.signal_and_mask(frames * g) for g in (1.0, 0.01))
    assert loud.level_db_spl.amax(dim=-1).numpy() == pytest.approx(96.0)
    assert torch.allclose(loud.level_db_spl, soft.level_db_spl, atol=1e-6)
    assert torch.allclose(loud.threshold_db_spl, soft.threshold_db_spl, atol=1e-6)
    assert (soft.gain_db - loud.gain_db).numpy() == pytest.approx(40.0)


def test_the_frame_peak_reference_of_a_full_scale_sine_is_the_full_scale_reference() -> None:
    both = [model(reference=r).signal_and_mask(sine(16)) for r in ("full scale", "frame peak")]
    assert torch.allclose(both[0].threshold_db_spl, both[1].threshold_db_spl, atol=1e-6)


@pytest.mark.parametrize("reference", ["full scale", "frame peak"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [8000, 44_100, 192_000])
def test_extremes_give_numbers(reference: str, dtype: torch.dtype, rate: int) -> None:
    t = torch.arange(512)
    frames = torch.stack(
        [
            torch.zeros(512),
            torch.ones(512),  # DC
            torch.where(t % 64 < 32, 1.0, -1.0),  # full-scale square wave
            torch.where(t % 2 < 1, 1.0, -1.0),  # half the sample rate
            (t == 100).float(),
            torch.full((512,), 1e-30),
            torch.rand(512, generator=torch.Generator().manual_seed(0)) * 4 - 2,
        ]
    ).to(dtype)
    settings = Model1Settings(rate, reference=reference)  # type: ignore[arg-type]
    both = Model1(settings, dtype=dtype).signal_and_mask(frames)
    for values in (both.level_db_spl, both.threshold_db_spl, both.gain_db):
        assert values.isfinite().all()


# ----------------------------------------------------------------------- one scale, gradients


@pytest.mark.parametrize("device", DEVICES)
def test_level_and_mask_are_on_one_scale(device: str) -> None:
    """PAM-NAC's code has the level on another scale than the mask, and its weight is 0 everywhere."""
    frame = sine(160, amplitude=0.5) + sine(163, amplitude=0.5e-3)  # 10 kHz; 10.2 kHz, 60 dB below
    both = Model1(Model1Settings(32_000)).to(device).signal_and_mask(frame.float().to(device))
    weight = priority_weight(both.level_db_spl, both.threshold_db_spl)
    assert both.level_db_spl[163] > 25  # there, and in quiet it would be heard
    assert weight[160] > 1
    assert weight[163] < 0.3
    # By hand: av_tm = -1.525 - 0.275 × 22.424 - 4.5, and the masker is 1.761 dB above its line.
    assert weight[160].item() == pytest.approx(np.log10(10 ** (0.1 * (12.192 - 1.761)) + 1), abs=0.01)


@pytest.mark.parametrize("device", DEVICES)
def test_the_threshold_is_a_constant_and_the_level_is_not(device: str) -> None:
    frames = music(32_000, 512, 4).float().to(device).requires_grad_()
    both = Model1(Model1Settings(32_000)).to(device).signal_and_mask(frames)
    assert not both.threshold_db_spl.requires_grad
    assert not both.gain_db.requires_grad
    (both.level_db_spl - both.threshold_db_spl).mean().backward()
    assert frames.grad is not None
    assert frames.grad.isfinite().all()
    assert (frames.grad != 0).any()


@pytest.mark.parametrize("device", DEVICES)
def test_silence_has_a_finite_gradient(device: str) -> None:
    noise = torch.zeros(2, 512, device=device, requires_grad=True)
    reference = music(32_000, 512, 2).float().to(device)
    noise_to_mask_db(Model1(Model1Settings(32_000)).to(device), reference, noise).sum().backward()
    assert noise.grad is not None
    assert noise.grad.isfinite().all()


@pytest.mark.parametrize("reference", ["full scale", "frame peak"])
def test_gradients_of_the_noise_path_are_right(reference: str) -> None:
    settings = model(n_fft=256, reference=reference)
    signal = music(32_000, 256, 1)
    noise = (
        0.01 * torch.randn(1, 256, dtype=F64, generator=torch.Generator().manual_seed(0))
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: noise_to_mask_db(settings, signal, e), noise, fast_mode=True)


# ----------------------------------------------------------------------------------- the rest


def test_minimum_per_subband_and_signal_to_mask() -> None:
    """32 subbands of 8 lines; half the sample rate belongs to none."""
    threshold = torch.arange(257.0).flip(0).repeat(2, 1)
    level = torch.arange(257.0).repeat(2, 1)
    minimum = minimum_per_subband_db_spl(threshold)
    assert minimum[1].tolist() == [256 - 8 * n - 7 for n in range(32)]
    assert signal_to_mask_db(level, threshold)[0].tolist() == [16 * n + 14 - 256 for n in range(32)]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sample_rate_hz": 7999}, "8000 to 192000 Hz"),
        ({"sample_rate_hz": 200_000}, "8000 to 192000 Hz"),
        ({"sample_rate_hz": 44_100, "n_fft": 500}, "512"),
        ({"sample_rate_hz": 44_100, "reference": "loudness"}, "frame peak"),
    ],
)
def test_settings_the_model_has_not(settings: dict[str, object], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        Model1Settings(**settings)  # type: ignore[arg-type]
