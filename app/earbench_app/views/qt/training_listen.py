"""The area below the curves in which a run's checkpoints are heard, compared and published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QItemSelectionModel, QSize, Qt, QTimer
from PySide6.QtGui import QFont, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.listen_protocols import ListenState
from earbench_app.views.qt.elided_label import ElidedLabel
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.main_window import dropped_paths
from earbench_app.views.qt.theme import GRID_PX, version_pen
from earbench_app.views.qt.training_publish import PublishBar

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent

    from earbench_app.notifications import Notice
    from earbench_app.views.listen_protocols import CheckpointRow

_TICK_MS = 100
_SWATCH = QSize(24, 12)
_HEADINGS = ("", "Checkpoint", "Run", "Validation", "kbps of this clip")
_KEY, _NAME, _RUN, _FIGURES, _CLIP = range(len(_HEADINGS))
_KEY_PX, _SHORTEST_RUN_PX, _SHORTEST_CLIP_PX = 5 * GRID_PX, 8 * GRID_PX, 17 * GRID_PX
_VALIDATION_TIP = (
    "The mean over recordings that the run holds out. Its kbps are estimated from codes, also of what is"
    " exported: files of the same recordings are within a few percent; a fifth smaller, or less still, where"
    " the recipe measures a static rate"
)
_CLIP_TIP = (
    "Measured of this clip's own bitstream. A coder spends more on one clip than on another: half of"
    " validation's kbps, or one and a half times, is usual"
)
_BEST_TIP = (
    "best: what its run keeps and ends with, the best last figure of validation among the steps within the"
    " rate that the recipe asks for (target and tolerance)."
    " nearest: no step is within yet, and that of the lowest rate is kept"
)
_AUDIO = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aif", ".aiff"})
_ID = Qt.ItemDataRole.UserRole
_FOLLOW_TIP = (
    "Each new checkpoint of the selected runs is decoded, and joins MP3 and Opus on the audition page"
)
_TEST_TIP = (
    "An A/B study of two checkpoints with the clip you hear: select both with Ctrl. Of a study that is made,"
    " both join the codecs, as it can be made again only with them"
)


class ListenArea(QWidget):
    """Implements `ListenView`. The first line is the original, then the checkpoints."""

    clip_chosen = Signal(int)
    demo_requested = Signal()
    paths_given = Signal(list)
    follow_switched = Signal(bool)
    checkpoint_chosen = Signal(str)
    original_chosen = Signal()
    switch_requested = Signal()
    play_toggled = Signal()
    shown_requested = Signal()
    test_requested = Signal(tuple)
    test_cancelled = Signal()
    publish_requested = Signal(str, str)
    ticked = Signal()
    told = Signal(object)  # Notice or None

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("listen_area")
        self.setAcceptDrops(True)
        self._state = ListenState()
        self._asked_for = ""  # the line that was chosen last, here or, since it is waited for, elsewhere
        self.clips, self.demo = QComboBox(), QPushButton("Bundled clips")
        self.follow = QCheckBox("Add new checkpoints")
        self.table, self._note, self._position = QTreeWidget(), QLabel(), QLabel()
        self._aside = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.unlisted = ElidedLabel("warning")
        self.play, self.switch = QToolButton(), QPushButton("Original or checkpoint")
        self.show_there = QPushButton("Noise and mask")
        self.test, self.publish = QPushButton("Blind test…"), QPushButton("Publish…")
        self.publish_bar = PublishBar()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.ticked.emit)
        self._set_up()
        self._lay_out()
        self._connect()

    # Setters -----------------------------------------------------------------------------------------

    def show_state(self, state: ListenState) -> None:
        """Show clips, checkpoints and what is heard."""
        before, self._state = self._state, state
        if before.clips != state.clips:
            self.clips.clear()
            for clip_id, title in state.clips:
                self.clips.addItem(title, clip_id)
        self.clips.setCurrentIndex(next((i for i, c in enumerate(state.clips) if c[0] == state.clip), -1))
        self.clips.setVisible(bool(state.clips))
        self.demo.setVisible(not state.clips)
        self.follow.setChecked(state.follows)
        self._note.setText(state.note)
        self._note.setVisible(bool(state.note))
        self._aside.show_text(state.level or state.kept, "warning" if state.level else "muted")
        self.table.setVisible(not state.note)
        shown = [(one.rows, one.heard, one.waiting) for one in (before, state)]
        if shown[0] != shown[1] or not self.table.topLevelItemCount():
            self._show_rows(state)
        self.unlisted.setText(state.unlisted)
        self.unlisted.setVisible(bool(state.unlisted))
        self.publish_bar.keep_open_for([row.id for row in state.rows])
        self._follow_sound(before)
        self._enable()

    def show_playing(self, playing: bool, position_s: float) -> None:
        """Show the playhead."""
        self.play.setIcon(icon("pause" if playing else "play"))
        self._position.setText(f"{int(position_s // 60)}:{position_s % 60:04.1f}")

    def show_published(self, problem: str) -> None:
        """Close the form, or say why the name was refused."""
        self.publish_bar.show_problem(problem)

    def show_notice(self, notice: Notice | None) -> None:
        """Hand a message to the page."""
        self.told.emit(notice)

    def chosen_ids(self) -> tuple[str, ...]:
        """Return the checkpoints that are selected, from top to bottom."""
        items = sorted(self.table.selectedItems(), key=self.table.indexOfTopLevelItem)
        return tuple(line_id for item in items if (line_id := item.data(0, _ID)))

    def may_move(self) -> bool:
        """Return whether lines may leave and others move up: not under the pointer, nor as one is named."""
        return not self.table.underMouse() and self.publish_bar.isHidden()

    def choose_key(self, key: str) -> None:
        """Hear the line that has a key, and select it: what is published is what is heard."""
        for row in self._state.rows:
            if row.key == key:
                self._select(row.id)
                self._ask_for(row.id)

    # Events ------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome audio files."""
        if _audio(dropped_paths(event)):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take audio files: the first is heard."""
        event.acceptProposedAction()
        self.paths_given.emit(_audio(dropped_paths(event)))

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the playhead while it is seen."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest."""
        self._timer.stop()
        super().hideEvent(event)

    # Inside ------------------------------------------------------------------------------------------

    def _show_rows(self, state: ListenState) -> None:
        """Change lines where they are, so that none moves under the pointer."""
        table, lines = self.table, [_ORIGINAL, *map(_cells, state.rows)]
        ids = {line_id for line_id, _ in lines}
        for place in reversed(range(table.topLevelItemCount())):
            if self._item(place).data(0, _ID) not in ids:
                table.takeTopLevelItem(place)
        while table.topLevelItemCount() > len(lines):
            table.takeTopLevelItem(table.topLevelItemCount() - 1)
        while table.topLevelItemCount() < len(lines):
            table.addTopLevelItem(QTreeWidgetItem())
        table.setColumnHidden(_RUN, len({row.run for row in state.rows}) < 2)
        for place, (line_id, texts) in enumerate(lines):
            item = self._item(place)
            if item.data(0, _ID) != line_id:
                item.setSelected(False)  # another one's line now
                item.setData(0, _ID, line_id)
            heard = state.heard == line_id
            mark = "▶ " if heard else "… " if line_id and state.waiting == line_id else ""
            for column, text in enumerate(texts):
                item.setText(column, text if column else mark + text)
            font = QFont(table.font())
            font.setBold(heard)
            item.setFont(_NAME, font)
            self._dress_line(item, state.rows[place - 1] if place else None)
        self._fit_run()

    def _follow_sound(self, before: ListenState) -> None:
        """Select what is waited for or sounds as it was chosen elsewhere, and nothing twice.

        What was chosen here was selected then, and another line may be since.
        """
        now = self._state
        new, old = (now.waiting, before.waiting) if now.waiting else (now.heard, before.heard)
        if new and new not in (old, self._asked_for):
            self._select(new)
            self._asked_for = new

    def _fit_run(self) -> None:
        """Give the runs' names what others leave free: a step is never shortened, a name may be."""
        table = self.table
        others_px = sum(table.columnWidth(column) for column in (_KEY, _NAME, _FIGURES)) + _SHORTEST_CLIP_PX
        free_px = max(_SHORTEST_RUN_PX, table.viewport().width() - others_px)
        table.setColumnWidth(_RUN, min(free_px, table.sizeHintForColumn(_RUN) + GRID_PX))

    def _item(self, place: int) -> QTreeWidgetItem:
        item = self.table.topLevelItem(place)
        assert item is not None
        return item

    def _select(self, line_id: str) -> None:
        """Make a line the current one; where it is one of several that are selected, these stay so."""
        items = map(self._item, range(self.table.topLevelItemCount()))
        item = next((item for item in items if item.data(0, _ID) == line_id), None)
        if item is not None:
            flag = QItemSelectionModel.SelectionFlag
            keeps = flag.NoUpdate if item.isSelected() else flag.ClearAndSelect | flag.Rows
            self.table.setCurrentItem(item, 0, keeps)

    def _dress_line(self, item: QTreeWidgetItem, row: CheckpointRow | None) -> None:
        if row is None:
            item.setToolTip(_NAME, "The clip as it is (S goes there and back)")
            return
        item.setIcon(_NAME, _swatch(row.color))
        item.setToolTip(_CLIP, "\n".join(filter(None, (row.state, row.note))))
        item.setToolTip(_FIGURES, "\n".join(filter(None, (row.figures, row.note))))
        item.setToolTip(_RUN, row.run)
        item.setToolTip(_NAME, f"{row.run} {row.id}\nClick, or press Enter, to hear it")

    def _hear(self, item: QTreeWidgetItem | None) -> None:
        if item is None:
            return
        line_id = item.data(0, _ID)
        if line_id is None:
            self._asked_for = ""
            self.original_chosen.emit()
        else:
            self._ask_for(line_id)

    def _ask_for(self, line_id: str) -> None:
        self._asked_for = line_id
        self.checkpoint_chosen.emit(line_id)

    def _enable(self) -> None:
        chosen = self.chosen_ids()
        self.follow.setEnabled(bool(self._state.rows or self._state.note))
        self.switch.setEnabled(bool(self._state.rows))
        self.test.setEnabled(len(chosen) == 2 and self._state.clip is not None)
        self.publish.setEnabled(len(chosen) == 1)

    def _open_publishing(self) -> None:
        (line_id,) = self.chosen_ids()
        row = next(row for row in self._state.rows if row.id == line_id)
        self.publish_bar.open(line_id, row.title, row.codec_name)
        if layout := self.layout():
            layout.activate()
        self.table.scrollToItem(self.table.selectedItems()[0])  # the bar took its room

    def _set_up(self) -> None:
        self.table.setHeaderLabels(list(_HEADINGS))
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)  # it would hide a line
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # sweeps differ at the end
        self.table.setIconSize(_SWATCH)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setAccessibleName("Checkpoints to hear")
        self.table.setColumnWidth(_KEY, _KEY_PX)
        for column in (_NAME, _FIGURES):
            self.table.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.table.header().sectionResized.connect(lambda at, *_: None if at == _RUN else self._fit_run())
        self.table.headerItem().setToolTip(_NAME, _BEST_TIP)
        self.table.headerItem().setToolTip(_FIGURES, _VALIDATION_TIP)
        self.table.headerItem().setToolTip(_CLIP, _CLIP_TIP)
        self.clips.setAccessibleName("Clip")
        self.clips.setToolTip("The clip that is heard; drop a file here to hear another")
        self.follow.setToolTip(_FOLLOW_TIP)
        self.play.setIcon(icon("play"))
        self.play.setToolTip("Play or pause (Space)")
        self.play.setAccessibleName("Play or pause")
        self.switch.setToolTip("From the checkpoint to the original, and back (S)")
        self.show_there.setToolTip("The audition page: noise against the masking threshold, and all versions")
        self.test.setToolTip(_TEST_TIP)
        self.publish.setToolTip("Give the selected checkpoint a name, and list it among the codecs")
        for widget, name in ((self.play, "play"), (self.switch, "switch"), (self.follow, "follow")):
            widget.setObjectName(f"listen_{name}")

    def _lay_out(self) -> None:
        heading = QLabel("Listen")
        heading.setProperty("class", "heading")
        top, foot = QHBoxLayout(), QHBoxLayout()
        for part in (heading, self.clips, self.demo):
            top.addWidget(part)
        top.addWidget(self._aside, 1)
        top.addWidget(self.follow)
        self._note.setProperty("class", "muted")
        self._note.setWordWrap(True)
        self._position.setMinimumWidth(6 * GRID_PX)
        left: list[QWidget] = [self.play, self._position, self.switch, self.show_there]
        for widget in left:
            foot.addWidget(widget)
        foot.addStretch(1)
        for button in (self.test, self.publish):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        column.addLayout(top)
        column.addWidget(self._note)
        column.addWidget(self.table, 1)
        column.addWidget(self.unlisted)
        column.addWidget(self.publish_bar)
        column.addLayout(foot)

    def _connect(self) -> None:
        self.clips.activated.connect(lambda i: self.clip_chosen.emit(self.clips.itemData(i)))
        self.demo.clicked.connect(lambda: self.demo_requested.emit())
        self.follow.clicked.connect(lambda on: self.follow_switched.emit(on))
        self.table.itemClicked.connect(lambda item, _: self._hear(item))
        self.table.itemActivated.connect(lambda item, _: self._hear(item))
        self.table.itemSelectionChanged.connect(self._enable)
        self.play.clicked.connect(lambda: self.play_toggled.emit())
        self.switch.clicked.connect(lambda: self.switch_requested.emit())
        self.show_there.clicked.connect(lambda: self.shown_requested.emit())
        self.test.clicked.connect(lambda: self.test_requested.emit(self.chosen_ids()))
        self.publish.clicked.connect(self._open_publishing)
        self.publish_bar.asked.connect(lambda line_id, name: self.publish_requested.emit(line_id, name))


_ORIGINAL = (None, ("S", "Original", "", "", ""))


def _cells(row: CheckpointRow) -> tuple[str | None, tuple[str, ...]]:
    mark = "best" if row.within else "nearest"
    title = f"{row.title} · {mark}" if row.best else row.title
    of_clip = "   ".join(filter(None, (row.file_kbps, row.state, row.level)))
    return row.id, (row.key, title, row.run, row.figures, of_clip)


def _swatch(color: int | None) -> QIcon:
    """Return the line of a version, as on the audition page."""
    pixmap = QPixmap(_SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    if color is not None:
        painter = QPainter(pixmap)
        painter.setPen(version_pen(color, 3.0))
        painter.drawLine(0, _SWATCH.height() // 2, _SWATCH.width(), _SWATCH.height() // 2)
        painter.end()
    return QIcon(pixmap)


def _audio(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.suffix.lower() in _AUDIO]
