from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from audition_doubles import window_double
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QVBoxLayout, QWidget

from earbench_app.background.progress import Batch, WorkProgress
from earbench_app.notifications import Level, Notice
from earbench_app.playback.fake import FakePlayer
from earbench_app.playback.player import DeviceState, OutputDevice, PlayerStatus
from earbench_app.presenters.workbench import WorkbenchPresenter, device_text
from earbench_app.settings import SettingsFile
from earbench_app.views.qt import notice_bar, theme
from earbench_app.views.qt.codecs_page import CodecsPage
from earbench_app.views.qt.empty_state import EmptyState
from earbench_app.views.qt.icons import icon, icon_names
from earbench_app.views.qt.main_window import MainWindow
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_codecs.base import CodecInfo

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    window = MainWindow()
    qtbot.addWidget(window)
    for title in ("Audition", "Studies", "Codecs"):
        window.add_page(title, QLabel(title), ((title[0], f"key of {title}"),))
    window.show()
    qtbot.waitExposed(window)
    return window


def test_pages_are_reached_by_keys_and_told(window: MainWindow) -> None:
    told: list[str] = []
    window.page_changed.connect(told.append)
    QTest.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert window.page == "Studies"
    QTest.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    window.show_page("no such page")
    assert (window.page, told) == ("Codecs", ["Studies", "Codecs"])


def test_the_overlay_lists_the_pages_keys_and_any_key_closes_it(window: MainWindow) -> None:
    window.show_page("Studies")
    QTest.keyClick(window, Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    overlay = window.findChild(QWidget, "shortcuts_overlay")
    assert overlay.isVisible()
    texts = {label.text() for label in overlay.findChildren(QLabel)}
    assert {"key of Studies", "this overlay"} <= texts
    assert "key of Audition" not in texts
    assert overlay.rect().contains(overlay.findChild(QWidget, "shortcuts_card").geometry())
    QTest.keyClick(overlay, Qt.Key.Key_X)
    assert not overlay.isVisible()


def test_a_question_mark_can_be_typed(window: MainWindow, qtbot: QtBot) -> None:
    page = QWidget()
    field = QLineEdit()
    QVBoxLayout(page).addWidget(field)
    window.add_page("Text", page)
    window.show_page("Text")
    window.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    QTest.keyClicks(field, "why?")
    assert field.text() == "why?"
    assert not window.findChild(QWidget, "shortcuts_overlay").isVisible()


def test_it_tells_once_that_it_is_seen(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    seen: list[bool] = []
    window.painted.connect(lambda: seen.append(window.isVisible()))
    QApplication.processEvents()
    assert seen == []
    window.show()
    qtbot.waitUntil(lambda: bool(seen))
    window.repaint()
    QApplication.processEvents()
    assert seen == [True]


def test_work_is_shown_and_can_be_cancelled(window: MainWindow) -> None:
    cancelled: list[bool] = []
    window.cancel_requested.connect(lambda: cancelled.append(True))
    window.show_work(WorkProgress("encoding", 13, 48, 21.2))
    assert "encoding 14 of 48" in window.status_line.text
    button = next(b for b in window.status_line.findChildren(QWidget) if "Cancel" in b.accessibleName())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert cancelled == [True]
    window.show_work(None)
    assert not button.isVisible()


def test_a_notice_shows_its_text_as_text_and_its_action(window: MainWindow) -> None:
    pressed: list[str] = []
    window.notice_bar.action_pressed.connect(pressed.append)
    window.show_notice(Notice("<b>a&b.wav</b>: damaged", Level.ERROR, action="Undo"))
    assert window.notice_bar.text == "<b>a&b.wav</b>: damaged"
    QTest.mouseClick(window.notice_bar._action, Qt.MouseButton.LeftButton)
    assert pressed == ["Undo"]
    QTest.mouseClick(window.notice_bar._close, Qt.MouseButton.LeftButton)
    assert window.notice_bar.text == ""


def test_a_notice_can_be_answered_after_pages_were_switched(window: MainWindow) -> None:
    """What a user clicks on is what is in front: not a page that was raised above the notice."""
    pressed: list[str] = []
    window.notice_bar.action_pressed.connect(pressed.append)
    window.show_notice(Notice("Published a", action="Undo"))
    for page in ("Codecs", "Studies", "Codecs"):
        window.show_page(page)
        button = window.notice_bar._action
        place = button.mapTo(window, button.rect().center())
        assert window.childAt(place) is button
        QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, pos=place)
    assert pressed == ["Undo"] * 3


def test_a_notice_of_the_window_stands_above_that_of_its_page(window: MainWindow) -> None:
    page = QWidget()
    own = NoticeBar(page, at_foot=True)
    window.add_page("Own", page)
    window.show_page("Own")
    window.show_notice(Notice("of the window"))
    alone = window.notice_bar.y()
    own.show_notice(Notice("of the page"))
    head = own.mapTo(window, QPoint(0, 0)).y()
    assert window.notice_bar.mapTo(window, window.notice_bar.rect().bottomLeft()).y() < head
    own.hide()
    assert window.notice_bar.y() == alone


@pytest.mark.parametrize(
    ("notice", "leaves"),
    [
        (Notice("Saved a.toml"), "soon"),
        (Notice("Removed a", action="Undo"), "later"),
        (Notice("a.toml could not be read", Level.ERROR), "never"),
        (Notice("a.toml is not complete", Level.WARNING), "never"),
    ],
)
def test_only_what_informs_leaves_by_itself(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, notice: Notice, leaves: str
) -> None:
    monkeypatch.setattr(notice_bar, "READ_MS", 50)
    monkeypatch.setattr(notice_bar, "ACT_MS", 600)
    window.show_notice(notice)
    qtbot.wait(250)
    assert (window.notice_bar.text == "") == (leaves == "soon")
    qtbot.wait(700)
    assert (window.notice_bar.text == "") == (leaves != "never")


def test_what_informs_stays_while_it_is_pointed_at(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_bar, "READ_MS", 100)
    bar = window.notice_bar
    window.show_notice(Notice("Saved a.toml"))
    QTest.mouseMove(bar, bar.rect().center())
    qtbot.wait(400)
    assert bar.text
    QTest.mouseMove(window, QPoint(5, 5))
    qtbot.waitUntil(lambda: not bar.text)


def test_an_error_goes_with_the_page_it_was_told_on_and_other_notices_stay(window: MainWindow) -> None:
    for notice, stays in ((Notice("Not added: x", Level.ERROR), False), (Notice("Removed x."), True)):
        window.show_page("Audition")
        window.show_notice(notice)
        window.show_page("Codecs")
        assert bool(window.notice_bar.text) == stays, notice


def test_the_output_is_labelled_and_named_whole(window: MainWindow) -> None:
    window.show_devices([OutputDevice("a", "Speakers with a long name", 48_000, True)], "a")
    assert window.devices.toolTip() == "Sound output: Speakers with a long name · 48 kHz"
    labels = [label for label in window.findChildren(QLabel) if label.text() == "Output:"]
    assert [label.buddy() for label in labels] == [window.devices]


def test_size_is_remembered_and_nonsense_is_not_taken(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(700, 500)
    text = window.geometry_text()
    other = MainWindow()
    qtbot.addWidget(other)
    other.restore_geometry_text("äöü nonsense")
    other.restore_geometry_text(text)
    assert (other.width(), other.height()) == (window.width(), window.height())


def test_a_device_that_is_gone_stays_chosen_and_says_so(window: MainWindow) -> None:
    devices = [OutputDevice("a", "Speakers", 48_000, True)]
    window.show_devices(devices, "usb")
    assert "not there" in window.devices.currentText()
    chosen: list[str | None] = []
    window.device_chosen.connect(chosen.append)
    window.devices.activated.emit(1)
    window.devices.activated.emit(0)
    assert chosen == ["a", None]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(qapp: QApplication, scheme: theme.ColorScheme) -> None:
    theme.apply_theme(qapp, scheme)
    colors = theme.theme()
    assert colors.dark == (scheme == "dark")
    assert qapp.palette().color(QPalette.ColorRole.WindowText).name().upper() == colors.text
    for ink in ("text", "muted", "error", "warning", "accent"):
        for paper in ("window", "surface"):
            assert _contrast(getattr(colors, ink), getattr(colors, paper)) >= 4.5, (ink, paper)
    assert _contrast(colors.on_accent, colors.accent) >= 4.5


def _contrast(ink: str, paper: str) -> float:
    """WCAG 2.1 contrast ratio."""

    def luminance(name: str) -> float:
        channels = [int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_colour_and_line_tell_28_versions_apart() -> None:
    looks = {(theme.version_color(i).name(), theme.version_pen(i).style()) for i in range(28)}
    assert len(looks) == 28


@pytest.mark.parametrize("name", icon_names())
def test_icons_are_painted_at_every_size(qapp: QApplication, name: str) -> None:
    for size in (16, 48):
        image = icon(name).pixmap(size, size).toImage()
        inked = sum(image.pixelColor(x, y).alpha() > 0 for x in range(size) for y in range(size))
        assert inked > size


class TestWorkbenchPresenter:
    def test_the_remembered_device_is_chosen_and_a_new_one_remembered(self) -> None:
        remembered, view, player = SettingsFile(), window_double(), FakePlayer()
        remembered.settings.device = "speakers"
        presenter = WorkbenchPresenter(view, player, remembered, Batch("encoding"), lambda: None)
        assert player.status().device_name == "Speakers", presenter
        assert view.show_devices.call_args.args[1] == "speakers"
        view.device_chosen.emit("headphones")
        assert (player.status().device_name, remembered.settings.device) == ("Headphones", "headphones")

    def test_a_lost_device_is_a_banner_until_it_returns(self) -> None:
        view, player = window_double(), FakePlayer()
        presenter = WorkbenchPresenter(view, player, SettingsFile(), Batch("encoding"), lambda: None)
        player.set_device_state(DeviceState.LOST, "Headphones went away.")
        view.ticked.emit()
        view.ticked.emit()
        assert presenter is not None  # views hold presenters weakly
        (notice,) = [call.args[0] for call in view.show_notice.call_args_list]
        assert (notice.text, notice.level) == ("Headphones went away.", Level.WARNING)
        player.set_device_state(DeviceState.READY)
        view.ticked.emit()
        assert view.show_notice.call_args.args == (None,)

    def test_cancel_reaches_the_work(self) -> None:
        view, cancelled = window_double(), []
        presenter = WorkbenchPresenter(
            view, FakePlayer(), SettingsFile(), Batch("x"), lambda: cancelled.append(1)
        )
        view.cancel_requested.emit()
        assert cancelled == [1], presenter

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (
                PlayerStatus(device=DeviceState.READY, device_rate_hz=44_100),
                ("no underruns · 44.1 kHz", False),
            ),
            (
                PlayerStatus(device=DeviceState.READY, device_rate_hz=48_000, n_underruns=1),
                ("1 underrun · 48 kHz", True),
            ),
            (PlayerStatus(device=DeviceState.MISSING), ("no sound device", True)),
            (PlayerStatus(), ("opening the sound device…", False)),
        ],
    )
    def test_the_device_is_told_in_words(self, status: PlayerStatus, said: tuple[str, bool]) -> None:
        assert device_text(status) == said


def test_the_window_comes_up_without_torch_scipy_or_the_codecs_libraries(tmp_path: Path) -> None:
    """In a process of its own, as other tests have imported them long since."""
    script = textwrap.dedent("""
        import sys
        from PySide6.QtWidgets import QApplication

        def main():
            app = QApplication([])
            from earbench_app.bootstrap import Workbench
            from earbench_app.playback.fake import FakePlayer
            from earbench_app.settings import SettingsFile
            from earbench_app.views.qt.theme import apply_theme
            apply_theme(app)
            workbench = Workbench(FakePlayer(), SettingsFile())
            workbench.window.show()
            app.processEvents()
            heavy = {"torch", "scipy", "av", "soundfile", "pyqtgraph", "pesq"} & set(sys.modules)
            workbench.window.close()
            print("shown with", sorted(heavy))

        if __name__ == "__main__":
            main()
    """)
    path = tmp_path / "start.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.strip() == "shown with []", done.stderr


@pytest.mark.parametrize("width", [300, 900])
def test_an_empty_page_shows_all_of_its_text_at_every_width(qtbot: QtBot, width: int) -> None:
    empty = EmptyState("Nothing here", "Words that need more than one line, " * 6, [("Do it", lambda: None)])
    qtbot.addWidget(empty)
    empty.resize(width, 400)
    empty.show()
    qtbot.waitExposed(empty)
    text = next(label for label in empty.findChildren(QLabel) if "Words" in label.text())
    assert empty.width() == width
    assert text.height() >= text.heightForWidth(text.width()) > 2 * text.fontMetrics().height()


def test_a_codec_that_cannot_be_used_says_why_in_sight(qtbot: QtBot) -> None:
    page = CodecsPage()
    qtbot.addWidget(page)
    page.resize(1000, 600)
    page.show()
    infos = [
        CodecInfo(
            "mp3", "MP3", "reference", "1", bitrates_kbps=(32.0, 64.0), sample_rates_hz=(8_000, 48_000)
        ),
        CodecInfo("opus", "Opus", "reference", "2", bitrates_kbps=(6.0, 510.0), continuous=True),
        CodecInfo("amr-wb", "AMR-WB", "reference", "", available=False, reason="apt-get install it"),
    ]
    page.show_codecs(infos)
    qtbot.waitExposed(page)
    rows = [[page.table.item(row, column).text() for column in range(5)] for row in range(3)]
    assert rows[0][:3] == ["MP3", "32 to 64 (2 rates)", "8 to 48"]
    assert rows[1][:3] == ["Opus", "6 to 510 (any)", "any"]
    assert rows[2][4] == "not available"
    page.table.selectRow(2)
    assert page.card.text.toPlainText() == "Not available: apt-get install it"
    assert page.table.horizontalScrollBar().maximum() == 0


def test_a_signal_in_the_middle_of_work_closes_the_program_in_order(own_home: Path, tmp_path: Path) -> None:
    """The handler runs between any two steps of the program, here while a pool's lock is held."""
    script = textwrap.dedent("""
        import os, signal
        from earbench_app import bootstrap

        def open_nothing(workbench, paths, demo):
            with workbench.quick._changed:
                os.kill(os.getpid(), signal.SIGTERM)
                sum(range(1000))  # the handler has run by now

        bootstrap.Workbench.open = open_nothing
        if __name__ == "__main__":
            raise SystemExit(bootstrap.run_workbench([]))
    """)
    path = tmp_path / "killed.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert (own_home / "config" / "settings.json").is_file()
