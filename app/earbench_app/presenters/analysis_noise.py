"""The noise-versus-mask plot: follows the playhead, or averages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.analysis.masking_work import noise_plot
from earbench_app.analysis.noise_plot import frame_at, frames_over
from earbench_app.views.analysis_protocols import Extent

if TYPE_CHECKING:
    from earbench_app.analysis.noise_plot import Frames, NoisePlot
    from earbench_app.background.pool import ProcessPool, WorkError
    from earbench_app.presenters.analysis_scene import Scene
    from earbench_app.views.analysis_protocols import NoiseView


class NoisePresenter:
    """Keeps one request under way at most, so that the plot follows as fast as it can be computed.

    Parameters
    ----------
    view : NoiseView
    scene : Scene
    worker : ProcessPool
        Of one process, for this plot alone.
    """

    def __init__(self, view: NoiseView, scene: Scene, worker: ProcessPool) -> None:
        self._view, self._scene, self._worker = view, scene, worker
        self._busy = False
        self._drawn: object = None  # what the plot shows or will show
        self._position_s = 0.0
        self._empty = True
        view.asked.connect(self.update)
        scene.changed.connect(self._scene_changed)
        scene.region_changed.connect(self.update)
        scene.heard_changed.connect(lambda: view.show_heard(scene.playback.heard.version_id))

    def follow(self, position_s: float) -> None:
        """Draw what is at the playhead now."""
        self._position_s = position_s
        self.update()

    def update(self) -> None:
        """Compute anew if what the plot should show has changed."""
        if self._busy or not self._view.wanted:
            return  # asked again when the answer is there, or when it comes into view
        wanted = self._wanted()
        if wanted == self._drawn:
            return
        self._drawn = wanted
        frames = self._frames()
        if frames is None:
            self._show(None)
        else:
            self._busy = True
            if self._empty:
                self._view.show_state("Computing the masking threshold…")
            self._worker.submit(noise_plot, frames, done=self._done, failed=self._failed)

    def _scene_changed(self) -> None:
        self._drawn = None
        self._view.show_versions(self._scene.versions())
        if self._scene.original is None:
            self._show(None)
        self.update()

    def _wanted(self) -> object:
        versions = tuple(version.id for version in self._scene.versions())
        return self._scene.clip_id, versions, frozenset(self._view.hidden_ids), self._range_s()

    def _range_s(self) -> tuple[float, float] | None:
        original, extent = self._scene.original, self._view.extent
        if original is None:
            return None
        if extent is Extent.CLIP:
            return 0.0, original.duration_s
        if extent is Extent.SELECTION and self._scene.region_s is not None:
            return self._scene.region_s
        return self._position_s, self._position_s

    def _frames(self) -> Frames | None:
        original, range_s = self._scene.original, self._range_s()
        if original is None or range_s is None:
            return None
        seen = {key: clip for key, clip in self._scene.audio().items() if key not in self._view.hidden_ids}
        if range_s[0] == range_s[1]:
            return frame_at(original, seen, range_s[0])
        return frames_over(original, seen, *range_s)

    def _done(self, plot: NoisePlot) -> None:
        self._busy = False
        self._show(plot if self._scene.original is not None else None)
        self.update()

    def _failed(self, error: WorkError) -> None:
        self._busy = False
        self._show(None, str(error))

    def _show(self, plot: NoisePlot | None, state: str = "") -> None:
        self._empty = plot is None
        self._view.show_plot(plot)
        self._view.show_state(state)
