"""The real windows on the bundled demo, without a sound device, to be set up and photographed."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image
    from PySide6.QtWidgets import QApplication, QWidget

    from earbench_app.study_plan import StudyPlan

SIZE = (1280, 800)
MAX_BYTES = 400_000  # of a picture; above, its colours are made coarser
_COLOR_STEPS = (1, 2, 4, 8, 16)
_WAIT_S = 300.0


def application(scheme: str) -> QApplication:
    """Return the application, in a colour scheme."""
    from PySide6.QtWidgets import QApplication

    from earbench_app.views.qt.theme import apply_theme

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    apply_theme(app, "dark" if scheme == "dark" else "light")
    return app


class Studio:
    """Lets the program run, and photographs its windows.

    Parameters
    ----------
    scheme : str
        light or dark.
    path : Path
        Of the picture.
    """

    def __init__(self, scheme: str, path: Path) -> None:
        self.app, self.path = application(scheme), path

    def wait(self, condition: Callable[[], bool], limit_s: float = _WAIT_S) -> None:
        """Let the program run until this holds."""
        from PySide6.QtTest import QTest

        end_s = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end_s:
                sys.exit(f"{self.path.stem}: the scene did not come about in {limit_s:.0f} s")
            QTest.qWait(10)  # deletes what is to be deleted later, too

    def rest(self, seconds: float = 0.8) -> None:
        """Let the program run for a moment."""
        end_s = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end_s)

    def shoot(self, widget: QWidget) -> None:
        """Save a picture of a window, or of a part of one, and say where."""
        self.rest()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(_png(widget))
        print(self.path, f"{self.path.stat().st_size // 1000} kB")  # noqa: T201


def _png(widget: QWidget) -> bytes:
    from PIL import Image
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice

    raw = QByteArray()
    buffer = QBuffer(raw)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    widget.grab().save(buffer, "PNG")
    image = Image.open(io.BytesIO(raw.data())).convert("RGB")
    for step in _COLOR_STEPS:
        rounded = image.point([min(255, round(value / step) * step) for value in range(256)] * 3)
        packed = _packed(rounded)
        if len(packed) <= MAX_BYTES:
            break
    return packed


def _packed(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


class WorkbenchStudio(Studio):
    """The workbench."""

    def __init__(self, scheme: str, path: Path) -> None:
        from earbench_app.bootstrap import Workbench
        from earbench_app.playback.fake import FakePlayer
        from earbench_app.settings import SettingsFile

        super().__init__(scheme, path)
        remembered = SettingsFile(_new_folder() / "settings.json")  # no layout of an earlier scene
        remembered.settings.demo_shown = True
        self.bench = Workbench(FakePlayer(), remembered)
        self.page = self.bench.audition_page
        self.bench.window.resize(*SIZE)
        self.bench.window.show()

    def open_demo(self, clip: str = "rock_feelings", *, measured: bool = True) -> None:
        """Open the bundled clips, show one, and wait until all of its versions are made, and measured."""
        from earbench_app.audition.demo import DEMO_VERSIONS, demo_paths

        audition = self.bench.audition
        # not `open_demo`, which makes the demo's study too, while encoders are timed
        audition.clips.open(sorted(demo_paths(), key=lambda path: path.stem != clip))
        audition.add_versions(DEMO_VERSIONS)
        self.wait(lambda: len(audition.workspace.versions) == len(DEMO_VERSIONS))
        self.wait(lambda: all(map(audition.playback.has, self.version_ids())))
        self.wait(self._measured if measured else self._drawn)

    def version_ids(self) -> list[int]:
        """Ids of the versions in the table."""
        return [version.id for version in self.bench.audition.workspace.versions]

    def keep_two(self) -> None:
        """Remove all versions but MP3 at 64 and Opus at 32 kbps."""
        self.page.versions_removed.emit(self.version_ids()[2:])
        self.page.show_notice(None)

    def hear(self, row: int, at_s: float, region_s: tuple[float, float] | None = None) -> None:
        """Choose a version by its row, and put the playhead somewhere."""
        self.page.number_pressed.emit(row)
        if region_s:
            self.page.region_selected.emit(region_s)
        self.page.seek_requested.emit(at_s)
        self.rest()
        self.wait(self._drawn)

    def close(self) -> None:
        """End the program."""
        self.bench.window.close()
        self.rest(0.1)

    def _measured(self) -> bool:
        work = (self.bench.audition.maker.batch, self.bench.analysis.batch)
        maps = map(self.bench.analysis.maps.complete_map, self.version_ids())
        return not any(batch.progress() for batch in work) and None not in list(maps) and self._drawn()

    def _drawn(self) -> bool:
        return self.page.analysis.noise.shown is not None


class ListenerStudio(Studio):
    """The listener's window on a study made of the bundled clips, and hands that take the test."""

    def __init__(self, scheme: str, path: Path, plan: StudyPlan) -> None:
        from earbench_app.playback.fake import FakePlayer
        from earbench_app.presenters.listener import ListenerPresenter
        from earbench_app.views.qt.listener_window import ListenerWindow

        super().__init__(scheme, path)
        self.player, self.window = FakePlayer(), ListenerWindow()
        self.presenter = ListenerPresenter(made_study(plan), self.window, self.player, "L07")
        self.window.resize(*SIZE)
        self.window.show()
        self.click("instructions_accept")

    def click(self, name: str, y: float | None = None) -> None:
        """Click a named control that is seen, in its middle or at a height; let a moment of sound pass."""
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QWidget

        self.rest(0.05)
        found = next(one for one in self.window.findChildren(QWidget, name) if one.isVisible())
        place = QPoint(found.width() // 2, round(found.height() / 2 if y is None else y))
        QTest.mouseClick(found, Qt.MouseButton.LeftButton, pos=place)
        self.player.advance(0.2)
        self.rest(0.1)

    def score(self, label: str, score: float) -> None:
        """Play a stimulus and score it."""
        from earbench_app.views.qt.score_slider import ScoreSlider

        self.click(f"play_{label}")
        slider = self.window.findChild(ScoreSlider, f"score_{label}")
        self.click(f"score_{label}", slider.y_of(score))

    def close(self) -> None:
        """End the sitting."""
        self.presenter.close()
        self.window.close_now()


def made_study(plan: StudyPlan) -> Path:
    """Make a study in a folder of its own."""
    from earbench_app.study_builder import build_study

    folder = _new_folder() / "study"
    for _ in build_study(plan, folder, seed=1):
        pass
    return folder


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(dir=os.environ["EARBENCH_HOME"]))
