"""Everything a listener, a screen reader or a curious colleague at the computer can find."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PySide6.QtCore import QObject
    from PySide6.QtGui import QAccessibleInterface
    from PySide6.QtWidgets import QWidget


def texts_in(window: QWidget) -> set[str]:
    """Return every text in the tree of objects below a window, and in its tree for screen readers."""
    from PySide6.QtCore import QObject
    from PySide6.QtGui import QAccessible

    found = {text for one in [window, *window.findChildren(QObject)] for text in _texts_of(one)}
    root = QAccessible.queryAccessibleInterface(window)
    found.update(_texts_for_screen_readers(root, set()))
    return found - {""}


def _texts_of(one: QObject) -> Iterator[str]:
    """Return all properties that are texts: title, name, tooltip, placeholder, accessible name …"""
    kind = one.metaObject()
    declared = [kind.property(index) for index in range(kind.propertyCount())]
    names = [each.name() for each in declared if each.typeName() in ("QString", "QStringList", "QUrl")]
    added = [bytes(name.data()).decode() for name in one.dynamicPropertyNames()]
    for name in (*names, *(name for name in added if not name.startswith("_"))):
        yield str(one.property(name) or "")


def _texts_for_screen_readers(one: QAccessibleInterface | None, seen: set[object]) -> Iterator[str]:
    from PySide6.QtGui import QAccessible

    if one is None or not one.isValid() or (one.object() is not None and one.object() in seen):
        return
    seen.add(one.object())
    for kind in QAccessible.Text:
        if kind is not QAccessible.Text.UserText:
            yield one.text(kind)
    for index in range(one.childCount()):
        yield from _texts_for_screen_readers(one.child(index), seen)


def texts_about(pid: int) -> set[str]:
    """Return what the system tells of a process and its children: arguments, environment, open files."""
    own = Path(f"/proc/{pid}")
    found = set((own / "cmdline").read_text(errors="replace").split("\0"))
    found |= {
        entry
        for entry in (own / "environ").read_text(errors="replace").split("\0")
        if os.environ.get(entry.partition("=")[0]) != entry.partition("=")[2]  # not what was there before
    }
    for link in (own / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(link))
    children = (own / "task" / str(pid) / "children").read_text().split()
    return found.union(*map(texts_about, map(int, children))) - {""}


def leaks(texts: Iterable[str], secrets: Iterable[str]) -> set[tuple[str, str]]:
    """Return each (secret, text) in which a secret is told."""
    wanted = {secret.lower() for secret in secrets}
    return {(secret, text) for text in texts for secret in wanted if secret in text.lower()}
