"""`earbench evaluate --cluster slurm` on a real Slurm: the same CSV as here, whatever happens on the way."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from processes import started

from earbench_app.cli.main import run
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import write_wav

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WHAT = [
    "--codec",
    "mp3@64,96,128",
    "--codec",
    "vorbis",
    "--codec",
    "opus@32",
    "--metric",
    "sdr_db",
    "--metric",
    "lsd_db",
]
TIMES = ("encode_rtf", "decode_rtf")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Four of noise, and one that is no audio."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(7)
    for name in "abcd":
        write_wav(folder / f"{name}.wav", AudioClip(0.1 * rng.standard_normal((1, 22_050)), 44_100))
    return folder


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def evaluated(clips, out, *more):
    return run(["evaluate", str(clips), *WHAT, "--out", str(out), *more])


def arrays(cluster):
    """Return the numbers of all arrays the cluster had."""
    shown = cluster.run("squeue", "--noheader", "--states=all", "--format=%F", "--name=earbench-evaluate")
    return set(shown.split())


def test_the_rows_are_those_computed_here_in_their_order(cluster, clips, tmp_path, capsys):
    broken = clips / "e.wav"
    broken.write_bytes(b"no audio")
    try:
        assert evaluated(clips, tmp_path / "here.csv") == 1
        assert evaluated(clips, tmp_path / "there.csv", "--cluster", "slurm", "--time", "5") == 1
    finally:
        broken.unlink()
    here, there = rows_of(tmp_path / "here.csv"), rows_of(tmp_path / "there.csv")
    assert there == here
    assert len(here) == 25
    assert sum(bool(row["error"]) for row in there) == 5
    assert "20 rows computed" in capsys.readouterr().err
    with (tmp_path / "there.csv").open(newline="") as file:
        assert all(float(row["encode_rtf"]) > 0 for row in csv.DictReader(file) if not row["error"])
    assert list(tmp_path.glob("*.slurm")) == [], "nothing is left beside the CSV"


def test_stopped_it_goes_on_and_the_same_command_gathers_its_rows(cluster, clips, tmp_path, capsys):
    out = tmp_path / "out.csv"
    before = arrays(cluster)
    more = ["--cluster", "slurm", "--time", "5", "--jobs", "1"]
    command = [sys.executable, "-m", "earbench_app", "evaluate", str(clips), *WHAT, "--out", str(out), *more]
    with started(command, stderr=subprocess.PIPE, text=True) as process:
        state = tmp_path / "out.csv.slurm" / "array.json"
        while not state.exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    array = json.loads(state.read_bytes())["ids"][0].partition("_")[0]
    assert process.returncode == 130
    assert f"cluster job {array} goes on" in said
    assert evaluated(clips, out, *more) == 0
    assert f"cluster job {array} is under way" in capsys.readouterr().err
    assert arrays(cluster) - before == {array}
    assert len(rows_of(out)) == 20
    assert not any(row["error"] for row in rows_of(out))
    assert evaluated(clips, out, *more) == 0
    assert arrays(cluster) - before == {array}, "nothing is computed twice"


def test_a_part_that_dies_names_its_rows_and_only_these_are_computed_again(cluster, clips, tmp_path, capsys):
    out = tmp_path / "out.csv"
    more = ["--cluster", "slurm", "--time", "5", "--jobs", "1"]
    command = [sys.executable, "-m", "earbench_app", "evaluate", str(clips), *WHAT, "--out", str(out), *more]
    state = tmp_path / "out.csv.slurm" / "array.json"
    with started(command, stderr=subprocess.PIPE, text=True) as process:
        while not state.exists():
            assert process.poll() is None
            time.sleep(0.1)
        array = json.loads(state.read_bytes())
        cluster.run("scancel", array["ids"][2])
        said = process.communicate(timeout=300)[1]
    assert process.returncode == 1
    lost = [row for row in rows_of(out) if row["error"]]
    (file,) = array["parts"][2]["files"]
    assert {row["file"] for row in lost} == {file}
    assert len(lost) == 5
    assert "cancelled" in lost[0]["error"]
    assert f"cluster job {array['ids'][2]} ({file} with " in said
    assert evaluated(clips, out, *more) == 0
    assert "5 rows computed, 15 were there" in capsys.readouterr().err
    assert not any(row["error"] for row in rows_of(out))
