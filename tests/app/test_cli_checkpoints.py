"""`--checkpoint` as a shell sees it: names that fit, names that do not, files that need their checkpoint."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from tiny_checkpoint import tiny_checkpoint, with_facts

from earbench_app.cli.main import run
from earbench_codecs import registry

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    registry.default_registry().refresh_checkpoints()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path / "home"
    torch.set_num_threads(before)
    registry.default_registry().refresh_checkpoints()


@pytest.fixture
def clip_wav(tmp_path):
    samples = 0.1 * np.sin(np.arange(8_000) / 9)
    soundfile.write(tmp_path / "clip.wav", np.stack([samples, samples], 1), 16_000, subtype="FLOAT")
    return tmp_path / "clip.wav"


def shell(capsys, *argv):
    code = run([str(argument) for argument in argv])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def own_coder(folder: Path, name: str = "mine") -> Path:
    """Return a checkpoint of no paper's; it can be named, not loaded."""
    return with_facts(
        folder / f"{name}.safetensors", lambda f: f.update(name=name, architecture="two-matrices")
    )


@pytest.mark.parametrize("name", ["tiny", "kankanahalli"])
def test_a_checkpoint_goes_by_its_name_and_by_its_papers(capsys, clip_wav, tmp_path, name):
    ebc = tmp_path / "a.ebc"
    asked = ["--codec", name, "--checkpoint", tiny_checkpoint()]
    code, out, err = shell(capsys, "encode", clip_wav, ebc, *asked)
    assert (code, err) == (0, "")
    assert f"{ebc.stat().st_size} bytes" in out
    assert "2 channels coded as 2 streams, each at the setting; the measured rate is that of all" in out
    assert shell(capsys, "decode", ebc, tmp_path / "a.wav", "--checkpoint", tiny_checkpoint())[0] == 0
    assert soundfile.info(tmp_path / "a.wav").frames == 8_000


def test_the_rate_of_the_whole_file_is_told_beside_the_bitstreams(capsys, clip_wav, tmp_path):
    ebc = tmp_path / "a.ebc"
    _, out, _ = shell(capsys, "encode", clip_wav, ebc, "--codec", "anchor35", "--json")
    report = json.loads(out)
    assert report["file_bytes"] == ebc.stat().st_size > report["bytes"]
    assert report["file_kbps"] == pytest.approx(8 * ebc.stat().st_size / 0.5 / 1000)


def test_loading_is_not_counted_as_coding(capsys, clip_wav, tmp_path, monkeypatch):
    """By a clock that only goes on while a checkpoint is loaded."""
    from earbench_app.cli import codecs
    from earbench_codecs.neural import checkpoint

    now, load = [0.0], checkpoint.load_checkpoint

    def slow(path):
        now[0] += 100
        return load(path)

    monkeypatch.setattr(codecs, "perf_counter", lambda: now[0])
    monkeypatch.setattr(checkpoint, "load_checkpoint", slow)
    asked = ["--checkpoint", tiny_checkpoint(), "--json"]
    ebc = tmp_path / "a.ebc"
    encoded = shell(capsys, "encode", clip_wav, ebc, "--codec", "tiny", *asked)[1]
    decoded = shell(capsys, "decode", ebc, tmp_path / "a.wav", *asked)[1]
    assert now[0] == 200
    assert [json.loads(text)["realtime_factor"] for text in (encoded, decoded)] == [0, 0]


@pytest.mark.parametrize("name", ["vred", "resglu-small", "kankanahalli-small-24", "other"])
def test_another_codecs_checkpoint_is_refused(capsys, clip_wav, tmp_path, name):
    asked = ["--codec", name, "--checkpoint", tiny_checkpoint()]
    code, out, err = shell(capsys, "encode", clip_wav, tmp_path / "a.ebc", *asked)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert str(tiny_checkpoint()) in err
    assert err.endswith("'tiny' (Kankanahalli 2018), which does not go by the name "
                        f"{name!r}; write --codec tiny\n")  # fmt: skip
    assert not (tmp_path / "a.ebc").exists()


def test_a_coder_of_ones_own_goes_by_its_architecture(tmp_path):
    from earbench_codecs.errors import CheckpointError
    from earbench_codecs.neural.codec import NeuralCodec

    path = own_coder(tmp_path)
    assert NeuralCodec.called("two-matrices", path).info.name == "mine"
    with pytest.raises(CheckpointError, match="write --codec mine"):
        NeuralCodec.called("two", path)


@pytest.mark.parametrize("there", [True, False])
def test_the_state_of_a_run_is_called_so(capsys, clip_wav, tmp_path, there):
    folder = tmp_path / "run"
    last = with_facts(
        folder / "last.safetensors", lambda facts: (facts.clear(), facts.update(state_version=1))
    )
    if there:
        shutil.copy(tiny_checkpoint(), folder / "checkpoint.safetensors")
    says = f"the run's codec is {folder}/checkpoint.safetensors\n" if there else "the run has no codec yet\n"
    for argv in (
        ("card", last),
        ("encode", clip_wav, tmp_path / "a.ebc", "--codec", "kankanahalli", "--checkpoint", last),
    ):
        code, out, err = shell(capsys, *argv)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert f"{last}: it is the state of a training run" in err
        assert "`earbench train … --resume`" in err
        assert err.endswith(says)


def test_what_training_writes_to_go_on_from_is_known_as_that(tmp_path):
    import torch

    from earbench_codecs.errors import TrainingStateError
    from earbench_codecs.neural.checkpoint_info import read_info
    from earbench_codecs.training.run_folder import RunFolder, Snapshot

    run_folder = RunFolder(tmp_path / "run")
    run_folder.save(run_folder.last, Snapshot({"a": torch.zeros(2)}, {"step": 3}))
    with pytest.raises(TrainingStateError) as caught:
        read_info(run_folder.last)
    assert caught.value.codec is None
    run_folder.codec_at(90).parent.mkdir()
    for codec in (run_folder.codec_at(90), run_folder.codec_at(1_000), run_folder.checkpoint):
        run_folder.write(codec, b"")
        with pytest.raises(TrainingStateError) as caught:
            read_info(run_folder.last)
        assert caught.value.codec == codec


def test_a_file_that_needs_its_checkpoint_says_which(capsys, clip_wav, home, tmp_path):
    """Of a codec that is not listed, of one with its name and other weights, and with a wrong one given."""
    ebc, wav = tmp_path / "a.ebc", tmp_path / "a.wav"
    shell(capsys, "encode", clip_wav, ebc, "--codec", "tiny", "--checkpoint", tiny_checkpoint())
    made = f"earbench: {ebc}: made by 'tiny' with the checkpoint {digest(tiny_checkpoint())}, "
    code, out, err = shell(capsys, "decode", ebc, wav)
    assert (code, out, err) == (1, "", f"{made}which is not among the codecs here; "
                                       "give it with --checkpoint FILE\n")  # fmt: skip
    other = with_facts(home / "checkpoints" / "other.safetensors", lambda facts: facts.update(step=9))
    registry.default_registry().refresh_checkpoints()
    assert shell(capsys, "decode", ebc, wav)[2] == err
    code, _, err = shell(capsys, "decode", ebc, wav, "--checkpoint", other)
    assert code == 1
    assert err == (
        f"{made}but {other} is 'tiny', {digest(other)}; give the one that made it with --checkpoint FILE\n"
    )
    assert not wav.exists()


def test_a_checkpoint_decodes_whatever_it_was_called_when_it_encoded(capsys, clip_wav, home, tmp_path):
    """Of two with one name, the second is listed with some of its hash."""
    (home / "checkpoints").mkdir(parents=True)
    with_facts(home / "checkpoints" / "a.safetensors", lambda facts: facts.update(step=9))
    registry.default_registry().refresh_checkpoints()
    name = registry.install_checkpoint(tiny_checkpoint())
    assert name == f"tiny-{digest(tiny_checkpoint())}"
    ebc = tmp_path / "a.ebc"
    assert shell(capsys, "encode", clip_wav, ebc, "--codec", name)[0] == 0
    shutil.rmtree(home)
    registry.default_registry().refresh_checkpoints()
    assert shell(capsys, "decode", ebc, tmp_path / "a.wav", "--checkpoint", tiny_checkpoint())[0] == 0


def test_a_checkpoint_that_is_not_there_is_one_line(capsys, clip_wav, tmp_path):
    asked = ["--codec", "kankanahalli", "--checkpoint", "nope.safetensors"]
    code, out, err = shell(capsys, "encode", clip_wav, tmp_path / "a.ebc", *asked)
    assert (code, out) == (1, "")
    assert err == "earbench: nope.safetensors: it cannot be read: No such file or directory\n"


def test_an_untrained_network_names_the_option(capsys, clip_wav, tmp_path):
    code, _, err = shell(capsys, "encode", clip_wav, tmp_path / "a.ebc", "--codec", "resglu")
    assert code == 1
    assert "earbench train resglu-64" in err
    assert err.endswith("or name one with --checkpoint FILE\n")


def test_a_mistyped_name_is_asked_after(capsys, clip_wav, tmp_path):
    code, _, err = shell(capsys, "encode", clip_wav, tmp_path / "a.ebc", "--codec", "opsu")
    assert code == 1
    assert "no codec named 'opsu'; did you mean opus? There are: mp3, opus" in err
    code, _, err = shell(capsys, "train", "kankanahali-9", "--data", tmp_path, "--run", tmp_path / "run")
    assert code == 1
    assert "did you mean kankanahalli-9" in err
    code, _, err = shell(capsys, "card", "kankanahalli-small-42")
    assert code == 1
    assert "did you mean kankanahalli-small-24" in err
    code, _, err = shell(capsys, "card", "nope")
    assert code == 1
    assert "no checkpoint of that name (kankanahalli-small-24, " in err
    assert "vred-small" in err


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"RIFF\x00\x00\x00\x00WAVE", "not an .ebc file: it begins like a WAV file"),
        (b"fLaC\x00", "not an .ebc file: it begins like a FLAC file"),
        (b"nothing known", "not an .ebc file"),
        (b"", "not an .ebc file"),
    ],
)
def test_a_file_that_is_no_ebc_is_named_in_words(capsys, tmp_path, start, kind):
    (tmp_path / "x.ebc").write_bytes(start)
    code, _, err = shell(capsys, "decode", tmp_path / "x.ebc", tmp_path / "x.wav")
    assert (code, err) == (1, f"earbench: {tmp_path / 'x.ebc'}: {kind}\n")
