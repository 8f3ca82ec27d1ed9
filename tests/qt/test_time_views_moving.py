"""Zoom, pan, selection and wipe by real mouse and key events; what is computed; what is saved."""

from __future__ import annotations

import csv
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock
from xml.etree import ElementTree

import numpy as np
import pytest
from audition_doubles import Now
from picture_scene import RATE_HZ, Audition, Later, noise, sine
from picture_stage import Stage, brightness, choose, hover, level_of, place_of
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from earbench_app.presenters.audition_pictures import AuditionPictures
from earbench_app.settings import Settings
from earbench_app.views.protocols import Heard
from earbench_app.views.qt.audition_page import AuditionPage
from earbench_app.views.qt.wave_lane import coverage

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def stage(qtbot: QtBot) -> Stage:
    stage = Stage()
    qtbot.addWidget(stage)
    stage.show()
    qtbot.waitExposed(stage)
    return stage


# Zoom, pan, select -----------------------------------------------------------------------------------


def wheel(panel: QWidget, place: QPoint, notches: int) -> None:
    event = QWheelEvent(
        QPointF(place),
        QPointF(panel.mapToGlobal(place)),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(panel, event)


def test_the_wheel_keeps_what_is_under_the_pointer(stage: Stage) -> None:
    stage.load(noise())
    view = stage.spectrogram
    for notches in (1, 3, -2, 5):
        place = QPoint(450, 100)
        before_s, before_span_s = view.time_at(450), stage.axis.span_s
        wheel(view, place, notches)
        assert view.time_at(450) == pytest.approx(before_s)
        assert stage.axis.span_s == pytest.approx(before_span_s / 1.25**notches)
        assert view.picture is not None
        assert (view.picture.start_s, view.picture.end_s) == pytest.approx(
            (stage.axis.start_s, stage.axis.end_s)
        )


def drag(panel: QWidget, start: QPoint, end: QPoint, **how: Any) -> None:
    button = how.get("button", Qt.MouseButton.LeftButton)
    modifier = how.get("modifier", Qt.KeyboardModifier.NoModifier)
    QTest.mousePress(panel, button, modifier, start)
    QTest.mouseMove(panel, (start + end) / 2)
    QTest.mouseMove(panel, end)
    QTest.mouseRelease(panel, button, modifier, end)


@pytest.mark.parametrize(
    "how",
    [{"modifier": Qt.KeyboardModifier.AltModifier}, {"button": Qt.MouseButton.MiddleButton}],
    ids=["Alt", "middle"],
)
def test_a_drag_with_alt_or_the_middle_button_pans(stage: Stage, how: dict[str, Any]) -> None:
    stage.load(noise())
    stage.axis.zoom(4, 2.0)
    view = stage.spectrogram
    selected = Mock()
    view.region_selected.connect(selected)
    time_s = view.time_at(400)
    drag(view, QPoint(400, 90), QPoint(300, 120), **how)
    assert view.time_at(300) == pytest.approx(time_s)
    selected.assert_not_called()


def test_a_drag_selects(stage: Stage) -> None:
    stage.load(noise())
    selected = Mock()
    stage.waveform.region_selected.connect(selected)
    wave = stage.waveform
    drag(wave, QPoint(200, 30), QPoint(400, 30))
    assert selected.call_args.args[0] == pytest.approx((wave.time_at(200), wave.time_at(400)))


# The wipe --------------------------------------------------------------------------------------------


def wiping(stage: Stage) -> None:
    stage.load(sine(1000))
    stage.audition.add(7, "Silent 64", sine(1000, level=1e-7))
    stage.audition.playback.choose(Heard(7))
    QTest.mouseClick(stage.panel.wipe, Qt.MouseButton.LeftButton)


def loud_left_and_right(stage: Stage, x: int) -> tuple[bool, bool]:
    view = stage.spectrogram
    stage.axis.move_playhead(3.99)
    image = view.grab().toImage()
    y = place_of(view, 1.0, 1000).y()
    left, right = (brightness(image, px, y) > 100 for px in (x - 20, x + 20))
    return left, right


def test_the_wipe_shows_the_original_left_and_what_is_heard_right(stage: Stage) -> None:
    wiping(stage)
    view = stage.spectrogram
    wipe_x = view.wipe_x()
    assert wipe_x == pytest.approx(view.plot_rect().center().x())
    assert loud_left_and_right(stage, round(wipe_x)) == (True, False)
    seeks = Mock()
    view.seek_requested.connect(seeks)
    drag(view, QPoint(round(wipe_x), 50), QPoint(200, 50))
    assert view.wipe_x() == pytest.approx(200, abs=1)
    assert stage.waveform.wipe_x() == pytest.approx(200, abs=1)
    assert loud_left_and_right(stage, 200) == (True, False)
    seeks.assert_not_called()
    levels = [level_of(hover(view, QPoint(x, place_of(view, 1.0, 1000).y()))) for x in (190, 210)]
    assert levels[0] == pytest.approx(0, abs=0.5)
    assert levels[1] == pytest.approx(-140, abs=1)
    assert [side.title for side in view._sides if side] == ["Silent 64", "Original"]


def test_either_side_can_be_any_version(stage: Stage) -> None:
    wiping(stage)
    stage.audition.playback.choose(Heard())
    stage.panel.lefts.setCurrentIndex(1)
    stage.panel.lefts.activated.emit(1)
    assert stage.panel.lefts.currentText() == "Silent 64"
    assert loud_left_and_right(stage, round(stage.spectrogram.wipe_x() or 0)) == (False, True)
    stage.audition.workspace.versions.clear()
    stage.audition.playback.leave(7)
    assert loud_left_and_right(stage, round(stage.spectrogram.wipe_x() or 0)) == (True, True)


def test_the_wipe_is_worked_by_keys(qtbot: QtBot) -> None:
    page, audition = AuditionPage(), Audition()
    qtbot.addWidget(page)
    presenter = AuditionPictures(page.analysis.pictures, audition.scene(), Now(), Settings())
    page.resize(1000, 700)
    page._stack.setCurrentIndex(1)
    page.show()
    page.activateWindow()
    page.setFocus()
    qtbot.waitUntil(page.hasFocus)
    QTest.keyClick(page, Qt.Key.Key_W)
    assert page.axis.wipe is None, "there is nothing to compare"
    audition.load(sine(1000))
    audition.add(7, "MP3 64", sine(1000, level=0.1))
    QTest.keyClick(page, Qt.Key.Key_W)
    assert page.axis.wipe == 0.5
    for key, steps in ((Qt.Key.Key_Right, 3), (Qt.Key.Key_Left, 1)):
        for _ in range(steps):
            QTest.keyClick(page, key, Qt.KeyboardModifier.AltModifier)
    assert page.axis.wipe == pytest.approx(0.54)
    QTest.keyClick(page, Qt.Key.Key_W)
    assert page.axis.wipe is None
    QTest.keyClick(page, Qt.Key.Key_W)
    assert page.axis.wipe == pytest.approx(0.54), "the line is where it was"
    assert presenter is not None


# What is computed ------------------------------------------------------------------------------------


def test_what_is_hidden_computes_nothing(qtbot: QtBot) -> None:
    later = Later()
    stage = Stage(later)
    qtbot.addWidget(stage)
    stage.load(noise())
    stage.axis.zoom(2, 1.0)
    stage.audition.add(7, "MP3 64", noise(level=0.2))
    stage.audition.playback.choose(Heard(7))
    choose(stage, n_fft=512)
    assert later.requests == {}
    stage.show()
    assert set(later.requests) == {"waveform", "spectrogram"}
    stage.hide()
    later.run("waveform")
    later.run("spectrogram")
    stage.axis.pan(0.1)
    assert later.requests == {}


def test_pictures_come_all_along_while_the_view_moves(qtbot: QtBot) -> None:
    later = Later()
    stage = Stage(later)
    qtbot.addWidget(stage)
    stage.show()
    stage.load(noise())
    stage.axis.zoom(4, 1.0)
    starts_s = []
    for _ in range(3):
        stage.axis.pan(0.1)
        stage.axis.pan(0.1)
        later.run("spectrogram")  # begun before the last move, drawn all the same
        assert stage.spectrogram.picture is not None
        starts_s.append(stage.spectrogram.picture.start_s)
    assert starts_s == sorted(set(starts_s))
    later.run("spectrogram")
    assert stage.spectrogram.picture.start_s == pytest.approx(stage.axis.start_s)
    assert "spectrogram" not in later.requests


def test_no_picture_of_what_sounded_before_is_drawn(qtbot: QtBot) -> None:
    later = Later()
    stage = Stage(later)
    qtbot.addWidget(stage)
    stage.show()
    stage.load(sine(1000))
    before = later.requests["spectrogram"]
    stage.audition.add(7, "MP3 64", sine(3000))
    stage.audition.playback.choose(Heard(7))
    function, done = before
    done(function())
    assert stage.spectrogram.picture is None
    later.run("spectrogram")
    assert stage.spectrogram.picture is not None
    loudest = stage.spectrogram.picture.db.mean(axis=1).argmax()
    assert stage.spectrogram.picture.frequencies_hz()[loudest] == pytest.approx(3000, abs=30)


def test_drawing_needs_no_torch_and_no_pyqtgraph() -> None:
    code = (
        "import sys; import earbench_app.views.qt.spectrogram_panel, earbench_app.analysis.spectrogram;"
        " import earbench_app.presenters.audition_pictures;"
        " print('torch' in sys.modules, 'pyqtgraph' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# Files -----------------------------------------------------------------------------------------------


def test_both_views_are_saved_as_picture_curves_and_data(stage: Stage, tmp_path: Path) -> None:
    stage.load(noise())
    for view, exporter in zip((stage.waveform, stage.spectrogram), stage.panel.exporters, strict=True):
        told = Mock()
        exporter.told.connect(told)
        for suffix in ("png", "svg", "csv"):
            exporter.save(tmp_path / f"{view.objectName()}.{suffix}")
            assert "Saved" in told.call_args.args[0].text
        image = QImage(str(tmp_path / f"{view.objectName()}.png"))
        assert image.size() == view.size() * 2
    areas = ElementTree.parse(tmp_path / "waveform.svg").iter("{http://www.w3.org/2000/svg}polygon")
    assert [len(area.get("points", "").split()) for area in areas] == [2 * 566] * 2
    with (tmp_path / "spectrogram.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    picture = stage.spectrogram.picture
    assert picture is not None
    assert len(header) == 2 + len(picture.db)
    np.testing.assert_allclose(np.array([row[2:] for row in rows], float).T, picture.db, atol=0.006)
    np.testing.assert_allclose([float(row[1]) for row in rows], picture.times_s(), atol=1e-6)
    with (tmp_path / "waveform.csv").open(newline="") as file:
        waves = list(csv.DictReader(file))
    assert {row["channel"] for row in waves} == {"1", "2"}
    row = waves[100]
    start, end = (round(float(row[name]) * RATE_HZ) for name in ("start_s", "end_s"))
    part = noise().samples[0, start:end]
    assert (float(row["lowest"]), float(row["highest"])) == pytest.approx((part.min(), part.max()))


def test_a_saved_wipe_shows_each_version_on_its_side_only(stage: Stage, tmp_path: Path) -> None:
    wiping(stage)
    wipe_x = stage.waveform.wipe_x()
    assert wipe_x is not None
    for view, exporter in zip((stage.waveform, stage.spectrogram), stage.panel.exporters, strict=True):
        exporter.save(tmp_path / f"{view.objectName()}.svg")
    tree = ElementTree.parse(tmp_path / "waveform.svg")
    left, right = (
        [float(point.split(",")[0]) for point in area.get("points", "").split()]
        for area in tree.iter("{http://www.w3.org/2000/svg}polygon")
    )
    assert max(left) <= wipe_x + 1
    assert min(right) >= wipe_x - 1
    images = list(ElementTree.parse(tmp_path / "spectrogram.svg").iter("{http://www.w3.org/2000/svg}image"))
    extents = [(float(image.get("x", 0)), float(image.get("width", 0))) for image in images[:2]]
    assert extents[0][0] + extents[0][1] == pytest.approx(wipe_x, abs=1)
    assert extents[1][0] == pytest.approx(wipe_x, abs=1)


def test_the_quick_waveform_looks_like_the_exact_one(stage: Stage) -> None:
    from earbench_app.views.qt.view_export import png_image

    stage.load(sine(3, level=0.4))
    stage.axis.move_playhead(3.999)
    color = QColor(stage.waveform.grab().toImage().pixelColor(300, stage.waveform.height() // 2))
    assert color.isValid()
    screen = stage.waveform.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    exact = png_image(stage.waveform).scaled(screen.size(), mode=Qt.TransformationMode.SmoothTransformation)
    plot = stage.waveform.plot_rect().adjusted(30, 24, -8, 0).toRect()
    pairs = [
        (screen.pixelColor(x, y).lightness(), exact.pixelColor(x, y).lightness())
        for x in range(plot.left(), plot.right(), 7)
        for y in range(plot.top(), plot.bottom())
    ]
    assert np.mean([abs(a - b) for a, b in pairs]) < 6


def test_a_column_covers_the_pixels_between_its_extremes() -> None:
    shades = coverage(np.array([1.0, 2.5, 3.2]), np.array([3.0, 4.5, 3.2]), 6)
    assert shades[:, 0].tolist() == [0, 255, 255, 0, 0, 0]
    assert shades[:, 1].tolist() == [0, 0, 127, 255, 127, 0]
    assert shades[:, 2].sum() == pytest.approx(255, abs=2), "a flat line is one pixel thick"
