"""Histograms of the code values of coders that show them: counted once for each clip and version."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from earbench_app.analysis.code_work import count_codes

if TYPE_CHECKING:
    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_app.background.progress import Batch
    from earbench_app.presenters.analysis_scene import Scene
    from earbench_app.presenters.audition_versions import VersionMaker
    from earbench_app.views.analysis_protocols import CodesView, Styled
    from earbench_codecs.codes import CodeHistogram

COUNTING = "Counting codes…"
CANCELLED = "cancelled; choose the tab again to count"
Key = tuple[int, int]  # clip id, version id


class CodesPresenter:
    """Counts in a worker process while the view can be seen; what was counted is kept.

    Parameters
    ----------
    view : CodesView
    scene : Scene
    maker : VersionMaker
    workers : ProcessPool
    batch : Batch
        Where versions are counted for the status line.
    """

    def __init__(
        self, view: CodesView, scene: Scene, maker: VersionMaker, workers: ProcessPool, batch: Batch
    ) -> None:
        self._view, self._scene, self._maker = view, scene, maker
        self._workers, self._batch = workers, batch
        self._found: dict[Key, CodeHistogram | None] = {}
        self._failed_for: dict[Key, str] = {}
        self._tasks: dict[Key, Task] = {}
        self._cancelled = False
        view.asked.connect(self._asked)
        scene.changed.connect(self.update)
        scene.revised.connect(self._revise)

    def update(self) -> None:
        """Show what is known, and count what is missing if it can be seen."""
        wanted = self._keys()
        for key in self._tasks.keys() - set(wanted):
            self._tasks.pop(key).drop()
            self._batch.finish()
        if self._view.wanted and not self._cancelled:
            for key in wanted:
                self._count(key)
        self._show()

    def cancel(self) -> None:
        """Stop counting, until the view is chosen anew."""
        self._cancelled = self._cancelled or bool(self._tasks)
        self._batch.finish(len(self._tasks))
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._show()

    def _asked(self) -> None:
        self._cancelled = False
        self.update()

    def _keys(self) -> list[Key]:
        clip_id = self._scene.clip_id
        return [] if clip_id is None else [(clip_id, version.id) for version in self._whole()]

    def _whole(self) -> list[Styled]:
        """Return the versions that are at their bitrate throughout."""
        return [version for version in self._scene.versions() if self._scene.part(version.id) is None]

    def _revise(self, version_id: int) -> None:
        for key in [key for key in self._tasks if key[1] == version_id]:
            self._tasks.pop(key).drop()
            self._batch.finish()
        for known in (self._found, self._failed_for):
            for key in [key for key in known if key[1] == version_id]:
                known.pop(key)

    def _count(self, key: Key) -> None:
        clip = self._scene.workspace.clip(key[0])
        version = self._scene.workspace.version(key[1])
        known = key in self._found or key in self._tasks or key in self._failed_for
        if known or clip is None or version is None:
            return
        self._tasks[key] = self._workers.submit(
            count_codes,
            self._maker.source(clip, version)[0],
            done=partial(self._take, key),
            failed=partial(self._fail, key),
            priority=-1,
        )
        self._batch.add()

    def _take(self, key: Key, found: CodeHistogram | None) -> None:
        self._found[key] = found
        self._end(key)

    def _fail(self, key: Key, error: WorkError) -> None:
        self._failed_for[key] = str(error)
        self._end(key)

    def _end(self, key: Key) -> None:
        del self._tasks[key]
        self._batch.finish()
        self._show()

    def _show(self) -> None:
        shown = [(style, self._found.get((self._scene.clip_id or 0, style.id))) for style in self._whole()]
        self._view.show_histograms([(style, found) for style, found in shown if found is not None])
        self._view.show_state(self._state())

    def _state(self) -> str:
        failures = [self._failed_for[key] for key in self._keys() if key in self._failed_for]
        if self._tasks:
            return COUNTING
        return CANCELLED if self._cancelled else "; ".join(failures)
