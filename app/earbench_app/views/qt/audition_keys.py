"""The audition page's keys. They work wherever the focus is, except while text is typed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut

if TYPE_CHECKING:
    from collections.abc import Callable

    from earbench_app.views.qt.audition_page import AuditionPage
    from earbench_app.views.qt.shortcuts_overlay import Shortcuts

SEEK_S, FINE_SEEK_S, ZOOM = 1.0, 0.1, 1.5

SHORTCUTS: Shortcuts = (
    ("Space", "play or pause"),
    ("1 … 9, 0", "hear a version"),
    ("R", "hear the original"),
    ("D", "hear the difference of the chosen version"),
    ("M", "hear the part of the difference that exceeds the mask"),
    ("N", "go to the next worst spot"),
    ("L", "loop on or off"),
    ("[  ]", "loop from, or to, the playhead"),
    ("← →", "1 s back or on; with Shift 0.1 s"),
    ("Esc", "stop"),
    ("+  −", "zoom in or out at the playhead"),
    ("W  Alt+← →", "wipe between two versions; move its line"),
    ("F  Z", "see the whole clip; see the selection"),
    ("PgUp  PgDn", "previous or next clip"),
    ("Ctrl+N", "add versions"),
    ("Ctrl+E", "export the version as WAV"),
    ("Ctrl+T", "make a listening test"),
    ("Del  Ctrl+Z", "remove what is selected; undo, also of a bitrate"),
    ("← →  PgUp  PgDn", "on a bitrate slider: step it"),
)


def bind_keys(page: AuditionPage) -> None:
    """Make the shortcuts; a text field keeps its letters, as it claims them before a shortcut can."""
    axis, pictures = page.axis, page.analysis.pictures
    table: dict[str, Callable[[], object]] = {
        "Space": page.play_toggled.emit,
        "R": lambda: page.version_chosen.emit(None),
        "D": page.difference_requested.emit,
        "L": page.loop_toggled.emit,
        "[": lambda: page.region_edge_requested.emit("start"),
        "]": lambda: page.region_edge_requested.emit("end"),
        "Left": lambda: page.seek_by_requested.emit(-SEEK_S),
        "Right": lambda: page.seek_by_requested.emit(SEEK_S),
        "Shift+Left": lambda: page.seek_by_requested.emit(-FINE_SEEK_S),
        "Shift+Right": lambda: page.seek_by_requested.emit(FINE_SEEK_S),
        "Esc": page.stop_requested.emit,
        "+": lambda: axis.zoom(ZOOM, axis.playhead_s),
        "=": lambda: axis.zoom(ZOOM, axis.playhead_s),
        "-": lambda: axis.zoom(1 / ZOOM, axis.playhead_s),
        "F": axis.fit,
        "Z": axis.fit_region,
        "PgUp": lambda: page.step_clip(-1),
        "PgDown": lambda: page.step_clip(1),
        "N": page.analysis.map_panel.worst_requested.emit,
        "M": page.analysis.map_panel.audible_requested.emit,
        "W": pictures.toggle_wipe,
        "Alt+Left": lambda: pictures.step_wipe(-1),
        "Alt+Right": lambda: pictures.step_wipe(1),
        "Ctrl+N": page.open_picker,
        "Ctrl+E": page.request_export,
        "Ctrl+T": page.request_test,
        "Ctrl+Z": page.undo_requested.emit,
        "Ctrl+O": page.open_files,
    }
    for row, key in enumerate("1234567890"):
        table[key] = partial(page.number_pressed.emit, row)
    for key, action in table.items():
        shortcut = QShortcut(QKeySequence(key), page)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(action)
