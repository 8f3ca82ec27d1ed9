from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earbench_app.cli.main import run
from earbench_mushra.audit import Severity, audit_stimuli, clipped_runs, delay
from earbench_mushra.study_files import file_sha256, load_study, save_study, stimulus_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

RATE_HZ = 16000


def _music(n_samples: int = 2 * RATE_HZ, n_channels: int = 2) -> NDArray[np.float64]:
    """Low-heavy noise: as hard to align as real music."""
    noise = np.random.default_rng(1).normal(size=(n_samples, n_channels))
    spectrum = np.fft.rfft(noise, axis=0)
    spectrum /= np.maximum(np.arange(len(spectrum)), 50)[:, None]
    spectrum[0] = 0
    music = np.fft.irfft(spectrum, n_samples, axis=0)
    return 0.3 * music / np.abs(music).max()


@pytest.fixture
def audible(study_folder: Callable[..., Path]) -> Path:
    """Return a study whose every stimulus is the same music."""
    folder = study_folder(n_items=1, n_training=0)
    for cell in load_study(folder).stimuli:
        _write(folder, cell.condition, _music())
    return folder


def _write(folder: Path, condition: str, samples: NDArray[np.float64], rate_hz: int = RATE_HZ) -> None:
    study = load_study(folder)
    path = stimulus_path(folder, study.stimulus("i0", condition).file)
    soundfile.write(path, samples, rate_hz, format="WAV", subtype="FLOAT")
    cells = [
        dataclasses.replace(cell, sha256=file_sha256(path)) if cell.condition == condition else cell
        for cell in study.stimuli
    ]
    save_study(dataclasses.replace(study, stimuli=tuple(cells)), folder)


def _found(folder: Path) -> list[str]:
    return [f"{f.severity}: {f.text}" for f in audit_stimuli(load_study(folder), folder)]


def test_equal_stimuli_pass(audible: Path) -> None:
    assert _found(audible) == []


def test_a_codec_that_only_adds_noise_passes(audible: Path) -> None:
    noise = np.random.default_rng(2).normal(size=_music().shape) * 0.005
    _write(audible, "opus32", _music() + noise)
    assert _found(audible) == []


@pytest.mark.parametrize("lag", [1, 35, -35, 1500])
def test_a_delay_is_found_to_the_sample(audible: Path, lag: int) -> None:
    _write(audible, "anchor35", np.roll(_music(), lag, axis=0))
    assert _found(audible) == [f"warning: is {abs(lag)} samples {'late' if lag > 0 else 'early'}"]


def test_a_delay_is_found_beneath_coding_noise() -> None:
    music = _music()[:, 0]
    noise = np.random.default_rng(3).normal(size=len(music)) * 0.01
    assert delay(np.roll(music, 7) + noise, music, RATE_HZ)[0] == 7


def test_reversed_polarity_offset_and_loudness_are_found(audible: Path) -> None:
    _write(audible, "opus32", -_music())
    assert _found(audible) == ["warning: has its polarity reversed"]
    _write(audible, "opus32", _music() + 0.01)
    assert _found(audible) == ["warning: has an offset (DC) of 0.0100 against its reference"]
    _write(audible, "opus32", _music() * 10 ** (-3 / 20))
    assert _found(audible) == ["warning: is 3.0 LU softer"]


def test_anchors_may_be_softer(audible: Path) -> None:
    _write(audible, "anchor35", _music() * 0.7)
    assert _found(audible) == []


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [(_music(2 * RATE_HZ - 1), RATE_HZ), (_music(n_channels=1), RATE_HZ), (_music(), 2 * RATE_HZ)],
)
def test_what_the_player_cannot_switch_is_an_error(
    audible: Path, samples: NDArray[np.float64], rate_hz: int
) -> None:
    _write(audible, "mp3_64", samples, rate_hz)
    (text,) = _found(audible)
    assert text.startswith("error: is ")
    assert text.endswith("the player cannot switch")


def test_silence_nan_and_foreign_files_are_errors(audible: Path) -> None:
    _write(audible, "mp3_64", np.zeros_like(_music()))
    assert _found(audible) == ["error: is silent"]
    _write(audible, "mp3_64", np.full_like(_music(), np.nan))
    assert _found(audible) == ["error: holds no samples, NaN or infinity"]
    stimulus_path(audible, load_study(audible).stimulus("i0", "mp3_64").file).write_bytes(b"no audio")
    (text,) = _found(audible)
    assert text.startswith("error: cannot be read")


def test_clipping_counts_runs_of_three() -> None:
    samples = np.zeros((20, 2))
    samples[2:5, 0] = 1.0
    samples[8:10, 0] = -1.0  # two in a row: a peak
    samples[5:20, 1] = -1.2
    assert clipped_runs(samples) == 2


def test_long_excerpts_are_warned_of(audible: Path) -> None:
    for cell in load_study(audible).stimuli:
        _write(audible, cell.condition, np.tile(_music(), (7, 1)))
    assert set(_found(audible)) == {"warning: lasts 14.0 s; 12 s at most is advised"}


def test_a_hundredth_of_a_second_has_a_loudness(audible: Path) -> None:
    for cell in load_study(audible).stimuli:
        _write(audible, cell.condition, _music()[:160])
    assert _found(audible) == []


def test_the_command_fails_on_errors_and_not_on_warnings(
    audible: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["study", "check", str(audible)]) == 0
    _write(audible, "opus32", -_music())
    assert run(["study", "check", str(audible)]) == 0
    assert "opus32" in capsys.readouterr().out
    _write(audible, "opus32", _music(99))
    assert run(["study", "check", str(audible)]) == 1
    told = capsys.readouterr()
    assert "cannot switch" in told.out
    assert told.err.count("\n") == 1
    assert Severity.ERROR in told.out


def test_a_check_names_a_changed_file(audible: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = load_study(audible).stimuli[0].file
    stimulus_path(audible, file).write_bytes(b"changed")
    assert run(["study", "check", str(audible)]) == 1
    assert file in capsys.readouterr().err
