"""Puts the Studies and Results pages, and the wizard between audition and study, into the workbench.

What they need is imported when one of them is first looked at: the window must be up before that.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from earbench_app.notifications import Level, Notice
from earbench_app.views.qt.relay import relay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QShowEvent

    from earbench_app.build_job import BuildJob
    from earbench_app.playback.player import Player
    from earbench_app.presenters.results import ResultsPresenter
    from earbench_app.presenters.studies import StudiesPresenter
    from earbench_app.presenters.study_wizard import StudyWizardPresenter
    from earbench_app.settings import SettingsFile
    from earbench_app.test_request import TestRequest
    from earbench_app.views.qt.main_window import MainWindow
    from earbench_app.views.qt.results_page import ResultsPage
    from earbench_app.views.qt.studies_page import StudiesPage
    from earbench_app.views.qt.study_wizard import StudyWizard
    from earbench_codecs.base import CodecInfo


class LazyPage(QWidget):
    """A page that is made when it is first shown."""

    def __init__(self, make: Callable[[], QWidget]) -> None:
        super().__init__()
        self._make = make
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def showEvent(self, event: QShowEvent) -> None:
        """Make the page."""
        if self._column.count() == 0:
            page = self._make()
            self._column.addWidget(page)
            self.setFocusProxy(page)
        super().showEvent(event)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is made together when the first of the pages is looked at."""

    studies_page: StudiesPage
    results_page: ResultsPage
    studies: StudiesPresenter
    results: ResultsPresenter


class ListeningTestPages:
    """The part of the workbench that makes, runs and reads listening tests.

    Parameters
    ----------
    window : MainWindow
        Gets the pages "Studies" and "Results".
    remembered : SettingsFile
    make_player : callable
        For the cells of a study; called when the first is played.
    post : callable
        Runs a function on the main thread.
    """

    checkpoints_given = Signal(list)  # paths
    test_closed = Signal(object, bool)  # the TestRequest a wizard was opened with, whether it made a study

    def __init__(
        self,
        window: MainWindow,
        remembered: SettingsFile,
        make_player: Callable[[], Player],
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._window, self._remembered = window, remembered
        self._make_player, self._post = make_player, post
        self._demo: BuildJob | None = None
        self._wizards: list[StudyWizardPresenter] = []  # psygnal holds bound methods weakly
        self._codecs: list[CodecInfo] = []
        self._studies_place = LazyPage(lambda: self.parts.studies_page)
        self._results_place = LazyPage(lambda: self.parts.results_page)
        window.add_page("Studies", self._studies_place)
        window.add_page("Results", self._results_place)

    @cached_property
    def parts(self) -> Parts:
        """Pages and presenters, made when first asked for."""
        from earbench_app.listener_process import launch_listener
        from earbench_app.presenters.results import ResultsPresenter
        from earbench_app.presenters.studies import StudiesPresenter
        from earbench_app.views.qt.results_page import ResultsPage
        from earbench_app.views.qt.studies_page import StudiesPage

        studies_page = StudiesPage(self._studies_place)
        results_page = ResultsPage(self._results_place)
        results = ResultsPresenter(results_page, user_name())
        studies = StudiesPresenter(
            studies_page, self._remembered, self._make_player, launch_listener, user_name()
        )
        studies_page.new_requested.connect(lambda: self.make_test(None))
        studies_page.left.connect(studies.stop)
        results_page.shown.connect(results.refresh)
        studies.current_changed.connect(results.show)
        studies.show_first()
        return Parts(studies_page, results_page, studies, results)

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Offer these in wizards, also in those that are open."""
        self._codecs = list(codecs)
        for wizard in self._wizards:
            wizard.offer(self._codecs)

    def make_test(self, request: TestRequest | None) -> StudyWizard:
        """Open the wizard, with what was chosen on the audition page."""
        from earbench_app.presenters.study_wizard import StudyWizardPresenter
        from earbench_app.views.qt.study_wizard import StudyWizard

        form = StudyWizard(self._window)
        # never where audio was opened: coded clips do not belong among those a coder is trained on
        parent = Path(self._remembered.settings.studies_folder or Path.home())
        presenter = StudyWizardPresenter(form, parent, self._post, self._codecs)
        made: list[Path] = []
        presenter.created.connect(self.open_study)
        presenter.created.connect(lambda folder: made.append(folder))
        presenter.created.connect(self._remember_place)
        relay(presenter.checkpoints_given, self.checkpoints_given)
        if request is not None:
            presenter.fill(request)
        self._wizards.append(presenter)
        form.destroyed.connect(lambda: self._wizards.remove(presenter))
        form.destroyed.connect(lambda: self.test_closed.emit(request, bool(made)))
        form.show()
        return form

    def _remember_place(self, folder: Path) -> None:
        self._remembered.settings.studies_folder = str(folder.parent)

    def open_study(self, folder: Path, *, show: bool = True) -> None:
        """Add a study to the list and choose it; go to its page."""
        self.parts.studies.add(folder)
        if show:
            self._window.show_page("Studies")

    def add_demo_study(self) -> None:
        """Make the demo study, if it is not there, in the background; then it is on the list."""
        from earbench_app.build_job import BuildJob
        from earbench_app.demo_study import build_demo_study, demo_folder

        folder = demo_folder()
        if (folder / "study.toml").is_file():
            self._list_study(folder)
        elif self._demo is None:
            self._demo = BuildJob(
                build_demo_study(),
                self._post,
                progressed=lambda _: None,
                succeeded=lambda _: self._list_study(folder),
                failed=self._demo_failed,
            )

    def _list_study(self, folder: Path) -> None:
        known = self._remembered.settings.studies
        if str(folder) in known:
            return
        if "parts" in self.__dict__:
            self.parts.studies.add(folder)
        else:
            self._remembered.settings.studies = [str(folder), *known]

    def _demo_failed(self, error: BaseException) -> None:
        text = f"The demo study could not be made: {error}"
        self._window.notice_bar.show_notice(Notice(text, Level.WARNING))

    def close(self) -> None:
        """Stop builds under way, and release the sound device."""
        for wizard in self._wizards:
            wizard.close()
        if self._demo:
            self._demo.cancel()
            self._demo.wait(10.0)
        if "parts" in self.__dict__:
            self.parts.studies.close()


def user_name() -> str:
    """Return who is at the computer, for the record of opened results."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
