"""Waveform and spectrogram with their presenter on a bare window, and ways to point at them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from audition_doubles import Now
from picture_scene import Audition
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from earbench_app.presenters.audition_pictures import AuditionPictures
from earbench_app.settings import Settings
from earbench_app.views.qt.spectrogram_panel import SpectrogramPanel
from earbench_app.views.qt.spectrogram_view import SpectrogramView
from earbench_app.views.qt.time_axis import TimeAxis
from earbench_app.views.qt.waveform_view import WaveformView

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from earbench_app.playback.player import Player
    from earbench_codecs.clip import AudioClip


class Stage(QWidget):
    """Waveform and spectrogram with their presenter, one above the other."""

    def __init__(
        self, background: Any = None, settings: Settings | None = None, player: Player | None = None
    ) -> None:
        super().__init__()
        self.axis = TimeAxis()
        self.waveform, self.spectrogram = WaveformView(self.axis), SpectrogramView(self.axis)
        self.panel = SpectrogramPanel(self.waveform, self.spectrogram)
        column = QVBoxLayout(self)
        column.addWidget(self.waveform, 1)
        column.addWidget(self.panel, 3)
        self.resize(700, 600)
        self.audition, self.settings = Audition(player), settings or Settings()
        self.pictures = AuditionPictures(
            self.panel, self.audition.scene(), background or Now(), self.settings
        )

    def load(self, clip: AudioClip) -> None:
        self.audition.load(clip)
        self.axis.set_duration(clip.duration_s)


def choose(stage: Stage, **changes: Any) -> None:
    stage.panel.settings_changed.emit(stage.settings.spectrogram.model_copy(update=changes))


def hover(panel: Any, place: QPoint) -> str:
    QTest.mouseMove(panel, place)
    QApplication.processEvents()
    return str(panel.read_out(QPointF(place)))


def level_of(text: str) -> float:
    found = re.search(r"([−\d.]+) dBFS", text)
    assert found, text
    return float(found[1].replace("−", "-"))


def place_of(view: SpectrogramView, time_s: float, frequency_hz: float) -> QPoint:
    assert view.picture is not None
    plot, position = view.plot_rect(), float(view.picture.axis.position(frequency_hz))
    return QPoint(round(view.x_of(time_s)), int(plot.bottom() - position * plot.height()))


def brightness(image: QImage, x: float, y: float) -> int:
    return image.pixelColor(int(x), int(y)).lightness()
