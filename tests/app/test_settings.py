from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from earbench_app.settings import CURRENT_VERSION, Settings, SettingsFile, cache_dir, config_dir

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_saved_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    first = SettingsFile(path)
    first.settings.volume_db = -12.0
    first.settings.device = "usb headphones"
    first.save()
    again = SettingsFile(path)
    assert (again.settings.volume_db, again.settings.device, again.message) == (-12.0, "usb headphones", "")
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


def test_a_first_start_has_defaults_and_no_complaint(tmp_path: Path) -> None:
    fresh = SettingsFile(tmp_path / "settings.json")
    assert fresh.settings == Settings()
    assert fresh.message == ""


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 1, "colour": "red"}', '{"version": 1, "volume_db": 99}', "\udcff"]
)
def test_a_damaged_file_is_kept_and_said_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    found = SettingsFile(path)
    assert found.settings == Settings()
    assert str(path) in found.message
    assert (tmp_path / "settings.damaged.json").read_bytes() == text.encode("utf-8", "surrogateescape")
    found.save()
    assert SettingsFile(path).message == ""


def test_a_file_of_version_0_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"volume": 0.1, "last_folder": "/clips"}))
    found = SettingsFile(path)
    assert found.message == ""
    assert found.settings.volume_db == pytest.approx(-20.0)
    assert (found.settings.last_folder, found.settings.version) == ("/clips", CURRENT_VERSION)


def test_a_file_of_a_later_earbench_is_not_overwritten_blindly(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"version": CURRENT_VERSION + 1, "hologram": True}))
    found = SettingsFile(path)
    assert "later version" in found.message
    assert json.loads((tmp_path / "settings.damaged.json").read_text())["hologram"] is True


def test_values_are_checked_when_set() -> None:
    with pytest.raises(ValidationError):
        Settings().volume_db = 6.0


def test_earbench_home_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    assert config_dir() == tmp_path / "config"
    assert cache_dir() == tmp_path / "cache"


def test_one_bad_value_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    text = json.dumps({"version": CURRENT_VERSION, "studies": ["/tests/a"], "volume_db": 99, "colour": "red"})
    path.write_text(text)
    found = SettingsFile(path)
    assert (found.settings.studies, found.settings.volume_db) == (["/tests/a"], 0.0)
    assert "colour, volume_db" in found.message
    assert (tmp_path / "settings.damaged.json").read_text() == text


def test_a_folder_that_cannot_be_used_is_told_and_fatal_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    found = SettingsFile(tmp_path / "config" / "settings.json")
    assert found.settings == Settings()
    assert "could not be read" in found.message
    with pytest.raises(OSError, match="config"):
        found.save()


def test_a_failed_save_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SettingsFile(tmp_path / "settings.json")
    found.save()
    before = found.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    found.settings.volume_db = -3.0
    with pytest.raises(OSError, match="No space"):
        found.save()
    assert found.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [found.path]
