"""The audition page: clips at the left; waveform, spectrogram, transport and versions at the right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal, SignalInstance
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.protocols import Heard
from earbench_app.views.qt.analysis_area import AnalysisArea
from earbench_app.views.qt.audition_keys import SHORTCUTS, bind_keys
from earbench_app.views.qt.clip_list import ClipList
from earbench_app.views.qt.codec_picker import CodecPicker
from earbench_app.views.qt.empty_state import EmptyState
from earbench_app.views.qt.file_dialogs import ask_audio_files, ask_folder, ask_wav_path
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.measure_button import MeasureButton
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.spectrogram_view import SpectrogramView
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.time_axis import TimeAxis
from earbench_app.views.qt.transport_bar import TransportBar
from earbench_app.views.qt.version_table import VersionTable
from earbench_app.views.qt.waveform_view import TimeRuler, WaveformView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QDragEnterEvent, QDropEvent

    from earbench_app.notifications import Notice
    from earbench_app.views.protocols import ClipRow, VersionRow
    from earbench_codecs.base import CodecInfo, Setting

__all__ = ["SHORTCUTS", "AuditionPage"]

_TICK_MS, _IDLE_TICK_MS = 16, 100
_HINT = "Add versions to hear this clip through codecs; keys 1 to 9 switch."


class AuditionPage(QWidget):
    """Implements `AuditionView`. Sub-views' signals are handed on by properties of the protocol's names."""

    paths_given = Signal(list)
    demo_requested = Signal()
    undo_requested = Signal()
    number_pressed = Signal(int)
    version_chosen = Signal(object)
    difference_requested = Signal()
    play_toggled = Signal()
    stop_requested = Signal()
    loop_toggled = Signal()
    seek_requested = Signal(float)
    seek_by_requested = Signal(float)
    region_selected = Signal(object)
    region_edge_requested = Signal(str)
    export_requested = Signal(list)
    export_chosen = Signal(list, Path)
    test_requested = Signal(list, list)
    ticked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("audition_page")
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.axis = TimeAxis()
        self.clip_list = ClipList()
        self.ruler = TimeRuler(self.axis)
        self.waveform = WaveformView(self.axis)
        self.spectrogram = SpectrogramView(self.axis)
        self.transport = TransportBar()
        self.table = VersionTable()
        self.measure = MeasureButton(self.table)
        self.analysis = AnalysisArea(self.axis, self.ruler, self.waveform, self.spectrogram)
        self.picker = CodecPicker(self)
        self.notice_bar = NoticeBar(self, at_foot=True)
        self.folder = ""  # where the open dialog starts
        self._heard = Heard()
        self._lay_out()
        self._connect()
        bind_keys(self)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.ticked.emit)
        self._timer.start(_IDLE_TICK_MS)
        self.show_duration(0.0)

    # Signals of the parts ----------------------------------------------------------------------------

    @property
    def clip_chosen(self) -> SignalInstance:
        """(clip id)."""
        return self.clip_list.clip_chosen

    @property
    def clips_removed(self) -> SignalInstance:
        """(list of clip ids)."""
        return self.clip_list.clips_removed

    @property
    def versions_asked(self) -> SignalInstance:
        """(list of (codec name, Setting))."""
        return self.picker.versions_asked

    @property
    def versions_removed(self) -> SignalInstance:
        """(list of version ids)."""
        return self.table.versions_removed

    @property
    def checkpoint_asked(self) -> SignalInstance:
        """(): a checkpoint is to be chosen."""
        return self.picker.checkpoint_asked

    @property
    def rate_dragged(self) -> SignalInstance:
        """(version id, kbps)."""
        return self.table.rates.dragged

    @property
    def rate_chosen(self) -> SignalInstance:
        """(version id, kbps)."""
        return self.table.rates.chosen

    @property
    def view_s(self) -> tuple[float, float]:
        """Start and end of what is seen of the clip."""
        return self.axis.start_s, self.axis.end_s

    @property
    def retry_requested(self) -> SignalInstance:
        """(version id)."""
        return self.table.retry_requested

    @property
    def makeup_changed(self) -> SignalInstance:
        """(dB)."""
        return self.transport.makeup_changed

    @property
    def volume_changed(self) -> SignalInstance:
        """(dB)."""
        return self.transport.volume_changed

    # Setters -----------------------------------------------------------------------------------------

    def show_clips(self, rows: Sequence[ClipRow], current: int | None) -> None:
        """List the clips; without any, say how to get some."""
        self.clip_list.show_clips(rows, current)
        self._stack.setCurrentIndex(1 if rows else 0)
        self._test.setEnabled(bool(rows))

    def show_versions(self, rows: Sequence[VersionRow], original: str) -> None:
        """Fill the table; without versions, say how to add some."""
        self.table.show_rows(rows, original)
        self._versions_hint.setText("" if rows else _HINT)
        self._export.setEnabled(bool(rows))

    def show_version(self, row: VersionRow) -> None:
        """Change one row in place."""
        self.table.show_row(row)

    def show_heard(self, heard: Heard, waiting_for: int | None) -> None:
        """Mark what sounds, in the table and on the buttons."""
        self._heard = heard
        self.table.show_heard(heard, waiting_for)
        self.transport.show_heard(heard)

    def show_playing(self, playing: bool) -> None:
        """Turn the button, and poll at the screen's rate while sound runs."""
        self.transport.show_playing(playing)
        interval_ms = _TICK_MS if playing else _IDLE_TICK_MS
        if self._timer.interval() != interval_ms:
            self._timer.setInterval(interval_ms)

    def show_position(self, position_s: float) -> None:
        """Move the playhead."""
        self.axis.move_playhead(position_s)
        self.transport.show_position(position_s)

    def show_region(self, region_s: tuple[float, float] | None, looping: bool) -> None:
        """Draw the selection, and whether it loops."""
        self.axis.set_region(region_s, looping)
        self.transport.show_looping(looping)

    def show_makeup(self, asked_db: float, text: str) -> None:
        """Show the make-up gain."""
        self.transport.show_makeup(asked_db, text)

    def show_volume(self, volume_db: float) -> None:
        """Set the volume slider."""
        self.transport.show_volume(volume_db)

    def show_duration(self, duration_s: float) -> None:
        """Set the time axis for a new clip, zoomed out."""
        self.axis.set_duration(duration_s)
        self.transport.show_duration(duration_s)

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Fill the picker."""
        self.picker.show_codecs(codecs)

    def show_picked(self, picked: Sequence[tuple[str, Setting]]) -> None:
        """Mark in the picker what the table has already."""
        self.picker.show_picked(picked)

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place."""
        self.notice_bar.show_notice(notice)

    def ask_export(self, version_ids: Sequence[int], suggestion: Path) -> None:
        """Open a file dialog, or a folder dialog for several versions."""
        ids = list(version_ids)
        if len(ids) == 1:
            ask_wav_path(self, suggestion, lambda path: self.export_chosen.emit(ids, path))
        else:
            ask_folder(self, "Export as WAV", suggestion, lambda path: self.export_chosen.emit(ids, path))

    # Actions of keys and buttons ---------------------------------------------------------------------

    def open_files(self) -> None:
        """Let the user choose audio files."""
        ask_audio_files(self, self.folder, self._files_chosen)

    def _files_chosen(self, paths: list[Path]) -> None:
        self.folder = str(paths[0].parent)
        self.paths_given.emit(paths)

    def open_picker(self) -> None:
        """Open the list of codecs above its button."""
        corner = self._add_versions.mapToGlobal(self._add_versions.rect().topRight())
        self.picker.open_at(corner)

    def request_export(self) -> None:
        """Export the selected versions, else the one that is heard."""
        heard = [] if self._heard.version_id is None else [self._heard.version_id]
        self.export_requested.emit(self.table.selected_ids() or heard)

    def request_test(self) -> None:
        """Make a test of all versions and of the selected clips, if more than the one shown."""
        clip_ids = self.clip_list.selected_ids()
        self.test_requested.emit(clip_ids if len(clip_ids) > 1 else [], [])

    def splitters(self) -> dict[str, QSplitter]:
        """Return the borders that are remembered."""
        stack = self.analysis.stack
        return {"audition": self.splitter, "halves": self.halves, "analysis": self.analysis, "stack": stack}

    def step_clip(self, step: int) -> None:
        """Go to the next or previous clip."""
        row = self.clip_list.currentRow() + step
        if 0 <= row < self.clip_list.count():
            self.clip_list.setCurrentRow(row)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take files and folders."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.paths_given.emit(paths)

    # Construction ------------------------------------------------------------------------------------

    def _connect(self) -> None:
        for panel in (self.ruler, self.waveform, self.spectrogram):
            panel.seek_requested.connect(self.seek_requested.emit)
            panel.region_selected.connect(self.region_selected.emit)
        self.analysis.map_panel.map.region_selected.connect(self.region_selected.emit)
        for exporter in self.analysis.exporters:
            exporter.told.connect(self.show_notice)
        transport, table = self.transport, self.table
        transport.play_toggled.connect(self.play_toggled.emit)
        transport.stop_requested.connect(self.stop_requested.emit)
        transport.loop_toggled.connect(self.loop_toggled.emit)
        transport.reference_requested.connect(lambda: self.version_chosen.emit(None))
        transport.difference_requested.connect(self.difference_requested.emit)
        table.version_chosen.connect(self.version_chosen.emit)
        table.export_requested.connect(self.export_requested.emit)
        self.clip_list.test_requested.connect(lambda ids: self.test_requested.emit(ids, []))
        self.notice_bar.action_pressed.connect(lambda _: self.undo_requested.emit())

    def _lay_out(self) -> None:
        self._empty = EmptyState(
            "Drop audio files or a folder here",
            "WAV, FLAC, Ogg, Opus, MP3, M4A, AIFF. Then add versions, press Space to play, and the number"
            " keys to switch between them. ? shows all keys.",
            (("Open files…", self.open_files), ("Open the demo clips", self.demo_requested.emit)),
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._right_side())
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self._left_side())
        self.splitter.addWidget(self._stack)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([28 * GRID_PX, 132 * GRID_PX])
        self.splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.splitter, 1)

    def _left_side(self) -> QWidget:
        heading = QLabel("Clips")
        heading.setProperty("class", "heading")
        plus = QToolButton()
        plus.setIcon(icon("plus"))
        plus.setProperty("class", "quiet")
        plus.setToolTip("Open audio files (Ctrl+O)")
        plus.setAccessibleName("Open audio files")
        plus.clicked.connect(self.open_files)
        top = QHBoxLayout()
        top.setContentsMargins(2 * GRID_PX, GRID_PX, GRID_PX, 0)
        top.addWidget(heading, 1)
        top.addWidget(plus)
        hint = _muted("drop files or a folder")
        hint.setContentsMargins(2 * GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        side = _surface()
        side.setMinimumWidth(16 * GRID_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.clip_list, 1)
        column.addWidget(hint)
        return side

    def _right_side(self) -> QWidget:
        lower = _surface()
        rows = QVBoxLayout(lower)
        rows.setContentsMargins(0, 0, 0, GRID_PX)
        rows.setSpacing(0)
        rows.addWidget(self.transport)
        rows.addWidget(self.table, 1)
        rows.addLayout(self._buttons())
        self.halves = QSplitter(Qt.Orientation.Vertical)
        self.halves.addWidget(self.analysis)
        self.halves.addWidget(lower)
        self.halves.setStretchFactor(0, 5)
        self.halves.setStretchFactor(1, 2)
        self.halves.setChildrenCollapsible(False)
        self.halves.setSizes([50 * GRID_PX, 44 * GRID_PX])  # six versions are seen at 1280 × 800
        return self.halves

    def _buttons(self) -> QHBoxLayout:
        self._versions_hint = _muted(_HINT)
        self._add_versions = QPushButton("Add versions…")
        self._add_versions.setToolTip("Choose codecs and bitrates (Ctrl+N)")
        self._add_versions.clicked.connect(self.open_picker)
        self._export = QPushButton("Export WAV…")
        self._export.setToolTip("Export the selected versions, or the one heard (Ctrl+E)")
        self._export.clicked.connect(self.request_export)
        self._test = QPushButton("Make a test…")
        self._test.setProperty("class", "primary")
        self._test.setToolTip("Make a listening test of these clips and versions (Ctrl+T)")
        self._test.clicked.connect(self.request_test)
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, 0)
        row.setSpacing(GRID_PX)
        self._versions_hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self._versions_hint, 1)
        for button in (self.measure, self._export, self._add_versions, self._test):
            row.addWidget(button)
        return row


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("class", "muted")
    return label


def _surface() -> QWidget:
    widget = QWidget()
    widget.setProperty("class", "surface")
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return widget
