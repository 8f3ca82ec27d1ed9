"""The thread that looks at jobs for the training page, and the numbers it writes."""

from __future__ import annotations

import csv
import gc
import json
import queue
import time
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from job_boards import wait_until
from training_runs import BEGAN_S, N_STEPS, add_job, events, history_of, job_of

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.executors import Look
from earbench_app.jobs.job import JobError, State
from earbench_app.notifications import Level
from earbench_app.presenters import training_watch
from earbench_app.presenters.training_numbers import write_numbers
from earbench_app.presenters.training_rows import (
    job_row,
    run_details,
)
from earbench_app.presenters.training_watch import Snapshot, Watch, Wish
from earbench_app.views.training_protocols import CurveOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Desk:
    """Stands for the interface's thread: what is posted is run when it is looked at."""

    def __init__(self) -> None:
        self._posted: queue.Queue[Callable[[], None]] = queue.Queue()
        self.snapshots: list[Snapshot] = []

    def post(self, function: Callable[[], None]) -> None:
        self._posted.put(function)

    def until(self, condition: Callable[[], object], limit_s: float = 60) -> None:
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s
            try:
                self._posted.get(timeout=0.05)()
            except queue.Empty:
                continue

    @property
    def last(self) -> Snapshot:
        return self.snapshots[-1]

    @property
    def n_waiting(self) -> int:
        return self._posted.qsize()


@pytest.fixture
def board(tmp_path: Path) -> JobBoard:
    executor = Mock()
    executor.look.return_value = Look("running")
    executor.start.return_value = []
    return JobBoard(tmp_path / "jobs", {"local": executor})


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def watch(board: JobBoard, desk: Desk) -> Iterator[Watch]:
    watch = Watch(board, desk.post)
    watch.told.connect(desk.snapshots.append)
    yield watch
    watch.close()


def test_it_tells_of_jobs_and_of_what_they_say_later(board: JobBoard, desk: Desk, watch: Watch) -> None:
    job = add_job(board, state=State.RUNNING, n_steps=200)
    done = add_job(board, "older", n_steps=4000)
    watch.look_at(Wish({job.id: 2}))
    watch.start()
    desk.until(lambda: desk.snapshots and desk.last.details)
    rows = {row.id: row for row in desk.last.rows}
    assert rows[job.id].step == 200
    assert rows[job.id].color == 2
    assert rows[done.id].best is not None
    ((_, seen),) = desk.last.checkpoints
    assert seen[-1].step == 200
    more = [json.dumps(event) for event in events(300) if event.get("step", 0) > 200]
    with job.events.open("a") as file:
        file.write("\n".join(more) + "\n")
    desk.until(lambda: desk.last.panels and desk.last.panels[0].lines[0].x[-1] == 300)
    assert next(row for row in desk.last.rows if row.id == job.id).step == 300


def test_nothing_is_told_while_nothing_is_new(board: JobBoard, desk: Desk, watch: Watch) -> None:
    job = add_job(board, n_steps=100)
    watch.look_at(Wish({job.id: 0}))
    watch.start()
    desk.until(lambda: desk.snapshots and desk.last.panels)
    count = len(desk.snapshots)
    end_s = time.monotonic() + 1.5
    desk.until(lambda: time.monotonic() > end_s)
    assert len(desk.snapshots) == count


def test_what_was_seen_does_not_pile_up(board: JobBoard, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = add_job(board, state=State.RUNNING, n_steps=100)
    steps, looks, poll = [0], [0], board.poll

    def count() -> None:
        looks[0] += 1
        poll()

    def tell(step: int) -> None:
        event = {"event": "progress", "time": BEGAN_S + step, "step": step, "n_steps": N_STEPS, "loss": 1.0}
        with job.events.open("a") as file:
            file.write(json.dumps(event) + "\n")

    monkeypatch.setattr(training_watch, "PERIOD_S", 0.001)
    monkeypatch.setattr(board, "poll", count)
    watch = Watch(board, desk.post)
    watch.told.connect(lambda snapshot: steps.append(snapshot.rows[0].step))
    watch.look_at(Wish({job.id: 0}))
    watch.start()
    for step in range(101, 121):  # while the interface takes them
        tell(step)
        desk.until(lambda step=step: steps[-1] == step)  # type: ignore[misc]
    for step in range(121, 131):  # while it does not
        tell(step)
        before = looks[0]
        wait_until(lambda before=before: looks[0] > before + 1)
    assert desk.n_waiting <= 1
    watch.close()
    gc.collect()
    seen = [one for one in gc.get_objects() if type(one) is Snapshot and one.jobs[0].id == job.id]
    assert len(seen) <= 2  # the last, and one that waits


def test_another_wish_is_answered_with_other_curves(board: JobBoard, desk: Desk, watch: Watch) -> None:
    one, other = add_job(board, "one", n_steps=100), add_job(board, "other", n_steps=100)
    watch.look_at(Wish({one.id: 0}))
    watch.start()
    desk.until(lambda: desk.snapshots and desk.last.panels)
    watch.look_at(Wish({other.id: 1, one.id: 0}, CurveOptions(smoothing=0.9)))
    desk.until(lambda: desk.last.panels and len(desk.last.panels[0].lines) == 2)
    lines = desk.last.panels[0].lines  # type: ignore[index]
    assert [(line.run, line.color) for line in lines] == [("other", 1), ("one", 0)]
    assert desk.last.details is not None
    assert desk.last.details.name == "other"


def test_commands_are_carried_out_beside_the_interface(board: JobBoard, desk: Desk, watch: Watch) -> None:
    job, failures = add_job(board, state=State.QUEUED, n_steps=0), []
    watch.start()
    watch.do(lambda: board.annotate(job.id, notes="a note", tags=("x",)), failures.append)
    desk.until(lambda: desk.snapshots and desk.last.rows[0].notes == "a note")
    watch.do(lambda: board.job("no-such-job"), failures.append)
    desk.until(lambda: failures)
    assert "no-such-job" in failures[0]


def test_a_command_given_last_is_carried_out_before_the_end(board: JobBoard, watch: Watch) -> None:
    job = add_job(board, state=State.QUEUED, n_steps=0)
    watch.start()
    watch.do(lambda: board.annotate(job.id, notes="kept"), lambda _: None)
    watch.close()
    assert board.job(job.id).notes == "kept"


def test_a_folder_that_fails_is_told_once_and_looked_at_again(
    board: JobBoard, desk: Desk, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_job(board, n_steps=100)
    told: list[str] = []
    watch.failed.connect(told.append)
    poll, broken = board.poll, [True]

    def sometimes() -> None:
        if broken:
            raise JobError("the disk is gone")
        poll()

    monkeypatch.setattr(board, "poll", sometimes)
    watch.start()
    end_s = time.monotonic() + 1.2
    desk.until(lambda: time.monotonic() > end_s and told)
    assert told == ["the disk is gone"] == [watch.problem]
    broken.clear()
    desk.until(lambda: desk.snapshots)
    desk.until(lambda: told[1:] == [""])


def test_a_fault_of_its_own_is_told_and_it_goes_on_looking(
    board: JobBoard,
    desk: Desk,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, told, broken = add_job(board, state=State.RUNNING, n_steps=100), [], [True]
    watch.failed.connect(told.append)

    def sometimes(*facts: object) -> object:
        if broken:
            raise KeyError("n_bananas")
        return run_details(*facts)  # type: ignore[arg-type]

    monkeypatch.setattr(training_watch, "run_details", sometimes)
    watch.look_at(Wish({job.id: 0}))
    watch.start()
    desk.until(lambda: told)
    assert "out of date: looking at the runs failed (KeyError: 'n_bananas')" in told[0]
    assert not desk.snapshots
    broken.clear()
    desk.until(lambda: desk.snapshots)
    assert desk.last.panels  # though they were made, and lost, in the looks before
    desk.until(lambda: told[1:] == [""])
    assert watch.problem == ""
    assert capsys.readouterr().err.count("Traceback") == 1


@pytest.mark.usefixtures("capsys")
def test_a_command_that_fails_by_a_fault_is_told_and_the_next_is_carried_out(
    board: JobBoard, desk: Desk, watch: Watch
) -> None:
    job, failures = add_job(board, state=State.QUEUED, n_steps=0), []
    watch.start()
    watch.do(lambda: {}["n_bananas"], failures.append)
    watch.do(lambda: board.annotate(job.id, notes="a note"), failures.append)
    desk.until(lambda: desk.snapshots and desk.last.rows[0].notes == "a note")
    assert failures == ["That failed, which is a fault of this program: KeyError: 'n_bananas'"]


@pytest.mark.parametrize(
    "event",
    [
        {"event": "progress", "step": "many", "n_steps": 200},
        {"event": "progress", "step": 150, "eta_s": [3]},
        {"event": "validation", "step": 150, "kbps": "6"},
        {"event": "checkpoint", "step": {}, "kind": "last"},
        {"event": "decoding", "done": "all", "total": 3},
    ],
)
def test_an_event_without_sense_is_named_and_left_out(event: dict[str, object]) -> None:
    history, other = history_of(200), history_of(200)
    history.add(event | {"time": BEGAN_S + 99})
    assert job_row(job_of(), history) == job_row(job_of(), other)
    details = run_details(job_of(), history, [])
    assert details.log[-1].text.startswith("note: left out an event that makes no sense")
    assert str(event["event"]) in details.log[-1].text


def test_the_log_is_read_as_it_grows(board: JobBoard, desk: Desk, watch: Watch) -> None:
    job = add_job(board, state=State.RUNNING, n_steps=100)
    watch.look_at(Wish({job.id: 0}))
    watch.start()
    desk.until(lambda: desk.snapshots and desk.last.details)
    job.log.write_text("first\n")
    desk.until(lambda: desk.last.details and desk.last.details.log)
    with job.log.open("a") as file:
        file.write("Traceback: second\n")
    desk.until(lambda: len(desk.last.details.log) == 2)  # type: ignore[union-attr]
    assert desk.last.details.log[1].level is Level.ERROR  # type: ignore[union-attr]


def test_all_numbers_are_written(board: JobBoard, tmp_path: Path) -> None:
    jobs = [add_job(board, "a", n_steps=200), add_job(board, "b", n_steps=100, seed=4)]
    path = tmp_path / "numbers.csv"
    n_rows = write_numbers(jobs, path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = [e for e in events(200) if e["event"] == "progress"]
    mine = [row for row in rows if row["run"] == "a" and row["event"] == "progress"]
    assert [float(row["loss"]) for row in mine] == [event["loss"] for event in told]
    assert [float(row["terms/mel"]) for row in mine] == [event["terms"]["mel"] for event in told]
    measured = [row for row in rows if row["event"] == "validation"]
    assert len(measured) == 3
    assert measured[0]["metrics/pesq_wb"]
    assert measured[0]["loss"] == ""
    assert n_rows == len(rows) == 40 + 2 + 20 + 1


def test_steps_that_were_made_again_are_written_once(board: JobBoard, tmp_path: Path) -> None:
    """A run that was killed at step 70 and went on from 60."""
    job = add_job(board, "a", n_steps=10)
    told = [("started", 0, 100.0), ("progress", 60, 160.0), ("progress", 70, 170.0)]
    told += [("started", 60, 500.0), ("progress", 65, 505.0), ("progress", 75, 515.0)]
    lines = [json.dumps({"event": kind, "step": step, "time": at}) for kind, step, at in told]
    job.events.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert write_numbers([job], tmp_path / "numbers.csv") == 3
    with (tmp_path / "numbers.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["step"], float(row["running_s"])) for row in csv.DictReader(file)]
    assert rows == [("60", 60), ("65", 75), ("75", 85)]
