"""The numbers behind curves as a table: every event of the runs, none left out or smoothed."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

from earbench_app.jobs.event_tail import EventTail
from earbench_app.jobs.history import History
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from earbench_app.jobs.event_tail import Event
    from earbench_app.jobs.job import Job

_FIRST = ("job", "run", "event", "time", "running_s", "step", "epoch", "stage")
_KINDS = ("progress", "validation")


def write_numbers(jobs: Sequence[Job], path: Path) -> int:
    """Write a row for each report and each validation; return how many.

    Columns are as the events name them; terms and metrics have theirs each. `time` is in seconds since
    1970, `running_s` in seconds that the run had run, all its starts together. Steps that a run made again,
    as it went on from a checkpoint before them, are written as it made them last.

    Raises
    ------
    OSError
        It cannot be written.
    """
    columns = dict.fromkeys(_FIRST)
    for row in _rows(jobs):
        columns |= dict.fromkeys(row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), lineterminator="\r\n")
    writer.writeheader()
    n_rows = 0
    for row in _rows(jobs):
        writer.writerow(row)
        n_rows += 1
    write_atomically(path, [text.getvalue().encode()])
    return n_rows


def _rows(jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
    for job in jobs:
        history = History(keeps_curves=False)
        starts = [event.get("step") or 0 for event in _events(job, "started")]
        for event in _events(job, "started", *_KINDS):
            history.add(event)
            if event["event"] == "started":
                starts.pop(0)
            elif (event.get("step") or 0) <= min(starts, default=math.inf):
                running_s = round(history.running_s, 3)
                yield {"job": job.id, "run": job.request.name, "running_s": running_s, **_flat(event)}


def _events(job: Job, *kinds: str) -> Iterator[Event]:
    return (event for event in EventTail(job.events).read_all() if event["event"] in kinds)


def _flat(event: Event) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in event.items():
        row |= (
            {f"{name}/{key}": part for key, part in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return row
