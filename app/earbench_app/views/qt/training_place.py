"""Puts the training page into the workbench.

Jobs are looked after from the window's first picture on; the page, and what it needs, is made when it is
first looked at.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.notifications import Level, Notice
from earbench_app.views.qt.listening_test_pages import LazyPage
from earbench_app.views.qt.training_keys import SHORTCUTS

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_app.background.pool import Post
    from earbench_app.presenters.training import TrainingPresenter
    from earbench_app.presenters.training_watch import Watch
    from earbench_app.settings import SettingsFile
    from earbench_app.views.qt.main_window import MainWindow
    from earbench_app.views.qt.training_page import TrainingPage


class TrainingPlace:
    """The part of the workbench that trains.

    Parameters
    ----------
    window : MainWindow
        Gets the page "Training".
    remembered : SettingsFile
    root : Path
        Folder of the jobs.
    post : callable
        Runs a function on the main thread.

    Attributes
    ----------
    presented : Signal
        The page and its presenter, once both are there.
    """

    presented = Signal(object, object)  # TrainingPage, TrainingPresenter

    def __init__(self, window: MainWindow, remembered: SettingsFile, root: Path, post: Post) -> None:
        self._remembered, self._root, self._post = remembered, root, post
        self.watch: Watch | None = None
        self.page: TrainingPage | None = None
        self.presenter: TrainingPresenter | None = None
        self._problem = ""
        self._closed = False
        self._place = LazyPage(self._make_page)
        window.add_page("Training", self._place, SHORTCUTS)

    def start(self) -> None:
        """Begin to look after the jobs, beside the interface."""
        threading.Thread(target=self._prepare, name="training start", daemon=True).start()

    def splitter_texts(self) -> dict[str, str]:
        """Return where the borders are, to be remembered; nothing where the page was not looked at."""
        from earbench_app.views.qt.main_window import state_text

        return {name: state_text(one) for name, one in (self.page.splitters() if self.page else {}).items()}

    def close(self) -> None:
        """End the watch; jobs go on."""
        self._closed = True
        if self.presenter is not None:
            self.presenter.close()
        if self.watch is not None:
            self.watch.close()

    def _prepare(self) -> None:
        """Import and open what takes its time; on a thread of its own."""
        from earbench_app.jobs.board import JobBoard
        from earbench_app.jobs.estimate import remove_leftovers
        from earbench_app.jobs.job import JobError
        from earbench_app.presenters.training_watch import Watch

        remove_leftovers()
        n_cpu_jobs = self._remembered.settings.cpu_jobs
        try:
            watch = Watch(JobBoard(self._root, n_cpu_jobs=n_cpu_jobs), self._post)
        except JobError as error:
            message = str(error)
            self._post(lambda: self._fail(message))
        else:
            self._post(lambda: self._begin(watch))

    def _begin(self, watch: Watch) -> None:
        if not self._closed:
            self.watch = watch
            watch.start()
            self._present()

    def _fail(self, message: str) -> None:
        self._problem = message
        if self.page is not None:
            self.page.show_notice(Notice(message, Level.ERROR))

    def _make_page(self) -> TrainingPage:
        from earbench_app.views.qt.main_window import restore_state
        from earbench_app.views.qt.training_page import TrainingPage

        self.page = TrainingPage(self._place)
        for name, splitter in self.page.splitters().items():
            restore_state(splitter, self._remembered.settings.splitters.get(name, ""))
        if self._problem:
            self._fail(self._problem)
        self._present()
        return self.page

    def _present(self) -> None:
        """Bring page and watch together, once both are there."""
        if self.page is None or self.watch is None or self.presenter is not None:
            return
        from earbench_app.presenters.training import TrainingPresenter
        from earbench_app.presenters.training_new import TrainingFormPresenter
        from earbench_app.presenters.training_trials import Trials

        form = TrainingFormPresenter(self.page.form, Trials(self._post))
        self.presenter = TrainingPresenter(self.page, form, self.watch, self._post, self._remembered.settings)
        self.presented.emit(self.page, self.presenter)
