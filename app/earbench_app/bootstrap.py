"""The one place where the parts are put together."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run_workbench(paths: Sequence[Path]) -> int:
    """Open the workbench with these audio files or this study; return the exit code of the window."""
    from PySide6.QtWidgets import QApplication

    from earbench_app.settings import SettingsFile
    from earbench_app.views.qt.audition_page import SHORTCUTS, AuditionPage
    from earbench_app.views.qt.main_window import MainWindow
    from earbench_app.views.qt.theme import follow_system

    del paths
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    remembered = SettingsFile()
    follow_system(app, remembered.settings.color_scheme)
    window = MainWindow()
    window.add_page("Audition", AuditionPage(), SHORTCUTS)
    window.restore_geometry_text(remembered.settings.geometry)
    window.show()
    return app.exec()


def run_listener(folder: Path, listener: str, *, full_screen: bool = False) -> int:
    """Open the listener's window on a study; return the exit code of the window."""
    from earbench_app.playback.engine import EnginePlayer
    from earbench_app.settings import SettingsFile
    from earbench_app.views.qt.listener_app import run_listener_window

    return run_listener_window(folder, listener, EnginePlayer(), SettingsFile(), full_screen=full_screen)
