"""The one place where the parts are put together."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from earbench_app.screen import require_screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earbench_app.playback.player import Player
    from earbench_app.settings import SettingsFile


class Workbench:
    """The workbench's parts, put together: window, pages, presenters, pools.

    Parameters
    ----------
    player : Player
        Closed by `close`.
    remembered : SettingsFile
    n_encoders : int
        Worker processes that encode.
    """

    def __init__(self, player: Player, remembered: SettingsFile, n_encoders: int | None = None) -> None:
        from earbench_app.background.latest import LatestOnly
        from earbench_app.background.pool import ProcessPool
        from earbench_app.background.progress import Batches
        from earbench_app.presenters.analysis import Analysis
        from earbench_app.presenters.analysis_scene import Scene
        from earbench_app.presenters.audition import AuditionPresenter
        from earbench_app.presenters.audition_pictures import AuditionPictures
        from earbench_app.presenters.checkpoints import CheckpointShelf
        from earbench_app.presenters.workbench import WorkbenchPresenter
        from earbench_app.settings import cache_dir, jobs_dir
        from earbench_app.views.qt.audition_page import SHORTCUTS, AuditionPage
        from earbench_app.views.qt.codecs_page import CodecsPage
        from earbench_app.views.qt.listen_place import ListenPlace
        from earbench_app.views.qt.listening_test_pages import ListeningTestPages
        from earbench_app.views.qt.main_window import MainWindow
        from earbench_app.views.qt.thread_bridge import MainThread
        from earbench_app.views.qt.training_place import TrainingPlace

        self.player, self.remembered = player, remembered
        self.main_thread = MainThread()
        self.quick = ProcessPool(2, self.main_thread.post, niceness=0)
        self.encoders = ProcessPool(n_encoders or _n_encoders(), self.main_thread.post)
        self.recoder = ProcessPool(1, self.main_thread.post, niceness=0)
        self.background = LatestOnly(self.main_thread.post, needs=("scipy.signal",))
        self.window = MainWindow()
        self.audition_page = AuditionPage()
        self.audition = AuditionPresenter(
            self.audition_page,
            player,
            self.quick,
            self.encoders,
            self.recoder,
            remembered.settings,
            cache_dir() / "versions",
        )
        views = self.audition_page.analysis
        scene = Scene(self.audition)
        self.pictures = AuditionPictures(views.pictures, scene, self.background, remembered.settings)
        self.analysis = Analysis(
            self.audition,
            self.main_thread.post,
            self.audition_page.ticked,
            noise=views.noise,
            maps=views.map_panel,
            spectrum=views.spectrum,
            levels=views.levels,
            codes=views.codes,
            figures=self.audition_page.measure,
        )
        self.window.add_page("Audition", self.audition_page, SHORTCUTS)
        self.tests = ListeningTestPages(self.window, remembered, _new_player, self.main_thread.post)
        self.audition.make_test_requested.connect(self.tests.make_test)
        self.training = TrainingPlace(self.window, remembered, jobs_dir(), self.main_thread.post)
        self.codecs_page = CodecsPage()
        self.window.add_page("Codecs", self.codecs_page)
        self.checkpoints = CheckpointShelf(self.quick, self.window.show_notice, self.audition.release)
        self._connect_codecs()
        self.listening = ListenPlace(
            self.audition,
            self.quick,
            self.checkpoints,
            self.window.show_page,
            self.tests.make_test,
            remembered.settings,
        )
        self.training.presented.connect(self.listening.attach)
        self.tests.test_closed.connect(self.listening.test_closed)
        work = Batches(
            (self.audition.maker.batch, self.audition.cancel_work),
            (self.analysis.separating, self.analysis.audible.cancel),
            (self.analysis.batch, self.analysis.cancel),
        )
        self.workbench = WorkbenchPresenter(self.window, player, remembered, work, work.cancel)
        self.audition_page.demo_requested.connect(self.open_demo)
        self.window.painted.connect(self.audition.codecs.refresh)
        self.window.painted.connect(self.training.start)
        self.window.closed.connect(self.close)
        self._restore()

    def _connect_codecs(self) -> None:
        """Who lists codecs, and who is told when checkpoints come and go."""
        codecs = self.audition.codecs
        for show in (self.codecs_page.show_codecs, self.tests.show_codecs):
            codecs.listed.connect(show)
        self.checkpoints.changed.connect(codecs.refresh)
        for giver in (self.audition, self.tests):
            giver.checkpoints_given.connect(self.checkpoints.add)
        self.codecs_page.checkpoint_removed.connect(self.checkpoints.remove)
        self.window.notice_bar.action_pressed.connect(lambda _: self.checkpoints.undo())
        for added in (self.audition_page.paths_given, self.audition_page.versions_asked):
            added.connect(lambda _: self.window.notice_bar.hide_error())
        self.window.page_changed.connect(lambda _: self._leave_published())
        self.window.paths_given.connect(self._take_dropped)
        for asked in (self.codecs_page.checkpoint_asked, self.audition_page.checkpoint_asked):
            asked.connect(self.window.ask_checkpoints)

    def _leave_published(self) -> None:
        """Say on no other page what was published: it would lie over the list that has it now."""
        if self.window.notice_bar.text == self.checkpoints.said_published:
            self.window.show_notice(None)

    def _take_dropped(self, paths: Sequence[Path]) -> None:
        """Open what was dropped beside the audition page; audio is shown there."""
        from earbench_app.audition.checkpoints import is_checkpoint

        self.window.notice_bar.hide_error()
        if not all(map(is_checkpoint, paths)):
            self.window.show_page("Audition")
        self.open(paths)

    def open(self, paths: Sequence[Path], *, demo: bool = False) -> None:
        """Open audio files; or the demo, also on the very first run without any."""
        if demo or not (paths or self.remembered.settings.demo_shown):
            self.open_demo()
        studies = [path for path in paths if (path / "study.toml").is_file()]
        for folder in studies:
            self.tests.open_study(folder)
        if audio := [path.absolute() for path in paths if path not in studies]:
            self.audition.open_paths(audio)

    def open_demo(self) -> None:
        """Open the bundled clips with a few versions."""
        from earbench_app.audition.demo import DEMO_VERSIONS, demo_paths

        self.remembered.settings.demo_shown = True
        self.audition.clips.open(demo_paths())
        self.audition.add_versions(DEMO_VERSIONS)
        self.tests.add_demo_study()

    def close(self) -> None:
        """Remember the layout, end all processes, release the device."""
        from earbench_app.views.qt.main_window import state_text

        settings, page = self.remembered.settings, self.audition_page
        settings.geometry = self.window.geometry_text()
        settings.page = self.window.page
        settings.splitters |= {name: state_text(one) for name, one in page.splitters().items()}
        settings.splitters |= self.training.splitter_texts()
        try:
            self.remembered.save()
        except OSError as error:  # the window closes all the same
            sys.stderr.write(f"earbench: {self.remembered.path} could not be saved: {error.strerror}\n")
        self.window.hide()  # what is ended below may take a moment
        self.listening.close()
        self.checkpoints.forget()
        self.main_thread.close()
        self.training.close()
        pools = (self.quick, self.encoders, self.recoder)
        for part in (self.analysis, *pools, self.background, self.player, self.tests):
            part.close()

    def _restore(self) -> None:
        from earbench_app.views.qt.main_window import restore_state

        settings, page = self.remembered.settings, self.audition_page
        self.window.restore_geometry_text(settings.geometry)
        for name, splitter in page.splitters().items():
            restore_state(splitter, settings.splitters.get(name, ""))
        self.window.show_page(settings.page)
        page.folder = settings.last_folder


def run_workbench(paths: Sequence[Path], *, demo: bool = False) -> int:
    """Open the workbench with these audio files or this study; return the exit code of the window."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from earbench_app.playback.engine import EnginePlayer
    from earbench_app.settings import SettingsFile
    from earbench_app.views.qt.theme import choose_colors, follow_system

    require_screen()
    player = EnginePlayer()  # first: its process starts while the window is built
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Earbench")
    remembered = SettingsFile()
    choose_colors(app, remembered.settings.color_scheme)
    workbench = Workbench(player, remembered)
    follow_system(app, remembered.settings.color_scheme)
    # Saves and tidies up as after a click on the cross; later, as a signal may come while a lock is held
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: QTimer.singleShot(0, workbench.window.close))
    workbench.window.painted.connect(lambda: workbench.open(paths, demo=demo))
    workbench.window.show()
    return app.exec()


def _new_player() -> Player:
    """Return another player: the cells of a study leave the audition page's versions loaded."""
    from earbench_app.playback.engine import EnginePlayer

    return EnginePlayer()


def _n_encoders() -> int:
    """Leave a processor to the sound and the interface, but encode at least two at a time."""
    return max(2, min(8, (os.cpu_count() or 2) - 1))


def run_listener(folder: Path, listener: str, *, full_screen: bool = False) -> int:
    """Open the listener's window on a study; return the exit code of the window."""
    from earbench_app.playback.engine import EnginePlayer
    from earbench_app.settings import SettingsFile
    from earbench_app.views.qt.listener_app import run_listener_window

    require_screen()
    return run_listener_window(folder, listener, EnginePlayer(), SettingsFile(), full_screen=full_screen)
