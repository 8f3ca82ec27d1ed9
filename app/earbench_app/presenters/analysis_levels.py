"""Long-term spectra, loudness, meters: computed on a thread beside the interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.analysis.levels import Spectrum, long_term_spectrum, loudness_lufs, meter

if TYPE_CHECKING:
    from earbench_app.background.latest import LatestOnly
    from earbench_app.presenters.analysis_scene import Scene
    from earbench_app.views.analysis_protocols import LevelsView, SpectrumView, Styled
    from earbench_codecs.clip import AudioClip

Signals = list[tuple["Styled | None", "AudioClip"]]
Loudness = list[tuple["Styled | None", "float | None"]]


def signals(scene: Scene) -> Signals:
    """Return the original (None) and the versions, with their audio."""
    if scene.original is None:
        return []
    audio = scene.audio()
    return [(None, scene.original), *((version, audio[version.id]) for version in scene.versions())]


class SpectrumPresenter:
    """Long-term spectra over the selection, or over the clip where nothing is selected."""

    def __init__(self, view: SpectrumView, scene: Scene, background: LatestOnly) -> None:
        self._view, self._scene, self._background = view, scene, background
        self._drawn: object = None
        view.asked.connect(self.update)
        scene.changed.connect(self.update)
        scene.region_changed.connect(self.update)
        scene.revised.connect(self._revise)

    def _revise(self, version_id: int) -> None:
        del version_id  # all are drawn together
        self._drawn = None

    def update(self) -> None:
        """Compute anew if what should be seen has changed."""
        if not self._view.wanted:
            return
        chosen, region_s = signals(self._scene), self._scene.region_s
        wanted = self._scene.clip_id, tuple(style for style, _ in chosen), region_s
        if wanted == self._drawn:
            return
        self._drawn = wanted
        over = "over the selection" if region_s else "over the clip"

        def compute() -> list[tuple[Styled | None, Spectrum]]:
            cut = [(style, clip.excerpt(*region_s) if region_s else clip) for style, clip in chosen]
            return [(style, long_term_spectrum(clip)) for style, clip in cut]

        self._background.request("spectra", compute, lambda found: self._view.show_spectra(found, over))


class LevelsPresenter:
    """Meters of what sounds, and the loudness of everything."""

    loudness_changed = Signal()

    def __init__(self, view: LevelsView, scene: Scene, background: LatestOnly) -> None:
        self._view, self._scene, self._background = view, scene, background
        self._known: dict[tuple[int, int | None], float | None] = {}
        scene.changed.connect(self._scene_changed)
        scene.revised.connect(self._revise)

    def follow(self, position_s: float) -> None:
        """Show the meter at the playhead."""
        if self._view.wanted:
            sounding = self._scene.playback.sounding
            self._view.show_meter(meter(sounding, position_s) if sounding else None)

    def loudness(self) -> dict[int | None, float | None]:
        """Return the LUFS that are known, of the original (None) and of versions."""
        clip_id = self._scene.clip_id
        return {key: lufs for (clip, key), lufs in self._known.items() if clip == clip_id}

    def _scene_changed(self) -> None:
        clip_id = self._scene.clip_id
        if clip_id is None:
            self._background.drop("loudness")
            self._view.show_loudness([])
            return
        wanted = [((clip_id, style.id if style else None), clip) for style, clip in signals(self._scene)]
        missing = [(key, clip) for key, clip in wanted if key not in self._known]

        def compute() -> dict[tuple[int, int | None], float | None]:
            return {key: loudness_lufs(clip) for key, clip in missing}

        self._background.request("loudness", compute, self._take)

    def _revise(self, version_id: int) -> None:
        self._background.drop("loudness")
        self._known = {key: lufs for key, lufs in self._known.items() if key[1] != version_id}

    def _take(self, found: dict[tuple[int, int | None], float | None]) -> None:
        self._known.update(found)
        known = self.loudness()
        rows = [(style, known.get(style.id if style else None)) for style, _ in signals(self._scene)]
        self._view.show_loudness(rows)
        self.loudness_changed.emit()
