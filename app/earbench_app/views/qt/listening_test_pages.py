"""Puts the Studies and Results pages, and the wizard between audition and study, into the workbench."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from earbench_app.listener_process import launch_listener
from earbench_app.presenters.results import ResultsPresenter
from earbench_app.presenters.studies import StudiesPresenter
from earbench_app.presenters.study_wizard import StudyWizardPresenter
from earbench_app.views.qt.results_page import ResultsPage
from earbench_app.views.qt.studies_page import StudiesPage
from earbench_app.views.qt.study_wizard import StudyWizard
from earbench_app.views.qt.thread_bridge import MainThread

if TYPE_CHECKING:
    from collections.abc import Callable

    from earbench_app.playback.player import Player
    from earbench_app.settings import SettingsFile
    from earbench_app.test_request import TestRequest
    from earbench_app.views.qt.main_window import MainWindow


class ListeningTestPages:
    """The part of the workbench that makes, runs and reads listening tests.

    Parameters
    ----------
    window : MainWindow
        Gets the pages "Studies" and "Results".
    remembered : SettingsFile
    make_player : callable
        For the cells of a study; called when the first is played.
    """

    def __init__(
        self, window: MainWindow, remembered: SettingsFile, make_player: Callable[[], Player]
    ) -> None:
        self._window, self._remembered = window, remembered
        self._main_thread = MainThread()
        self._wizards: list[StudyWizardPresenter] = []  # psygnal holds bound methods weakly
        self.studies_page, self.results_page = StudiesPage(), ResultsPage()
        self.results = ResultsPresenter(self.results_page, user_name())
        self.studies = StudiesPresenter(
            self.studies_page, remembered, make_player, launch_listener, user_name()
        )
        self.studies.current_changed.connect(self.results.show)
        self.studies_page.new_requested.connect(lambda: self.make_test(None))
        self.studies_page.left.connect(self.studies.stop)
        self.results_page.shown.connect(self.results.refresh)
        window.add_page("Studies", self.studies_page)
        window.add_page("Results", self.results_page)
        self.studies.show_first()

    def make_test(self, request: TestRequest | None) -> StudyWizard:
        """Open the wizard, with what was chosen on the audition page."""
        form = StudyWizard(self._window)
        parent = Path(self._remembered.settings.last_folder or Path.home())
        presenter = StudyWizardPresenter(form, parent, self._main_thread.post)
        presenter.created.connect(self._created)
        if request is not None:
            presenter.fill(request)
        self._wizards.append(presenter)
        form.show()
        return form

    def open_study(self, folder: Path) -> None:
        """Show a study on its page."""
        self.studies.add(folder)
        self._window.show_page("Studies")

    def close(self) -> None:
        """Stop a build under way, and release the sound device."""
        for wizard in self._wizards:
            wizard.close()
        self.studies.close()
        self._main_thread.close()

    def _created(self, folder: Path) -> None:
        self.open_study(folder)


def user_name() -> str:
    """Return who is at the computer, for the record of opened results."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
