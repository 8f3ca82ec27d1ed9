"""Waveform and spectrogram of what sounds, and of what it is compared with, computed beside the interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earbench_app.analysis.frequency_axis import FrequencyAxis, Scale
from earbench_app.analysis.peaks import PeakPyramid
from earbench_app.views.picture_protocols import Part, Side

if TYPE_CHECKING:
    from collections.abc import Collection

    from earbench_app.analysis.spectrogram import Picture, Spectrogram, TileCache
    from earbench_app.background.latest import LatestOnly
    from earbench_app.presenters.analysis_scene import Scene
    from earbench_app.settings import Settings, SpectrogramSettings
    from earbench_app.views.picture_protocols import PicturesView
    from earbench_codecs.clip import AudioClip


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a pair of pictures shows."""

    heard: AudioClip
    left: AudioClip | None
    part: Part
    settings: SpectrogramSettings


class AuditionPictures:
    """Answers the view's requests, one at a time: the latest as soon as the one before it is drawn.

    Parameters
    ----------
    view : PicturesView
    scene : Scene
    background : LatestOnly
    settings : Settings
        How spectrograms look is kept there.
    """

    def __init__(self, view: PicturesView, scene: Scene, background: LatestOnly, settings: Settings) -> None:
        self._view, self._scene, self._background, self._settings = view, scene, background, settings
        self._studio = _Studio()
        self._wiping = False
        self._left_id: int | None = None
        self._heard: AudioClip | None = None
        self._left: AudioClip | None = None
        self._part: Part | None = None
        self._making: _Wanted | None = None
        view.peaks_requested.connect(self._make_peaks)
        view.part_requested.connect(self._show_part)
        view.settings_changed.connect(self._change_settings)
        view.wipe_toggled.connect(self._toggle_wipe)
        view.left_chosen.connect(self._choose_left)
        scene.heard_changed.connect(self._update)
        scene.changed.connect(self._update)
        view.show_settings(settings.spectrogram)
        self._update()

    # What is drawn -----------------------------------------------------------------------------------

    def _update(self) -> None:
        playback = self._scene.playback
        if self._left_id is not None and playback.audio_of(self._left_id) is None:
            self._left_id = None
        heard = playback.sounding
        left = playback.audio_of(self._left_id) if self._wiping else None
        self._view.show_choices(self._scene.versions())
        self._view.show_sides(self._side_heard(), self._side_left() if left else None)
        if heard is not self._heard or left is not self._left:
            self._heard, self._left, self._making = heard, left, None
            if heard is None:
                self._clear()
            self._view.refresh()

    def _clear(self) -> None:
        self._background.drop("waveform")
        self._background.drop("spectrogram")
        self._view.show_peaks(None, None, 0)
        self._view.show_pictures(None, None)

    def _make_peaks(self) -> None:
        heard, left, studio, kept = self._heard, self._left, self._studio, self._audio()
        if heard is None:
            return
        self._background.request(
            "waveform",
            lambda: (studio.peaks(heard, kept), studio.peaks(left, kept) if left else None),
            lambda peaks: self._view.show_peaks(peaks[0], peaks[1], heard.sample_rate_hz),
        )

    def _audio(self) -> list[AudioClip]:
        """Return the audio that may be drawn again soon."""
        there = [self._heard, self._left, self._scene.original, *self._scene.audio().values()]
        return [audio for audio in there if audio is not None]

    def _side_heard(self) -> Side | None:
        heard = self._scene.playback.heard
        if self._scene.original is None:
            return None
        side = self._side(heard.version_id)
        part = " − original, what exceeds the mask" if heard.audible else " − original"
        return Side(side.title + part, side.color) if heard.difference else side

    def _side_left(self) -> Side:
        return self._side(self._left_id)

    def _side(self, version_id: int | None) -> Side:
        version = self._scene.workspace.version(version_id) if version_id is not None else None
        return Side(version.title, version.color) if version else Side("Original", None)

    # Requests ----------------------------------------------------------------------------------------

    def _show_part(self, part: Part) -> None:
        self._part = part
        if self._making is None:
            self._make()

    def _make(self) -> None:
        if self._heard is None or self._part is None:
            return
        wanted = _Wanted(self._heard, self._left, self._part, self._settings.spectrogram)
        self._making, studio, kept = wanted, self._studio, self._audio()

        def take(pictures: tuple[Picture, Picture | None]) -> None:
            self._making = None
            if self._heard is wanted.heard and self._left is wanted.left:
                self._view.show_pictures(*pictures)
            if (self._part, self._settings.spectrogram) != (wanted.part, wanted.settings):
                self._make()

        self._background.request("spectrogram", lambda: studio.pictures(wanted, kept), take)

    def _change_settings(self, settings: SpectrogramSettings) -> None:
        self._settings.spectrogram = settings
        self._view.show_settings(settings)
        self._view.refresh()

    def _toggle_wipe(self, on: bool) -> None:
        self._wiping = on
        self._update()

    def _choose_left(self, version_id: int | None) -> None:
        self._left_id = version_id
        self._update()


@dataclass(slots=True)
class _Studio:
    """Peaks and spectrograms made so far. Used by the background's thread only."""

    _peaks: dict[AudioClip, PeakPyramid] = field(default_factory=dict)
    _spectrograms: dict[tuple[AudioClip, object], Spectrogram] = field(default_factory=dict)
    _tiles: TileCache | None = None

    def peaks(self, audio: AudioClip, kept: Collection[AudioClip]) -> PeakPyramid:
        self._peaks = {clip: peaks for clip, peaks in self._peaks.items() if clip in kept}
        if audio not in self._peaks:
            self._peaks[audio] = PeakPyramid(audio.samples)
        return self._peaks[audio]

    def pictures(self, wanted: _Wanted, kept: Collection[AudioClip]) -> tuple[Picture, Picture | None]:
        self._forget_all_but(kept)
        left = self._picture(wanted.left, wanted) if wanted.left else None
        return self._picture(wanted.heard, wanted), left

    def _picture(self, audio: AudioClip, wanted: _Wanted) -> Picture:
        part = wanted.part
        axis = FrequencyAxis(Scale(wanted.settings.scale), audio.sample_rate_hz / 2)
        spectrogram = self._spectrogram(audio, wanted.settings)
        picture = spectrogram.picture(part.start_s, part.end_s, part.n_columns, part.n_rows, axis)
        picture.shades(wanted.settings.low_db, wanted.settings.high_db)  # here rather than while painting
        return picture

    def _spectrogram(self, audio: AudioClip, settings: SpectrogramSettings) -> Spectrogram:
        from earbench_app.analysis.spectrogram import Spectrogram, StftSettings, TileCache  # imports SciPy

        self._tiles = self._tiles or TileCache()
        stft = StftSettings(settings.n_fft, settings.window, 1 - 1 / settings.hops_a_window)
        if (audio, stft) not in self._spectrograms:
            self._spectrograms[audio, stft] = Spectrogram(audio, stft, self._tiles)
        return self._spectrograms[audio, stft]

    def _forget_all_but(self, kept: Collection[AudioClip]) -> None:
        for key in [key for key in self._spectrograms if key[0] not in kept]:
            self._spectrograms.pop(key).forget()
