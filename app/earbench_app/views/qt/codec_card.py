"""What a codec says of itself: its facts, and below them its card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from earbench_app.audition.listing import ListedCheckpoint, all_facts, is_untrained
from earbench_app.views.qt.markdown_view import MarkdownView
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from earbench_codecs.base import CodecInfo

_HOW_TO_ADD = (
    "A checkpoint dropped on this window, such as the `checkpoint.safetensors` of a run that has one, is"
    " listed here, and under *Add versions…*, at once."
)
_NO_CARD = "*This checkpoint has no card.*"


class CodecCard(QWidget):
    """Passive. Shows one codec at a time; a long card scrolls."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("codec_card")
        self._title = QLabel()
        self._title.setProperty("class", "title")
        self._title.setWordWrap(True)
        self._facts = QFormLayout()
        self._facts.setHorizontalSpacing(2 * GRID_PX)
        self._facts.setVerticalSpacing(GRID_PX // 4)
        self._facts.setContentsMargins(0, 0, 0, 0)
        self.text = MarkdownView()
        self.text.setAccessibleName("Card")
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID_PX, 2 * GRID_PX, GRID_PX, GRID_PX)
        column.setSpacing(GRID_PX)
        column.addWidget(self._title)
        column.addLayout(self._facts)
        column.addSpacing(GRID_PX)
        column.addWidget(self.text, 1)

    def show_codec(self, info: CodecInfo) -> None:
        """Show this codec."""
        self._title.setText(info.title)
        while self._facts.rowCount():
            self._facts.removeRow(0)
        for name, value in all_facts(info):
            self._facts.addRow(_label(name, "muted"), _value(value))
        self.text.show_text(card_text(info))


def card_text(info: CodecInfo) -> str:
    """Return the Markdown of a card; of a codec that cannot be used, why, and what to do."""
    if not info.available:
        how = f"\n\n{_HOW_TO_ADD}" if is_untrained(info) else ""
        return f"**Not available:** {info.reason}{how}"
    if isinstance(info, ListedCheckpoint):
        return info.description.removeprefix(f"# {info.title}\n") or _NO_CARD
    return info.description


def _label(text: str, kind: str = "") -> QLabel:
    label = QLabel(text)
    label.setProperty("class", kind)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _value(text: str) -> QLabel:
    label = _label(text)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.setToolTip(text)
    return label
