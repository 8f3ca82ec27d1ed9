"""What the training page shows of jobs: rows, details, curves, numbers, and the thread that looks."""

from __future__ import annotations

import csv
import gc
import json
import queue
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import numpy as np
import pytest
from job_boards import wait_until
from training_runs import BEGAN_S, N_STEPS, add_job, events, request

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.executors import Look
from earbench_app.jobs.history import History
from earbench_app.jobs.job import Job, JobError, State
from earbench_app.notifications import Level
from earbench_app.presenters import training_watch
from earbench_app.presenters.training_curves import N_POINTS, Run, panels, smoothed, thinned
from earbench_app.presenters.training_numbers import write_numbers
from earbench_app.presenters.training_rows import (
    actions_for,
    best_figure,
    duration_text,
    job_row,
    run_details,
)
from earbench_app.presenters.training_watch import Snapshot, Watch, Wish
from earbench_app.views.training_protocols import CurveOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def history_of(n_steps: int, **changes: float) -> History:
    history = History()
    for event in events(n_steps, **changes):  # type: ignore[arg-type]
        history.add(event)
    return history


def job_of(state: State = State.RUNNING, **facts: object) -> Job:
    return replace(Job("j1", Path("/jobs/j1"), request(), state, device="cpu"), **facts)


# Rows ------------------------------------------------------------------------------------------------


def test_a_row_says_how_a_run_stands() -> None:
    history = history_of(2000)
    row = job_row(job_of(tags=("a",)), history, color=3)
    assert (row.name, row.step, row.n_steps, row.fraction) == ("speech-24", 2000, N_STEPS, 0.5)
    assert row.eta_s == pytest.approx(2000 * 0.09)
    assert row.kbps == history.validation["kbps"]
    assert (row.target_kbps, row.tolerance_kbps) == (24, 0.45)
    assert row.in_band is False
    assert (row.color, row.tags) == (3, ("a",))


def test_the_best_figure_is_of_the_best_checkpoint_and_the_metric_that_decides() -> None:
    history = history_of(1000)  # the best was kept at step 900
    figure = best_figure(history)
    assert figure is not None
    assert figure.value == history.best["metrics"]["pesq_wb"]
    assert history.best["step"] == 900
    assert figure.title == "PESQ-WB"
    assert best_figure(history, history.best["kbps"] - 1) is None  # it is of too high a rate
    history.best["metrics"]["pesq_wb"] = None
    assert best_figure(history) is None


def test_a_limit_shortens_what_is_left() -> None:
    history = history_of(1000)
    half = job_row(job_of(request=request(max_steps=2000)), history)
    assert (half.n_steps, half.fraction) == (2000, 0.5)
    assert half.eta_s == pytest.approx(1000 * 0.09)
    history.add(history.started | {"time": time.time() - 50})
    history.progress["time"] = time.time()
    boxed = job_row(job_of(request=request(max_minutes=2.5)), history)  # 90 s were run before
    assert boxed.eta_s == pytest.approx(10, abs=2)


def test_a_run_that_has_not_begun_says_what_it_does() -> None:
    history = History()
    row = job_row(job_of(), history)
    assert (row.message, row.step, row.n_steps, row.eta_s) == ("starting", 0, N_STEPS, None)
    assert job_row(job_of(started_s=BEGAN_S), history).message == "starting: its program is loaded"
    for doing in ("reading", "decoding"):
        history.add({"event": doing, "time": BEGAN_S, "done": 3, "total": 9})
        row = job_row(job_of(), history)
        assert (row.doing, row.message) == (f"{doing} 33 %", f"{doing} 33 %: 3 of 9 files")
    assert job_row(job_of(State.QUEUED), History()).message == "waits to be started on the CPU"


def test_a_run_that_is_resumed_says_what_it_does_before_its_next_step() -> None:
    history = history_of(230)
    job = job_of(started_s=history.told_s + 60)  # anew
    row = job_row(job, history)
    assert (row.doing, row.eta_s) == ("starting", None)
    assert row.message == "starting: its program is loaded"
    history.add({"event": "decoding", "time": history.told_s + 70, "done": 4, "total": 9})
    row = job_row(job, history)
    assert (row.message, row.eta_s) == ("decoding 44 %: 4 of 9 files", None)
    history.add(history.started | {"time": history.told_s + 80, "step": 230})
    row = job_row(job, history)
    assert (row.doing, row.message, row.eta_s) == ("warming up", "warming up: its first steps", None)
    history.add(history.progress | {"time": history.told_s + 2, "step": 231})
    row = job_row(job, history)
    assert (row.doing, row.message) == ("", "")
    assert row.eta_s is not None


def test_a_run_says_when_it_measures_instead_of_training() -> None:
    history = history_of(300)
    assert job_row(job_of(), history).doing == ""
    history.add(history.progress | {"time": history.told_s + 9, "step": 400})
    assert job_row(job_of(), history).doing == "validating"
    history.add(history.validation | {"time": history.told_s + 9, "step": 400})
    assert job_row(job_of(), history).doing == ""
    history.add(history.progress | {"time": history.told_s + 9, "final": True})
    assert job_row(job_of(), history).doing == "finishing"


@pytest.mark.parametrize(
    ("state", "able"),
    [
        (State.QUEUED, {"pause", "cancel", "delete"}),
        (State.RUNNING, {"pause", "cancel"}),
        (State.PAUSING, {"cancel"}),
        (State.PAUSED, {"resume", "cancel", "delete"}),
        (State.CANCELLING, set()),
        (State.CANCELLED, {"resume", "delete"}),
        (State.DONE, {"delete"}),
        (State.FAILED, {"resume", "delete"}),
    ],
)
def test_what_can_be_done_depends_on_the_state(state: State, able: set[str]) -> None:
    actions = actions_for([job_of(state)])
    can = {name for name in ("pause", "resume", "cancel", "delete") if getattr(actions, name)}
    assert can == able
    assert actions.duplicate
    assert not actions_for([job_of(state)] * 2).duplicate


def test_a_run_that_its_time_box_ended_can_go_on() -> None:
    assert actions_for([job_of(State.DONE, message="stopped at its time box")]).resume


def test_details_pick_out_errors() -> None:
    history = history_of(100)
    history.add({"event": "notice", "time": BEGAN_S, "message": "compiled without"})
    failed = job_of(State.FAILED, message="the disk is full")
    details = run_details(failed, history, ["all is well", "UserWarning: slow", "RuntimeError: no"])
    assert [(line.text, line.level) for line in details.log] == [
        ("note: compiled without", Level.WARNING),
        ("all is well", Level.INFO),
        ("UserWarning: slow", Level.WARNING),
        ("RuntimeError: no", Level.ERROR),
        ("the disk is full", Level.ERROR),
    ]
    assert details.is_error
    facts = dict(details.facts)
    assert facts["Trains on"] == "5.0 h in 1,400 files"
    assert facts["Left out"] == "odd/broken.wav: it is no audio file"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "0:04"), (61, "1:01"), (3723, "1:02:03"), (100_000, "1 d 3 h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


# Curves ----------------------------------------------------------------------------------------------


def test_what_is_in_db_stays_linear_and_says_so() -> None:
    runs = [Run("a", 0, history_of(400))]
    found = {panel.key: panel for panel in panels(runs, CurveOptions(log_y=True))}
    assert not found["metrics/sdr_db"].can_log_y
    assert found["metrics/sdr_db"].note == "y stays linear: dB is a logarithm already"
    assert found["loss"].can_log_y
    assert found["loss"].note == ""
    plain = {panel.key: panel for panel in panels(runs, CurveOptions())}
    assert plain["metrics/sdr_db"].note == ""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.FAILED, "It failed before its first steps: there is no audio file in it"),
        (State.QUEUED, "It waits to be started on the CPU. "),
        (State.RUNNING, "The curves come with the first steps"),
        (State.CANCELLED, "It ended before its first steps"),
    ],
)
def test_a_run_without_curves_says_why(state: State, words: str) -> None:
    job = job_of(state, message="there is no audio file in it" if state is State.FAILED else "")
    assert run_details(job, History(), ()).no_curves.startswith(words)


@pytest.mark.parametrize(
    ("devices", "asked", "text"),
    [
        (("cpu",), "cpu", "waits for a free place on the CPU: run 0 has it"),
        (("cpu", "cpu", "cuda:0"), "cpu", "waits for a free place on the CPU: 2 runs go on there"),
        (("cpu", "cuda:0"), "auto", "waits for a free place on a GPU: run 1 has it"),
        (("cpu",), "cuda:0", "waits to be started on a GPU"),  # others' programs fill its memory
    ],
)
def test_a_queued_run_says_what_it_waits_for(devices: tuple[str, ...], asked: str, text: str) -> None:
    active = [
        job_of(request=replace(request(), name=f"run {n}"), device=device) for n, device in enumerate(devices)
    ]
    queued = job_of(State.QUEUED, device="", request=replace(request(), device=asked))
    assert job_row(queued, History(), None, active).message == text
    assert run_details(queued, History(), (), active).no_curves.startswith(f"It {text}. ")


def test_each_quantity_has_its_panel_and_the_rate_its_band() -> None:
    runs = [
        Run("a", 0, history_of(400), 0.45),
        Run("b", 1, history_of(400, kbps=16), 0.45),
    ]
    found = {panel.key: panel for panel in panels(runs, CurveOptions())}
    assert list(found)[:2] == ["loss", "rate"]
    assert set(found) == {
        "loss",
        "rate",
        "metrics/sdr_db",
        "metrics/pesq_wb",
        "terms/shaped",
        "terms/mel",
        "terms/entropy",
        "learning_rate",
        "tau",
        "examples_per_s",
    }
    assert found["rate"].bands == ((23.55, 24.45), (15.55, 16.45))
    assert [(line.run, line.few) for line in found["rate"].lines] == [
        ("a", False),
        ("a", True),
        ("b", False),
        ("b", True),
    ]
    assert found["metrics/sdr_db"].unit == "dB"


def test_curves_are_what_was_told() -> None:
    told = [event for event in events(400) if event["event"] == "progress"]
    (loss,) = panels([Run("a", 0, history_of(400))], CurveOptions())[0].lines
    np.testing.assert_array_equal(loss.x, [event["step"] for event in told])
    np.testing.assert_allclose(loss.y, [event["loss"] for event in told])
    (timed,) = panels([Run("a", 0, history_of(400))], CurveOptions(x="time"))[0].lines
    np.testing.assert_allclose(timed.x, [event["time"] - BEGAN_S for event in told])


def test_long_curves_are_thinned_to_means() -> None:
    x, y = np.arange(6000.0), np.sin(np.arange(6000) / 50)
    y[100] = np.nan
    few_x, few_y = thinned(x, y)
    assert len(few_x) == len(few_y) == N_POINTS
    np.testing.assert_allclose(np.interp(few_x, x, np.sin(x / 50)), few_y, atol=0.01)
    assert np.isfinite(few_y).all()


def test_smoothing_is_a_weighted_mean_of_what_came_before() -> None:
    y, share = np.array([3.0, 1.0, 4.0, 1.0, 5.0]), 0.6
    weights = [np.array([share ** (k - i) for i in range(k + 1)]) for k in range(len(y))]
    expected = [float(np.average(y[: k + 1], weights=w)) for k, w in enumerate(weights)]
    np.testing.assert_allclose(smoothed(y, share), expected)
    (line,) = panels([Run("a", 0, history_of(400))], CurveOptions(smoothing=share))[0].lines
    assert line.raw_y is not None
    assert np.ptp(line.y[-20:]) < np.ptp(line.raw_y[-20:])


# The thread ------------------------------------------------------------------------------------------


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


# Numbers ---------------------------------------------------------------------------------------------


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
