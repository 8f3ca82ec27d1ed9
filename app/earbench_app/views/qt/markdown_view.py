"""Markdown as a page to read: headings, tables, code, in the colours of the theme; text can be selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QUrl
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QFont,
    QFontDatabase,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextLength,
    QTextOption,
    QTextTable,
    QTextTableCellFormat,
)
from PySide6.QtWidgets import QTextBrowser, QWidget

from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CHARACTERS = 100_000
_HEADING_SIZES = {1: 1.45, 2: 1.2}  # of the text's; deeper ones are bold only
# Whoever wrote the text is not known: no HTML in it, and nothing is loaded that it names
_DIALECT = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML


class MarkdownView(QTextBrowser):
    """Read only; links to the web open in the browser."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setAcceptDrops(False)  # what is dropped is for the window
        self.anchorClicked.connect(_open)
        self.setWordWrapMode(QTextOption.WrapMode.WordWrap)  # a figure is not folded
        self.document().setDocumentMargin(0)
        self.document().setIndentWidth(2 * GRID_PX)

    def show_text(self, text: str) -> None:
        """Show Markdown from its top; what is beyond `MOST_CHARACTERS` is left out, and said so."""
        self._text = text
        if len(text) > MOST_CHARACTERS:
            text = f"{text[:MOST_CHARACTERS]}\n\n*… and {len(text) - MOST_CHARACTERS:,} characters more.*"
        self.document().setMarkdown(text.replace(" ± ", "\u00a0±\u00a0"), _DIALECT)
        self._style()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Load nothing: neither pictures nor files that a text names."""
        del kind, name

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._text:
            place = self.verticalScrollBar().value()
            self.show_text(self._text)
            self.verticalScrollBar().setValue(place)

    def _style(self) -> None:
        size = self.font().pointSizeF()
        for block in _blocks(self.document()):
            _style_block(block, size)
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                _style_table(frame)


def _open(link: QUrl) -> None:
    if link.scheme() in ("http", "https"):
        QDesktopServices.openUrl(link)


def _blocks(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def _style_block(block: QTextBlock, size: float) -> None:
    cursor = QTextCursor(block)
    level = block.blockFormat().headingLevel()
    layout = block.blockFormat()
    layout.setBottomMargin(GRID_PX / 4 if block.textList() else GRID_PX)
    layout.setTopMargin(1.5 * GRID_PX if level and block.position() else 0)
    layout.setNonBreakableLines(False)  # a long command is folded
    if cursor.currentTable() is not None:
        layout.setBottomMargin(0)
    cursor.setBlockFormat(layout)
    if level:
        shape = QTextCharFormat()
        shape.setFontPointSize(size * _HEADING_SIZES.get(level, 1.0))
        shape.setFontWeight(QFont.Weight.DemiBold)
        cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
        cursor.mergeCharFormat(shape)
    _style_code(block)


def _style_code(block: QTextBlock) -> None:
    shape = QTextCharFormat()
    shape.setFontFamilies(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families())
    shape.setBackground(QColor(theme().raised))
    spans = []
    step = block.begin()
    while not step.atEnd():
        fragment = step.fragment()
        if fragment.charFormat().fontFixedPitch():
            spans.append((fragment.position(), fragment.length()))
        step += 1
    for position, length in spans:
        cursor = QTextCursor(block)
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(shape)


def _style_table(table: QTextTable) -> None:
    """Rule the rows, not the columns, as in a paper."""
    layout = table.format()
    layout.setBorderCollapse(True)
    layout.setBorder(0)
    layout.setCellSpacing(0)
    layout.setCellPadding(GRID_PX / 2)
    layout.setTopMargin(0)
    layout.setBottomMargin(1.5 * GRID_PX)
    layout.setWidth(QTextLength(QTextLength.Type.PercentageLength, 99))  # of 100 it may be a pixel too wide
    table.setFormat(layout)
    for row in range(table.rows()):
        for column in range(table.columns()):
            _style_cell(table, row, column)


def _style_cell(table: QTextTable, row: int, column: int) -> None:
    cell = table.cellAt(row, column)
    shape = QTextTableCellFormat()
    shape.setBottomBorder(1)
    shape.setBottomBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    shape.setBottomBorderBrush(QColor(theme().muted if row == 0 else theme().line))
    shape.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
    cell.setFormat(shape)
    if row == 0:
        cursor = cell.firstCursorPosition()
        cursor.setPosition(cell.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor)
        head = QTextCharFormat()
        head.setForeground(QColor(theme().muted))
        head.setFontWeight(QFont.Weight.Normal)
        cursor.mergeCharFormat(head)
