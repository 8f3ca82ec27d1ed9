"""Puts the listening area into the training page, once that is there."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton

from earbench_app.settings import cache_dir
from earbench_codecs.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from earbench_app.background.pool import ProcessPool
    from earbench_app.presenters.audition import AuditionPresenter
    from earbench_app.presenters.checkpoints import CheckpointShelf
    from earbench_app.presenters.training import TrainingPresenter
    from earbench_app.presenters.training_listen import ListenPresenter
    from earbench_app.settings import Settings
    from earbench_app.test_request import TestRequest
    from earbench_app.views.qt.training_listen import ListenArea
    from earbench_app.views.qt.training_page import TrainingPage


class ListenPlace:
    """What is heard on the training page is what is heard on the audition page.

    Parameters
    ----------
    audition : AuditionPresenter
    workers : ProcessPool
    shelf : CheckpointShelf
    show_page : callable
        Goes to a page of the window.
    make_test : callable
        Opens the wizard.
    settings : Settings, optional
    """

    def __init__(
        self,
        audition: AuditionPresenter,
        workers: ProcessPool,
        shelf: CheckpointShelf,
        show_page: Callable[[str], None],
        make_test: Callable[[TestRequest], object],
        settings: Settings | None = None,
    ) -> None:
        self._parts = audition, workers, shelf
        self._settings = settings
        self._show_page, self._make_test = show_page, make_test
        self.area: ListenArea | None = None
        self.presenter: ListenPresenter | None = None

    def attach(self, page: TrainingPage, training: TrainingPresenter) -> None:
        """Make the area, and let it follow the selected runs."""
        from earbench_app.presenters.training_listen import ListenPresenter
        from earbench_app.views.qt.training_listen import ListenArea

        self.area = area = ListenArea()
        page.run.set_listen_area(area)
        area.told.connect(page.show_notice)
        self._tell_names(area)
        held = cache_dir() / "heard"
        self.presenter = presenter = ListenPresenter(area, *self._parts, held, self._settings)
        presenter.tests.requested.connect(self._make_test)
        page.notice_bar.action_pressed.connect(self._act)
        presenter.shown_requested.connect(lambda: self._show_page("Audition"))
        training.runs_changed.connect(presenter.show_runs)
        presenter.show_runs(training.runs)
        for widget in (page.jobs, page.run):  # not where the form is filled in
            _leave_space_to_play(widget)
            _bind(widget, "Space", area.play_toggled.emit)
            _bind(widget, "S", area.switch_requested.emit)
            for number in range(1, 10):
                _bind(widget, str(number), partial(area.choose_key, str(number)))

    def _tell_names(self, area: ListenArea) -> None:
        """Let names be proposed that no codec has, now and whenever there are others."""
        codecs, bar = self._parts[0].codecs, area.publish_bar
        codecs.listed.connect(lambda _: bar.take_names(codecs.names))
        bar.take_names(codecs.names)

    def test_closed(self, request: TestRequest | None, made: bool) -> None:
        """Take note that the wizard was closed, and whether it made a study."""
        if self.presenter is not None:
            self.presenter.tests.wizard_closed(request, made)

    def close(self) -> None:
        """Take away what was copied for tests that were not made."""
        from earbench_app.audition.checkpoints import remove_checkpoint

        if self.presenter is None:
            return
        self.presenter.close()
        for copy in self.presenter.tests.close():
            with suppress(CheckpointError):  # it has gone already
                remove_checkpoint(copy)

    def _act(self, action: str) -> None:
        from earbench_app.presenters.training_blind_test import CANCEL

        if action == CANCEL and self.area is not None:
            self.area.test_cancelled.emit()


def _leave_space_to_play(widget: QWidget) -> None:
    """Give its buttons the keyboard by Tab alone: Space presses the one that has it, and a click asks not."""
    for button in widget.findChildren(QAbstractButton):
        if button.focusPolicy() & Qt.FocusPolicy.ClickFocus == Qt.FocusPolicy.ClickFocus:
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)


def _bind(widget: QWidget, key: str, action: Callable[[], object]) -> None:
    shortcut = QShortcut(QKeySequence(key), widget)
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    shortcut.activated.connect(lambda: action())
