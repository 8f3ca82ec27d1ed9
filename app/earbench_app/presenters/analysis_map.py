"""The map of audible noise: computed part by part, searched for the worst spots."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.analysis.audible_map import AudibleMap
from earbench_app.analysis.masking_work import map_part
from earbench_app.views.protocols import Heard

if TYPE_CHECKING:
    from earbench_app.analysis.audible_map import MapPicture, Span
    from earbench_app.analysis.masking_work import MapPart
    from earbench_app.background.latest import LatestOnly
    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_app.background.progress import Batch
    from earbench_app.presenters.analysis_scene import Scene
    from earbench_app.views.analysis_protocols import MapView

LOOP_S = 0.5  # around a spot; the shortest loop of the player
N_SPOTS = 50
Key = tuple[int, int]  # clip id, version id


class MapPresenter:
    """Computes a map for each version of the clip that is loaded, and keeps it.

    Parameters
    ----------
    view : MapView
    scene : Scene
    workers : ProcessPool
    pictures : LatestOnly
    batch : Batch
        Where the parts are counted for the status line.
    """

    completed = Signal()

    def __init__(
        self, view: MapView, scene: Scene, workers: ProcessPool, pictures: LatestOnly, batch: Batch
    ) -> None:
        self._view, self._scene, self._batch = view, scene, batch
        self._workers, self._pictures = workers, pictures
        self._maps: dict[Key, AudibleMap] = {}
        self._tasks: dict[Key, list[Task]] = {}
        self._failed_for: dict[Key, str] = {}
        self._spots: tuple[AudibleMap, list[tuple[float, float]]] | None = None
        self._rank = 0
        view.picture_requested.connect(self._draw)
        view.spot_chosen.connect(self._go_to)
        view.worst_requested.connect(self.next_worst)
        scene.changed.connect(self._scene_changed)
        scene.revised.connect(self._revise)

    def complete_map(self, version_id: int) -> AudibleMap | None:
        """Return a version's map of the clip that is loaded, once all of it is known."""
        found = self._maps.get(self._key(version_id))
        return found if found is not None and found.complete else None

    def next_worst(self) -> None:
        """Go to the worst spot of what is heard; when asked again, to the next worst."""
        version_id = self._scene.chosen()
        found = self.complete_map(version_id) if version_id is not None else None
        if version_id is None or found is None:
            self._view.show_state("not yet computed" if self._scene.versions() else "add a version first")
            return
        if self._spots is None or self._spots[0] is not found:
            self._spots, self._rank = (found, found.worst_frames(N_SPOTS)), 0
        spots = self._spots[1]
        time_s, nmr_db = spots[self._rank % len(spots)]
        self._rank += 1
        self._go_to(version_id, time_s)
        place = (self._rank - 1) % len(spots) + 1
        self._view.show_state(f"{place} of {len(spots)}: {nmr_db:+.1f} dB".replace("-", "−"))

    def cancel(self) -> None:
        """Stop computing; unfinished maps are begun anew when their clip is next shown."""
        for key in list(self._tasks):
            self._forget(key)

    # Computing ---------------------------------------------------------------------------------------

    def _scene_changed(self) -> None:
        wanted = {self._key(version.id) for version in self._scene.versions()}
        for key in [key for key in self._tasks if key not in wanted]:
            self._forget(key)
        for key in wanted - self._maps.keys() - self._failed_for.keys():
            self._compute(key)
        self._view.show_versions(self._scene.versions())
        self._say_failure()
        self._view.refresh()
        self.completed.emit()

    def _compute(self, key: Key) -> None:
        original, version = self._scene.original, self._scene.playback.audio_of(key[1])
        if original is None or version is None:
            return
        made = AudibleMap(original.n_samples, original.sample_rate_hz, original.n_channels)
        self._maps[key], self._tasks[key] = made, []
        for span in made.spans():
            self._tasks[key].append(
                self._workers.submit(
                    map_part,
                    original.samples[:, span.start : span.stop],
                    version.samples[:, span.start : span.stop],
                    original.sample_rate_hz,
                    done=partial(self._put, key, span),
                    failed=partial(self._fail, key),
                )
            )
            self._batch.add()

    def _put(self, key: Key, span: Span, part: MapPart) -> None:
        self._maps[key].put(span, part)
        self._tasks[key].pop(0)
        self._batch.finish()
        self._view.refresh()
        if not self._tasks[key]:
            del self._tasks[key]
            self.completed.emit()

    def _fail(self, key: Key, error: WorkError) -> None:
        self._failed_for[key] = str(error)
        self._forget(key)
        self._say_failure()

    def _forget(self, key: Key) -> None:
        tasks = self._tasks.pop(key)
        for task in tasks:
            task.drop()
        self._batch.finish(len(tasks))
        del self._maps[key]

    def _say_failure(self) -> None:
        said = [text for key, text in self._failed_for.items() if key[0] == self._scene.clip_id]
        self._view.show_state(said[0] if said else "")

    def _revise(self, version_id: int) -> None:
        for key in [key for key in {*self._maps, *self._failed_for} if key[1] == version_id]:
            if key in self._tasks:
                self._forget(key)
            self._maps.pop(key, None)
            self._failed_for.pop(key, None)

    # Showing -----------------------------------------------------------------------------------------

    def _draw(self, start_s: float, end_s: float, n_columns: int) -> None:
        shown = [(v.id, self._maps.get(self._key(v.id))) for v in self._scene.versions()]

        def compute() -> dict[int, MapPicture]:
            found = {key: m.picture(start_s, end_s, n_columns) for key, m in shown if m is not None}
            return {key: picture for key, picture in found.items() if picture is not None}

        self._pictures.request("map", compute, self._view.show_pictures)

    def _go_to(self, version_id: int, time_s: float) -> None:
        playback = self._scene.playback
        if playback.heard.version_id != version_id and playback.has(version_id):
            playback.choose(Heard(version_id))
        playback.select_region((time_s - LOOP_S / 2, time_s + LOOP_S / 2))
        if playback.region_s is not None:
            playback.seek(playback.region_s[0])

    def _key(self, version_id: int) -> Key:
        return self._scene.clip_id or 0, version_id
