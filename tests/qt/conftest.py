"""Qt tests run without a screen; one that leaves a window behind, or a Qt warning, fails."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from training_pages import ALL, ROWS

from earbench_app.views.qt.training_page import TrainingPage
from earbench_app.views.training_protocols import RunDetails

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


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


@pytest.fixture
def training_page(qtbot: QtBot) -> TrainingPage:
    """Return the page, shown and active, without runs."""
    page = TrainingPage()
    qtbot.addWidget(page)
    page.resize(1280, 800)
    with qtbot.waitActive(page):  # keys go to the window that is active
        page.show()
    return page


@pytest.fixture
def listed(training_page: TrainingPage) -> TrainingPage:
    """Return the page with the runs of `ROWS`, the last one in front."""
    training_page.show_jobs(ROWS)
    training_page.show_details(RunDetails("j3", "gamma"))
    training_page.show_actions(ALL)
    training_page.jobs.table.setFocus()
    return training_page
