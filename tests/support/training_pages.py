"""Runs on a training page, and the mouse on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from earbench_app.jobs.job import State
from earbench_app.views.training_protocols import (
    Actions,
    Figure,
    JobRow,
)

if TYPE_CHECKING:
    from earbench_app.views.qt.training_page import TrainingPage

ALL = Actions(True, True, True, True, True, True)
ROWS = [
    JobRow("j1", "alpha", State.DONE, step=40, n_steps=40, kbps=24.2, target_kbps=24, tolerance_kbps=0.45,
           best=Figure("PESQ-WB", 3.4), created_s=100, tags=("speech",)),
    JobRow("j2", "beta", State.RUNNING, step=10, n_steps=40, eta_s=75, kbps=30, target_kbps=24,
           tolerance_kbps=0.45, best=Figure("PESQ-WB", 2.1), created_s=200, device="cuda:0"),
    JobRow("j3", "gamma", State.FAILED, message="the disk is full", created_s=300, notes="for the paper"),
]  # fmt: skip


def names(page: TrainingPage) -> list[str]:
    model = page.jobs.filtered
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def cell(page: TrainingPage, name: str, column: int = 0) -> QPoint:
    row = names(page).index(name)
    return page.jobs.table.visualRect(page.jobs.filtered.index(row, column)).center()


def click(widget: QWidget, place: QPoint | None = None, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
    at = widget.rect().center() if place is None else place
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, keys, at)


def field(page: TrainingPage, path: str) -> QLineEdit:
    found = page.form.findChild(QLineEdit, path)
    assert found is not None
    return found
