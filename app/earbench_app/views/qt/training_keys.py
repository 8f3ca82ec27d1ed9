"""The training page's keys, for the `?` overlay. Light to import: the page itself is made when it is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earbench_app.views.qt.shortcuts_overlay import Shortcuts

SHORTCUTS: Shortcuts = (
    ("Ctrl+N", "new run"),
    ("Ctrl+Return", "start what the form says"),
    ("Ctrl+T  Ctrl+S", "in the form: try a few steps for an estimate; save as a recipe"),
    ("Esc", "leave the form; say no where it asks"),
    ("↑ ↓  Shift", "select a run; several, to compare them"),
    ("Ctrl+F", "find runs"),
    ("P  R  X", "in the list: pause, resume, cancel"),
    ("D  Del", "duplicate, delete"),
    ("O  B", "open the folder; open in TensorBoard"),
    ("L", "log or curves"),
    ("T", "curves over steps or time"),
    ("Y  Shift+Y", "logarithmic y or x axes"),
    ("F", "see all of every curve"),
    ("Space", "play or pause"),
    ("S", "hear the original, or the checkpoint again"),
    ("1 … 9", "hear a checkpoint; each keeps its key"),
)
