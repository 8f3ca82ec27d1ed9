"""Whether there is a screen to open a window on."""

from __future__ import annotations

import os
import sys


class NoScreenError(Exception):
    """There is none; Qt would end the process with advice that does not help."""


def require_screen() -> None:
    """Raise NoScreenError where Qt could not open a window."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in named):
        raise NoScreenError(
            "there is no screen to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set."
            " Start it in a desktop session, with `ssh -X`, or under `xvfb-run`"
        )
