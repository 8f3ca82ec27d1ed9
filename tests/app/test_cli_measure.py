"""`earbench measure` as the contract has it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earbench_app.cli.main import run
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.metrics.measure import measure
from earbench_codecs.metrics.sdr import sdr_db

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    clip = read_clip(str(files("earbench_assets") / "clips" / "speech_en_austen.flac")).excerpt(1, 2.2)
    noise = np.random.default_rng(0).standard_normal(clip.samples.shape) * 0.01
    write_wav(tmp_path / "ref.wav", clip)
    write_wav(tmp_path / "test.wav", AudioClip((clip.samples + noise).astype(np.float32), 16_000))
    return tmp_path / "ref.wav", tmp_path / "test.wav"


def test_json_has_each_metric_or_null_with_a_note(pair, capsys) -> None:
    assert run(["measure", *map(str, pair), "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    keys = ["sdr_db", "si_sdr_db", "segsnr_db", "pesq_wb", "stoi", "visqol_speech", "visqol_audio", "nmr_db"]
    assert set(keys) <= set(document)
    clips = [read_clip(path) for path in pair]
    assert document["sdr_db"] == sdr_db(*clips)
    assert document["pesq_wb"] == measure(*clips, ["pesq_wb"])["pesq_wb"].value
    assert document["visqol_audio"] is None
    assert "32000 Hz" in document["notes"]["visqol_audio"]
    assert document["software"]["pesq_wb"].startswith("pesq 0.")


def test_identical_files_give_valid_json(pair, capsys) -> None:
    assert run(["measure", str(pair[0]), str(pair[0]), "--metric", "sdr_db", "--json"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["sdr_db"] is None
    assert "infinite" in document["notes"]["sdr_db"]
    assert "stoi" not in document


def test_text_has_values_units_and_notes(pair, capsys) -> None:
    assert run(["measure", *map(str, pair), "--metric", "sdr_db", "--metric", "pesq_nb"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "sdr_db"
    assert lines[0].endswith(" dB")
    assert "resampled from 16000 to 8000 Hz" in lines[2]


def test_wrong_usage_and_unlike_files_are_explained(pair, tmp_path, capsys) -> None:
    assert run(["measure", *map(str, pair), "--metric", "odg"]) == 2
    printed = capsys.readouterr().err
    assert "odg" in printed
    assert "sdr_db" in printed
    write_wav(tmp_path / "short.wav", read_clip(pair[0]).excerpt(0, 1))
    assert run(["measure", str(pair[0]), str(tmp_path / "short.wav")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert "length" in printed.err
    assert "short.wav" in printed.err
    assert run(["measure", str(pair[0]), str(tmp_path / "absent.wav")]) == 1
    assert "absent.wav" in capsys.readouterr().err
