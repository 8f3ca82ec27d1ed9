"""`earbench train` as a shell sees it, to a checkpoint that codes a file in another process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earbench_app.cli.main import run

RECIPE = """
title = "A test"
[model]
size = "kankanahalli"
options = { channels = 4, kernel = 5, dilations = [1], n_bins = 8 }
[data]
validation_share = 0.3
[objective]
mse = { weight = 10 }
entropy = { weight = 0.01 }
[optimiser]
learning_rate = 3e-3
batch = 8
steps_per_epoch = 10
[rate]
target_kbps = 12
windows = 100
[validation]
metrics = ["sdr_db"]
excerpts = 1
seconds = 0.5
[[stages]]
stage = "unquantized"
epochs = 1
[[stages]]
stage = "quantized"
epochs = 1
prepare_windows = 20
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recipe, and three seconds of swelling noise to train on."""
    path = tmp_path_factory.mktemp("training")
    (path / "tiny.toml").write_text(RECIPE)
    (path / "data").mkdir()
    rng = np.random.default_rng(4)
    for i in range(3):
        noise = np.convolve(rng.standard_normal(16_000), np.ones(16) / 16, "same")
        soundfile.write(path / "data" / f"{i}.wav", 0.3 * noise * np.linspace(0.1, 1, 16_000), 16_000)
    return path


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path / "home"
    torch.set_num_threads(before)


def shell(capsys, *argv):
    code = run([str(argument) for argument in argv])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def trained(capsys, folder, target, *more):
    return shell(capsys, "train", folder / "tiny.toml", "--data", folder / "data", "--run", target, *more)


def test_recipes_are_listed(capsys):
    code, out, _ = shell(capsys, "recipes", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert {"kankanahalli-9", "resglu-64", "vred-small"} <= set(rows)
    assert rows["kankanahalli-9"]["target_kbps"] == 9
    assert "kankanahalli-9" in shell(capsys, "recipes")[1]


def test_a_trained_checkpoint_codes_a_file_in_another_process(capsys, folder, tmp_path):
    code, out, _ = trained(capsys, folder, tmp_path / "run", "--device", "cpu", "--json")
    report = json.loads(out)
    assert (code, report["reason"], report["step"], report["codec"]) == (0, "finished", 20, "tiny")
    clip, ebc, wav = folder / "data" / "0.wav", tmp_path / "a.ebc", tmp_path / "a.wav"
    code, out, _ = shell(
        capsys, "encode", clip, ebc, "--codec", "kankanahalli", "--checkpoint", report["checkpoint"], "--json"
    )
    encoded = json.loads(out)
    assert (code, encoded["codec"]) == (0, "tiny")
    assert encoded["bitrate_kbps"] == 8 * encoded["bytes"] / 1000
    assert 0 < encoded["entropy_kbps"] < encoded["bitrate_kbps"]
    command = [sys.executable, "-m", "earbench_app", "decode", str(ebc), str(wav)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    checkpoint = ["--checkpoint", report["checkpoint"]]
    subprocess.run([*command, *checkpoint], check=True, env=environment)
    assert soundfile.info(wav).frames == 16_000
    assert soundfile.info(wav).samplerate == 16_000
    code, _, err = shell(capsys, "decode", ebc, wav)
    assert code == 1
    assert "tiny" in err


def test_the_measured_figures_are_those_of_real_files(capsys, folder, tmp_path):
    """The one held-out file, coded again by hand."""
    from earbench_codecs.neural.checkpoint_info import read_info

    _, out, _ = trained(capsys, folder, tmp_path / "run", "--json")
    report = json.loads(out)
    info = read_info(tmp_path / "run" / "checkpoint.safetensors")
    assert info.measured == report["measured"]
    assert info.recipe["rate"]["target_kbps"] == 12
    assert info.kbps == round(info.measured["kbps"], 1)
    assert info.corpus["training_s"] == 2
    assert f"{info.measured['sdr_db']:.2f}" in info.card
    assert info.measured["entropy_kbps"] < info.measured["kbps"]
    figures = []
    for i in range(3):
        samples, _ = soundfile.read(folder / "data" / f"{i}.wav")
        middle, ebc, wav = tmp_path / "m.wav", tmp_path / "m.ebc", tmp_path / "d.wav"
        soundfile.write(middle, samples[4_000:12_000], 16_000, subtype="FLOAT")
        shell(capsys, "encode", middle, ebc, "--codec", "kankanahalli", "--checkpoint", report["checkpoint"])
        shell(capsys, "decode", ebc, wav, "--checkpoint", report["checkpoint"])
        original, decoded = soundfile.read(middle)[0], soundfile.read(wav)[0]
        figures.append(10 * np.log10((original**2).sum() / ((original - decoded) ** 2).sum()))
    assert min(abs(figure - info.measured["sdr_db"]) for figure in figures) < 0.01


def test_a_step_limit_and_then_resume(capsys, folder, tmp_path):
    code, out, err = trained(capsys, folder, tmp_path / "run", "--max-steps", "7")
    assert "7/7 epoch 1, unquantized: loss" in err
    assert re.search(r"\d+ windows/s, 0:00 left", err)
    assert code == 0
    assert "step limit at step 7 of 20" in out
    assert "no codec yet" in out
    assert trained(capsys, folder, tmp_path / "run")[0] == 1
    code, out, err = trained(capsys, folder, tmp_path / "run", "--resume")
    assert code == 0
    assert re.search(r"epoch 2: \d+\.\d of 12 kbps \(τ 0\.5\), SDR ", err)
    assert "best so far" in err
    assert "finished at step 20 of 20" in out


def test_files_left_out_are_named_once_with_the_reason(capsys, folder, tmp_path):
    shutil.copytree(folder / "data", tmp_path / "data")
    (tmp_path / "data" / "sub").mkdir()
    (tmp_path / "data" / "sub" / "broken.wav").write_bytes(b"no sound")
    code, _, err = trained(capsys, folder, tmp_path / "run", "--data", tmp_path / "data", "--max-steps", "2")
    assert code == 0
    lines = [line for line in err.splitlines() if "broken.wav" in line]
    assert len(lines) == 1
    assert re.search(r"left out: sub/broken\.wav: \w+", lines[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--resume"], "nothing to resume"),
    ],
)
def test_a_failure_is_one_line_that_says_what_to_do(capsys, folder, tmp_path, change, says):
    code, out, err = trained(capsys, folder, tmp_path / "run", *change)
    assert (code, out) == (1, "")
    assert says in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("doing", "options", "words"),
    [
        ("reading", (), "nothing is trained yet"),
        ("reading", ("--resume",), "the run stays as it was"),
        ("started", (), "a checkpoint is written"),
    ],
)
def test_ctrl_c_says_at_once_that_it_stops_and_a_second_one_ends_it(
    capfd, folder, tmp_path, monkeypatch, doing, options, words
):
    from earbench_codecs.training import run as training_run

    said = []

    def works(job, limits, emit):
        facts = {"done": 1, "total": 3, "step": 0, "n_steps": 20, "corpus": {"skipped": []}}
        emit(doing, **facts)
        signal.raise_signal(signal.SIGINT)
        said.append(capfd.readouterr().err)
        time.sleep(0.35)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training_run, "train", works)
    code, _, err = trained(capfd, folder, tmp_path / "run", *options)
    assert f"Stopping: {words}" in said[0]
    assert code == 130
    assert "Traceback" not in err


def test_ctrl_c_while_the_program_is_loaded_is_answered(capfd, folder, tmp_path, monkeypatch):
    from earbench_app.cli import train as command

    make = command._make

    def loads(*arguments):
        signal.raise_signal(signal.SIGINT)
        return make(*arguments)

    monkeypatch.setattr(command, "_make", loads)
    code, out, err = trained(capfd, folder, tmp_path / "run")
    assert "Stopping: nothing is trained yet" in err
    assert code == 130
    assert "before its first checkpoint; begin it again" in out


def test_a_wrong_key_of_a_recipe_is_named(capsys, folder, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text(RECIPE.replace("batch = 8", "batsh = 8"))
    code, _, err = shell(capsys, "train", bad, "--data", folder / "data", "--run", tmp_path / "run")
    assert code == 1
    assert "bad.toml: optimiser.batsh: there is no such key" in err


README = Path(__file__).parents[2] / "README.md"
OWN = """
import sys
from earbench_app.cli.main import run
folder, home, recipe = sys.argv[1:]
run_folder = home + "/run"
assert run(["train", recipe, "--data", folder, "--run", run_folder, "--device", "cpu"]) == 0
checkpoint = run_folder + "/checkpoint.safetensors"
codec = ["--codec", "matrices", "--checkpoint", checkpoint]
assert run(["encode", folder + "/0.wav", home + "/a.ebc", *codec]) == 0
assert run(["decode", home + "/a.ebc", home + "/a.wav", "--checkpoint", checkpoint]) == 0
"""


@pytest.mark.slow
def test_the_network_of_the_readme_trains_and_codes(folder, home):
    """As it stands there, but with a shorter schedule."""
    text = README.read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    recipe = re.search(r"```toml\n(title = .*?)```", text, re.DOTALL)[1]
    (home / "coders").mkdir(parents=True)
    (home / "coders" / "matrices.py").write_text(code)
    short = recipe.replace("epochs = 20", "epochs = 1").replace(
        "steps_per_epoch = 200", "steps_per_epoch = 8"
    )
    (home / "matrices.toml").write_text(short)
    command = [sys.executable, "-c", OWN, str(folder / "data"), str(home), str(home / "matrices.toml")]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert soundfile.info(home / "a.wav").frames == 16_000


@pytest.mark.slow
def test_two_processes(capsys, folder, tmp_path):
    code, out, _ = trained(capsys, folder, tmp_path / "run", "--nproc", "2", "--device", "cpu", "--json")
    assert code == 0
    report = json.loads(out)
    assert (report["reason"], report["codec"]) == ("finished", "tiny")
    code, _, err = trained(capsys, folder, tmp_path / "run", "--nproc", "2", "--device", "cpu")
    assert code == 1
    assert "--resume" in err
