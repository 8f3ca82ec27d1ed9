"""What the list says of a run, and what is said of the one in front."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from training_runs import BEGAN_S, N_STEPS, history_of, job_of, request

from earbench_app.jobs.history import History, remaining_s
from earbench_app.jobs.job import State
from earbench_app.notifications import Level
from earbench_app.presenters.training_rows import (
    actions_for,
    best_figure,
    duration_text,
    job_row,
    run_details,
)


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


def test_nothing_is_left_until_a_run_that_is_resumed_trains_again() -> None:
    """What it told before it ended says nothing of the start that is under way."""
    history = history_of(230)
    ends_s = history.told_s + 50
    assert remaining_s(job_of(started_s=BEGAN_S), history) is not None
    assert remaining_s(job_of(started_s=ends_s), history) is None
    history.add({"event": "reading", "time": ends_s + 1, "done": 1, "total": 9})
    assert remaining_s(job_of(started_s=ends_s), history) is None


def test_a_run_says_when_it_measures_instead_of_training() -> None:
    history = history_of(300)
    assert job_row(job_of(), history).doing == ""
    history.add(history.progress | {"time": history.told_s + 9, "step": 400})
    assert job_row(job_of(), history).doing == "validating"
    history.add(history.validation | {"time": history.told_s + 9, "step": 400})
    assert job_row(job_of(), history).doing == ""
    history.add({"event": "exporting", "time": history.told_s + 9, "step": 2000})
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
    assert facts["Trains on"] == "5:00:00 in 1,400 files"
    assert facts["Left out"] == "odd/broken.wav: it is no audio file"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "0:04"), (61, "1:01"), (3723, "1:02:03"), (100_000, "1 d 3 h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


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
