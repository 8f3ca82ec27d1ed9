"""How soon the training page says that a run has died, and of what: from the end of its process on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from faulty_runs import FAULTS, watched_run

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.bench
TARGET_S = 2.0


@pytest.mark.parametrize("name", FAULTS)
def test_the_page_says_so_at_once(
    name: str, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, words = FAULTS[name]
    with watched_run(qtbot, tmp_path, monkeypatch) as run, fault(run):
        seconds = run.until_it_has_died()
        row = run.row
        assert row is not None
        assert words.format(data=run.data) in row.message
    print(f"\n{name}: the page said which {seconds:.2f} s after the process had ended; target {TARGET_S:g} s")  # noqa: T201
    assert seconds <= TARGET_S
