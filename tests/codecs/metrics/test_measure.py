"""What `measure` does around the packages, and their figures against formulae of the standards."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.metrics import registry
from earbench_codecs.metrics.measure import measure
from earbench_codecs.metrics.measurement import Measurement, MetricError
from earbench_codecs.metrics.registry import METRICS, metrics_named
from earbench_codecs.metrics.worker import Worker
from earbench_codecs.resampling import resampled

CONTRACT = ("sdr_db", "si_sdr_db", "segsnr_db", "pesq_wb", "stoi", "visqol_speech", "visqol_audio", "nmr_db")
PACKAGED = [metric.name for metric in METRICS.values() if metric.packages]


@pytest.fixture(scope="module")
def worker():
    with Worker() as shared:
        yield shared


@cache
def speech(seconds: float = 3.0, rate_hz: int = 16_000) -> AudioClip:
    clip = read_clip(str(files("earbench_assets") / "clips" / "speech_en_austen.flac"))
    return resampled(clip.excerpt(1.0, 1.0 + seconds), rate_hz)


def noisy(clip: AudioClip, level: float = 0.01, seed: int = 0) -> AudioClip:
    noise = np.random.default_rng(seed).standard_normal(clip.samples.shape)
    return clip.with_samples((clip.samples + level * noise).astype(np.float32))


def one(name: str, reference: AudioClip, test: AudioClip, worker: Worker) -> Measurement:
    return measure(reference, test, [name], worker=worker)[name]


def test_the_contract_has_its_metrics_and_each_says_what_it_is() -> None:
    assert set(CONTRACT) <= set(METRICS)
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert metric.citation
        assert (metric.of_clips is None) != (metric.of_signals is None)
        assert metric.software.split()[-1][0].isdigit()


def test_names_are_taken_in_the_order_of_the_registry() -> None:
    assert [metric.name for metric in metrics_named(["stoi", "sdr_db"])] == ["sdr_db", "stoi"]
    assert [metric.name for metric in metrics_named(None)] == list(METRICS)
    with pytest.raises(MetricError, match=r"odg.*sdr_db, si_sdr_db"):
        metrics_named(["sdr_db", "odg"])


@pytest.mark.parametrize(
    ("name", "rate_hz", "slope", "offset"),
    [("pesq_wb", 16_000, 1.3669, 3.8224), ("pesq_nb", 8_000, 1.4945, 4.6607)],
)
def test_pesq_of_identical_speech_is_the_ceiling_of_the_standard(
    name, rate_hz, slope, offset, worker
) -> None:
    ceiling = 0.999 + 4 / (1 + math.exp(-slope * 4.5 + offset))
    clip = speech(rate_hz=rate_hz)
    assert one(name, clip, clip, worker).value == pytest.approx(ceiling, abs=1e-3)
    assert METRICS[name].high == pytest.approx(ceiling, abs=0.01)


def stoi_by_loops(x: np.ndarray, y: np.ndarray) -> float:
    """Taal et al. 2011, section II, at 10 kHz, for signals without silent frames."""
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, 257) / 257))
    lines = np.arange(257) * 10_000 / 512
    centres = 150 * 2 ** (np.arange(15) / 3)

    def bands(signal):
        frames = [signal[i : i + 256] * window for i in range(0, len(signal) - 256, 128)]
        power = np.abs(np.fft.rfft(frames, 512)) ** 2
        found = []
        for centre in centres:
            low, high = (np.argmin(np.abs(lines - centre * 2 ** (s / 6))) for s in (-1, 1))
            found.append(np.sqrt(power[:, low:high].sum(axis=1)))
        return np.array(found)

    one, other = bands(x), bands(y)
    correlations = []
    for m in range(30, one.shape[1] + 1):
        for j in range(15):
            a, b = one[j, m - 30 : m], other[j, m - 30 : m]
            b = np.minimum(b * np.linalg.norm(a) / np.linalg.norm(b), a * (1 + 10 ** (15 / 20)))
            correlations.append(np.corrcoef(a, b)[0, 1])
    return float(np.mean(correlations))


def test_stoi_is_that_of_the_paper(worker) -> None:
    rng = np.random.default_rng(0)
    envelope = 0.2 + np.repeat(rng.random(100), 150)
    reference = AudioClip.mono(envelope * rng.standard_normal(15_000) * 0.1, 10_000)
    test = noisy(reference, 0.1)
    # The package drops one frame where it looks for silence; 0.002 is what that may change.
    wanted = stoi_by_loops(reference.samples[0].astype(float), test.samples[0].astype(float))
    assert 0.2 < wanted < 0.95
    assert one("stoi", reference, test, worker).value == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize("name", ["stoi", "estoi"])
def test_intelligibility_of_identical_speech_is_1(name, worker) -> None:
    assert one(name, speech(), speech(), worker).value == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "nmr_disturbed_share" else ())
        for name in METRICS
        if not name.startswith("visqol")
    ],
)
def test_more_noise_is_never_better(name, worker) -> None:
    values = [one(name, speech(), noisy(speech(), level), worker).value for level in (0.001, 0.01, 0.1)]
    better_first = sorted(values, reverse=METRICS[name].higher_is_better)
    assert values == better_first
    assert values[0] != values[2]


def test_visqol_audio_of_identical_audio_is_the_ceiling_of_its_model(worker) -> None:
    """4.732 is what Google's ViSQOL v3 gives for a file against itself."""
    clip = speech(1.5, 48_000)
    found = measure(clip, clip, ["visqol_audio"], worker=worker)["visqol_audio"]
    assert found.value == pytest.approx(4.732, abs=1e-3)
    worse = one("visqol_audio", clip, noisy(clip, 0.05), worker)
    assert worse.value < 4


def test_visqol_speech_uses_the_lattice_model_and_not_the_polynomial(worker) -> None:
    from visqol import VisqolApi

    reference, test = speech(1.5), noisy(speech(1.5), 0.05)
    polynomial = VisqolApi()
    polynomial.create(mode="speech", use_lattice_model=False)
    fallback = polynomial.measure_from_arrays(
        reference.samples[0].astype(float), test.samples[0].astype(float), 16_000
    )
    found = one("visqol_speech", reference, test, worker)
    assert found.value is not None
    assert found.value < fallback.moslqo - 0.5


def test_nmr_is_that_of_the_psychoacoustic_model_averaged_over_channels(worker) -> None:
    from earbench_codecs.psychoacoustics.model1 import Model1Settings
    from earbench_codecs.psychoacoustics.nmr import noise_to_mask

    left, right = speech().samples[0], speech().samples[0][::-1]
    reference = AudioClip(np.stack([left, right]), 16_000)
    test = noisy(reference, 0.003)
    found = measure(reference, test, ["nmr_db", "nmr_disturbed_share"], worker=worker)
    settings = Model1Settings(16_000)
    wanted = [noise_to_mask(r, t, settings) for r, t in zip(reference.samples, test.samples, strict=True)]
    assert found["nmr_db"].value == pytest.approx(np.mean([w.total_db for w in wanted]), abs=1e-6)
    share = found["nmr_disturbed_share"].value
    assert share == pytest.approx(np.mean([w.disturbed_share for w in wanted]), abs=1e-9)
    assert found["nmr_db"].notes == ("mean of the figures of 2 channels",)


def test_channels_are_measured_one_by_one_and_averaged_and_said_so(worker) -> None:
    mono = speech()
    pair = [noisy(mono, 0.003, seed) for seed in (1, 2)]
    stereo = AudioClip(np.concatenate([mono.samples, mono.samples]), 16_000)
    test = AudioClip(np.concatenate([pair[0].samples, noisy(mono, 0.03, 3).samples]), 16_000)
    found = one("pesq_wb", stereo, test, worker)
    singles = [
        one("pesq_wb", mono, AudioClip(channel[None], 16_000), worker).value for channel in test.samples
    ]
    assert found.value == pytest.approx(np.mean(singles), abs=1e-6)
    assert found.notes == ("mean of the figures of 2 channels",)
    silent_right = AudioClip(np.concatenate([mono.samples, 0 * mono.samples]), 16_000)
    found = one("pesq_wb", silent_right, test, worker)
    assert found.value == pytest.approx(singles[0], abs=1e-6)
    assert found.notes[-1] == "channel 2 left out: the reference is silent"


def test_resampling_is_done_alike_and_said(worker) -> None:
    clip = speech(rate_hz=44_100)
    found = measure(clip, noisy(clip), ["sdr_db", "pesq_wb"], worker=worker)
    assert found["sdr_db"].notes == ()
    assert found["pesq_wb"].notes == ("both clips resampled from 44100 to 16000 Hz (soxr VHQ)",)
    by_hand = [resampled(c, 16_000) for c in (clip, noisy(clip))]
    assert found["pesq_wb"].value == one("pesq_wb", *by_hand, worker).value


def test_rates_and_lengths_it_does_not_apply_to_are_said(worker) -> None:
    narrow = speech(rate_hz=8_000)
    found = measure(narrow, noisy(narrow), ["pesq_wb", "pesq_nb", "stoi", "visqol_audio"], worker=worker)
    assert found["pesq_nb"].value is not None
    for name in ("pesq_wb", "stoi", "visqol_audio"):
        assert found[name].value is None
        assert "or more, and the clips have 8000 Hz" in found[name].notes[0]
    short = speech(0.1)
    assert one("pesq_wb", short, noisy(short), worker).notes == ("the clips are shorter than 0.25 s",)


@pytest.mark.parametrize("n_samples", [1, 100, 4_200, 7_000])
def test_very_short_clips_never_fail(n_samples, worker) -> None:
    clip = speech().with_samples(speech().samples[:, :n_samples])
    for name, found in measure(clip, noisy(clip), worker=worker).items():
        assert found.value is not None or found.notes, name


def test_silence_never_gives_a_number_that_means_nothing(worker) -> None:
    clip = speech(1.5, 48_000)
    silence = clip.with_samples(0 * clip.samples)
    for name, found in measure(silence, clip, worker=worker).items():
        if name not in ("lsd_db", "nmr_db", "nmr_disturbed_share"):  # these judge noise into silence
            assert found.value is None, name
            assert "silent" in found.notes[-1] or "nothing" in found.notes[-1], name
    for name, found in measure(clip, silence, worker=worker).items():
        assert found.value is None or math.isfinite(found.value), name
        assert found.value is not None or found.notes, name


def test_identical_clips_have_no_ratio_and_say_so(worker) -> None:
    names = ["sdr_db", "si_sdr_db", "nmr_db", "nmr_disturbed_share"]
    found = measure(speech(), speech(), names, worker=worker)
    for name in names[:3]:
        assert found[name].value is None
        assert "infinite" in found[name].notes[0]
    assert found["nmr_disturbed_share"].value == 0


def test_pesq_scores_long_clips_in_parts_because_its_tables_overrun(worker) -> None:
    """Bursts of noise with pauses, 85 utterances: given whole, the C code crashes."""
    time = np.arange(60 * 16_000)
    bursts = np.random.default_rng(0).standard_normal(time.size) * 0.1 * (time % 11_200 < 6_400)
    reference = AudioClip.mono(bursts, 16_000)
    test = noisy(reference, 0.001)
    found = one("pesq_wb", reference, test, worker)
    thirds = [
        one("pesq_wb", reference.excerpt(s, s + 20), test.excerpt(s, s + 20), worker).value
        for s in (0, 20, 40)
    ]
    assert found.value == pytest.approx(np.mean(thirds), abs=1e-6)
    assert found.notes == ("mean of the figures of 3 parts of 20.0 s",)


@pytest.mark.parametrize("name", PACKAGED)
def test_a_package_that_is_not_installed_is_a_reason(name, worker, monkeypatch) -> None:
    monkeypatch.setattr(registry, "_version", lambda distribution: "")
    found = one(name, speech(1.5, 48_000), speech(1.5, 48_000), worker)
    assert found.value is None
    assert f"the package {METRICS[name].packages[0]} is not installed" in found.notes[0]


def test_a_metric_that_takes_too_long_costs_only_its_own_figure() -> None:
    clip = speech()
    found = measure(clip, noisy(clip), ["sdr_db", "visqol_speech"], timeout_s=0.01)
    assert found["visqol_speech"].value is None
    assert "time limit of 0.01 s" in found["visqol_speech"].notes[0]
    assert found["sdr_db"].value is not None


def test_unlike_clips_are_refused_before_anything_is_computed() -> None:
    with pytest.raises(MetricError, match="length"):
        measure(speech(2.0), speech(3.0))
