"""The audible part of the noise: of what loops, or of the whole clip with progress; kept once it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from earbench_app.analysis.audible_noise import AudibleNoise
from earbench_app.analysis.masking_work import audible_part
from earbench_app.views.protocols import Heard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earbench_app.analysis.audible_noise import Part
    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_app.background.progress import Batch
    from earbench_app.presenters.analysis_scene import Scene
    from earbench_app.views.analysis_protocols import MapView

KEPT_BYTES = 1 << 30
SEPARATING = "separating…"
SEPARATING_ALL = "separating the whole clip; loop a part of it to hear that at once"


@dataclass(eq=False)
class _Making:
    version_id: int
    noise: AudibleNoise
    tasks: list[Task] = field(default_factory=list)
    said: bool = False


class AudiblePresenter:
    """Makes it when asked for; what sounds goes on until then.

    Parameters
    ----------
    view : MapView
    scene : Scene
    workers : ProcessPool
    batch : Batch
        Where the parts are counted for the status line.
    """

    def __init__(self, view: MapView, scene: Scene, workers: ProcessPool, batch: Batch) -> None:
        self._view, self._scene, self._workers, self._batch = view, scene, workers, batch
        self._making: _Making | None = None
        self._made: dict[int, AudibleNoise] = {}  # version id → what `playback.audible_noise` is of
        view.audible_requested.connect(self.toggle)
        scene.changed.connect(self._scene_changed)
        scene.revised.connect(self._revise)
        scene.region_changed.connect(self._region_changed)
        scene.heard_changed.connect(self._heard_changed)

    def toggle(self) -> None:
        """Hear the part of the noise that exceeds the mask, or the version again; or give up making it."""
        playback, version_id = self._scene.playback, self._scene.chosen()
        if playback.heard.audible:
            playback.choose(Heard(playback.heard.version_id))
        elif version_id is None:
            self._view.show_state("add a version first")
        elif self._making is not None and self._making.version_id == version_id:
            self.cancel()
        elif self._is_made(version_id):
            playback.choose(Heard(version_id, difference=True, audible=True))
        else:
            self._make(version_id)
            self._say()

    def cancel(self) -> None:
        """Stop making it."""
        making, self._making = self._making, None
        if making is None:
            return
        for task in making.tasks:
            task.drop()
        self._batch.finish(len(making.tasks))
        if making.said:
            self._view.show_state("")

    # Making ------------------------------------------------------------------------------------------

    def _region_s(self) -> tuple[float, float] | None:
        playback = self._scene.playback
        return playback.region_s if playback.looping else None

    def _is_made(self, version_id: int) -> bool:
        made = self._made.get(version_id) if version_id in self._scene.playback.audible_noise else None
        return made is not None and made.covers(self._region_s())

    def _make(self, version_id: int) -> None:
        self.cancel()
        original, version = self._scene.original, self._scene.playback.audio_of(version_id)
        if original is None or version is None:
            return
        self._making = making = _Making(version_id, AudibleNoise(original, version, self._region_s()))
        for part in making.noise.parts():
            task = self._workers.submit(
                audible_part,
                *making.noise.samples(part),
                original.sample_rate_hz,
                done=partial(self._put, making, part),
                failed=self._fail,
                priority=-2,
            )
            making.tasks.append(task)
        self._batch.add(len(making.tasks))

    def _say(self) -> None:
        if self._making is not None:
            self._making.said = True
            alone = self._making.noise.region_s is not None or len(self._making.tasks) == 1
            self._view.show_state(SEPARATING if alone else SEPARATING_ALL)

    def _put(self, making: _Making, part: Part, noise: NDArray[np.float32]) -> None:
        making.noise.put(part, noise)
        making.tasks.pop(0)
        self._batch.finish()
        if not making.tasks:
            self._take(making)

    def _take(self, making: _Making) -> None:
        self.cancel()
        playback = self._scene.playback
        self._made[making.version_id] = making.noise
        playback.audible_noise[making.version_id] = making.noise.clip()
        self._make_room(making.version_id)
        if self._scene.chosen() == making.version_id:
            playback.choose(Heard(making.version_id, difference=True, audible=True))

    def _make_room(self, version_id: int) -> None:
        """Let go of other versions' audible parts, the oldest first, until the rest is within the limit."""
        kept = self._scene.playback.audible_noise
        left_bytes = KEPT_BYTES - self._made[version_id].n_bytes
        for other in [key for key in reversed(kept) if key != version_id]:
            left_bytes -= self._made[other].n_bytes
            if left_bytes < 0:
                del kept[other], self._made[other]

    def _fail(self, error: WorkError) -> None:
        self.cancel()
        self._view.show_state(str(error))

    # Following ---------------------------------------------------------------------------------------

    def _scene_changed(self) -> None:
        playback, making = self._scene.playback, self._making
        self._made = {key: made for key, made in self._made.items() if key in playback.audible_noise}
        if making is not None:
            same_clip = self._scene.original is making.noise.original
            if not (same_clip and playback.has(making.version_id)):
                self.cancel()

    def _revise(self, version_id: int) -> None:
        if self._making is not None and self._making.version_id == version_id:
            self.cancel()

    def _region_changed(self) -> None:
        """Make what loops now, where it is not made yet; the version sounds until then."""
        playback, making = self._scene.playback, self._making
        self._scene_changed()
        if making is not None and self._making is making:
            if making.noise.region_s != self._region_s():
                self._make(making.version_id)
        elif playback.heard.audible and playback.heard.version_id is not None:
            version_id = playback.heard.version_id
            if not self._is_made(version_id):
                playback.choose(Heard(version_id))
                self._make(version_id)

    def _heard_changed(self) -> None:
        self._view.show_audible(self._scene.playback.heard.audible)
