"""Runs the listener's window as a program of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from earbench_app.presenters.listener import ListenerPresenter
from earbench_app.views.qt.listener_window import ListenerWindow
from earbench_app.views.qt.theme import follow_system
from earbench_app.views.qt.widget_map import write_widget_map_where_asked

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_app.playback.player import Player
    from earbench_app.settings import SettingsFile


def run_listener_window(
    folder: Path, listener: str, player: Player, remembered: SettingsFile, *, full_screen: bool
) -> int:
    """Open the window on a study; return its exit code."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Listening test")
    follow_system(app, remembered.settings.color_scheme)
    player.set_device(remembered.settings.device)
    window = ListenerWindow()
    presenter = ListenerPresenter(folder, window, player, listener)
    if full_screen:
        window.showFullScreen()
    else:
        window.show()
    write_widget_map_where_asked(window)
    code = app.exec()
    presenter.close()
    return code
