from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import numpy as np
import pytest
from audition_doubles import figures, tone
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QSlider, QWidget

from earbench_app.analysis.peaks import PeakPyramid
from earbench_app.audition.workspace import State
from earbench_app.notifications import Notice
from earbench_app.views.protocols import AuditionView, ClipRow, Heard, VersionRow
from earbench_app.views.qt.audition_page import AuditionPage
from earbench_app.views.qt.waveform_view import tick_step_s, time_text, top_db
from earbench_codecs.base import CodecInfo, OptionInfo, Setting

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

ROWS = [
    VersionRow(11, "1", 0, "MP3 64", State.READY, figures=figures()),
    VersionRow(12, "2", 1, "Opus 32", State.ENCODING),
    VersionRow(13, "3", 2, "AMR-WB 12.65", State.ERROR, "the encoder broke: install it again"),
]


@pytest.fixture
def page(qtbot: QtBot) -> AuditionPage:
    page = AuditionPage()
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show_clips([ClipRow(1, "castanets", "0:08.0"), ClipRow(2, "sonnet", "0:09.0")], 1)
    page.show_versions(ROWS, "0:08.0 · 44.1 kHz · mono")
    page.show_duration(8.0)
    page.show()
    page.activateWindow()
    qtbot.waitExposed(page)
    page.setFocus()
    qtbot.waitUntil(page.hasFocus)
    return page


def hear(page: AuditionPage, *names: str) -> Mock:
    """Record these signals as calls of a mock."""
    heard = Mock()
    for name in names:
        getattr(page, name).connect(getattr(heard, name), check_nargs=False)
    return heard


def calls(heard: Mock) -> list[tuple[str, tuple[Any, ...]]]:
    return [(name, tuple(arguments)) for name, arguments, _ in heard.mock_calls]


def test_the_page_has_all_that_presenters_ask_for(page: AuditionPage) -> None:
    names = [name for name in vars(AuditionView) if not name.startswith("_")]
    assert len(names) > 30
    assert [name for name in names if not hasattr(page, name)] == []


KEYS = [
    (Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, ("play_toggled", ())),
    (Qt.Key.Key_1, Qt.KeyboardModifier.NoModifier, ("number_pressed", (0,))),
    (Qt.Key.Key_9, Qt.KeyboardModifier.NoModifier, ("number_pressed", (8,))),
    (Qt.Key.Key_0, Qt.KeyboardModifier.NoModifier, ("number_pressed", (9,))),
    (Qt.Key.Key_R, Qt.KeyboardModifier.NoModifier, ("version_chosen", (None,))),
    (Qt.Key.Key_D, Qt.KeyboardModifier.NoModifier, ("difference_requested", ())),
    (Qt.Key.Key_L, Qt.KeyboardModifier.NoModifier, ("loop_toggled", ())),
    (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, ("seek_by_requested", (-1.0,))),
    (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, ("seek_by_requested", (1.0,))),
    (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, ("seek_by_requested", (0.1,))),
    (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier, ("stop_requested", ())),
    (Qt.Key.Key_BracketLeft, Qt.KeyboardModifier.NoModifier, ("region_edge_requested", ("start",))),
    (Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier, ("undo_requested", ())),
]
KEY_SIGNALS = sorted({signal for *_, (signal, _) in KEYS})


@pytest.mark.parametrize("focus", ["page", "table", "clip_list", "play", "volume", "scales", "waveform"])
def test_keys_work_wherever_the_focus_is(page: AuditionPage, focus: str) -> None:
    widgets = {
        "page": page,
        "table": page.table,
        "clip_list": page.clip_list,
        "play": page.transport.play,
        "volume": page.transport.volume,
        "scales": page.analysis.pictures.scales,
        "waveform": page.waveform,
    }
    widgets[focus].setFocus()
    for key, modifier, expected in KEYS:
        heard = hear(page, *KEY_SIGNALS)
        QTest.keyClick(QApplication.focusWidget(), key, modifier)
        assert calls(heard) == [expected], f"{key} with the focus on {focus}"
        for name in KEY_SIGNALS:
            getattr(page, name).disconnect()


def test_typed_text_plays_nothing(page: AuditionPage, qtbot: QtBot) -> None:
    field = QLineEdit(page)
    field.show()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    heard = hear(page, *KEY_SIGNALS)
    QTest.keyClicks(field, "R1 d L 0")
    assert field.text() == "R1 d L 0"
    assert calls(heard) == []


def test_digits_go_to_the_gain_while_it_is_typed(page: AuditionPage, qtbot: QtBot) -> None:
    heard = hear(page, "number_pressed", "makeup_changed")
    page.transport.makeup.setFocus()
    qtbot.waitUntil(page.transport.makeup.hasFocus)
    page.transport.makeup.selectAll()
    QTest.keyClicks(page.transport.makeup, "36")
    QTest.keyClick(page.transport.makeup, Qt.Key.Key_Return)
    assert calls(heard) == [("makeup_changed", (36.0,))]


# Mouse on the pictures -------------------------------------------------------------------------------


def point_at(panel: Any, time_s: float) -> QPoint:
    return QPoint(round(panel.x_of(time_s)), panel.height() // 2)


@pytest.mark.parametrize("name", ["waveform", "spectrogram", "ruler"])
def test_a_drag_selects_and_a_click_seeks(page: AuditionPage, name: str) -> None:
    panel = getattr(page, name)
    heard = hear(page, "region_selected", "seek_requested")
    for start_s, end_s in ((2.0, 5.0), (6.0, 1.0)):
        QTest.mousePress(panel, Qt.MouseButton.LeftButton, pos=point_at(panel, start_s))
        QTest.mouseMove(panel, point_at(panel, (start_s + end_s) / 2))
        QTest.mouseMove(panel, point_at(panel, end_s))
        QTest.mouseRelease(panel, Qt.MouseButton.LeftButton, pos=point_at(panel, end_s))
    QTest.mouseClick(panel, Qt.MouseButton.LeftButton, pos=point_at(panel, 7.0))
    (_, (first,)), (_, (second,)), (last, (seek_s,)) = calls(heard)
    a_pixel_s = 8.0 / panel.plot_rect().width()
    assert first == pytest.approx((2.0, 5.0), abs=a_pixel_s)
    assert second == pytest.approx((1.0, 6.0), abs=a_pixel_s)
    assert last == "seek_requested"
    assert seek_s == pytest.approx(7.0, abs=a_pixel_s)


def test_an_edge_of_the_region_is_moved_by_the_mouse(page: AuditionPage) -> None:
    page.show_region((2.0, 4.0), looping=True)
    heard = hear(page, "region_selected")
    panel = page.waveform
    QTest.mousePress(panel, Qt.MouseButton.LeftButton, pos=point_at(panel, 4.0))
    QTest.mouseMove(panel, point_at(panel, 6.0))
    QTest.mouseRelease(panel, Qt.MouseButton.LeftButton, pos=point_at(panel, 6.0))
    ((_, (region_s,)),) = calls(heard)
    assert region_s[0] == 2.0
    assert region_s[1] == pytest.approx(6.0, abs=0.02)


def wheel(panel: QWidget, place: QPoint, notches: int, modifier: Qt.KeyboardModifier) -> None:
    event = QWheelEvent(
        QPointF(place),
        QPointF(panel.mapToGlobal(place)),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(panel, event)


def test_the_wheel_zooms_all_panels_around_the_pointer(page: AuditionPage) -> None:
    place = point_at(page.waveform, 3.0)
    wheel(page.waveform, place, 4, Qt.KeyboardModifier.NoModifier)
    assert page.axis.span_s == pytest.approx(8 / 1.25**4)
    assert page.spectrogram.time_at(place.x()) == pytest.approx(3.0, abs=0.02)
    before_s = page.axis.start_s
    wheel(page.spectrogram, place, -1, Qt.KeyboardModifier.ShiftModifier)
    assert page.axis.start_s == pytest.approx(before_s + page.axis.span_s / 10)
    wheel(page.waveform, place, -50, Qt.KeyboardModifier.NoModifier)
    assert (page.axis.start_s, page.axis.end_s) == (0.0, 8.0)


def test_zoom_and_fit_by_keys(page: AuditionPage) -> None:
    page.show_position(4.0)
    QTest.keyClick(page, Qt.Key.Key_Plus)
    assert page.axis.span_s == pytest.approx(8 / 1.5)
    page.show_region((1.0, 2.0), looping=True)
    QTest.keyClick(page, Qt.Key.Key_Z)
    assert (page.axis.start_s, page.axis.end_s) == pytest.approx((0.95, 2.05))
    QTest.keyClick(page, Qt.Key.Key_F)
    assert page.axis.span_s == 8.0


def test_a_double_click_shows_the_whole_clip(page: AuditionPage) -> None:
    page.axis.zoom(4, 2.0)
    QTest.mouseDClick(page.spectrogram, Qt.MouseButton.LeftButton, pos=point_at(page.spectrogram, 2.0))
    assert page.axis.span_s == 8.0


def test_the_view_turns_its_page_when_the_playhead_leaves_it(page: AuditionPage) -> None:
    page.axis.zoom(4, 0.0)  # 0 to 2 s
    page.show_position(1.9)
    assert page.axis.start_s == 0.0
    page.show_position(2.1)
    assert page.axis.start_s == pytest.approx(2.1)


def test_a_view_put_elsewhere_is_not_dragged_along(page: AuditionPage) -> None:
    page.axis.zoom(4, 0.0)
    page.axis.pan(5.0)
    page.show_position(0.5)
    assert page.axis.start_s == 5.0


def test_a_moving_playhead_does_not_draw_the_waveform_again(page: AuditionPage, qtbot: QtBot) -> None:
    peaks = Mock(wraps=PeakPyramid(tone(8.0).samples), peak=0.3)
    page.waveform.show_peaks(peaks, None, 16_000)
    page.waveform.grab()
    n_before = peaks.envelope.call_count
    assert n_before >= 1
    for step in range(20):
        page.show_position(step / 10)
        page.waveform.grab()
    assert peaks.envelope.call_count == n_before


# Table, list, picker ---------------------------------------------------------------------------------


def test_what_was_not_drawn_while_hidden_is_asked_for_when_it_is_seen(
    page: AuditionPage, qtbot: QtBot
) -> None:
    asked = Mock()
    pictures = page.analysis.pictures
    page.hide()
    pictures.peaks_requested.connect(asked.peaks)
    pictures.part_requested.connect(asked.part)
    pictures.refresh()
    assert asked.mock_calls == []
    page.show()
    qtbot.waitUntil(lambda: asked.part.called)
    asked.peaks.assert_called_once()


def cell(page: AuditionPage, row: int, column: int) -> str:
    model = page.table.model()
    return str(model.data(model.index(row, column)))


def test_the_table_shows_key_figures_and_the_reason_of_a_failure(page: AuditionPage) -> None:
    assert [cell(page, row, 0) for row in range(4)] == ["R", "1", "2", "3"]
    assert [cell(page, 1, column) for column in range(1, 7)] == [
        "MP3 64",
        "64.0",
        "16\u202f000",
        "0.020",
        "0.010",
        "12.5",
    ]
    assert cell(page, 2, 7) == "encoding…"
    assert cell(page, 3, 7) == "the encoder broke: install it again"
    page.show_version(
        VersionRow(12, "2", 1, "Opus 32", State.READY, figures=figures(sdr_db=-3.25, notes=("resampled",)))
    )
    assert (cell(page, 2, 6), cell(page, 2, 7)) == ("−3.2", "resampled")
    page.show_version(VersionRow(12, "2", 1, "Opus 32", State.READY, figures=figures(sdr_db=float("inf"))))
    assert cell(page, 2, 6) == "∞"


def test_a_cancelled_row_says_how_to_go_on_even_if_it_was_waited_for(page: AuditionPage) -> None:
    row = VersionRow(7, "1", 0, "MP3 64", State.CANCELLED, "Cancelled. Press Enter.")
    page.show_versions([row], "")
    page.show_heard(Heard(), 7)
    state = page.table.model().index(1, 7)
    assert state.data() == "double-click to encode"
    assert "Press Enter" in state.data(Qt.ItemDataRole.ToolTipRole)
    page.show_version(VersionRow(7, "1", 0, "MP3 64", State.WAITING))
    assert state.data() == "plays as soon as it is there"


def click_row(
    page: AuditionPage, row: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    place = page.table.visualRect(page.table.model().index(row, 1)).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def test_a_click_on_a_row_chooses_it(page: AuditionPage) -> None:
    heard = hear(page, "version_chosen")
    click_row(page, 2)
    click_row(page, 0)
    assert calls(heard) == [("version_chosen", (12,)), ("version_chosen", (None,))]


def test_delete_removes_the_selected_rows_and_ctrl_e_exports_them(page: AuditionPage) -> None:
    heard = hear(page, "versions_removed", "export_requested")
    click_row(page, 1)
    click_row(page, 3, modifier=Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(page, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(page.table, Qt.Key.Key_Delete)
    assert calls(heard) == [("export_requested", ([11, 13],)), ("versions_removed", ([11, 13],))]


def test_the_selection_outlives_a_refill(page: AuditionPage) -> None:
    click_row(page, 2)
    page.show_versions(ROWS[1:], "")
    assert page.table.selected_ids() == [12]


def test_ctrl_e_without_a_selection_exports_what_sounds(page: AuditionPage) -> None:
    heard = hear(page, "export_requested")
    page.show_heard(Heard(12), None)
    QTest.keyClick(page, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert calls(heard) == [("export_requested", ([12],))]


def test_a_failed_row_is_tried_again_on_a_double_click(page: AuditionPage) -> None:
    heard = hear(page, "retry_requested")
    page.table.activated.emit(page.table.model().index(3, 1))
    assert calls(heard) == [("retry_requested", (13,))]


def test_what_sounds_is_marked_everywhere(page: AuditionPage) -> None:
    page.show_heard(Heard(11, difference=True), 12)
    assert page.transport.difference.isChecked()
    assert not page.transport.reference.isChecked()
    assert cell(page, 1, 7) == "difference from the original"
    assert cell(page, 2, 7) == "plays as soon as it is there"


def test_a_clip_is_chosen_by_mouse_and_by_page_keys(page: AuditionPage) -> None:
    heard = hear(page, "clip_chosen")
    page.clip_list.setCurrentRow(0)
    place = page.clip_list.visualItemRect(page.clip_list.item(1)).center()
    QTest.mouseClick(page.clip_list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.keyClick(page, Qt.Key.Key_PageUp)
    assert calls(heard) == [("clip_chosen", (2,)), ("clip_chosen", (1,))]


def test_refilling_the_list_chooses_nothing(page: AuditionPage) -> None:
    heard = hear(page, "clip_chosen")
    page.show_clips([ClipRow(1, "castanets", "read")], 1)
    page.show_clips([ClipRow(i, f"clip {i}", "") for i in range(1, 6)], 4)
    assert calls(heard) == []
    assert page.clip_list.currentRow() == 3


def test_dropped_files_and_folders_are_given_on(page: AuditionPage, tmp_path: Path) -> None:
    heard = hear(page, "paths_given")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "a b.wav")), QUrl("https://example.org/x.wav")])
    page.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert calls(heard) == [("paths_given", ([tmp_path / "a b.wav"],))]


CODECS = [
    CodecInfo("amr-wb", "AMR-WB", "reference", "", available=False, reason="apt-get install libvo-amrwbenc0"),
    CodecInfo(
        "mp3",
        "MP3",
        "reference",
        "1",
        bitrates_kbps=(32.0, 64.0),
        options=(
            OptionInfo("vbr", ("off", 2), "quality", replaces_bitrate=True),
            OptionInfo("stereo", ("joint", "separate"), ""),
        ),
    ),
    CodecInfo("opus", "Opus", "reference", "1", bitrates_kbps=(6.0, 510.0), continuous=True),
]


def test_the_picker_gives_what_is_ticked_with_all_options(page: AuditionPage) -> None:
    heard = hear(page, "versions_asked")
    page.show_codecs(CODECS)
    page.show_picked([("mp3", Setting.of(64, vbr="off", stereo="joint"))])
    mp3, opus, amr = page.picker._groups
    assert [group.codec for group in (mp3, opus, amr)] == ["mp3", "opus", "amr-wb"]
    assert any("apt-get install" in label.text() for label in amr.findChildren(QLabel))
    assert not mp3.chips[Setting.of(64)].isEnabled()
    page.open_picker()
    QTest.mouseClick(mp3.chips[Setting.of(32)], Qt.MouseButton.LeftButton)
    QTest.mouseClick(mp3.chips[Setting.of(None, vbr=2)], Qt.MouseButton.LeftButton)
    QTest.keyClicks(opus._other, "24.5, x, 41")
    assert page.picker.add.text() == "Add 4 versions"
    QTest.mouseClick(page.picker.add, Qt.MouseButton.LeftButton)
    ((_, (choices,)),) = calls(heard)
    assert choices == [
        ("mp3", Setting.of(32, vbr="off", stereo="joint")),
        ("mp3", Setting.of(None, vbr=2, stereo="joint")),
        ("opus", Setting.of(24.5)),
        ("opus", Setting.of(41)),
    ]
    assert not page.picker.isVisible()


def test_scrolling_over_an_option_of_a_codec_does_not_change_it(page: AuditionPage) -> None:
    page.show_codecs(CODECS)
    page.open_picker()
    box = page.picker._groups[0]._options["stereo"]
    place = QPointF(box.rect().center())
    no_key, no_button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.NoButton
    wheel = QWheelEvent(
        place,
        box.mapToGlobal(place),
        QPoint(),
        QPoint(0, -120),
        no_button,
        no_key,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, wheel)
    assert box.currentData() == "joint"


def test_another_option_makes_a_locked_rate_new(page: AuditionPage) -> None:
    page.show_codecs(CODECS)
    page.show_picked([("mp3", Setting.of(64, vbr="off", stereo="joint"))])
    mp3 = page.picker._groups[0]
    mp3._options["stereo"].setCurrentText("separate")
    assert mp3.chips[Setting.of(64)].isEnabled()
    mp3.chips[Setting.of(64)].setChecked(True)
    assert page.picker.choices() == [("mp3", Setting.of(64, vbr="off", stereo="separate"))]


# States and words ------------------------------------------------------------------------------------


def test_without_clips_the_page_says_how_to_begin(page: AuditionPage) -> None:
    page.show_clips([], None)
    shown = [label.text() for label in page.findChildren(QLabel) if label.isVisible()]
    assert any("Drop audio files" in text for text in shown)
    heard = hear(page, "demo_requested")
    button = next(b for b in page.findChildren(QAbstractButton) if "demo" in b.text())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert calls(heard) == [("demo_requested", ())]


def test_undo_is_one_click_away(page: AuditionPage) -> None:
    heard = hear(page, "undo_requested")
    page.show_notice(Notice("Removed MP3 64.", action="Undo"))
    button = next(b for b in page.notice_bar.findChildren(QAbstractButton) if b.text() == "Undo")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert calls(heard) == [("undo_requested", ())]


def test_every_control_has_a_name_for_a_screen_reader(page: AuditionPage) -> None:
    page.show_codecs(CODECS)
    kinds = (QAbstractButton, QComboBox, QSlider, QLineEdit)
    controls = [control for kind in kinds for control in page.findChildren(kind)]
    own = [c for c in controls if not c.objectName().startswith("qt_") and not c.isHidden()]
    nameless = [c for c in own if not (c.accessibleName() or getattr(c, "text", str)())]
    assert len(own) > 15
    assert nameless == []


@pytest.mark.parametrize(
    ("pixel_s", "step_s"), [(0.01, 1), (0.0001, 0.01), (1.0, 120), (0.0000001, 0.001), (100.0, 3600)]
)
def test_ticks_are_round_and_far_enough_apart(pixel_s: float, step_s: float) -> None:
    assert tick_step_s(pixel_s) == step_s


def test_times_are_written_like_an_audio_editor() -> None:
    assert [
        time_text(3.214),
        time_text(75.0),
        time_text(59.999),
        time_text(61.5, 0.5),
        time_text(120, 30),
    ] == [
        "0:03.21",
        "1:15.00",
        "1:00.00",
        "1:01.5",
        "2:00",
    ]


@pytest.mark.parametrize(
    ("peak", "level"), [(1.0, 0), (1.3, 0), (0.5, -6), (0.51, 0), (0.24, -12), (0.0, -48)]
)
def test_the_lane_is_as_high_as_the_peak_needs(peak: float, level: float) -> None:
    samples = np.zeros((1, 1000), np.float32)
    samples[0, 500] = -peak
    assert top_db(PeakPyramid(samples)) == level
