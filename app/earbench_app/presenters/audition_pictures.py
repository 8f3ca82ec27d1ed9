"""Waveform and spectrogram of what sounds, computed beside the interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.analysis.frequency_axis import FrequencyAxis, Scale
from earbench_app.analysis.peaks import PeakPyramid

if TYPE_CHECKING:
    from earbench_app.analysis.spectrogram import Picture, Spectrogram
    from earbench_app.background.latest import LatestOnly
    from earbench_app.views.protocols import AuditionView
    from earbench_codecs.clip import AudioClip


class AuditionPictures:
    """Answers the view's requests; of several, only the latest is computed."""

    def __init__(self, view: AuditionView, background: LatestOnly) -> None:
        self._view, self._background = view, background
        self._audio: AudioClip | None = None
        self._spectrogram: tuple[AudioClip, Spectrogram] | None = None
        view.picture_requested.connect(self._draw_spectrogram)

    def show(self, audio: AudioClip | None, color: int | None) -> None:
        """Draw this from now on."""
        if audio is self._audio:
            return
        self._audio = audio
        if audio is None:
            self._background.drop("waveform")
            self._background.drop("spectrogram")
            self._view.show_waveform(None, 0, None)
            self._view.show_spectrogram(None, None)
            return
        self._background.request(
            "waveform",
            lambda: PeakPyramid(audio.samples),
            lambda peaks: self._view.show_waveform(peaks, audio.sample_rate_hz, color),
        )
        self._view.refresh_spectrogram(audio.sample_rate_hz)

    def _draw_spectrogram(
        self, start_s: float, end_s: float, n_columns: int, n_rows: int, scale: str
    ) -> None:
        audio = self._audio
        if audio is None or n_columns < 1 or n_rows < 1:
            return
        axis = FrequencyAxis(Scale(scale), audio.sample_rate_hz / 2)

        def compute() -> Picture:
            return self._of(audio).picture(start_s, end_s, n_columns, n_rows, axis)

        self._background.request(
            "spectrogram", compute, lambda picture: self._view.show_spectrogram(picture, axis)
        )

    def _of(self, audio: AudioClip) -> Spectrogram:
        from earbench_app.analysis.spectrogram import Spectrogram, StftSettings  # imports SciPy

        if self._spectrogram is None or self._spectrogram[0] is not audio:
            self._spectrogram = audio, Spectrogram(audio, StftSettings())
        return self._spectrogram[1]
