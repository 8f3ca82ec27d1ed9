"""A run's codec stays while it is listed, whatever its run deletes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from earbench_app.audition import held_codecs
from earbench_app.audition.held_codecs import drop_left_behind, hold_codec, let_go, own_folder
from earbench_codecs.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path


def test_it_outlives_its_run_and_costs_nothing(tmp_path: Path) -> None:
    path, target = tmp_path / "step-1.safetensors", tmp_path / "held" / "job" / "step-1.safetensors"
    path.write_bytes(b"a codec")
    assert hold_codec(path, target) == target
    assert target.samefile(path)
    assert hold_codec(path, target) == target  # again, as after a page was opened anew
    path.unlink()
    assert target.read_bytes() == b"a codec"
    path.write_bytes(b"the step made again")
    hold_codec(path, target)
    assert target.read_bytes() == b"the step made again"
    assert [one.name for one in target.parent.iterdir()] == [target.name]


def test_on_another_disk_it_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(held_codecs.os, "link", refuse)
    path = tmp_path / "step-1.safetensors"
    path.write_bytes(b"a codec")
    copy = hold_codec(path, tmp_path / "held" / "it")
    assert copy is not None
    assert copy.read_bytes() == b"a codec"


def test_one_that_has_gone_is_said_and_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    assert hold_codec(tmp_path / "gone", tmp_path / "held" / "gone") is None
    path = tmp_path / "step-1.safetensors"
    path.write_bytes(b"a codec")
    with pytest.raises(CheckpointError, match="cannot be kept to be heard"):
        hold_codec(path, path / "below a file")


def test_what_programs_left_behind_is_deleted_and_what_is_in_use_stays(tmp_path: Path) -> None:
    over = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    over.wait()
    for pid in (over.pid, os.getpid()):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "it").write_bytes(b"a codec")
    drop_left_behind(tmp_path)
    assert list(tmp_path.iterdir()) == [own_folder(tmp_path)]
    let_go(own_folder(tmp_path) / "it")
    assert list(own_folder(tmp_path).iterdir()) == []
    let_go(own_folder(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_looking_for_a_program_sends_it_no_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, signal 0 ends a process: only what `psutil` asks the system for tells there."""
    asked = Mock(return_value=True)
    monkeypatch.setattr(held_codecs, "is_running", asked)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    (tmp_path / "123").mkdir()
    drop_left_behind(tmp_path)
    asked.assert_called_once_with(123)
    assert (tmp_path / "123").is_dir()
