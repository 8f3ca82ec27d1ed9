"""What the views show is what `earbench mask` and `earbench measure` print of the same decoded files."""

from __future__ import annotations

import csv
import json
import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earbench_app.analysis import noise_plot as plots
from earbench_app.analysis.audible_map import AudibleMap
from earbench_app.analysis.masking_work import audible_part, map_part, noise_plot
from earbench_app.analysis.noise_plot import HOP, N_FFT, frame_at, frames_over
from earbench_app.audition.demo import demo_paths
from earbench_app.cli.main import run
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.metrics.worker import Worker
from earbench_codecs.registry import codec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

CODECS = {1: ("mp3", 64), 2: ("opus", 32)}


@dataclass
class Files:
    original: Path
    versions: dict[int, Path]

    def clips(self) -> tuple[AudioClip, dict[int, AudioClip]]:
        return read_clip(self.original), {key: read_clip(path) for key, path in self.versions.items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Two seconds of stereo rock, and what MP3 and Opus make of it."""
    folder = tmp_path_factory.mktemp("decoded")
    clip = read_clip(demo_paths()[0]).excerpt(2, 4)
    write_wav(folder / "original.wav", clip)
    for key, (name, kbps) in CODECS.items():
        coder = codec(name)
        write_wav(folder / f"{key}.wav", coder.decode(coder.encode(clip, Setting.of(kbps))))
    return Files(folder / "original.wav", {key: folder / f"{key}.wav" for key in CODECS})


@pytest.fixture(scope="module")
def one_worker() -> Iterator[Worker]:
    """The process that metrics are measured in; it takes seconds to start, so one serves all commands."""
    with Worker() as worker:
        yield worker


@pytest.fixture(autouse=True)
def shared_worker(one_worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earbench_codecs.metrics.measure.Worker", lambda: nullcontext(one_worker))


def masked(path: Path, channel: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return times, line frequencies and thresholds that `earbench mask` writes."""
    table = path.with_name(f"mask {channel}.csv")
    assert run(["mask", str(path), "--channel", str(channel), "--csv", str(table)]) == 0
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    found = np.array(rows, float)
    return found[:, 0], np.array(header[1:], float), found[:, 1:]


def measured(files: Files, key: int, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    argv = ["measure", str(files.original), str(files.versions[key]), "--metric", "nmr_db", "--json"]
    assert run(argv) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def line_powers(samples: NDArray[np.float32], starts: list[int]) -> NDArray[np.float64]:
    """Line powers [C, F, K], straight from the standard's step 1; a full-scale sine's line has 96 dB."""
    window = np.hanning(N_FFT + 1)[:-1]
    padded = np.pad(samples.astype(float), ((0, 0), (0, N_FFT)))
    frames = np.stack([padded[:, start : start + N_FFT] for start in starts], axis=1)
    spectrum = np.abs(np.fft.rfft(frames * window)) / (window.sum() / 2)
    return 10**9.6 * spectrum**2


def db(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return 10 * np.log10(power + 1e-10)


def power_of(level_db: NDArray[np.float64]) -> NDArray[np.float64]:
    return 10 ** (level_db / 10)


def map_of(original: AudioClip, version: AudioClip) -> AudibleMap:
    made = AudibleMap(original.n_samples, original.sample_rate_hz, original.n_channels)
    for span in made.spans():
        pair = (clip.samples[:, span.start : span.stop] for clip in (original, version))
        made.put(span, map_part(*pair, original.sample_rate_hz))
    return made


def test_the_mask_over_the_clip_is_the_mean_of_what_earbench_mask_writes(files: Files) -> None:
    original, versions = files.clips()
    shown = noise_plot(frames_over(original, versions, 0.0, original.duration_s))
    written = [masked(files.original, channel) for channel in (1, 2)]
    assert shown.n_frames == shown.n_covering == len(written[0][0])
    assert shown.frequencies_hz == pytest.approx(written[0][1])
    thresholds = np.concatenate([rows for _, _, rows in written])
    assert shown.threshold_db_spl == pytest.approx(db((10 ** (thresholds / 10)).mean(axis=0)), abs=2e-3)


def test_the_mask_at_the_playhead_is_that_frame_of_earbench_mask(files: Files) -> None:
    original, versions = files.clips()
    written = [masked(files.original, channel) for channel in (1, 2)]
    for frame in (0, 100, 343):
        shown = noise_plot(frame_at(original, versions, written[0][0][frame]))
        both = np.stack([rows[frame] for _, _, rows in written])
        assert shown.threshold_db_spl == pytest.approx(db((10 ** (both / 10)).mean(axis=0)), abs=2e-3)


@pytest.mark.parametrize("reach", ["playhead", "clip"])
def test_signal_and_noise_are_the_line_powers_of_the_waveforms(files: Files, reach: str) -> None:
    original, versions = files.clips()
    if reach == "playhead":
        starts = [HOP * 100]
        frames = frame_at(original, versions, (starts[0] + N_FFT / 2) / original.sample_rate_hz)
    else:
        starts = list(range(0, original.n_samples - N_FFT + HOP, HOP))
        frames = frames_over(original, versions, 0.0, original.duration_s)
    shown = noise_plot(frames)
    assert shown.n_frames == len(starts)
    signal = line_powers(original.samples, starts).mean(axis=(0, 1))
    assert power_of(shown.level_db_spl) == pytest.approx(signal, rel=5e-4, abs=1e-8 * signal.max())
    for key, version in versions.items():
        power = line_powers(version.samples - original.samples, starts).mean(axis=(0, 1))
        shown_power = power_of(shown.noises[key].line_db_spl)
        assert shown_power == pytest.approx(power, rel=5e-4, abs=1e-8 * power.max())


def test_the_legend_and_the_table_have_the_nmr_that_earbench_measure_prints(
    files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original, versions = files.clips()
    shown = noise_plot(frames_over(original, versions, 0.0, original.duration_s))
    monkeypatch.setattr("earbench_app.analysis.audible_map.PART_S", 0.3)  # so that parts meet
    for key, version in versions.items():
        document = measured(files, key, capsys)
        assert shown.noises[key].nmr_db == pytest.approx(document["nmr_db"], abs=1e-3)
        found = map_of(original, version).nmr()
        assert found.value == pytest.approx(document["nmr_db"], abs=1e-3)
        assert "; ".join(found.notes) == document["notes"]["nmr_db"]


@pytest.mark.parametrize("silent", [(1,), (0, 1)])
def test_a_channel_without_noise_is_left_out_as_earbench_measure_leaves_it_out(
    files: Files, silent: tuple[int, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    original, versions = files.clips()
    samples = versions[1].samples.copy()
    samples[list(silent)] = original.samples[list(silent)]
    half_noisy = original.with_samples(samples)
    write_wav(tmp_path / "half.wav", half_noisy)
    document = measured(Files(files.original, {1: tmp_path / "half.wav"}), 1, capsys)
    shown = noise_plot(frames_over(original, {1: half_noisy}, 0.0, original.duration_s)).noises[1]
    found = map_of(original, half_noisy).nmr()
    assert "; ".join(found.notes) == document["notes"]["nmr_db"]
    if len(silent) == 2:
        assert (found.value, document["nmr_db"], shown.nmr_db) == (None, None, -math.inf)
    else:
        assert [found.value, shown.nmr_db] == pytest.approx([document["nmr_db"]] * 2, abs=1e-3)


def test_of_a_long_range_frames_are_chosen_evenly_and_said_to_be(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, versions = files.clips()
    whole = noise_plot(frames_over(original, versions, 0.0, original.duration_s))
    monkeypatch.setattr(plots, "MAX_FRAMES", 60)
    some = noise_plot(frames_over(original, versions, 0.0, original.duration_s))
    assert (some.n_frames, some.n_covering) == (60, whole.n_frames)
    assert some.threshold_db_spl == pytest.approx(whole.threshold_db_spl, abs=3)


def test_beyond_the_ends_there_is_silence(files: Files) -> None:
    original, versions = files.clips()
    frames = frame_at(original, versions, 0.0)
    assert not frames.original[..., : N_FFT // 2].any()
    np.testing.assert_array_equal(frames.original[:, 0, N_FFT // 2 :], original.samples[:, : N_FFT // 2])
    assert not frame_at(original, versions, original.duration_s + 1).original.any()


def test_the_worst_moments_come_first_and_apart(files: Files) -> None:
    original, versions = files.clips()
    found = map_of(original, versions[2])
    worst = found.worst_frames(4)
    highest = found.frame_nmr_db.max(axis=0)
    assert worst[0][1] == pytest.approx(highest.max())
    assert worst[0][0] == pytest.approx((highest.argmax() * HOP + N_FFT / 2) / original.sample_rate_hz)
    assert [nmr_db for _, nmr_db in worst] == sorted((nmr_db for _, nmr_db in worst), reverse=True)
    assert min(np.diff(sorted(time_s for time_s, _ in worst))) >= 0.25


def test_a_picture_holds_the_highest_ratio_of_its_columns(files: Files) -> None:
    original, versions = files.clips()
    found = map_of(original, versions[1])
    whole = found.picture(0.0, original.duration_s, 10_000)
    few = found.picture(0.0, original.duration_s, 7)
    assert whole is not None
    assert few is not None
    assert whole.nmr_db.shape == (len(found.bands_bark), found.n_frames)
    np.testing.assert_array_equal(few.nmr_db.max(axis=1), whole.nmr_db.max(axis=1))
    assert few.nmr_db.shape[1] == 7
    part = map_part(original.samples, versions[1].samples, original.sample_rate_hz)
    np.testing.assert_allclose(whole.nmr_db.T, part.band_nmr_db, atol=0.006)


def test_the_audible_part_is_taken_channel_by_channel(files: Files) -> None:
    original, versions = files.clips()
    rate = original.sample_rate_hz
    heard = audible_part(original.samples, versions[2].samples, rate)
    assert heard.shape == original.samples.shape
    noise = versions[2].samples - original.samples
    left = 10 * np.log10(((noise - heard) ** 2).sum() / (noise**2).sum())
    assert -30 < left < 0, "some of the noise is masked, most of it is not"
    np.testing.assert_array_equal(
        heard[1:], audible_part(original.samples[1:], versions[2].samples[1:], rate)
    )
