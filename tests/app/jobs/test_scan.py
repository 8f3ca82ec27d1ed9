"""What a folder holds for training, and what a run on it will take."""

from __future__ import annotations

import os
import subprocess
import time

import numpy as np
import pytest

from earbench_app.jobs.child import Child
from earbench_app.jobs.estimate import _some_of, estimate, remove_leftovers
from earbench_app.jobs.job import JobError, TrainRequest
from earbench_app.jobs.scan import scan
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.training.recipe import DataTable, parse_recipe

RECIPE = """
title = "A test"
data = { validation_share = 0.2 }
objective = { mse = { weight = 10 }, entropy = { weight = 0.01 } }
optimiser = { learning_rate = 3e-3, batch = 8, steps_per_epoch = 50 }
rate = { target_kbps = 6, windows = 50 }
validation = { metrics = ["sdr_db"], excerpts = 2, seconds = 0.5 }
stages = [
    { stage = "unquantized", epochs = 10, prepare_windows = 20 },
    { stage = "quantized", epochs = 30, prepare_windows = 20 },
]
[model]
size = "kankanahalli"
options = { sample_rate_hz = 8000, channels = 4, kernel = 5, dilations = [1] }
"""


def write(path, seconds, rate_hz, n_channels=1, level=0.1):
    path.parent.mkdir(exist_ok=True, parents=True)
    noise = np.random.default_rng(1).standard_normal((n_channels, round(seconds * rate_hz)))
    write_wav(path, AudioClip(np.clip(level * noise, -1, 1), rate_hz))


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    write(data / "s1" / "a.wav", 1.5, 8000)
    write(data / "s1" / "b.wav", 1.0, 16000, 2)
    write(data / "s2" / "c.wav", 2.0, 8000)
    write(data / "s2" / "quiet.wav", 1.0, 8000, level=0.0)
    (data / "s2" / "broken.wav").write_bytes(b"RIFF" + bytes(60))
    (data / "notes.txt").write_text("no audio")
    return data


def test_a_file_whose_name_tells_no_speaker_is_not_counted_as_one(folder):
    *_, found = scan(folder, DataTable(speaker_pattern="^(s2)/", exclude="quiet|broken"))
    assert (found.n_read, found.n_speakers, found.n_untold) == (3, 1, 2)


def test_files_hours_rates_speakers_and_what_cannot_be_read(folder):
    table = DataTable(speaker_pattern="^(s[0-9])/", exclude="b.wav")
    *_, found = scan(folder, table)
    assert found.is_done
    assert (found.n_found, found.n_chosen, found.n_read, found.n_speakers) == (5, 4, 4, 2)
    assert found.duration_s == pytest.approx(3.5)
    assert dict(found.rates_hz) == {8000: 2}
    assert [path for path, _ in found.unreadable] == ["s2/broken.wav", "s2/quiet.wav"]
    assert dict(found.unreadable)["s2/quiet.wav"] == "it is silent"
    assert all(reason for _, reason in found.unreadable)


def test_channels_are_counted_and_speakers_only_where_they_can_be_told(folder):
    *_, found = scan(folder)
    assert dict(found.channels) == {1: 2, 2: 1}
    assert dict(found.rates_hz) == {8000: 2, 16000: 1}
    assert found.n_speakers is None
    assert found.coder_rates_hz["kankanahalli"] == 16_000


def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(JobError, match=f"{tmp_path}/nowhere"):
        list(scan(tmp_path / "nowhere"))


def test_a_cancelled_scan_ends_quietly(folder):
    child = scan(folder)
    child.cancel()
    assert list(child) == []


def test_a_scratch_folder_goes_with_its_process_however_that_ends(folder, tmp_path):
    scratch = tmp_path / "scratch"
    (scratch / "data").mkdir(parents=True)
    facts = {"folder": str(folder), "data": {}}
    child = Child("earbench_app.jobs.scan", facts, dict, scratch=scratch)
    for _ in child:
        assert scratch.is_dir()
        child.cancel()
    assert not scratch.exists()


def test_what_a_program_that_crashed_left_is_removed_at_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = [f"trial-{os.getpid()}-aa", f"trial-{gone.pid}-bb", "trial-xpmt4ta2", "versions"]
    for name in names:
        (tmp_path / "cache" / name / "data").mkdir(parents=True)
    remove_leftovers()
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [names[0], "versions"]


def test_work_that_crashes_says_how():
    with pytest.raises(JobError, match=r"its process ended with exit code 1.*No module named"):
        list(Child("earbench_app.no_such_module", {}, dict))


def test_an_estimate_passes_over_files_that_are_silent_or_broken(folder, tmp_path):
    """Else a corpus of which these come first has too little for it to train on, though a run would."""
    _some_of(folder, parse_recipe(RECIPE, "r"), tmp_path / "some")
    lengths = sorted(read_clip(path).duration_s for path in (tmp_path / "some").iterdir())
    assert lengths == [1.0, 1.5, 2.0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_estimate_agrees_with_the_run_it_is_of(folder, tmp_path, monkeypatch):
    """Within a factor of three: the machine of a test does other things as well."""
    import torch

    from earbench_codecs.training.run import Job, train
    from earbench_codecs.training.setup import Limits

    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    request = TrainRequest("tiny", RECIPE, folder, device="cpu")
    *before, last = estimate(request)
    found = last.estimate
    assert [trial.estimate for trial in before] == [None] * len(before)
    texts = [trial.text for trial in before]
    assert texts[:2] == ["reading some of the data", "loading torch"]
    wheres = [f"stage {stage} of 2, epoch {epoch} of 4" for stage in (1, 2) for epoch in (1, 2, 3, 4)]
    assert [text for text in texts if text in wheres] == wheres
    assert texts.index("preparing stage 2 of 2") == texts.index(wheres[4]) - 1
    assert found.device == "cpu"
    assert found.low_s <= found.total_s <= found.high_s
    assert found.n_steps >= 18
    assert 100 < found.memory_mb < 4000
    assert found.gpu_memory_mb is None
    assert list((tmp_path / "home" / "cache").glob("trial-*")) == []
    times = {}
    job = Job(
        parse_recipe(RECIPE, "r"),
        "tiny",
        folder,
        tmp_path / "run",
        tmp_path / "cache",
        "cpu",
        tensorboard=False,
    )

    def take(event, **_):
        times.setdefault(event, time.monotonic())
        times["checkpoint"] = time.monotonic() if event == "checkpoint" else times.get("checkpoint")

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the estimate's process has
    train(job, Limits(), take)
    torch.set_num_threads(n_threads)
    true_s = times["checkpoint"] - times["started"]
    assert true_s / 3 < found.total_s < 3 * true_s
    half = estimate(TrainRequest("tiny", RECIPE, folder, device="cpu", max_steps=1000, n_processes=2))
    *_, last = half
    assert any("one process was timed" in note for note in last.estimate.notes)
