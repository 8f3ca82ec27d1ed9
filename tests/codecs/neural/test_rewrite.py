"""New metadata in an old file: its tensors stay, and a failure leaves it whole."""

from __future__ import annotations

import errno
import os
import struct

import pytest
import torch
from safetensors.torch import load_file

from earbench_codecs.errors import CheckpointError
from earbench_codecs.neural import checkpoint_info
from earbench_codecs.neural.checkpoint import load_checkpoint
from earbench_codecs.neural.checkpoint_info import read_info, rewrite


def tensor_bytes(path):
    """All that follows the header, by the format's own description."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    return length, data[8 + length :]


@pytest.mark.parametrize("card", ["", "x", '# Ein Zeugnis: 3 ± 1, "gut"\n', "long " * 5000])
def test_the_tensors_stay_byte_for_byte(small_checkpoint, tmp_path, card):
    path, target = small_checkpoint("vred", half=True), tmp_path / "new.safetensors"
    info = read_info(path).model_copy(update={"card": card, "name": "new"})
    rewrite(path, info, target)
    assert read_info(target) == info
    length, tensors = tensor_bytes(target)
    assert tensors == tensor_bytes(path)[1]
    assert length % 8 == 0
    before, after = load_file(path), load_file(target)  # as the library itself reads them
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (load_checkpoint(target).tables.static == load_checkpoint(path).tables.static).all()


def test_in_place(small_checkpoint, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(small_checkpoint("resglu").read_bytes())
    tensors = tensor_bytes(path)[1]
    rewrite(path, read_info(path).model_copy(update={"card": "new"}), path)
    assert read_info(path).card == "new"
    assert tensor_bytes(path)[1] == tensors


def test_a_full_disk_leaves_the_file_as_it_was(small_checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(before := small_checkpoint("resglu").read_bytes())

    def full(path, chunks):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint_info, "write_atomically", full)
    with pytest.raises(CheckpointError, match=r"a\.safetensors: it cannot be written: No space left"):
        rewrite(path, read_info(path), path)
    assert path.read_bytes() == before


def test_what_is_written_before_figures_had_confidence_is_read(small_checkpoint):
    info = read_info(small_checkpoint("resglu"))
    assert (info.trained_s, info.machine, info.recipe_name, info.comparison) == (0, "", "", None)
