"""Where the named widgets of a window are, for tests that drive the program by mouse and keys.

With `EARBENCH_WIDGET_MAP` naming a file, the window writes there, ten times a second, each visible widget
that has a name: place on the screen, whether it is enabled, its text, and what a screen reader calls it:
nothing a listener cannot find.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "EARBENCH_WIDGET_MAP"


def write_widget_map_where_asked(window: QWidget) -> None:
    """Start writing, if the variable is set."""
    if target := os.environ.get(VARIABLE):
        timer = QTimer(window, interval=100)
        timer.timeout.connect(lambda: _write(window, Path(target)))
        timer.start()


def widget_map(window: QWidget) -> dict[str, dict[str, Any]]:
    """Return the visible named widgets of a window."""
    return dict(_entries(window))


def _write(window: QWidget, target: Path) -> None:
    draft = target.with_name(f"{target.name}.draft")
    draft.write_text(json.dumps(widget_map(window)), encoding="utf-8")
    draft.replace(target)


def _entries(window: QWidget) -> Iterator[tuple[str, dict[str, Any]]]:
    for widget in window.findChildren(QWidget):
        name = widget.objectName()
        if name and not name.startswith("qt_") and widget.isVisible():
            corner = widget.mapToGlobal(QPoint(0, 0))
            text = getattr(widget, "text", None)
            yield (
                name,
                {
                    "box": [corner.x(), corner.y(), widget.width(), widget.height()],
                    "enabled": widget.isEnabled(),
                    "text": text() if callable(text) else "",
                    "name": widget.accessibleName(),
                },
            )
