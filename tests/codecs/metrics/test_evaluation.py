"""Rows of an evaluation: what is in them, what a failure costs, how a run is taken up again."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.errors import CodecError, CodecUnavailableError, SettingError, UnknownCodecError
from earbench_codecs.metrics.evaluation import Evaluated, evaluate, planned, settings_named
from earbench_codecs.metrics.evaluation_csv import LEADING, EvaluationTable, read_rows
from earbench_codecs.metrics.measurement import MetricError
from earbench_codecs.metrics.sdr import sdr_db
from earbench_codecs.registry import codec

METRICS = ["sdr_db", "pesq_wb"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    time = np.arange(24_000) / 16_000
    for name, pitch_hz in (("low", 150), ("high", 310)):
        tone = sum(np.sin(2 * np.pi * k * pitch_hz * time) / k for k in range(1, 12))
        clip = AudioClip.mono(0.1 * tone * (1 + np.sin(2 * np.pi * 4 * time)), 16_000)
        write_wav(tmp_path / f"{name}.wav", clip)
    return tmp_path


def test_settings_are_read_as_typed() -> None:
    assert [setting.kbps for _, setting in settings_named("mp3@32,64")] == [32, 64]
    assert settings_named("anchor35") == [("anchor35", codec("anchor35").check_setting(None))]
    every = settings_named("mp3@all")
    assert [setting.kbps for _, setting in every] == list(codec("mp3").info.bitrates_kbps)
    beside = settings_named("opus@16,24,mode=vbr")
    assert [(setting.kbps, setting.get("mode", "")) for _, setting in beside] == [(16, "vbr"), (24, "vbr")]
    ((_, instead),) = settings_named("mp3@vbr=2")
    assert (instead.kbps, instead.get("vbr", None)) == (None, 2)
    for text, error in (
        ("mp3@64,vbr=2", SettingError),
        ("opus@16,mode=slow", SettingError),
        ("nope", UnknownCodecError),
        ("mp3@x", SettingError),
        ("mp3@1", SettingError),
        ("anchor35@3", SettingError),
    ):
        with pytest.raises(error):
            settings_named(text)


def test_an_unavailable_codec_is_refused_with_its_reason(monkeypatch) -> None:
    made = codec("mp3")
    info = replace(made.info, available=False, reason="apt install it")
    monkeypatch.setattr(type(made), "info", property(lambda self: info))
    with pytest.raises(CodecUnavailableError, match="apt install it"):
        settings_named("mp3@64")


def test_a_row_holds_what_the_codec_and_the_metrics_give(folder: Path) -> None:
    file = folder / "low.wav"
    (task,) = planned([file], ["mp3@64"])
    (row,) = evaluate([task], METRICS)
    clip = read_clip(file)
    encoded = codec("mp3").encode(clip, Setting.of(64))
    assert row.error == ""
    assert row.bitrate_kbps == encoded.bitrate_kbps
    assert row.values["sdr_db"] == sdr_db(clip, codec("mp3").decode(encoded))
    assert 1 < row.values["pesq_wb"] < 4.65
    assert row.encode_rtf > 0
    assert row.decode_rtf > 0
    assert task.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_broken_file_costs_its_own_row_only(folder: Path) -> None:
    (folder / "broken.wav").write_bytes(b"RIFF not audio")
    tasks = planned([folder / "broken.wav", folder / "low.wav"], ["mp3@64"])
    rows = {row.task.file.name: row for row in evaluate(tasks, METRICS, n_jobs=2)}
    assert "broken.wav" in rows["broken.wav"].error
    assert rows["broken.wav"].values == {}
    assert rows["low.wav"].error == ""


def test_a_row_that_takes_too_long_is_stopped_and_the_next_goes_on(folder: Path) -> None:
    tasks = planned([folder / "low.wav"], ["mp3@64"])
    (row,) = evaluate(tasks, METRICS, timeout_s=0.05)
    assert "time limit of 0.05 s" in row.error


def test_closing_half_way_leaves_no_process(folder: Path) -> None:
    tasks = planned([folder / "low.wav", folder / "high.wav"], ["mp3@32,48,64,96,128"])
    rows = evaluate(tasks, ["sdr_db"], n_jobs=2)
    next(rows)
    rows.close()
    mine = Path("/proc/self/task").glob("*/children")
    children = [pid for path in mine for pid in path.read_text().split()]
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    assert not [command for command in commands if b"worker_main" in command]


def test_the_table_has_the_contract_s_columns_then_the_metrics(folder: Path) -> None:
    out = folder / "out.csv"
    (task,) = planned([folder / "low.wav"], ["mp3@64"])
    table = EvaluationTable(out, METRICS)
    table.add(
        Evaluated(task, 64.5, encode_rtf=0.01, decode_rtf=0.002, values={"sdr_db": 20.1, "pesq_wb": None})
    )
    table.save()
    with out.open(newline="") as file:
        header, cells = csv.reader(file)
    assert tuple(header[:6]) == LEADING
    assert header[6:8] == METRICS
    row = dict(zip(header, cells, strict=True))
    assert row["setting_kbps"] == "64.0"
    assert float(row["sdr_db"]) == 20.1
    assert row["pesq_wb"] == ""
    assert "pesq 0." in row["software"]


def done(task) -> Evaluated:
    return Evaluated(task, 64.5, encode_rtf=0.01, decode_rtf=0.002, values={"sdr_db": 20.1, "pesq_wb": 4.0})


def test_a_table_is_taken_up_where_it_stopped(folder: Path) -> None:
    out = folder / "out.csv"
    tasks = planned([folder / "low.wav", folder / "high.wav"], ["mp3@64", "opus@32"])
    table = EvaluationTable(out, METRICS)
    assert table.missing(tasks) == tasks
    table.add(done(tasks[3]))
    table.add(done(tasks[0]))
    table.add(Evaluated(tasks[1], error="it broke"))
    table.save(tasks)
    assert [row["codec"] for row in read_rows(out)] == ["mp3", "opus", "opus"]
    again = EvaluationTable(out, METRICS)
    assert again.missing(tasks) == tasks[1:3]
    assert again.missing([replace(tasks[0], sha256="other")])
    assert again.missing([replace(tasks[0], codec_version="other")])
    again.add(done(tasks[1]))
    again.save(tasks)
    assert [row["error"] for row in read_rows(out)] == ["", "", ""]


def test_another_file_is_never_overwritten(folder: Path) -> None:
    (task,) = planned([folder / "low.wav"], ["mp3@64"])
    out = folder / "out.csv"
    table = EvaluationTable(out, METRICS)
    table.add(done(task))
    table.save()
    with pytest.raises(MetricError, match=r"it has the metrics sdr_db, pesq_wb"):
        EvaluationTable(out, ["stoi"])
    out.write_text("listener,score\nme,100\n")
    with pytest.raises(MetricError, match="no CSV of `earbench evaluate`"):
        EvaluationTable(out, METRICS)
    whole = ",".join(LEADING) + "\na,b\n"
    out.write_text(whole)
    with pytest.raises(CodecError, match="cut"):
        read_rows(out)


def test_a_save_that_fails_leaves_the_older_file(folder: Path, monkeypatch) -> None:
    (task,) = planned([folder / "low.wav"], ["mp3@64"])
    table = EvaluationTable(folder / "out.csv", METRICS)
    table.add(done(task))
    table.save()
    before = (folder / "out.csv").read_bytes()
    table.add(done(replace(task, codec="opus")))

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        table.save()
    assert (folder / "out.csv").read_bytes() == before
