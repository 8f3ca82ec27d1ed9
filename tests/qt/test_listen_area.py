"""The list of checkpoints on the training page: lines that stay where they are while more come."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from earbench_app.views.listen_protocols import CheckpointRow, ListenState
from earbench_app.views.qt.theme import apply_theme, theme
from earbench_app.views.qt.training_listen import ListenArea

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

ROWS = tuple(
    CheckpointRow(
        f"/run/{step}", f"step {step}", "speech-24", key=str(place), codec_name=f"Speech 24-step-{step}"
    )
    for place, step in enumerate((100, 200, 300), 1)
)
STATE = ListenState(((1, "a clip"),), 1, ROWS)


@pytest.fixture
def area(qtbot: QtBot) -> ListenArea:
    area = ListenArea()
    qtbot.addWidget(area)
    area.resize(700, 260)
    area.show_state(STATE)
    area.show()
    qtbot.waitExposed(area)
    return area


def click(area: ListenArea, row: int) -> None:
    item = area.table.topLevelItem(row)
    assert item is not None
    place = area.table.visualItemRect(item).center()
    QTest.mouseClick(area.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_selected_line_stays_selected_while_others_change(area: ListenArea) -> None:
    click(area, 2)
    more = (*ROWS, CheckpointRow("/run/400", "step 400", "speech-24", key="4"))
    area.show_state(replace(STATE, rows=more))
    assert area.chosen_ids() == ("/run/200",)
    area.show_state(replace(STATE, rows=more[1:]))  # the first has left
    assert area.chosen_ids() == ("/run/200",)
    assert [area.table.topLevelItem(i).text(1) for i in range(4)] == [  # type: ignore[union-attr]
        "Original", "step 200", "step 300", "step 400",
    ]  # fmt: skip
    area.show_state(replace(STATE, rows=more[2:]))
    assert area.chosen_ids() == ()


def test_what_is_heard_is_what_is_selected_and_published(area: ListenArea) -> None:
    asked: list[str] = []
    area.checkpoint_chosen.connect(asked.append)
    click(area, 1)
    area.choose_key("3")
    assert asked == ["/run/100", "/run/300"]
    assert area.chosen_ids() == ("/run/300",)
    area.show_state(replace(STATE, heard="/run/300"))
    area.show_state(replace(STATE, heard=None))  # S: the original
    assert area.chosen_ids() == ("/run/300",)
    area.show_state(replace(STATE, heard="/run/200"))  # as chosen on the audition page
    assert area.chosen_ids() == ("/run/200",)
    area.publish.click()
    assert area.publish_bar.what.text() == "Publish step 200 as"


def test_what_was_selected_last_stays_selected_where_it_cannot_be_heard(area: ListenArea) -> None:
    click(area, 3)
    area.show_state(replace(STATE, heard="/run/300"))
    click(area, 1)
    area.show_state(replace(STATE, heard="/run/300", waiting="/run/100"))
    area.show_state(replace(STATE, heard="/run/300"))  # it could not be decoded
    assert area.chosen_ids() == ("/run/100",)
    QTest.mouseClick(area.publish, Qt.MouseButton.LeftButton)
    assert area.publish_bar.what.text() == "Publish step 100 as"


def test_a_line_that_the_keyboard_went_to_stays_selected_when_another_sounds(area: ListenArea) -> None:
    click(area, 2)
    area.show_state(replace(STATE, waiting="/run/200"))
    QTest.keyClick(area.table, Qt.Key.Key_Down)
    area.show_state(STATE)
    area.show_state(replace(STATE, waiting="/run/200"))
    area.show_state(replace(STATE, heard="/run/200"))
    assert area.chosen_ids() == ("/run/300",)


def test_the_question_for_a_name_is_closed_where_another_run_is_selected(area: ListenArea) -> None:
    click(area, 1)
    QTest.mouseClick(area.publish, Qt.MouseButton.LeftButton)
    more = (*ROWS, replace(ROWS[0], id="/run/400", title="step 400"))
    area.show_state(replace(STATE, rows=more))
    assert area.publish_bar.isVisible()
    area.show_state(replace(STATE, rows=(replace(ROWS[0], id="/other/100", run="speech-12"),)))
    assert not area.publish_bar.isVisible()


def test_what_sounds_and_is_no_line_is_said(area: ListenArea) -> None:
    said = "▶ speech-24 step 15, which is not in this list"
    area.show_state(replace(STATE, heard="", unlisted=said))
    assert area.unlisted.text() == said
    assert QLabel.text(area.unlisted) == said  # nothing of it is left out
    marks = [area.table.topLevelItem(i).text(0)[:1] for i in range(4)]  # type: ignore[union-attr]
    assert "▶" not in marks
    area.show_state(STATE)
    assert area.unlisted.text() == ""


def test_a_pair_stays_selected_while_one_and_the_other_are_heard(area: ListenArea) -> None:
    click(area, 1)
    area.table.topLevelItem(3).setSelected(True)  # type: ignore[union-attr]
    area.choose_key("3")
    area.show_state(replace(STATE, heard="/run/300"))
    assert area.chosen_ids() == ("/run/100", "/run/300")
    assert area.table.currentItem() is area.table.topLevelItem(3)


def test_lines_may_not_move_under_the_pointer_nor_while_one_is_named(area: ListenArea) -> None:
    assert area.may_move()
    click(area, 1)
    area.publish.click()
    assert not area.may_move()
    area.publish_bar.no.click()
    area.table.setAttribute(Qt.WidgetAttribute.WA_UnderMouse)  # as Qt does where the pointer enters
    assert not area.may_move()
    area.table.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, False)
    assert area.may_move()


def test_the_lowest_rate_is_not_called_the_best(area: ListenArea) -> None:
    area.show_state(
        replace(STATE, rows=(replace(ROWS[0], best=True), replace(ROWS[1], best=True, within=False)))
    )
    lines = [area.table.topLevelItem(i) for i in (1, 2)]
    assert [line.text(1) for line in lines if line] == ["step 100 · best", "step 200 · nearest"]


def test_the_triangle_is_where_the_sound_is_and_dots_where_it_will_be(area: ListenArea) -> None:
    def marks() -> list[str]:
        return [area.table.topLevelItem(i).text(0)[:1] for i in range(3)]  # type: ignore[union-attr]

    area.show_state(replace(STATE, heard=None, waiting="/run/200"))
    assert marks() == ["▶", "1", "…"]
    area.show_state(replace(STATE, heard="/run/200"))
    assert marks() == ["S", "1", "▶"]


def test_the_name_to_publish_under_is_that_of_the_step_or_one_that_is_free(area: ListenArea) -> None:
    click(area, 1)
    QTest.mouseClick(area.publish, Qt.MouseButton.LeftButton)
    assert area.publish_bar.name.text() == "speech-24-step-100"
    area.publish_bar.take_names(["mp3", "speech-24-step-100", "speech-24-step-100-2"])
    QTest.mouseClick(area.publish, Qt.MouseButton.LeftButton)
    assert area.publish_bar.name.text() == "speech-24-step-100-3"


def test_a_name_that_is_refused_leaves_the_keyboard_where_another_is_typed(area: ListenArea) -> None:
    click(area, 1)
    area.publish.click()
    bar = area.publish_bar
    bar.yes.setFocus()
    QTest.keyClick(bar.yes, Qt.Key.Key_Space)
    area.show_published("The name is taken")
    assert bar.name.hasFocus()


def test_what_is_published_is_named_and_stays_in_sight(area: ListenArea) -> None:
    rows = tuple(replace(ROWS[0], id=f"/run/{step}", title=f"step {step}") for step in range(9))
    area.resize(700, 220)
    area.show_state(replace(STATE, rows=rows))
    item = area.table.topLevelItem(9)
    assert item is not None
    area.table.scrollToItem(item)
    click(area, 9)
    area.publish.click()
    assert area.publish_bar.what.text() == "Publish step 8 as"
    seen = area.table.viewport().rect()
    assert seen.contains(area.table.visualItemRect(item).adjusted(0, 0, -1, -1))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_selected_line_is_seen(area: ListenArea, scheme: str) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, scheme)  # type: ignore[arg-type]
    try:
        click(area, 2)
        item = area.table.topLevelItem(2)
        assert item is not None
        line = area.table.visualItemRect(item)
        picture = area.table.viewport().grab(line).toImage()
        assert (
            picture.pixelColor(picture.width() - 4, picture.height() // 2).name().upper() == theme().selected
        )
    finally:
        apply_theme(app, "light")


def test_no_digit_of_a_figure_is_left_out(area: ListenArea) -> None:
    figures = "28.7 kbps   SDR 18.71 dB   PESQ-WB 4.04"
    area.show_state(replace(STATE, rows=(replace(ROWS[0], figures=figures, file_kbps="15.9"),)))
    needed = area.table.fontMetrics().horizontalAdvance(figures)
    assert area.table.columnWidth(3) > needed
    assert area.table.columnWidth(4) > area.table.fontMetrics().horizontalAdvance("115.9")


def test_what_is_made_is_said_where_its_rate_will_be(area: ListenArea) -> None:
    area.show_state(replace(STATE, rows=(replace(ROWS[0], state="decoding…"),)))
    line = area.table.topLevelItem(1)
    assert line is not None
    assert line.text(4) == "decoding…"


def test_beside_another_run_the_step_is_whole_and_the_name_gives_way(area: ListenArea) -> None:
    assert area.table.isColumnHidden(2)
    name = "kankanahalli-small-with-quite-a-long-name-of-which-no-end-is-seen-matrices"
    first = replace(ROWS[0], title="step 1,720,000 · exported", figures="28.7 kbps   SDR 18.71 dB", run=name)
    area.show_state(replace(STATE, rows=(first, replace(ROWS[1], run="matrices"))))
    table, metrics = area.table, area.table.fontMetrics()
    assert table.columnWidth(1) > metrics.horizontalAdvance(first.title)
    assert not table.isColumnHidden(2)
    others_px = sum(table.columnWidth(column) for column in (0, 1, 3))
    assert 60 < table.columnWidth(2) < metrics.horizontalAdvance(name)
    assert abs(table.viewport().width() - others_px - table.columnWidth(2) - 136) < 3  # all that is free
    area.resize(1600, 260)
    assert table.columnWidth(2) > metrics.horizontalAdvance(name)  # the free width is used
