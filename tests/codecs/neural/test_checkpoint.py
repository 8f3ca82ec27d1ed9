"""Checkpoints: whole or refused, never run, read in a moment, migrated."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
import torch

from earbench_codecs.errors import CheckpointError
from earbench_codecs.neural import checkpoint_info
from earbench_codecs.neural.checkpoint import load_checkpoint, save_checkpoint
from earbench_codecs.neural.checkpoint_info import checkpoint_files, file_sha256, install, read_info
from earbench_codecs.neural.codec import ARCHITECTURES, RECIPES, NeuralCodec, network_title
from earbench_codecs.neural.zoo import ARCHITECTURES as NETWORKS
from earbench_codecs.registry import Registry
from earbench_codecs.training.recipe import read_recipe


def with_facts(path, target, change):
    """Write a copy whose JSON is changed, by hand, as the format of safetensors has it."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    facts = json.loads(header["__metadata__"]["earbench"])
    change(facts)
    header["__metadata__"]["earbench"] = json.dumps(facts)
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return target


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_loaded_is_what_was_saved(small_checkpoint, tmp_path, architecture):
    checkpoint = load_checkpoint(small_checkpoint(architecture))
    again = tmp_path / "again.safetensors"
    save_checkpoint(again, checkpoint.info, checkpoint.coder, checkpoint.tables)
    assert again.read_bytes() == small_checkpoint(architecture).read_bytes()
    assert checkpoint.sha256 == file_sha256(again)
    assert checkpoint.info.n_parameters == sum(p.numel() for p in checkpoint.coder.parameters())
    assert not checkpoint.coder.training


def test_half_precision_halves_the_parameters_and_rounds_them(small_checkpoint):
    whole, half = (load_checkpoint(small_checkpoint("resglu", half=half)) for half in (False, True))
    for (name, p), q in zip(whole.coder.named_parameters(), half.coder.parameters(), strict=True):
        assert q.dtype == torch.float32, name
        assert torch.allclose(p, q, rtol=2**-10, atol=1e-7), name
    assert (whole.tables.static == half.tables.static).all()


def test_the_names_of_the_papers_networks_are_those_there_are():
    own = ("-mdct", "mdct-hyper")
    assert [name for name in NETWORKS if not name.endswith(own)] == list(ARCHITECTURES)
    assert {name: read_recipe(recipe).model.size.split("-32k")[0] for name, recipe in RECIPES.items()} == {
        name: name for name in ARCHITECTURES
    }
    assert network_title("pam-nac-mdct") == "PAM-NAC (Zhen et al. 2020) on an MDCT"
    assert network_title("mine") == "mine"


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    plain, zipped = tmp_path / "a.safetensors", tmp_path / "b.pt"
    plain.write_bytes(pickle.dumps(Trap()))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap()))
    for path in (plain, zipped):
        for read in (read_info, load_checkpoint, NeuralCodec.from_file):
            with pytest.raises(CheckpointError, match=r"(a\.safetensors|b\.pt): it is a pickle.*safetensors"):
                read(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"abc", bytes(200), b"\xff" * 200, struct.pack("<Q", 2) + b"{}"])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="no checkpoint of Earbench"):
        read_info(path)


def test_a_header_whose_length_begins_like_a_pickle_is_read(small_checkpoint, tmp_path):
    def pad(facts):
        facts["card"] += "x"

    path = with_facts(small_checkpoint("resglu"), tmp_path / "p.safetensors", pad)
    while path.read_bytes()[:1] != b"\x80":
        path = with_facts(path, path, pad)
    assert read_info(path).name == "resglu-test"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone\.safetensors: it cannot be read: No such file"):
        read_info(tmp_path / "gone.safetensors")


def test_a_cut_file_is_refused(small_checkpoint, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(small_checkpoint("resglu").read_bytes()[:-50])
    with pytest.raises(CheckpointError, match=r"cut\.safetensors: it cannot be used"):
        load_checkpoint(cut)


def test_a_later_format_is_refused(small_checkpoint, tmp_path):
    later = with_facts(
        small_checkpoint("resglu"), tmp_path / "l.safetensors", lambda facts: facts.update(format=99)
    )
    with pytest.raises(CheckpointError, match=r"format 99.*reads up to 1"):
        read_info(later)


def test_an_older_format_is_migrated(small_checkpoint, tmp_path, monkeypatch):
    def age(facts):
        facts["format"] = 0
        facts["rate"] = facts.pop("kbps")

    old = with_facts(small_checkpoint("resglu"), tmp_path / "o.safetensors", age)
    with pytest.raises(CheckpointError, match="format 0"):
        read_info(old)
    migration = {0: lambda facts: {("kbps" if k == "rate" else k): v for k, v in facts.items()}}
    monkeypatch.setattr(checkpoint_info, "MIGRATIONS", migration)
    assert read_info(old) == read_info(small_checkpoint("resglu"))
    assert load_checkpoint(old).info.kbps == 16


def test_an_unknown_architecture_and_a_wrong_key_are_named(small_checkpoint, tmp_path):
    path = small_checkpoint("resglu")
    other = with_facts(path, tmp_path / "a.safetensors", lambda f: f.update(architecture="wavenet"))
    with pytest.raises(CheckpointError, match="wavenet"):
        load_checkpoint(other)
    odd = with_facts(path, tmp_path / "b.safetensors", lambda f: f.update(colour="blue"))
    with pytest.raises(CheckpointError, match="colour"):
        read_info(odd)


def test_tables_that_do_not_sum_up_are_refused(small_checkpoint, tmp_path):
    checkpoint = load_checkpoint(small_checkpoint("resglu"))
    checkpoint.tables.static[0, 0] += 1
    path = tmp_path / "t.safetensors"
    save_checkpoint(path, checkpoint.info, checkpoint.coder, checkpoint.tables)
    with pytest.raises(CheckpointError, match="entropy/static is damaged"):
        load_checkpoint(path)


def test_the_context_model_is_stored_whole_or_refused(small_checkpoint, tmp_path):
    checkpoint, path = load_checkpoint(small_checkpoint("koishekenov")), tmp_path / "c.safetensors"
    contexts = checkpoint.tables.contexts

    def saved(tables):
        save_checkpoint(path, checkpoint.info, checkpoint.coder, tables)
        return load_checkpoint(path).tables.contexts

    again = saved(checkpoint.tables)
    for name in ("frequencies", "weights", "parts"):
        assert (getattr(again, name) == getattr(contexts, name)).all()
    for name, wrong in (("weights", 10_000), ("parts", 95), ("frequencies", 0)):
        array = getattr(contexts, name).copy()
        array[..., -1] = wrong
        with pytest.raises(CheckpointError, match=r"entropy/context/.* damaged"):
            saved(replace(checkpoint.tables, contexts=replace(contexts, **{name: array})))
    with pytest.raises(CheckpointError, match="lacks entropy/context/frequencies; export it"):
        saved(replace(checkpoint.tables, contexts=None))


def test_checkpoints_of_the_users_folder_are_codecs(small_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    copy = install(small_checkpoint("resglu"))
    assert copy.parent == tmp_path / "checkpoints"
    (copy.parent / "broken.safetensors").write_bytes(b"\x80nothing")
    assert copy in checkpoint_files()
    registry = Registry()
    registry.add_neural()
    info = registry.info("resglu-test")
    assert (info.kind, info.available, info.sha256) == ("neural", True, file_sha256(copy))
    assert (info.sample_rates_hz, info.bitrates_kbps) == ((32_000,), (16.0,))
    assert "pickle" in registry.info("broken").reason
    untrained = [i for i in registry.codecs() if i.name in ARCHITECTURES and not i.available]
    assert all("earbench train" in i.reason for i in untrained)


def test_two_of_one_name_are_both_there_and_a_copy_is_not(small_checkpoint, tmp_path):
    path = small_checkpoint("resglu")
    other = with_facts(path, tmp_path / "o.safetensors", lambda facts: facts.update(step=7))
    named = with_facts(path, tmp_path / "n.safetensors", lambda facts: facts.update(name="resglu"))
    registry = Registry()
    registry.add_neural()
    names = [registry.add_checkpoint(p) for p in (path, other, path, named)]
    assert names == ["resglu-test", f"resglu-test-{file_sha256(other)[:8]}", "resglu-test", "resglu"]
    assert registry.info("resglu").available
    assert registry.info(names[1]).sha256 == file_sha256(other)
    assert registry.decoder("whatever", file_sha256(other)).info.name == names[1]


LISTING = """
import sys
from earbench_codecs.registry import codecs
print([i.sha256 for i in codecs() if i.name == "resglu-test"], "torch" in sys.modules)
"""


def test_listing_a_checkpoint_does_not_import_torch(small_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    path = install(small_checkpoint("resglu"))
    done = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"['{file_sha256(path)}'] False"


BROKEN = """
from earbench_codecs.errors import SettingError
from earbench_codecs.neural.zoo import SIZES, build_from_json
assert "vred" in SIZES
try:
    build_from_json("mine", {})
except SettingError as error:
    print(error)
"""


def test_a_broken_coder_of_ones_own_is_named_and_hurts_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    (tmp_path / "coders").mkdir()
    (tmp_path / "coders" / "mine.py").write_text("import no_such_module")
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, check=True)
    assert "mine.py failed: ModuleNotFoundError" in done.stdout
