"""Runs: they learn, stop and go on exactly, and fail with words, their last checkpoint intact."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from processes import started

from earbench_codecs.training import export, run_folder
from earbench_codecs.training.average import RunningAverage
from earbench_codecs.training.errors import (
    CorpusError,
    DivergedError,
    RecipeError,
    RunFolderError,
    TrainingError,
)
from earbench_codecs.training.recipe import parse_recipe
from earbench_codecs.training.run import build_coder, train
from earbench_codecs.training.run_folder import RunFolder, load_snapshot
from earbench_codecs.training.schedule import learning_rate
from earbench_codecs.training.setup import Limits


def events_of(run, kind=None):
    lines = RunFolder(run).events.read_text().splitlines()
    return [event for event in map(json.loads, lines) if kind in (None, event["event"])]


def tensors_of(run):
    return load_snapshot(RunFolder(run).last).tensors


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.fixture(scope="module")
def whole(job_of, tmp_path_factory):
    """The folder of a run from beginning to end."""
    folder = tmp_path_factory.mktemp("whole")
    torch.set_num_threads(1)
    assert train(job_of(folder), Limits()) == "finished"
    return folder


def test_a_run_learns(whole):
    figures = [event["metrics"]["sdr_db"] for event in events_of(whole, "validation")]
    assert len(figures) == 4
    assert figures == sorted(figures)
    assert figures[-1] > figures[0] + 5


def test_a_run_tells_what_it_does(whole):
    assert [e["event"] for e in events_of(whole)][-1] == "finished"
    started = events_of(whole, "started")[0]
    assert started["corpus"]["training_s"] + started["corpus"]["validation_s"] == 12
    assert started["n_steps"] == 40
    last = events_of(whole, "progress")[-1]
    assert (last["step"], last["stage"], last["epoch"]) == (40, "quantized", 4)
    assert set(last["terms"]) == {"mse", "entropy", "quantization"}
    weighted = 10 * last["terms"]["mse"] + 0.1 * last["terms"]["quantization"]
    tau = last["tau"]
    assert last["loss"] == pytest.approx(weighted + tau * 0.01 * last["terms"]["entropy"], rel=1e-4)
    assert last["kbps"] == pytest.approx(8 / 480 * 256 * last["terms"]["entropy"])


def test_the_rate_is_that_of_the_stage(whole):
    rates = [event["kbps"] for event in events_of(whole, "validation")]
    assert rates[:2] == [None, None]
    assert all(0 < rate <= 8 / 480 * 256 * 3 for rate in rates[2:])


def test_the_best_is_of_the_last_stage_and_its_figures_are_those_of_an_event(whole):
    best = load_snapshot(RunFolder(whole).best).facts
    event = next(event for event in events_of(whole, "validation") if event["step"] == best["step"])
    assert best["step"] > 20
    assert best["metrics"] == event["metrics"]
    assert best["kbps"] == event["kbps"]


@pytest.mark.parametrize(
    "stop_at", [pytest.param(7, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.slow), 33]
)
def test_a_run_that_goes_on_is_the_run_that_never_stopped(whole, job_of, tmp_path, stop_at):
    assert train(job_of(tmp_path), Limits(max_steps=stop_at)) == "step limit"
    torch.rand(3)  # whatever happens in between
    assert train(job_of(tmp_path, resume=True), Limits()) == "finished"
    assert_same(tensors_of(tmp_path), tensors_of(whole))
    after = [event for event in events_of(whole, "validation") if event["step"] > stop_at]
    again = [event for event in events_of(tmp_path, "validation") if event["step"] > stop_at]
    assert [e | {"time": 0} for e in again] == [e | {"time": 0} for e in after]


def stopped_after(kind, step):
    """Limits, and what tells them: a signal comes as soon as an event of a kind and step was told."""
    seen = []

    def take(event, **data):
        seen.append(event == kind and data.get("step") == step)

    return Limits(asked_to_stop=lambda: any(seen)), take


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(10, marks=pytest.mark.slow),
        pytest.param(20, marks=pytest.mark.slow),
        30,
        pytest.param(40, marks=pytest.mark.slow),
    ],
)
def test_a_stop_leaves_the_validation_under_way_to_the_run_that_goes_on(whole, job_of, tmp_path, step):
    limits, take = stopped_after("progress", step)
    assert train(job_of(tmp_path), limits, take) == "asked to stop"
    assert events_of(tmp_path)[-1]["step"] == step
    assert step not in [event["step"] for event in events_of(tmp_path, "validation")]
    assert train(job_of(tmp_path, resume=True), Limits()) == "finished"
    assert_same(tensors_of(tmp_path), tensors_of(whole))
    of_whole, again = events_of(whole, "validation"), events_of(tmp_path, "validation")
    assert [e | {"time": 0} for e in again] == [e | {"time": 0} for e in of_whole]
    assert RunFolder(tmp_path).checkpoint.is_file()


def test_a_stop_while_files_are_measured_leaves_that_to_the_run_that_goes_on(
    whole, job_of, tmp_path, monkeypatch
):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    (tmp_path / "checkpoint.safetensors").unlink()
    asked = []
    monkeypatch.setattr(
        export, "compare", lambda *_, tell, **__: (asked.append(True), tell("measuring", 1, 2))
    )
    job = job_of(tmp_path, resume=True)
    assert train(job, Limits(asked_to_stop=lambda: bool(asked))) == "asked to stop"
    assert (events_of(tmp_path)[-1]["event"], events_of(tmp_path)[-1]["step"]) == ("stopped", 40)
    assert not RunFolder(tmp_path).checkpoint.is_file()
    monkeypatch.undo()
    assert train(job, Limits()) == "finished"
    assert RunFolder(tmp_path).checkpoint.is_file()


def test_a_stop_ends_the_reading_of_a_corpus(job_of, tmp_path):
    asked = []
    job = job_of(tmp_path / "run", cache=tmp_path / "cache")
    limits = Limits(asked_to_stop=lambda: bool(asked))
    assert train(job, limits, lambda event, **_: asked.append(event)) == "asked to stop"
    assert asked == ["reading", "stopped"]
    assert not list((tmp_path / "cache").glob("*.i16*"))
    assert train(job, Limits(max_steps=1)) == "step limit"


def test_time_ends_a_run(job_of, tmp_path, tiny_toml):
    job = job_of(tmp_path, tiny_toml.replace("epochs = 2", "epochs = 1000"))
    assert train(job, Limits(max_minutes=0.01)) == "time limit"
    assert 0 < events_of(tmp_path, "stopped")[0]["step"] < 20_000


def test_sigterm_writes_a_checkpoint_that_can_be_taken_up(job_of, tmp_path, tiny_toml):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(tiny_toml.replace("epochs = 2", "epochs = 1000"))
    job = job_of(tmp_path / "run")
    command = [sys.executable, "-m", "earbench_codecs.training", str(recipe), "--device", "cpu"]
    command += ["--data", str(job.data), "--run", str(job.run), "--cache", str(job.cache)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with started(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        for line in running.stdout:
            if json.loads(line)["event"] == "progress":
                break
        running.send_signal(signal.SIGTERM)
        rest = [json.loads(line) for line in running.stdout]
        assert running.wait() == 128 + signal.SIGTERM
    assert rest[-1]["event"] == "stopped"
    assert rest[-1]["reason"] == "asked to stop"
    assert load_snapshot(RunFolder(job.run).last).facts["step"] == rest[-1]["step"]
    more = subprocess.run(
        [*command, "--resume", "--max-steps", str(rest[-1]["step"] + 3)], env=environment, check=True
    )
    assert more.returncode == 0
    assert load_snapshot(RunFolder(job.run).last).facts["step"] == rest[-1]["step"] + 3


def test_a_loss_that_is_no_number_ends_the_run_with_the_checkpoint_before_it(job_of, tmp_path, tiny_toml):
    toml = tiny_toml.replace('stage = "quantized"', 'stage = "quantized"\nlearning_rate = 1e30').replace(
        "clip_norm = 5\n", ""
    )
    with pytest.raises(DivergedError, match=r"no longer a number by step (2\d|30).*learning rate"):
        train(job_of(tmp_path, toml), Limits())
    assert events_of(tmp_path)[-1]["event"] == "failed"
    assert load_snapshot(RunFolder(tmp_path).last).facts["step"] == 20
    assert all(bool(tensor.isfinite().all()) for tensor in tensors_of(tmp_path).values())


def test_a_full_disk_is_named_and_the_checkpoint_is_intact(job_of, tmp_path, monkeypatch):
    train(job_of(tmp_path), Limits(max_steps=10))
    before = RunFolder(tmp_path).last.read_bytes()

    def full(path, chunks):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_folder, "write_atomically", full)
    with pytest.raises(RunFolderError, match=r"last.safetensors.*No space left.*intact.*--resume"):
        train(job_of(tmp_path, resume=True), Limits(max_steps=12))
    assert RunFolder(tmp_path).last.read_bytes() == before


def test_another_run_is_not_overwritten_nor_mixed(whole, job_of, tmp_path, tiny_toml):
    before = RunFolder(whole).last.read_bytes()
    with pytest.raises(RunFolderError, match="--resume"):
        train(job_of(whole), Limits())
    with pytest.raises(RunFolderError, match="another recipe"):
        train(job_of(whole, tiny_toml.replace("weight = 10", "weight = 11"), resume=True), Limits())
    with pytest.raises(RunFolderError, match="nothing to resume"):
        train(job_of(tmp_path, resume=True), Limits())
    assert RunFolder(whole).last.read_bytes() == before


def test_a_damaged_checkpoint_is_named(job_of, tmp_path):
    train(job_of(tmp_path), Limits(max_steps=1))
    last = RunFolder(tmp_path).last
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(RunFolderError, match=r"last\.safetensors: cannot be read"):
        train(job_of(tmp_path, resume=True), Limits())


def test_an_empty_folder_is_named(job_of, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CorpusError, match=r"empty: there is no audio file"):
        train(job_of(tmp_path / "run", data=empty), Limits())


def test_files_that_are_no_audio_are_named(job_of, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.wav").write_bytes(b"RIFF but no more")
    with pytest.raises(CorpusError, match=r"none of its 1 audio files can be used; a\.wav"):
        train(job_of(tmp_path / "run", data=tmp_path / "data"), Limits())


def test_a_device_that_is_not_there_is_named(job_of, tmp_path):
    with pytest.raises(TrainingError, match="'cuda:99'"):
        train(job_of(tmp_path, device="cuda:99"), Limits())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kankanahalli", "kankanahali", "model.size"),
        ("channels = 4", "chanels = 4", "chanels"),
        ('stage = "quantized"', 'stage = "joint"', "stages.1.stage"),
    ],
)
def test_a_recipe_that_no_coder_fits_is_named(tiny_toml, old, new, says):
    with pytest.raises(RecipeError, match=says):
        build_coder(parse_recipe(tiny_toml.replace(old, new), "tiny.toml"), "tiny.toml")


def test_the_learning_rate_falls_along_a_cosine(tiny_toml):
    recipe = parse_recipe(tiny_toml, "tiny.toml")
    rates = [learning_rate(recipe, step) for step in range(40)]
    assert rates[0] == 3e-3
    assert rates[-1] == pytest.approx(1e-3)
    assert (rates[19] + rates[20]) / 2 == pytest.approx(2e-3)
    assert rates == sorted(rates, reverse=True)


def test_a_stage_may_have_its_own_rates(tiny_toml):
    toml = tiny_toml.replace('stage = "quantized"', 'stage = "quantized"\nlearning_rate = 5e-4')
    recipe = parse_recipe(toml, "tiny.toml")
    assert [learning_rate(recipe, step) for step in (20, 39)] == [5e-4, 5e-4]


def test_the_running_average_is_one():
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(0)
    average = RunningAverage(layer, 0.5)
    expected = 0.0
    for n, value in enumerate([1.0, 2.0, 4.0]):
        with torch.no_grad():
            layer.weight.fill_(value)
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
    with average.in_place():
        assert float(layer.weight.detach()) == pytest.approx(expected)
    assert float(layer.weight.detach()) == 4


@pytest.mark.slow
def test_two_processes_train_what_one_would(job_of, tmp_path, tiny_toml):
    """Without quantisation, where the loss is a mean over windows, gradients of halves average exactly."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(tiny_toml)
    together = []
    for n in (1, 2):
        job = job_of(tmp_path / f"run{n}")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
        command += [
            "-m",
            "--",
            "earbench_codecs.training",
            str(recipe),
            "--device",
            "cpu",
            "--max-steps",
            "15",
        ]
        command += ["--data", str(job.data), "--run", str(job.run), "--cache", str(job.cache)]
        subprocess.run(command, check=True, capture_output=True)
        together.append(tensors_of(job.run))
    weights = [name for name in together[0] if name.startswith("coder/")]
    for name in weights:  # each of the steps moves a weight by up to 0.003
        assert torch.allclose(together[0][name], together[1][name], rtol=0, atol=5e-4), name


def test_a_run_of_an_older_version_goes_on(job_of, tmp_path):
    """Its recipe was stored without keys that were added since, and without the last rate."""
    train(job_of(tmp_path), Limits(max_steps=12))
    last = RunFolder(tmp_path).last
    older = load_snapshot(last)
    facts = dict(older.facts)
    del facts["last_kbps"], facts["recipe"]["rate"]["measure"], facts["recipe"]["rate"]["rule"]
    RunFolder(tmp_path).save(last, replace(older, facts=facts))
    assert train(job_of(tmp_path, resume=True), Limits(max_steps=14)) == "step limit"


def test_a_stage_is_held_at_its_own_target(job_of, tmp_path, tiny_toml):
    toml = tiny_toml.replace('stage = "quantized"', 'stage = "quantized"\ntarget_kbps = 1.5')
    train(job_of(tmp_path, toml), Limits())
    found = events_of(tmp_path, "validation")
    assert [event["target_kbps"] for event in found] == [6, 6, 1.5, 1.5]
    assert found[3]["tau"] > found[2]["tau"]  # the rate is far above 1.5, and below 6
    with pytest.raises(RecipeError, match=r"stages\.1\.target_kbps.*no \[rate\]"):
        parse_recipe(toml.replace("[rate]\ntarget_kbps = 6\nwindows = 200\n", ""), "tiny.toml")


def test_a_disk_that_is_full_for_events_too_is_named(job_of, tmp_path):
    """A device that is always full stands for it; that the failure cannot be told does not hide it."""
    train(job_of(tmp_path), Limits(max_steps=10))
    before = RunFolder(tmp_path).last.read_bytes()
    RunFolder(tmp_path).events.unlink()
    RunFolder(tmp_path).events.symlink_to("/dev/full")
    with pytest.raises(RunFolderError, match=r"events\.jsonl: cannot be written: No space left.*--resume"):
        train(job_of(tmp_path, resume=True), Limits(max_steps=12))
    assert RunFolder(tmp_path).last.read_bytes() == before


def test_a_full_gpu_is_named_and_the_checkpoint_is_intact(job_of, tmp_path, monkeypatch):
    """As torch raises it; there is no GPU here."""
    train(job_of(tmp_path), Limits(max_steps=10))
    before = RunFolder(tmp_path).last.read_bytes()

    def full(self, gradient=None):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.Tensor, "backward", full)
    with pytest.raises(TrainingError, match=r"memory of cpu is full at a batch of 16.*optimiser\.batch"):
        train(job_of(tmp_path, resume=True), Limits(max_steps=12))
    assert RunFolder(tmp_path).last.read_bytes() == before
    assert events_of(tmp_path)[-1]["event"] == "failed"
