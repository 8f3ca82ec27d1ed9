"""File dialogs that do not stop the program while they are open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

_AUDIO = (
    "Audio (*.wav *.flac *.ogg *.oga *.opus *.mp3 *.m4a *.mp4 *.aac *.aif *.aiff *.aifc *.amr *.awb *.caf)"
    ";;All files (*)"
)


def ask_audio_files(parent: QWidget, folder: str, done: Callable[[list[Path]], None]) -> None:
    """Let the user choose audio files."""
    dialog = _dialog(parent, "Open audio files", folder)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.setNameFilter(_AUDIO)
    dialog.filesSelected.connect(lambda names: done([Path(name) for name in names]))
    dialog.open()


def ask_checkpoints(parent: QWidget, folder: str, done: Callable[[list[Path]], None]) -> None:
    """Let the user choose checkpoints."""
    dialog = _dialog(parent, "Add checkpoints", folder)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.setNameFilter("Checkpoints (*.safetensors);;All files (*)")
    dialog.filesSelected.connect(lambda names: done([Path(name) for name in names]))
    dialog.open()


def ask_wav_path(parent: QWidget, suggestion: Path, done: Callable[[Path], None]) -> None:
    """Let the user choose where to write a WAV file."""
    dialog = _dialog(parent, "Export as WAV", str(suggestion.parent))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter("WAV, 32-bit float (*.wav)")
    dialog.setDefaultSuffix("wav")
    dialog.selectFile(suggestion.name)
    dialog.fileSelected.connect(lambda name: done(Path(name)))
    dialog.open()


def ask_folder(parent: QWidget, title: str, folder: Path, done: Callable[[Path], None]) -> None:
    """Let the user choose a folder."""
    dialog = _dialog(parent, title, str(folder))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(lambda name: done(Path(name)))
    dialog.open()


def _dialog(parent: QWidget, title: str, folder: str) -> QFileDialog:
    dialog = QFileDialog(parent, title, folder)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return dialog
