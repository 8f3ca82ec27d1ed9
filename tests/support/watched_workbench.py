"""The workbench as it is started by a user, which also writes down what its training page shows.

Ten times a second, to the file that `EARBENCH_WIDGET_MAP` names: the named widgets, and below "training" the
list of runs, the curves, the checkpoints that can be heard and where to click. It only looks.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication

from earbench_app.bootstrap import run_workbench
from earbench_app.views.qt.main_window import MainWindow
from earbench_app.views.qt.training_listen import ListenArea
from earbench_app.views.qt.training_page import TrainingPage
from earbench_app.views.qt.widget_map import VARIABLE, widget_map

if TYPE_CHECKING:
    from PySide6.QtCore import QRect
    from PySide6.QtWidgets import QWidget


LOOKS = count()


def box(widget: QWidget, part: QRect | None = None) -> list[int] | None:
    """Return left, top, width and height on the screen of a widget or of a part of it; None where unseen."""
    if not widget.isVisible():
        return None
    part = part or widget.rect()
    corner = widget.mapToGlobal(QPoint(part.x(), part.y()))
    return [corner.x(), corner.y(), part.width(), part.height()]


def runs(page: TrainingPage) -> list[dict[str, Any]]:
    """Return the lines of the list of runs."""
    return [
        {"id": row.id, "state": str(row.state), "step": row.step, "n_steps": row.n_steps}
        for row in page.jobs.model.rows
    ]


def curves(page: TrainingPage) -> dict[str, list[float]]:
    """Return the steps of the points that are drawn, by the plot's name."""
    panels = {key: view.panel for key, view in page.run.curves.grid.views.items()}
    return {key: panel.lines[0].x.tolist() for key, panel in panels.items() if panel and panel.lines}


def checkpoints(area: ListenArea) -> list[dict[str, Any]]:
    """Return the lines of what can be heard: the original first."""
    lines = [area.table.topLevelItem(row) for row in range(area.table.topLevelItemCount())]
    return [
        {
            "path": line.data(0, Qt.ItemDataRole.UserRole),
            "heard": line.font(1).bold(),
            "kbps": line.text(3).partition("   ")[0] if line.text(3)[:1].isdigit() else "",
            "box": box(area.table.viewport(), area.table.visualItemRect(line)),
        }
        for line in lines
        if line is not None
    ]


def training(window: MainWindow) -> dict[str, Any]:
    """Return what the page shows; nothing before it is made."""
    page, area = window.findChild(TrainingPage), window.findChild(ListenArea)
    if page is None or area is None:
        return {}
    form, table = page.form, page.jobs.table
    return {
        "n_looks": next(LOOKS),
        "runs": runs(page),
        "curves": curves(page),
        "checkpoints": checkpoints(area),
        "clip": area.clips.currentText(),
        "scan": form._scan.text() if form.isVisible() else "",
        "can_start": form.isVisible() and form.start.isEnabled(),
        "position": area._position.text(),
        "boxes": {
            "runs": box(table.viewport(), table.visualRect(page.jobs.filtered.index(0, 0))),
            "start": box(form.start),
            "open_file": box(form.open_file),
            "clips": box(area.clips),
        },
    }


def write_down(target: Path) -> None:
    """Replace the file, once the window is there."""
    windows = [one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow)]
    if windows and windows[0].isVisible():
        shown = {**widget_map(windows[0]), "training": training(windows[0])}
        draft = target.with_name(f"{target.name}.draft")
        draft.write_text(json.dumps(shown), encoding="utf-8")
        draft.replace(target)


def main() -> int:
    """Open the workbench with the files that the command line names."""
    app = QApplication(sys.argv[:1])
    timer = QTimer(app, interval=100)
    timer.timeout.connect(lambda: write_down(Path(os.environ[VARIABLE])))
    timer.start()
    return run_workbench([Path(name) for name in sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
