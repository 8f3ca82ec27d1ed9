"""Noise-to-mask ratio, what the plots show, and perceptual entropy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.errors import InvalidAudioError
from earbench_codecs.psychoacoustics import (
    Model1,
    Model1Settings,
    NoiseToMask,
    audible_noise,
    band_noise_to_mask,
    framing,
    masking,
    noise_to_mask,
    noise_to_mask_db,
    noise_versus_mask,
    perceptual_entropy,
    perceptual_entropy_bits,
    stream_masking,
    threshold_in_quiet_db_spl,
)
from earbench_codecs.psychoacoustics.bark import bark
from earbench_codecs.psychoacoustics.spectra import band_power

RATE = 32_000
SETTINGS = Model1Settings(RATE)
RNG = np.random.default_rng(0)


def sine(line: float, amplitude: float, n_samples: int = 512 + 10 * 256) -> np.ndarray:
    t = np.arange(n_samples) / 512
    return (amplitude * np.sin(2 * np.pi * line * t)).astype(np.float32)


def noise(n_samples: int, amplitude: float) -> np.ndarray:
    return (amplitude * RNG.standard_normal(n_samples)).astype(np.float32)


def db(ratio: object) -> np.ndarray:
    return 10 * np.log10(np.asarray(ratio, dtype=float))


# ------------------------------------------------------------------------------- recordings


def test_a_recording_is_framed_from_its_first_sample_to_its_last() -> None:
    found = masking(noise(1000, 0.1), SETTINGS, hop=256)
    assert found.times_s.tolist() == [(256 + 256 * f) / RATE for f in range(3)]
    assert found.frequencies_hz.tolist() == [62.5 * k for k in range(257)]
    assert found.threshold_db_spl.shape == found.level_db_spl.shape == (3, 257)


def test_a_recording_shorter_than_a_frame_is_one_frame() -> None:
    assert masking(noise(3, 0.1), SETTINGS).threshold_db_spl.shape == (1, 257)


def test_the_pieces_of_a_stream_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noise(20_000, 0.1)
    whole = masking(samples, SETTINGS, hop=100)
    monkeypatch.setattr(framing, "FRAMES_AT_ONCE", 7)
    parts = list(stream_masking(samples, SETTINGS, hop=100))
    assert {len(part.times_s) for part in parts[:-1]} == {7}
    assert np.concatenate([part.times_s for part in parts]).tolist() == whole.times_s.tolist()
    assert np.concatenate([part.threshold_db_spl for part in parts]) == pytest.approx(
        whole.threshold_db_spl, abs=1e-4
    )
    assert masking(samples, SETTINGS, hop=100).level_db_spl == pytest.approx(whole.level_db_spl, abs=1e-3)


def test_read_only_samples_are_fine() -> None:
    samples = noise(2000, 0.1)
    samples.flags.writeable = False
    assert noise_to_mask(samples, samples, SETTINGS).total_db == -200


# -------------------------------------------------------------------------------------- NMR


def test_a_sine_in_silence_has_its_level_over_the_threshold_in_quiet() -> None:
    """Closed form: a 1 kHz sine of 36 dB SPL, whose Hann lobe is a line and two of a quarter its power."""
    test = sine(16, 1e-3)
    found = noise_to_mask(np.zeros_like(test), test, SETTINGS)
    quiet = 10 ** (threshold_in_quiet_db_spl([937.5, 1000, 1062.5]) / 10)
    ratio = 10**3.6 * ([0.25, 1, 0.25] / quiet).sum() / 1.5  # band 8 is lines 15 to 17
    band = found.bands_bark.tolist().index(8)
    assert found.band_nmr_db[:, band] == pytest.approx(float(db(ratio)), abs=0.01)
    assert np.delete(found.band_nmr_db, band, axis=1).max() < -60
    assert found.frame_nmr_db == pytest.approx(float(db(ratio / len(found.bands_bark))), abs=0.01)
    assert found.total_db == pytest.approx(float(db(ratio / len(found.bands_bark))), abs=0.01)
    assert found.disturbed_share == 1.0


def test_per_bin_per_band_per_frame_and_overall_agree() -> None:
    reference, added = noise(512 * 20, 0.1), noise(512 * 20, 0.003)
    found = noise_to_mask(reference, reference + added, SETTINGS, hop=512)
    masks = masking(reference, SETTINGS, hop=512)
    noise_level = masking((reference + added) - reference, SETTINGS, hop=512).level_db_spl
    z = 13 * np.arctan(0.76e-3 * masks.frequencies_hz) + 3.5 * np.arctan((masks.frequencies_hz / 7500) ** 2)
    for band, lower in enumerate(found.bands_bark):
        lines = (z >= lower) & (z < lower + 1) & (np.arange(257) > 0) & (np.arange(257) < 256)
        ratio = (10 ** ((noise_level - masks.threshold_db_spl) / 10))[:, lines].sum(1) / 1.5
        assert found.band_nmr_db[:, band] == pytest.approx(db(ratio), abs=1e-3)
    in_bands = 10 ** (found.band_nmr_db / 10)
    assert found.frame_nmr_db == pytest.approx(db(in_bands.mean(axis=1)), abs=1e-3)
    assert found.total_db == pytest.approx(float(db(in_bands.mean())), abs=1e-3)
    assert found.disturbed_share == pytest.approx((found.band_nmr_db > 1.5).any(axis=1).mean())
    frames = torch.from_numpy(reference.reshape(20, 512)), torch.from_numpy(added.reshape(20, 512))
    by_line = noise_to_mask_db(Model1(SETTINGS), *frames).numpy()
    assert by_line == pytest.approx(noise_level - masks.threshold_db_spl, abs=0.05)


@pytest.mark.parametrize("bandwidth_hz", [RATE / 2, 2000])
def test_a_signal_taken_away_altogether_is_heard_to_be_gone(bandwidth_hz: float) -> None:
    """The noise is then the signal, which stands above its own mask: tones by 15 dB and more, noise by 3."""
    white = np.fft.rfft(noise(512 * 40, 0.1))
    white[np.fft.rfftfreq(512 * 40, 1 / RATE) > bandwidth_hz] = 0
    for signal, least_db in ((np.fft.irfft(white).astype(np.float32), 3.0), (sine(40, 0.1), 5.0)):
        found = noise_to_mask(signal, np.zeros_like(signal), SETTINGS)
        assert found.band_nmr_db.max(axis=1).min() > least_db
        assert found.disturbed_share == 1.0


def test_no_noise_has_the_lowest_ratio() -> None:
    same = noise(5000, 0.1)
    found = noise_to_mask(same, same, SETTINGS)
    assert found.total_db == -200
    assert (found.band_nmr_db == -200).all()
    assert found.disturbed_share == 0
    silence = np.zeros(5000, np.float32)
    assert noise_to_mask(silence, silence, SETTINGS).total_db == -200


@given(st.floats(-60, 0))
def test_noise_so_many_db_down_has_a_ratio_so_many_db_down(gain_db: float) -> None:
    reference, added = sine(40, 0.1), np.random.default_rng(1).standard_normal(512 + 2560) * 1e-3
    loud, soft = (
        noise_to_mask(reference, (reference + g * added).astype(np.float32), SETTINGS)
        for g in (1.0, 10 ** (gain_db / 20))
    )
    assert soft.total_db - loud.total_db == pytest.approx(gain_db, abs=0.05)


@pytest.mark.parametrize("reference", ["full scale", "frame peak"])
def test_both_references_put_noise_and_mask_on_one_scale(reference: str) -> None:
    """A mask that hangs on the signal alone moves with the frame's gain, and so must the noise."""
    settings = Model1Settings(RATE, reference=reference)  # type: ignore[arg-type]
    signal = sine(40, 0.5)
    found = noise_to_mask(signal, signal + sine(40, 0.005), settings)
    band = found.bands_bark.tolist().index(14)  # 2.5 kHz, z = 14.509: noise 40 dB below
    lines = noise_to_mask_db(Model1(settings), *(torch.from_numpy(sine(40, a, 512)) for a in (0.5, 0.005)))
    assert lines[40].item() == pytest.approx(-40 + 6.025 + 0.275 * 14.509 - 1.761, abs=0.01)
    assert found.band_nmr_db[:, band].max() < -25


@pytest.mark.parametrize(("reference", "test"), [((100,), (101,)), ((1, 100), (1, 100)), ((100,), (1, 100))])
def test_two_lengths_are_refused(reference: tuple[int, ...], test: tuple[int, ...]) -> None:
    signals = np.zeros(reference, np.float32), np.zeros(test, np.float32)
    for measure in (noise_to_mask, audible_noise):
        with pytest.raises(InvalidAudioError, match="one length"):
            measure(*signals, SETTINGS)


def test_frames_of_two_shapes_are_refused() -> None:
    frames = [np.zeros((1, n, 512), np.float32) for n in (1, 2)]
    with pytest.raises(InvalidAudioError, match="one shape"):
        noise_versus_mask(frames[0], {"v": frames[1]}, SETTINGS)


def test_worst_moments_are_apart_and_worst_first() -> None:
    nmr = np.array([0, 9, 8, 1, 7, 2], np.float32)
    found = NoiseToMask(np.arange(6) * 0.2, np.arange(1), nmr[:, None], nmr, 0.0, 0.0)
    assert found.worst_times_s(9, apart_s=0.3) == pytest.approx([0.2, 0.8])
    assert found.worst_times_s(1) == pytest.approx([0.2])
    assert found.worst_times_s(10, apart_s=0.0) == pytest.approx([0.2, 0.4, 0.8, 1.0, 0.6, 0.0])


def test_the_band_ratio_has_a_gradient() -> None:
    model = Model1(Model1Settings(RATE, 256), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    signal, added = (torch.randn(2, 256, dtype=torch.float64, generator=generator) for _ in range(2))
    added = (0.01 * added).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: band_noise_to_mask(model, signal, e), added, fast_mode=True)


# ------------------------------------------------------------------------------------ plots


def frames_of(samples: np.ndarray, count: int) -> np.ndarray:
    return np.stack([samples[256 * k :][:512] for k in range(count)])[np.newaxis]


def test_the_plot_of_one_frame_is_its_masking() -> None:
    reference = noise(512, 0.1)[np.newaxis, np.newaxis]
    versions = {"a": reference + noise(512, 0.01), 7: reference + noise(512, 0.001)}
    found = noise_versus_mask(reference, versions, SETTINGS)
    alone = masking(reference[0, 0], SETTINGS)
    assert found.frequencies_hz == pytest.approx(alone.frequencies_hz)
    assert found.level_db_spl == pytest.approx(alone.level_db_spl[0], abs=1e-3)
    assert found.threshold_db_spl == pytest.approx(alone.threshold_db_spl[0], abs=1e-3)
    assert list(found.noises) == ["a", 7]
    for name, version in versions.items():
        added = masking((version - reference)[0, 0], SETTINGS).level_db_spl[0]
        assert found.noises[name].line_db_spl == pytest.approx(added, abs=1e-3)


def test_the_plot_of_many_frames_averages_power_and_has_the_nmr_of_the_signals() -> None:
    n_samples = 512 + 256 * 9
    channels = [
        noise(n_samples, 0.1) * np.linspace(0, 1, n_samples, dtype=np.float32),
        sine(40, 0.5, n_samples),
    ]
    tests = [channels[0] + noise(n_samples, 0.001), channels[1] + sine(60, 0.01, n_samples)]
    reference, test = (np.concatenate([frames_of(x, 10) for x in both]) for both in (channels, tests))
    found = noise_versus_mask(reference, {"v": test}, SETTINGS)
    thresholds = np.concatenate([masking(channel, SETTINGS).threshold_db_spl for channel in channels])
    assert thresholds.shape == (20, 257)
    assert found.threshold_db_spl == pytest.approx(db((10 ** (thresholds / 10.0)).mean(axis=0)), abs=1e-3)
    each = [noise_to_mask(*pair, SETTINGS).total_db for pair in zip(channels, tests, strict=True)]
    assert found.noises["v"].nmr_db == pytest.approx(np.mean(each), abs=1e-3)

    test[0] = reference[0]  # what has no noise says nothing of the mean
    assert noise_versus_mask(reference, {"v": test}, SETTINGS).noises["v"].nmr_db == pytest.approx(each[1])
    alone = noise_versus_mask(reference, {"v": reference}, SETTINGS).noises["v"]
    assert alone.nmr_db == -np.inf
    assert alone.line_db_spl == pytest.approx(-100)


def test_the_level_of_a_critical_band_is_the_power_in_it() -> None:
    hz = np.arange(257) * RATE / 512
    width = np.array([np.sum(np.abs(bark(hz) - z) <= 0.5) for z in bark(hz)])
    assert band_power(torch.ones(257), hz) == pytest.approx(width / 1.5)
    sine_power = Model1(SETTINGS).power(torch.from_numpy(sine(40, 0.5, 512)))
    assert db(band_power(sine_power, hz)[40].item()) == pytest.approx(96 - 6.02, abs=0.02)


@pytest.mark.parametrize("reference", ["full scale", "frame peak"])
def test_the_plot_puts_noise_and_mask_on_one_scale(reference: str) -> None:
    settings = Model1Settings(RATE, reference=reference)  # type: ignore[arg-type]
    signal, added = (sine(40, amplitude, 512)[np.newaxis, np.newaxis] for amplitude in (0.5, 0.005))
    found = noise_versus_mask(signal, {"v": signal + added}, settings)
    noise_db = found.noises["v"].line_db_spl[40]
    assert noise_db - found.level_db_spl[40] == pytest.approx(-40, abs=0.01)


def test_all_noise_is_heard_in_silence_and_none_under_the_mask() -> None:
    silence, loud = np.zeros(3001, np.float32), sine(16, 0.3, 3001) + sine(100, 0.2, 3001)
    heard = audible_noise(silence, loud, SETTINGS)
    assert heard[384:-640] == pytest.approx(loud[384:-640], abs=1e-4)
    assert heard == pytest.approx(loud, abs=0.03)  # where it begins and ends, faint lines are removed
    white = noise(3001, 0.3)
    assert audible_noise(white, white * np.float32(1 - 1e-4), SETTINGS).tolist() == [0.0] * 3001


def test_only_the_part_of_the_noise_above_the_mask_is_heard() -> None:
    """Beside a 1 kHz masker, noise at 1 kHz is masked, and at 6 kHz heard and comes back as it was."""
    signal = sine(16, 0.5)
    near, far = sine(16.5, 1e-4), sine(96, 1e-2)
    heard = audible_noise(signal, signal + near + far, SETTINGS)
    assert np.abs(heard - far)[384:-384].max() < 2e-5


# ------------------------------------------------------------------------ perceptual entropy


def test_perceptual_entropy_by_hand() -> None:
    """T = 6, k = 1: step 6. Re 14.9 is 2 steps and Im -3.1 is 1: log2(5) + log2(3)."""
    spectrum = torch.tensor([14.9 - 3.1j, 2.9 + 2.9j], dtype=torch.complex128)
    found = perceptual_entropy_bits(spectrum, torch.full((2,), 6.0, dtype=torch.float64))
    assert found.tolist() == pytest.approx([np.log2(5) + np.log2(3), 0.0])
    # Four lines share T = 24: the same step.
    shared = perceptual_entropy_bits(spectrum, torch.full((2,), 24.0, dtype=torch.float64), n_lines=4)
    assert shared.tolist() == pytest.approx(found.tolist())


def test_perceptual_entropy_of_silence_and_of_sound() -> None:
    model = Model1(SETTINGS)
    assert perceptual_entropy(model, torch.zeros(2, 512)).tolist() == [[0.0] * 257] * 2
    frames = torch.from_numpy(noise(512, 0.1)).requires_grad_()
    bits = perceptual_entropy(model, frames)
    assert not bits.requires_grad
    both = model.signal_and_mask(frames.detach())
    assert (bits > 0).any()
    assert (
        bits[both.level_db_spl < both.threshold_db_spl] == 0
    ).all()  # |X|² < T: under half a step of √(6 T)
