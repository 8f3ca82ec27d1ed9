"""Qt tests run without a screen; one that leaves a window behind, or a Qt warning, fails."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the tests off the user's settings and cache."""
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def no_widget_left(own_home: Path, qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a top-level widget behind; set up before `qtbot`, so checked after it."""
    del own_home
    before = {id(widget) for widget in qapp.topLevelWidgets()}
    yield
    _delete_what_is_due()
    left = [widget for widget in qapp.topLevelWidgets() if id(widget) not in before]
    assert not left, f"left behind: {left}"


def _delete_what_is_due() -> None:
    gc.collect()
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
