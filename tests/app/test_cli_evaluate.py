"""`earbench evaluate` and `earbench plot` as the contract has them."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest

from earbench_app.cli.main import run
from earbench_codecs.clip_files import read_clip, write_wav


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("speech_en_austen", "tabla"):
        clip = read_clip(str(files("earbench_assets") / "clips" / f"{name}.flac"))
        write_wav(clips / f"{name}.wav", clip.excerpt(1, 2.5))
    return clips


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_for_each_file_codec_and_setting_and_a_plot_of_them(folder, tmp_path, capsys) -> None:
    out = tmp_path / "out.csv"
    command = ["evaluate", str(folder), "--codec", "mp3@32,64", "--codec", "opus@32", "--out", str(out)]
    command += ["--metric", "sdr_db", "--metric", "pesq_wb"]
    assert run(command) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "6 rows computed, 0 were there" in printed.err
    rows = rows_of(out)
    assert list(rows[0])[:8] == [
        "file", "codec", "setting_kbps", "bitrate_kbps", "encode_rtf", "decode_rtf", "sdr_db", "pesq_wb",
    ]  # fmt: skip
    assert len({(row["file"], row["codec"], row["setting_kbps"]) for row in rows}) == 6
    for row in rows:
        assert float(row["bitrate_kbps"]) == pytest.approx(float(row["setting_kbps"]), rel=0.1)
        assert float(row["encode_rtf"]) > 0
        assert 1 < float(row["pesq_wb"]) < 4.65
    by_rate = {row["setting_kbps"]: float(row["sdr_db"]) for row in rows if row["codec"] == "mp3"}
    assert by_rate["64.0"] > by_rate["32.0"]

    before = out.read_bytes()
    assert run(command) == 0
    assert "0 rows computed, 6 were there" in capsys.readouterr().err
    assert out.read_bytes() == before

    assert run(["plot", str(out), "--out", str(tmp_path / "figure.svg")]) == 0
    assert "PESQ-WB" in (tmp_path / "figure.svg").read_text()


def test_a_broken_file_is_recorded_and_the_exit_code_says_so(folder, tmp_path, capsys) -> None:
    (folder / "broken.wav").write_bytes(b"no audio")
    out = tmp_path / "out.csv"
    command = ["evaluate", str(folder), "--codec", "mp3@64", "--out", str(out), "--metric", "sdr_db"]
    assert run(command) == 1
    assert "1 rows failed" in capsys.readouterr().err
    errors = {Path(row["file"]).name: row["error"] for row in rows_of(out)}
    assert "broken.wav" in errors["broken.wav"]
    assert errors["tabla.wav"] == errors["speech_en_austen.wav"] == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--codec", "mp3", "--metric", "odg"], 2, "odg"),
        (["--codec", "nope"], 1, "there are:"),
        (["--codec", "mp3@1"], 1, "mp3"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(
    folder, tmp_path, capsys, arguments, code, message
) -> None:
    assert run(["evaluate", str(folder), "--out", str(tmp_path / "out.csv"), *arguments]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_an_output_that_cannot_be_written_fails_first(folder, tmp_path, capsys) -> None:
    out = tmp_path / "absent" / "out.csv"
    assert run(["evaluate", str(folder), "--codec", "mp3@64", "--out", str(out)]) == 1
    assert "absent" in capsys.readouterr().err


def test_what_is_done_is_kept_when_the_run_is_stopped(folder, tmp_path) -> None:
    out = tmp_path / "out.csv"
    command = [sys.executable, "-m", "earbench_app", "evaluate", str(folder), "--codec", "mp3@all"]
    command += ["--codec", "opus@6,8,12,16,24,32", "--jobs", "1", "--metric", "sdr_db", "--metric", "pesq_wb"]
    command += ["--metric", "visqol_speech"]  # takes so long that there is time to stop
    process = subprocess.Popen([*command, "--out", str(out)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (out.exists() and rows_of(out)):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    rows = rows_of(out)
    assert 0 < len(rows) < 2 * 20
    assert all(row["sdr_db"] and not row["error"] for row in rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "out.csv"]


def test_a_plot_of_something_else_is_refused(tmp_path, capsys) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert run(["plot", str(tmp_path / "x.csv"), "--out", str(tmp_path / "x.png")]) == 1
    assert "x.csv" in capsys.readouterr().err
    assert run(["plot", str(tmp_path / "x.csv"), "--out", str(tmp_path / "x.bmp")]) == 2
