"""The one place where the parts are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run_workbench(paths: Sequence[Path]) -> int:
    """Open the workbench with these audio files or this study; return the exit code of the window."""
    from earbench_app.views.qt.main_window import open_main_window

    return open_main_window(paths)
