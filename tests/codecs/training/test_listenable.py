"""Codecs that a run writes while it goes: they are the coder as it is, few, and change nothing of the run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from earbench_codecs.clip import AudioClip
from earbench_codecs.neural.checkpoint import load_checkpoint
from earbench_codecs.neural.checkpoint_info import read_info
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.setting import Setting
from earbench_codecs.training import listenable, loop
from earbench_codecs.training import run as run_module
from earbench_codecs.training.errors import RunFolderError
from earbench_codecs.training.loop import Trainer
from earbench_codecs.training.recipe import parse_recipe
from earbench_codecs.training.run import train
from earbench_codecs.training.run_folder import RunFolder, load_snapshot
from earbench_codecs.training.setup import Limits


def recipe_with(toml, n_kept, epochs=4):
    toml = toml.replace("seconds = 0.5\n", f"seconds = 0.5\nlistenable = {n_kept}\n")
    return parse_recipe(
        toml.replace('"quantized"\nepochs = 2', f'"quantized"\nepochs = {epochs}'), "tiny.toml"
    )


@pytest.fixture(scope="module")
def run(job_of, tiny_toml, tmp_path_factory):
    """A run of four epochs of the last stage that keeps three codecs, each as soon as it was told of."""
    folder = tmp_path_factory.mktemp("run")
    told, copies = [], {}

    def emit(event, **data):
        if event == "listenable":
            told.append(data)
            best = load_snapshot(RunFolder(folder).best)
            copies[data["step"]] = (RunFolder(folder).codec_at(data["step"]).read_bytes(), best)

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listenable, "SHARE", 1e9)  # always due
        job = replace(job_of(folder), recipe=recipe_with(tiny_toml, 3))
        assert train(job, Limits(), emit) == "finished"
    return RunFolder(folder), told, copies


def test_each_validation_of_the_last_stage_is_told(run):
    folder, told, _ = run
    assert [event["step"] for event in told] == [30, 40, 50, 60]
    lines = [json.loads(line) for line in folder.events.read_text().splitlines()]
    figures = {e["step"]: (e["metrics"], e["kbps"]) for e in lines if e["event"] == "validation"}
    for event in told:
        assert event["metrics"] == figures[event["step"]][0]
        assert event["kbps"] == pytest.approx(figures[event["step"]][1], abs=0.06)
    bests = [e["step"] for e in lines if e["event"] == "checkpoint" and e["kind"] == "best"]
    assert [event["step"] for event in told if event["best"]] == bests


def test_a_codec_is_the_coder_of_its_step(run, tmp_path):
    """Against the state that the run itself kept of its best."""
    _, told, copies = run
    step = next(event["step"] for event in told if event["best"])
    content, best = copies[step]
    assert best.facts["step"] == step
    path = tmp_path / "codec.safetensors"
    path.write_bytes(content)
    kept = load_checkpoint(path).coder.state_dict()
    expected = best.part("coder")
    assert kept.keys() == expected.keys()
    for name, tensor in kept.items():
        torch.testing.assert_close(tensor, expected[name].half().float(), rtol=0, atol=0)


def test_what_is_exported_has_other_tables_and_the_same_coder(run, tmp_path):
    """So that files of both differ in length alone: it is said where they are beside each other."""
    folder, _, copies = run
    exported = load_checkpoint(folder.checkpoint)
    path = tmp_path / "codec.safetensors"
    path.write_bytes(copies[exported.info.step][0])
    of_step = load_checkpoint(path)
    expected = exported.coder.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in of_step.coder.state_dict().items())
    assert not np.array_equal(of_step.tables.static, exported.tables.static)


def test_it_codes_files(run):
    folder, _, _ = run
    path = folder.codecs()[-1]
    info = read_info(path)
    assert (info.name, info.step) == ("tiny-step-60", 60)
    t = np.arange(8000) / 8000
    clip = AudioClip(0.1 * np.sin(2 * np.pi * 200 * t)[np.newaxis], 8000)
    codec = NeuralCodec.from_file(path)
    encoded = codec.encode(clip)
    decoded = codec.decode(encoded)
    assert decoded.n_samples == clip.n_samples
    assert 0 < encoded.bitrate_kbps < 60
    assert np.abs(decoded.samples).max() > 0.01


def test_the_best_and_the_latest_stay(run):
    folder, told, _ = run
    best = max(event["step"] for event in told if event["best"])
    expected = {folder.codec_at(step) for step in (best, *(event["step"] for event in told[-3:]))}
    assert len(folder.codecs()) == 3
    assert [folder.codec_at(step) for step in told[-1]["kept"]] == folder.codecs()
    assert set(folder.codecs()) <= expected
    assert folder.codec_at(best) in folder.codecs()


def test_an_old_best_is_kept_where_later_ones_go(job_of, tiny_toml, tmp_path):
    folder = RunFolder(tmp_path)
    codecs = listenable.ListenableCodecs("tiny")
    codecs._best_step = 10
    for step in (10, 20, 30, 40):
        folder.write(folder.codec_at(step), b"x")
    codecs._thin(folder, 2)
    assert folder.codecs() == [folder.codec_at(10), folder.codec_at(40)]


@pytest.mark.parametrize("best_step", [None, 1, 12])
def test_as_many_stay_as_the_recipe_says(tmp_path, best_step):
    folder = RunFolder(tmp_path)
    codecs = listenable.ListenableCodecs("tiny")
    codecs._best_step = best_step
    for step in range(1, 13):
        folder.write(folder.codec_at(step), b"x")
        codecs._thin(folder, 8)
        assert len(folder.codecs()) == min(step, 8)


@pytest.mark.slow
def test_training_is_the_same_without(run, job_of, tiny_toml, tmp_path):
    folder, _, _ = run
    job = replace(job_of(tmp_path), recipe=recipe_with(tiny_toml, 0))
    train(job, Limits())
    assert RunFolder(tmp_path).codecs() == []
    one, other = (load_snapshot(RunFolder(path).last).tensors for path in (folder.path, tmp_path))
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_what_is_no_best_waits_for_its_share(run, tiny_toml, monkeypatch):
    """A codec that took 1 s is followed by another of no best after 20 s."""
    clock = [0.0]
    monkeypatch.setattr(listenable.time, "monotonic", lambda: clock[0])
    codecs = listenable.ListenableCodecs("tiny")
    assert codecs._is_due()
    codecs._ended_s, codecs._took_s = 1.0, 1.0
    clock[0] = 20.9
    assert not codecs._is_due()
    clock[0] = 21.1
    assert codecs._is_due()


@pytest.mark.parametrize("end", ["time box", "step limit", "signal", "signal that may not wait"])
def test_the_last_validation_before_an_end_can_be_heard(job_of, tiny_toml, tmp_path, monkeypatch, end):
    """Step 40 is no best and comes at once after step 30: its codec waits, and is written at the end."""
    told, over = [], []
    if end == "signal that may not wait":
        monkeypatch.setattr(run_module, "_SIGNAL_S", 0.0)
    monkeypatch.setattr(listenable, "SHARE", 1e-9)  # never due
    monkeypatch.setattr(Trainer, "_keep_if_best", lambda trainer, *_: trainer.step <= 30)

    def emit(event, **data):
        told.append((event, data))
        if event == "checkpoint" and data["kind"] == "last" and data["step"] == 40:
            over.append(True)  # the box ends, or a signal comes, as step 40 has been validated

    limits = Limits(
        max_steps=45 if end == "step limit" else None,
        max_minutes=1.0 if end == "time box" else None,
        asked_to_stop=lambda: end.startswith("signal") and bool(over),
    )
    if end == "time box":
        monkeypatch.setattr(loop.time, "monotonic", lambda now=loop.time.monotonic: now() + 100 * len(over))
    train(replace(job_of(tmp_path), recipe=recipe_with(tiny_toml, 3)), limits, emit)
    validated = [data["step"] for event, data in told if event == "validation"]
    assert validated[-1] == 40
    if end == "signal that may not wait":
        assert [read_info(path).step for path in RunFolder(tmp_path).codecs()] == [30]
        return
    codecs = [data for event, data in told if event == "listenable"]
    assert [(codec["step"], codec["best"]) for codec in codecs] == [(30, True), (40, False)]
    assert [read_info(path).step for path in RunFolder(tmp_path).codecs()] == [30, 40]
    assert codecs[-1]["metrics"] == next(
        data["metrics"] for event, data in told if event == "validation" and data["step"] == 40
    )


ANY_RATE = """
title = "A test"
[model]
size = "mdct-hyper-16k"
[model.options]
sample_rate_hz = 8000
transform = 64
nodes = 8
features = 2
width = 8
hyper_width = 8
framing = { length = 4096, overlap = 64, ramp = "half-sine", side = "both" }
[data]
validation_share = 0.2
[objective]
entropy = { weight = 1 }
coder = { weighted = 8.66 }
[optimiser]
learning_rate = 1e-3
batch = 2
steps_per_epoch = 3
[validation]
metrics = ["sdr_db"]
excerpts = 2
seconds = 0.5
kbps = 24
[[stages]]
stage = "joint"
epochs = 1
"""


def test_a_coder_for_any_rate_is_one_from_its_first_codec_on(job_of, tmp_path):
    job = replace(job_of(tmp_path / "run"), recipe=parse_recipe(ANY_RATE, "any.toml"))
    assert train(job, Limits(), lambda *_, **__: None) == "finished"
    (path,) = RunFolder(tmp_path / "run").codecs()
    codec = NeuralCodec.from_file(path)
    assert codec.info.default.kbps == 24
    clip = AudioClip.mono(0.1 * np.random.default_rng(1).standard_normal(12_000).astype(np.float32), 8000)
    for kbps in (20, 32):
        assert codec.encode(clip, Setting.of(kbps)).bitrate_kbps == pytest.approx(kbps, rel=0.03)
    codec.check_setting(Setting.of(24, mode="cbr"))


def test_a_full_disk_is_told(run, tmp_path, monkeypatch):
    import errno

    from earbench_codecs.training import run_folder

    def refuse(path, chunks):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_folder, "write_atomically", refuse)
    folder = RunFolder(tmp_path)
    with pytest.raises(RunFolderError, match="make room") as caught:
        folder.write(folder.codec_at(1), b"x")
    assert caught.value.kind == "disk"
