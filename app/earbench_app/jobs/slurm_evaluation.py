"""An evaluation as an array of jobs on a Slurm cluster: each codes some files, and all make one CSV.

What is under way is kept beside the CSV, so that a later call finds it again. Each job is an `earbench
evaluate` of its own.
"""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from earbench_app.jobs.job import JobError
from earbench_app.jobs.local import read_exit
from earbench_app.jobs.slurm_submit import submit
from earbench_codecs.files import write_atomically
from earbench_codecs.metrics.evaluation import Evaluated
from earbench_codecs.metrics.evaluation_csv import EvaluationTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earbench_app.jobs.job import SlurmOptions
    from earbench_app.jobs.slurm_queue import Queue
    from earbench_codecs.metrics.evaluation import Task

ROWS_A_PART = 8
MOST_PARTS = 1000
"""Of an array: one less than what Slurm takes where nobody has changed it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that one job of the array computes: all its files with all its codecs.

    Parameters
    ----------
    files : tuple of Path
    codecs : tuple of str
        As ``NAME`` or ``NAME@KBPS``.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    files: tuple[Path, ...]
    codecs: tuple[str, ...]

    def has(self, task: Task) -> bool:
        """Return whether a row is one of these."""
        return task.file in self.files and codec_and_rate(task) in self.codecs

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.files))} with {', '.join(self.codecs)}"


@dataclass(frozen=True, slots=True)
class Array:
    """Jobs that were submitted together.

    Parameters
    ----------
    metrics : tuple of str
    ids : tuple of str
        Their names on the cluster, one for each part.
    parts : tuple of Part
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    metrics: tuple[str, ...]
    ids: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def id(self) -> str:
        """What `scancel` takes for all of them."""
        return self.ids[0].partition("_")[0]


@dataclass(frozen=True, slots=True)
class Progress:
    """How an array stands.

    Parameters
    ----------
    n_ended, n_parts : int
    message : str
        What a user should know now, such as why all wait; may be empty.
    """

    n_ended: int
    n_parts: int
    message: str


T = TypeVar("T")
_arrays = TypeAdapter(Array)


def codec_and_rate(task: Task) -> str:
    """Return what `earbench evaluate` takes for a row's codec and setting."""
    return task.codec if task.setting.kbps is None else f"{task.codec}@{task.setting.kbps!r}"


def parts_of(tasks: Sequence[Task], n_rows: int = ROWS_A_PART) -> list[Part]:
    """Share rows out to jobs, `n_rows` or somewhat fewer each; more where there would be too many jobs."""
    n_rows = max(n_rows, -(-len(tasks) // (MOST_PARTS // 2)))
    codecs: dict[Path, list[str]] = defaultdict(list)
    for task in tasks:
        codecs[task.file].append(codec_and_rate(task))
    files: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for file, wanted in codecs.items():
        for some in _pieces(wanted, n_rows):
            files[some].append(file)
    return [
        Part(some, wanted)
        for wanted, these in files.items()
        for some in _pieces(these, max(1, n_rows // len(wanted)))
    ]


class ClusterEvaluation:
    """An evaluation on a cluster, with its files in a folder beside the CSV.

    Parameters
    ----------
    table : EvaluationTable
        Takes the rows.
    tasks : sequence of Task
        All rows that are wanted, in the CSV's order.
    metrics : sequence of str
    """

    def __init__(self, table: EvaluationTable, tasks: Sequence[Task], metrics: Sequence[str]) -> None:
        self._table = table
        self._tasks = tasks
        self._metrics = tuple(metrics)
        self.folder = table.path.with_name(f"{table.path.name}.slurm")
        self.array = self._read()
        self._taken: dict[Path, tuple[int, int]] = {}

    def submit(self, options: SlurmOptions, timeout_s: float, at_a_time: int | None) -> None:
        """Submit the rows that the table does not have.

        Raises
        ------
        JobError
            There is no cluster, or it refuses.
        OSError
            The folder cannot be written.
        """
        from earbench_app.jobs.slurm_node import evaluate

        parts = parts_of(self._table.missing(self._tasks))
        self.remove()
        for i in range(len(parts)):
            self._part_folder(i).mkdir(parents=True)
        functions = [
            partial(evaluate, self._command(i, part, timeout_s), self._part_folder(i), self._rows(i))
            for i, part in enumerate(parts)
        ]
        ids = submit(functions, options, self.folder / "cluster", "earbench-evaluate", at_a_time)
        self.array = Array(self._metrics, tuple(ids), tuple(parts))
        write_atomically(self._file, [_arrays.dump_json(self.array, indent=2)])

    def watch(self, queue: Queue) -> Iterator[Progress]:
        """Take rows into the table as they come; yield how it stands until all jobs have ended."""
        if self.array is None:
            return
        n_ended, n_parts = 0, len(self.array.parts)
        while n_ended < n_parts:
            entries = [queue.find(job_id) for job_id in self.array.ids]
            ended = [i for i, entry in enumerate(entries) if entry.phase == "ended"]
            n_ended = len(ended)
            for i in range(n_parts):
                self._take(i)
            running = any(entry.phase == "running" for entry in entries)
            messages = [entry.message for entry in entries if entry.phase in ("waiting", "unknown")]
            yield Progress(n_ended, n_parts, "" if running or not messages else messages[0])

    def close(self, queue: Queue) -> list[str]:
        """Note rows that did not come, once all jobs have ended; return what a user should know of each.

        The folder is removed where all rows came.
        """
        if self.array is None:
            return []
        complaints = []
        for i, (job_id, part) in enumerate(zip(self.array.ids, self.array.parts, strict=True)):
            came = EvaluationTable(self._rows(i), self._metrics)
            lost = [task for task in self._tasks if part.has(task) and not came.has(task)]
            if lost:
                reason = self._reason(i) or queue.find(job_id).message or "it ended without a word"
                complaints.append(f"cluster job {job_id} ({part}): {reason}; see {self._part_folder(i)}")
                for task in lost:
                    self._table.add(Evaluated(task, error=f"cluster job {job_id}: {reason}"))
        self._file.unlink(missing_ok=True)
        self.array = None
        if not complaints:
            self.remove()
        return complaints

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _file(self) -> Path:
        return self.folder / "array.json"

    def _part_folder(self, i: int) -> Path:
        return self.folder / f"{i:04}"

    def _rows(self, i: int) -> Path:
        return self._part_folder(i) / "rows.csv"

    def _command(self, i: int, part: Part, timeout_s: float) -> list[str]:
        options = [["--codec", name] for name in part.codecs] + [["--metric", name] for name in self._metrics]
        program = [sys.executable, "-m", "earbench_app", "evaluate", *map(str, part.files)]
        given = ["--out", str(self._rows(i)), "--jobs", "1", "--timeout", str(timeout_s)]
        return [*program, *(word for pair in options for word in pair), *given]

    def _read(self) -> Array | None:
        """Return the array that is under way."""
        try:
            array = _arrays.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            raise JobError(f"{self._file}: is damaged; delete its folder and begin again") from None
        if array.metrics != self._metrics:
            raise JobError(
                f"{self.folder}: cluster job {array.id} computes other metrics ({', '.join(array.metrics)}); "
                f"ask for those, or end it by `scancel {array.id}` and delete the folder"
            )
        return array

    def _take(self, i: int) -> None:
        """Take a part's rows where there are new ones."""
        path = self._rows(i)
        try:
            stat = path.stat()
        except FileNotFoundError:
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if self._taken.get(path) != stamp:
            self._table.take(path)
            self._taken[path] = stamp

    def _reason(self, i: int) -> str:
        """Return the last word of a job that could say why it failed."""
        end = read_exit(self._part_folder(i))
        if end is not None and end.said.get("event") == "failed":
            return str(end.said.get("message"))
        lines = end.log_tail.strip().splitlines() if end is not None and end.code else []
        return lines[-1].removeprefix("earbench: ") if lines else ""


def _pieces(items: Sequence[T], length: int) -> Iterator[tuple[T, ...]]:
    for i in range(0, len(items), length):
        yield tuple(items[i : i + length])
