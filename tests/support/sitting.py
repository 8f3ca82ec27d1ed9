"""The listener's window on a study, what drives it, and hands."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.listener import ListenerPresenter
from earbench_app.views.qt.listener_window import ListenerWindow


class Sitting:
    """A window, what drives it, and hands."""

    def __init__(self, qtbot, folder, listener="L1"):
        self.player = FakePlayer()
        self.window = ListenerWindow()
        self.window._timer.stop()  # time passes when a test says so
        qtbot.addWidget(self.window, before_close_func=lambda window: window.close_now())
        self.presenter = ListenerPresenter(folder, self.window, self.player, listener)
        self.window.resize(1200, 800)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)

    @property
    def session(self):
        return self.presenter._session

    def all(self, name):
        return self.window.findChildren(QWidget, name)

    def find(self, name, kind=QWidget):
        return next(w for w in self.window.findChildren(kind, name) if w.isVisible())

    def click(self, name):
        QTest.mouseClick(self.find(name), Qt.MouseButton.LeftButton)
        self.pass_time()

    def key(self, key):
        target = QApplication.focusWidget() or self.window
        QTest.keyClick(target, key)
        self.pass_time()

    def pass_time(self, seconds=0.1):
        self.player.advance(seconds)
        self.window.ticked.emit()

    def start(self):
        self.click("instructions_accept")

    def scores(self):
        return {label: score for label, score in self.session.scores.items() if score is not None}
