"""The picker, the page of codecs and the cards, each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QColor, QDesktopServices, QTextDocument, QTextTable
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from earbench_app.audition.listing import ListedCheckpoint
from earbench_app.views.qt import theme
from earbench_app.views.qt.codec_card import CodecCard
from earbench_app.views.qt.codec_picker import CodecPicker
from earbench_app.views.qt.codecs_page import CodecsPage
from earbench_app.views.qt.markdown_view import MOST_CHARACTERS, MarkdownView
from earbench_codecs.base import CodecInfo, OptionInfo, Setting
from earbench_codecs.registry import plugin_folders

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

CARD = """# Coder at 24 kbps

Trained for **an hour** with `earbench train`.

## Measured

| codec | setting | kbps | PESQ |
|---|---|---:|---:|
| **coder-24** | | 23.9 ± 0.1 | 3.41 |
| Opus | 24 | 24.1 | 3.90 |

- one
- two

```
earbench train coder --data DIR
```
"""


def checkpoint(name: str = "coder-24", **facts: object) -> ListedCheckpoint:
    given: dict[str, object] = {
        "title": "Coder at 24 kbps",
        "kind": "neural",
        "version": "1",
        "bitrates_kbps": (24.0,),
        "sample_rates_hz": (16_000,),
        "default": Setting(24.0),
        "options": (OptionInfo("entropy", ("context", "static"), ""),),
        "parameters": 451_185,
        "max_channels": 1,
        "sha256": "ab" * 32,
        "description": CARD,
        "architecture": "coder",
        "network": "The coder",
        "path": Path("/own/coder.safetensors"),
        "own": True,
    }
    return ListedCheckpoint(name, **{**given, **facts})  # type: ignore[arg-type]


UNTRAINED = CodecInfo(
    "vred", "VRED", "neural", "", available=False, reason="train one with `earbench train vred`"
)
BROKEN = checkpoint("broken", title="broken", network="", available=False, reason="it is damaged")
MP3 = CodecInfo("mp3", "MP3", "reference", "1", bitrates_kbps=(64.0,), description="Layer III")
CODECS = [MP3, UNTRAINED, BROKEN, checkpoint(), checkpoint("coder-9", own=False)]


@pytest.fixture
def view(qtbot: QtBot) -> MarkdownView:
    view = MarkdownView()
    qtbot.addWidget(view)
    view.resize(500, 300)
    view.show()
    qtbot.waitExposed(view)
    return view


@pytest.fixture
def light_again() -> object:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply_theme(app, "light")
    yield app
    theme.apply_theme(app, "light")


def tables(view: MarkdownView) -> list[QTextTable]:
    return [frame for frame in view.document().rootFrame().childFrames() if isinstance(frame, QTextTable)]


# Markdown --------------------------------------------------------------------------------------------


def test_a_table_is_a_table_with_its_columns_aligned(view: MarkdownView) -> None:
    view.show_text(CARD)
    (table,) = tables(view)
    assert (table.rows(), table.columns()) == (3, 4)
    cells = [[_cell_text(table, row, column) for column in range(4)] for row in range(3)]
    assert cells[0] == ["codec", "setting", "kbps", "PESQ"]
    assert cells[1] == ["coder-24", "", "23.9\u00a0±\u00a00.1", "3.41"], "a figure is not folded"
    alignment = table.cellAt(1, 3).firstCursorPosition().blockFormat().alignment()
    assert alignment & Qt.AlignmentFlag.AlignRight
    assert table.format().border() == 0, "rules between rows only"


def _cell_text(table: QTextTable, row: int, column: int) -> str:
    cell = table.cellAt(row, column)
    cursor = cell.firstCursorPosition()
    cursor.setPosition(cell.lastCursorPosition().position(), cursor.MoveMode.KeepAnchor)
    return cursor.selectedText()


def test_text_can_be_selected_and_a_long_card_scrolls(view: MarkdownView) -> None:
    view.show_text(CARD + "\n\n".join(f"Paragraph {n}." for n in range(100)))
    assert view.verticalScrollBar().maximum() > 0
    assert view.verticalScrollBar().value() == 0, "from its top"
    view.selectAll()
    assert "coder-24" in view.textCursor().selectedText()
    QTest.keyClick(view, Qt.Key.Key_PageDown)
    assert view.verticalScrollBar().value() >= view.verticalScrollBar().pageStep() // 2


def test_nothing_of_a_strangers_card_is_run_or_loaded(view: MarkdownView, tmp_path: Path) -> None:
    picture = tmp_path / "secret.png"
    picture.write_bytes(b"x")
    view.show_text(f"<b onclick='x'>bold</b> ![picture](file://{picture}) <script>alert(1)</script>")
    assert "<script>" in view.toPlainText(), "HTML is text"
    kind = QTextDocument.ResourceType.ImageResource.value
    assert view.loadResource(kind, QUrl.fromLocalFile(str(picture))) is None


def test_only_links_to_the_web_are_opened(view: MarkdownView, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Mock()
    monkeypatch.setattr(QDesktopServices, "openUrl", opened)
    for link in ("file:///etc/passwd", "javascript:x", "smb://host/share"):
        view.anchorClicked.emit(QUrl(link))
    opened.assert_not_called()
    view.anchorClicked.emit(QUrl("https://example.org/paper"))
    opened.assert_called_once()


def test_a_card_of_megabytes_is_cut_and_says_so(view: MarkdownView) -> None:
    view.show_text("word " * 1_000_000)
    text = view.toPlainText()
    assert len(text) < MOST_CHARACTERS + 100
    assert f"{5_000_000 - MOST_CHARACTERS:,} characters more" in text


def test_a_card_takes_the_colours_of_the_theme(
    view: MarkdownView, light_again: QApplication, qtbot: QtBot
) -> None:
    seen = []
    for scheme in ("light", "dark"):
        theme.apply_theme(light_again, scheme)  # type: ignore[arg-type]
        qtbot.wait(20)
        view.show_text(CARD) if not seen else None
        picture = view.grab().toImage()
        corner, line = picture.pixelColor(490, 290), tables(view)[0].cellAt(1, 0).format()
        seen.append((corner.lightness(), QColor(line.toTableCellFormat().bottomBorderBrush().color()).name()))
    (light, light_line), (dark, dark_line) = seen
    assert light > 200 > 60 > dark
    assert (light_line, dark_line) == (theme.LIGHT.line.lower(), theme.DARK.line.lower())


# Cards -----------------------------------------------------------------------------------------------


def test_a_card_says_its_title_once(qtbot: QtBot) -> None:
    card = CodecCard()
    qtbot.addWidget(card)
    card.show_codec(checkpoint())
    texts = [label.text() for label in card.findChildren(QLabel)]
    assert texts[0] == "Coder at 24 kbps"
    assert {"24 kbps", "16 kHz", "451\u202f185", "yours", "ab" * 32} <= set(texts)
    assert card.text.toPlainText().startswith("Trained for an hour")
    card.show_codec(MP3)
    assert card.text.toPlainText() == "Layer III"
    assert "SHA-256" not in [label.text() for label in card.findChildren(QLabel) if label.isVisibleTo(card)]


def test_a_network_without_a_checkpoint_says_how_to_get_one(qtbot: QtBot) -> None:
    card = CodecCard()
    qtbot.addWidget(card)
    card.show_codec(UNTRAINED)
    text = card.text.toPlainText()
    assert "earbench train vred" in text
    assert "checkpoint.safetensors" in text
    card.show_codec(BROKEN)
    assert card.text.toPlainText() == "Not available: it is damaged"


# The picker ------------------------------------------------------------------------------------------


@pytest.fixture
def picker(qtbot: QtBot) -> CodecPicker:
    picker = CodecPicker()
    qtbot.addWidget(picker)
    picker.show_codecs(CODECS)
    picker.open_at(QPoint(780, 780))
    return picker


def test_checkpoints_are_ticked_like_any_rate(picker: CodecPicker) -> None:
    asked = Mock()
    picker.versions_asked.connect(asked)
    picker.tabs.setCurrentIndex(1)
    groups = {group.codec: group for group in picker._groups}
    assert not groups["mp3"].isVisible()
    for name in ("coder-24", "coder-9"):
        QTest.mouseClick(groups[name].chips[Setting.of(24)], Qt.MouseButton.LeftButton)
    groups["coder-9"]._options["entropy"].setCurrentText("static")
    picker.tabs.setCurrentIndex(0)
    QTest.mouseClick(groups["mp3"].chips[Setting.of(64)], Qt.MouseButton.LeftButton)
    assert picker.add.text() == "Add 3 versions"
    QTest.mouseClick(picker.add, Qt.MouseButton.LeftButton)
    asked.assert_called_once_with(
        [
            ("mp3", Setting.of(64)),
            ("coder-24", Setting.of(24, entropy="context")),
            ("coder-9", Setting.of(24, entropy="static")),
        ]
    )


def test_the_networks_say_what_they_have_or_lack(picker: CodecPicker) -> None:
    picker.tabs.setCurrentIndex(1)
    shown = [label.text() for label in picker.findChildren(QLabel) if label.isVisible()]
    assert {"The coder", "coder-24", "coder-9", "VRED"} <= set(shown)
    assert "16 kHz · mono · 0.45 M parameters · yours" in shown
    assert "16 kHz · mono · 0.45 M parameters · bundled" in shown
    assert any("earbench train vred" in text for text in shown)
    assert any("it is damaged" in text for text in shown)


def test_many_rates_and_qualities_of_a_checkpoint_have_room(qtbot: QtBot) -> None:
    quality = OptionInfo("nmr_db", ("off", *range(-15, 9)), "", replaces_bitrate=True)
    rates = (6.0, 7.0, 8.0, 9.0, 12.0, 16.0, 20.0, 24.0, 32.0, 40.0, 48.0, 64.0, 80.0)
    picker = CodecPicker()
    qtbot.addWidget(picker)
    picker.show_codecs(
        [checkpoint("any", bitrates_kbps=rates, continuous=True, options=(quality,), max_channels=2)]
    )
    picker.tabs.setCurrentIndex(1)
    picker.open_at(QPoint(780, 780))
    page, (group,) = picker._pages[1], picker._groups
    assert len(group.chips) == len(rates) + 24
    assert page.horizontalScrollBar().maximum() == 0


def test_a_measured_rate_is_read_whole(qtbot: QtBot) -> None:
    picker = CodecPicker()
    qtbot.addWidget(picker)
    picker.show_codecs([checkpoint("vred-small", bitrates_kbps=(129.3,))])
    picker.tabs.setCurrentIndex(1)
    picker.open_at(QPoint(780, 780))
    (chip,) = picker._groups[0].chips.values()
    assert chip.text() == "129.3"
    assert chip.width() >= chip.sizeHint().width()


def test_a_card_takes_the_place_of_the_list_and_escape_leads_back(picker: CodecPicker) -> None:
    picker.tabs.setCurrentIndex(1)
    group = next(group for group in picker._groups if group.codec == "coder-24")
    QTest.mouseClick(group.chips[Setting.of(24)], Qt.MouseButton.LeftButton)
    group.card_asked.emit(checkpoint())
    assert picker.card.isVisible()
    assert not group.isVisible()
    QTest.keyClick(picker, Qt.Key.Key_Escape)
    assert group.isVisible()
    assert group.chips[Setting.of(24)].isChecked(), "what was ticked is lost"
    QTest.keyClick(picker, Qt.Key.Key_Escape)
    assert not picker.isVisible()


def test_a_checkpoint_can_be_asked_for_from_the_picker(picker: CodecPicker) -> None:
    asked = Mock()
    picker.checkpoint_asked.connect(asked)
    picker.tabs.setCurrentIndex(1)
    QTest.mouseClick(picker.add_checkpoint, Qt.MouseButton.LeftButton)
    asked.assert_called_once_with()
    assert not picker.isVisible()


def test_a_new_checkpoint_turns_the_picker_to_neural_codecs(picker: CodecPicker) -> None:
    picker.show_codecs(CODECS)
    assert picker.tabs.currentIndex() == 0
    picker.show_codecs([*CODECS, checkpoint("coder-32")])
    assert picker.tabs.currentIndex() == 1


# The page --------------------------------------------------------------------------------------------


@pytest.fixture
def page(qtbot: QtBot) -> CodecsPage:
    page = CodecsPage()
    qtbot.addWidget(page)
    page.resize(1000, 600)
    page.show()
    qtbot.waitExposed(page)
    page.show_codecs(CODECS)
    return page


def choose(page: CodecsPage, name: str) -> None:
    page.table.setCurrentCell([info.name for info in page.codecs].index(name), 0)


def test_only_the_users_own_can_be_removed(page: CodecsPage, qtbot: QtBot) -> None:
    removed = Mock()
    page.activateWindow()
    page.table.setFocus()
    qtbot.waitUntil(page.table.hasFocus)
    page.checkpoint_removed.connect(removed)
    for name, own in (("mp3", False), ("coder-9", False), ("vred", False), ("coder-24", True)):
        choose(page, name)
        assert page.remove.isEnabled() == own, name
        QTest.keyClick(page.table, Qt.Key.Key_Delete)
    removed.assert_called_once_with(checkpoint())


def test_the_choice_survives_a_new_list(page: CodecsPage) -> None:
    choose(page, "coder-9")
    page.show_codecs([MP3, checkpoint("coder-9", own=False)])
    assert page.codecs[page.table.currentRow()].name == "coder-9"
    assert page.card._title.text() == "Coder at 24 kbps"
    page.show_codecs([MP3])
    assert page.card._title.text() == "MP3"


def test_the_folder_of_command_line_codecs_is_named(page: CodecsPage) -> None:
    shown = [label.text() for label in page.findChildren(QLabel)]
    assert any(str(plugin_folders()[0]) in text for text in shown)


def test_the_page_is_not_wider_than_a_small_window(page: CodecsPage) -> None:
    assert page.table.horizontalScrollBar().maximum() == 0
    assert page.minimumSizeHint().width() < 1000
