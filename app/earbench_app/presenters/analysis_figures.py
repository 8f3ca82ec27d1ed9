"""The measured columns of the version table: NMR and loudness at once, other metrics when asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from earbench_app.analysis.measuring import measure_version
from earbench_app.views.analysis_protocols import MetricColumn
from earbench_codecs.metrics.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_app.background.progress import Batch
    from earbench_app.presenters.analysis_levels import LevelsPresenter
    from earbench_app.presenters.analysis_map import MapPresenter
    from earbench_app.presenters.analysis_scene import Scene
    from earbench_app.presenters.audition_versions import VersionMaker
    from earbench_app.views.analysis_protocols import FiguresView

NMR, LUFS = "nmr_db", "lufs"
MEASURING = "…"  # the status line says how far it is
_AT_ONCE = ("sdr_db", NMR)  # in the table without being asked for
_LUFS_TIP = "Integrated loudness in LUFS, all channels (ITU-R BS.1770-4)"
Key = tuple[int, int, str]  # clip id, version id, metric


def choices() -> list[MetricColumn]:
    """Return the metrics that can be asked for, in the registry's order."""
    from earbench_codecs.metrics.registry import METRICS

    return [_column(name) for name in METRICS if name not in _AT_ONCE]


class FiguresPresenter:
    """Measures in worker processes; what was asked once stays a column, and is measured for each clip."""

    def __init__(
        self,
        view: FiguresView,
        scene: Scene,
        maker: VersionMaker,
        maps: MapPresenter,
        levels: LevelsPresenter,
        workers: ProcessPool,
        batch: Batch,
    ) -> None:
        self._view, self._scene, self._maker = view, scene, maker
        self._maps, self._levels = maps, levels
        self._workers, self._batch = workers, batch
        self._asked: list[str] = []
        self._wanted = False
        self._found: dict[Key, Measurement] = {}
        self._tasks: dict[Key, Task] = {}
        view.measure_requested.connect(self.measure)
        maps.completed.connect(self._show)
        levels.loudness_changed.connect(self._show)
        scene.changed.connect(self._measure_missing)
        scene.revised.connect(self._revise)
        view.show_columns(self._columns())

    def measure(self, names: Sequence[str]) -> None:
        """Show these columns, and measure what is missing of the clip that is loaded."""
        self._wanted = True
        self._asked = [column.name for column in choices() if column.name in names]
        self._view.show_columns(self._columns())
        self._measure_missing()

    def cancel(self) -> None:
        """Stop measuring; what was measured stays."""
        self._batch.finish(len(self._tasks))
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._wanted = False
        self._show()

    def _measure_missing(self) -> None:
        clip_id = self._scene.clip_id
        if self._wanted and clip_id is not None:
            for version in self._scene.versions():
                for name in self._asked if self._scene.part(version.id) is None else ():
                    self._measure((clip_id, version.id, name))
        self._show()

    def _measure(self, key: Key) -> None:
        clip = self._scene.workspace.clip(key[0])
        version = self._scene.workspace.version(key[1])
        if key in self._found or key in self._tasks or clip is None or version is None:
            return
        self._tasks[key] = self._workers.submit(
            measure_version,
            *self._maker.source(clip, version),
            key[2],
            done=partial(self._take, key),
            failed=partial(self._fail, key),
            priority=1,
        )
        self._batch.add()

    def _take(self, key: Key, measured: Measurement) -> None:
        self._found[key] = measured
        del self._tasks[key]
        self._batch.finish()
        self._show()

    def _fail(self, key: Key, error: WorkError) -> None:
        self._take(key, Measurement.missing(str(error)))

    def _columns(self) -> list[MetricColumn]:
        return [_column(NMR), MetricColumn(LUFS, "LUFS", _LUFS_TIP, 1), *map(_column, self._asked)]

    def _show(self) -> None:
        figures: dict[int | None, dict[str, Measurement | str]] = {}
        for key, lufs in self._levels.loudness().items():
            figures[key] = {LUFS: Measurement(lufs, () if lufs else ("silent, or shorter than 0.4 s",))}
        for version in self._scene.versions():
            part = self._scene.part(version.id)
            if part is not None:
                figures[version.id] = {NMR: part.measured.nmr} if part.measured else {}
                continue
            row = figures.setdefault(version.id, {})
            found = self._maps.complete_map(version.id)
            if found is not None:
                row[NMR] = found.nmr()
            row.update(self._asked_figures(version.id))
        self._view.show_figures(figures)

    def _revise(self, version_id: int) -> None:
        for key in [key for key in self._tasks if key[1] == version_id]:
            self._tasks.pop(key).cancel()
            self._batch.finish()
        self._found = {key: found for key, found in self._found.items() if key[1] != version_id}

    def _asked_figures(self, version_id: int) -> dict[str, Measurement | str]:
        clip_id = self._scene.clip_id or 0
        figures: dict[str, Measurement | str] = {}
        for name in self._asked:
            key = clip_id, version_id, name
            if key in self._found:
                figures[name] = self._found[key]
            elif key in self._tasks:
                figures[name] = MEASURING
        return figures


def _column(name: str) -> MetricColumn:
    from earbench_codecs.metrics.registry import METRICS

    metric = METRICS[name]
    better = "higher is better" if metric.higher_is_better else "lower is better"
    span = "" if metric.low is None or metric.high is None else f", {metric.low:g} to {metric.high:g}"
    unit = f" in {metric.unit}" if metric.unit else ""
    tip = f"{metric.title}{unit}{span}; {better}\n{metric.citation}\nComputed by {metric.software}"
    title = f"{metric.title} dB" if metric.unit == "dB" else metric.title
    return MetricColumn(name, title, tip, 1 if metric.unit == "dB" else 2)
