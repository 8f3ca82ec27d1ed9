"""The evaluation's CSV: written whole or not at all, and taken up again where a run stopped."""

from __future__ import annotations

import csv
import io
from importlib.metadata import version
from typing import TYPE_CHECKING

from earbench_codecs.files import write_atomically
from earbench_codecs.metrics.measurement import MetricError
from earbench_codecs.metrics.registry import METRICS, metrics_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earbench_codecs.metrics.evaluation import Evaluated, Task

LEADING = ("file", "codec", "setting_kbps", "bitrate_kbps", "encode_rtf", "decode_rtf")
TRAILING = (
    "entropy_kbps",
    "duration_s",
    "sample_rate_hz",
    "channels",
    "setting",
    "codec_version",
    "sha256",
    "software",
    "notes",
    "error",
)
IDENTITY = ("file", "codec", "setting")
PROVENANCE = ("codec_version", "sha256", "software")

Row = dict[str, str]


class EvaluationTable:
    """Rows of an evaluation, kept in a CSV file.

    An existing file is taken up again: a row that is there, has no error and was made of the same file by
    the same versions is not computed anew. Rows that were not asked for this time stay.

    Parameters
    ----------
    path : Path
    metrics : sequence of str, optional
        Columns; all metrics by default.

    Raises
    ------
    MetricError
        An unknown metric, or an existing file that is no evaluation or has other metrics.
    """

    def __init__(self, path: Path, metrics: Sequence[str] | None = None) -> None:
        self.path = path
        chosen = metrics_named(metrics)
        self.columns = (*LEADING, *(metric.name for metric in chosen), *TRAILING)
        self._software = "; ".join(
            dict.fromkeys([f"earbench {version('earbench')}", *(metric.software for metric in chosen)])
        )
        rows = read_rows(path, self.columns) if path.exists() else []
        self._rows = {_identity(row): row for row in rows}

    def missing(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks whose rows are not there yet, failed, or were made by other versions."""
        return [task for task in tasks if not self._is_done(task)]

    def has(self, task: Task) -> bool:
        """Return whether there is a row of a task, be it with an error or of other versions."""
        return _identity(self._task_cells(task)) in self._rows

    def add(self, evaluated: Evaluated) -> None:
        """Add a row, or replace that of the same file, codec and setting."""
        row = {
            **self._task_cells(evaluated.task),
            "bitrate_kbps": _cell(evaluated.bitrate_kbps),
            "encode_rtf": _cell(evaluated.encode_rtf),
            "decode_rtf": _cell(evaluated.decode_rtf),
            **{name: _cell(evaluated.values.get(name)) for name in METRICS if name in self.columns},
            "entropy_kbps": _cell(evaluated.entropy_kbps),
            "duration_s": _cell(evaluated.duration_s),
            "sample_rate_hz": _cell(evaluated.sample_rate_hz),
            "channels": _cell(evaluated.n_channels),
            "notes": "; ".join(evaluated.notes),
            "error": evaluated.error,
        }
        self._rows[_identity(row)] = row

    def take(self, path: Path) -> None:
        """Take over the rows of another file of the same metrics, as of a part computed elsewhere.

        Raises
        ------
        MetricError
            It is no evaluation, or has other metrics.
        """
        self._rows |= {_identity(row): row for row in read_rows(path, self.columns)}

    def save(self, order: Sequence[Task] = ()) -> None:
        """Write the file, with the rows of `order` last and in that order.

        Raises
        ------
        OSError
            The folder is missing, full or read-only; an older file is left as it was.
        """
        rank = {_identity(self._task_cells(task)): place for place, task in enumerate(order)}
        rows = sorted(self._rows.values(), key=lambda row: rank.get(_identity(row), -1))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path, [text.getvalue().encode()])

    def _is_done(self, task: Task) -> bool:
        wanted = self._task_cells(task)
        row = self._rows.get(_identity(wanted))
        if row is None or row["error"]:
            return False
        return all(row[name] == wanted[name] for name in PROVENANCE)

    def _task_cells(self, task: Task) -> Row:
        return {
            "file": str(task.file),
            "codec": task.codec,
            "setting_kbps": _cell(task.setting.kbps),
            "setting": task.setting.label,
            "codec_version": task.codec_version,
            "sha256": task.sha256,
            "software": self._software,
        }


def read_rows(path: Path, columns: Sequence[str] = LEADING) -> list[Row]:
    """Read an evaluation's rows.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        The columns the file must have; more are taken only where these are just the leading ones.

    Raises
    ------
    MetricError
        The file is no evaluation, or has other columns.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        there = tuple(reader.fieldnames or ())
        if there[: len(LEADING)] != LEADING:
            raise MetricError(f"{path}: it is no CSV of `earbench evaluate`; give another file")
        if columns != LEADING and there != tuple(columns):
            names = ", ".join(there[len(LEADING) : -len(TRAILING)])
            raise MetricError(
                f"{path}: it has the metrics {names}; ask for the same, or write to another --out"
            )
        rows = list(reader)
    if any(None in row or None in row.values() for row in rows):
        raise MetricError(f"{path}: a line is cut or has too many fields; write to another --out")
    return rows


def _identity(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in IDENTITY)


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)
