"""Controls that a wheel does not change: what is scrolled over is not what is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


class _WheelLeaver(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def leave_wheel(control: QWidget) -> None:
    """Let a control leave the wheel to what it lies on, so that scrolling changes no value."""
    control.installEventFilter(_WheelLeaver(control))
