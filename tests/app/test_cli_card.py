"""`earbench card`: a tiny checkpoint measured beside others, renamed and written, its weights untouched."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from earbench_app.cli.main import run
from earbench_codecs.neural.checkpoint_info import read_info
from earbench_codecs.training import comparison
from earbench_codecs.training.recipe import read_recipe

RECIPE = """
title = "A test"
note = "Good for nothing but tests."
[model]
size = "kankanahalli"
options = { channels = 4, kernel = 5, dilations = [1], n_bins = 8 }
[data]
validation_share = 0.5
[objective]
mse = { weight = 10 }
[optimiser]
learning_rate = 3e-3
batch = 8
steps_per_epoch = 10
[validation]
metrics = ["sdr_db"]
excerpts = 1
seconds = 0.5
[[stages]]
stage = "quantized"
epochs = 1
prepare_windows = 20
"""


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)


def test_a_card_is_printed_by_the_name_of_its_codec(capsys):
    assert run(["card", "kankanahalli-small-24"]) == 0
    assert "AMR-WB" in capsys.readouterr().out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four seconds of swelling noise in four files, and a checkpoint trained on two of them."""
    path = tmp_path_factory.mktemp("card")
    (path / "tiny.toml").write_text(RECIPE)
    (path / "data").mkdir()
    rng = np.random.default_rng(4)
    for i in range(4):
        noise = np.convolve(rng.standard_normal(16_000), np.ones(16) / 16, "same")
        soundfile.write(path / "data" / f"{i}.wav", 0.3 * noise * np.linspace(0.1, 1, 16_000), 16_000)
    train = ["train", path / "tiny.toml", "--data", path / "data", "--run", path / "run", "--device", "cpu"]
    assert run(list(map(str, train))) == 0
    return path


@pytest.fixture
def checkpoint(folder, tmp_path):
    copy = tmp_path / "tiny.safetensors"
    copy.write_bytes((folder / "run" / "checkpoint.safetensors").read_bytes())
    return copy


def shell(capsys, *argv):
    capsys.readouterr()
    code = run(["card", *map(str, argv)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def tensor_bytes(path):
    data = path.read_bytes()
    return data[8 + struct.unpack_from("<Q", data)[0] :]


def test_training_leaves_a_card(capsys, checkpoint):
    code, out, _ = shell(capsys, checkpoint)
    info = read_info(checkpoint)
    assert (code, out) == (0, info.card + "\n")
    assert "Good for nothing but tests." in out
    assert "in 2 files" in out
    assert "not recorded" not in out
    assert info.trained_s > 0
    assert (info.comparison.n_excerpts, info.comparison.codecs[0].codec) == (1, "tiny")
    assert "1 excerpt of 1 recording, " in out
    code, out, _ = shell(capsys, checkpoint, "--json")
    assert json.loads(out) == info.model_dump(mode="json")


def test_a_card_is_printed_without_torch(checkpoint):
    """As it comes up in a moment then."""
    program = "import sys; from earbench_app.cli.main import run; run(['card', sys.argv[1]]); "
    program += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program, str(checkpoint)], check=True, stdout=subprocess.DEVNULL)


def test_it_is_measured_beside_others_and_written(capsys, folder, checkpoint, tmp_path):
    before = checkpoint.read_bytes()
    target = tmp_path / "shipped.safetensors"
    code, out, err = shell(
        capsys, checkpoint, "--data", folder / "data", "--metric", "sdr_db", "--out", target, "--json",
        "--name", "tiny-30", "--sources", "Noise (CC0)",
    )  # fmt: skip
    assert code == 0
    assert str(target) in err
    assert checkpoint.read_bytes() == before
    assert tensor_bytes(target) == tensor_bytes(checkpoint)
    info = read_info(target)
    assert json.loads(out) == info.model_dump(mode="json")
    assert (info.name, info.corpus["sources"], info.comparison.complete) == ("tiny-30", "Noise (CC0)", True)
    assert "`tiny-30`" in info.card
    assert "Noise (CC0)" in info.card
    own, *others = info.comparison.codecs
    assert {"opus", "mp3", "aac"} <= {codec.codec for codec in others}
    assert own.figures["sdr_db"].n == 2
    rates = []
    for i in range(4):  # two of them were held out: the rate is the mean of some two, by `encode`
        command = ["encode", folder / "data" / f"{i}.wav", tmp_path / "a.ebc", "--codec", "kankanahalli"]
        assert run([*map(str, [*command, "--checkpoint", target]), "--json"]) == 0
        rates.append(json.loads(capsys.readouterr().out)["bitrate_kbps"])
    means = [(rates[a] + rates[b]) / 2 for a in range(4) for b in range(a)]
    assert min(abs(mean - own.figures["kbps"].mean) for mean in means) < 1e-9
    assert info.kbps == round(own.figures["kbps"].mean, 1)
    assert info.measured["sdr_db"] == own.figures["sdr_db"].mean


def test_a_name_alone_is_written_without_measuring(capsys, checkpoint):
    before, tensors = read_info(checkpoint), tensor_bytes(checkpoint)
    assert shell(capsys, checkpoint, "--name", "other-9", "--save")[0] == 0
    after = read_info(checkpoint)
    assert after.name == "other-9"
    assert "--name other-9" in after.card
    assert after.comparison == before.comparison
    assert after.recipe_name == "tiny"
    assert tensor_bytes(checkpoint) == tensors


def test_trials_are_written_and_printed(capsys, checkpoint):
    tried = ("--tried", "Half the steps: PESQ 0.3 lower.", "--tried", "Twice the width: nothing.")
    code, card, _ = shell(capsys, checkpoint, *tried, "--save")
    assert code == 0
    assert read_info(checkpoint).tried == list(tried[1::2])
    assert "## Tried on the way\n\n- Half the steps: PESQ 0.3 lower.\n- Twice the width: nothing.\n" in card


def test_another_corpus_is_refused(capsys, folder, checkpoint, tmp_path):
    before = checkpoint.read_bytes()
    (tmp_path / "data").mkdir()
    for i in range(3):
        (tmp_path / "data" / f"{i}.wav").write_bytes((folder / "data" / f"{i}.wav").read_bytes())
    code, out, err = shell(capsys, checkpoint, "--data", tmp_path / "data", "--save")
    assert (code, out) == (1, "")
    assert "is not the audio that tiny was trained on" in err
    assert read_info(checkpoint).corpus["sha256"][:16] in err
    assert checkpoint.read_bytes() == before


def test_ctrl_c_writes_nothing(capsys, folder, checkpoint, monkeypatch):
    before = checkpoint.read_bytes()

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "measure", lambda *_, **__: stopped())
    code, out, _ = shell(capsys, checkpoint, "--data", folder / "data", "--save")
    assert (code, out) == (130, "")
    assert checkpoint.read_bytes() == before


def test_the_recipe_comes_out_and_trains_the_same(capsys, folder, checkpoint, tmp_path):
    """The commands on the card: the same weights again."""
    target = tmp_path / "again.toml"
    assert shell(capsys, checkpoint, "--recipe", target)[0] == 0
    assert read_recipe(target) == read_recipe(folder / "tiny.toml")
    train = ["train", target, "--data", folder / "data", "--run", tmp_path / "run", "--device", "cpu"]
    assert run(list(map(str, train))) == 0
    assert tensor_bytes(tmp_path / "run" / "checkpoint.safetensors") == tensor_bytes(checkpoint)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--excerpts", "2"], "--data"),
        (["--save", "--out", "b.safetensors"], "not both"),
        (["--name", "No Such Name", "--save"], "--name"),
        (["--out", "nowhere/b.safetensors"], "nowhere"),
        (["--data", ".", "--metric", "loudness"], "no metric named"),
    ],
)
def test_wrong_usage(capsys, checkpoint, options, says):
    code, out, err = shell(capsys, checkpoint, *options)
    assert (code, out) == (2, "")
    assert says in err


def test_a_file_that_is_no_checkpoint_is_named(capsys, tmp_path):
    code, _, err = shell(capsys, tmp_path / "gone.safetensors")
    assert code == 1
    assert "gone.safetensors" in err
