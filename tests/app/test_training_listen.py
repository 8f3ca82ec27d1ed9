"""What is done with a run's checkpoints, without Qt and without files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from listen_bench import Bench, job, lines, seen, show

from earbench_app.jobs.history import CheckpointSeen
from earbench_app.jobs.job import State


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def pair(bench: Bench) -> tuple[str, str]:
    bench.open_clips("a", "b")
    bench.audition.choose_clip(bench.audition.workspace.clips[1].id)
    bench.load()
    bench.presenter.show_runs(((job(), (seen("speech", 100), seen("speech", 200))),))
    bench.hold()
    return "/jobs/speech/100", "/jobs/speech/200"


# Lines and keys --------------------------------------------------------------------------------------


def test_the_checkpoints_of_all_selected_runs_are_listed(bench: Bench) -> None:
    show(bench, speech=(100, 200), music=(100,))
    assert lines(bench) == [
        ("1", "step 100"),
        ("2", "step 200"),
        ("3", "step 100"),
    ]
    assert [row.run for row in bench.view.state.rows] == ["speech", "speech", "music"]
    show(bench, music=(100,))
    assert lines(bench) == [("1", "step 100")]


def test_a_new_checkpoint_moves_no_line_and_no_key(bench: Bench) -> None:
    show(bench, speech=(100, 200))
    show(bench, speech=(100, 200, 300))
    assert lines(bench) == [("1", "step 100"), ("2", "step 200"), ("3", "step 300")]
    bench.view.may_move.return_value = False  # the pointer is over them
    show(bench, speech=(100, 300, 400))  # the run has deleted one and told of another
    assert lines(bench) == [("1", "step 100"), ("2", "step 200"), ("3", "step 300"), ("4", "step 400")]
    bench.view.may_move.return_value = True
    show(bench, speech=(100, 300, 400, 500))
    assert lines(bench) == [("1", "step 100"), ("3", "step 300"), ("4", "step 400"), ("2", "step 500")]


def test_lines_without_a_key_get_those_of_lines_that_have_left(bench: Bench) -> None:
    """As of a user who rests the pointer on the list while a run goes on, and then listens."""
    steps = tuple(range(40, 1320, 40))
    bench.view.chosen_ids.return_value = ("/jobs/speech/120",)  # its key stays
    bench.view.may_move.return_value = False
    for end in range(1, len(steps) + 1):
        show(bench, speech=steps[max(0, end - 8) : end])
    assert [key for key, _ in lines(bench)] == [*"123456789", *[""] * 23]
    bench.view.may_move.return_value = True
    bench.view.ticked.emit()  # the pointer has left, and the run tells nothing new
    kept = [f"step {step:,}" for step in (120, *steps[-8:])]
    assert lines(bench) == list(zip("312456789", kept, strict=True))


def test_one_without_a_key_keeps_its_line_as_another_leaves(bench: Bench) -> None:
    show(bench, speech=tuple(range(100, 1200, 100)))
    assert [key for key, _ in lines(bench)] == [*"123456789", "", ""]
    show(bench, speech=tuple(range(400, 1300, 100)))
    assert [key for key, _ in lines(bench)] == [*"456789123"]


# What is exported ------------------------------------------------------------------------------------


def exported(bench: Bench, step: int, state: State, message: str = "") -> None:
    steps = [seen("speech", other) for other in (100, 200)]
    at_end = CheckpointSeen(step, "exported", "/jobs/speech/end", step + 0.5, 16.1, (), file_kbps=3.4)
    run = replace(job(), state=state, message=message)
    bench.presenter.show_runs(((run, (*steps, at_end)),))


@pytest.mark.parametrize(
    ("state", "message", "title"),
    [
        (State.RUNNING, "", "step 100 · exported"),
        (State.FAILED, "no room", "step 100 · exported"),
        (State.DONE, "stopped at its time limit", "step 100 · exported"),
        (State.DONE, "", "step 100 · finished"),
    ],
)
def test_finished_is_said_of_runs_that_are(bench: Bench, state: State, message: str, title: str) -> None:
    exported(bench, 100, state, message)
    assert [text for _, text in lines(bench)] == ["step 100", title, "step 200"]


def test_the_rate_of_an_exported_codec_is_of_the_measure_beside(bench: Bench) -> None:
    exported(bench, 100, State.RUNNING)
    row = bench.view.state.rows[1]
    assert row.figures == "16.1 kbps"
    assert "3.4 kbps" in row.note


def test_the_runs_own_name_is_proposed_for_what_it_exports_alone(bench: Bench) -> None:
    exported(bench, 100, State.DONE)
    names = [(row.title, row.codec_name) for row in bench.view.state.rows]
    assert names == [
        ("step 100", "speech-step-100"),
        ("step 100 · finished", "speech"),
        ("step 200", "speech-step-200"),
    ]


def test_it_is_said_why_an_export_is_not_as_long_as_its_step(bench: Bench) -> None:
    exported(bench, 100, State.DONE)
    assert ["tables" in row.note for row in bench.view.state.rows] == [False, True, False]


def test_a_second_export_is_another_line_and_never_heard_as_the_first(bench: Bench) -> None:
    bench.open_clips("a")
    exported(bench, 100, State.DONE, "stopped at its time limit")
    first = bench.view.state.rows[1].id
    bench.view.checkpoint_chosen.emit(first)
    bench.describe()
    exported(bench, 200, State.DONE)
    rows = {row.title: row.id for row in bench.view.state.rows}
    assert {title for title in rows if "·" in title} == {"step 100 · exported", "step 200 · finished"}
    bench.view.checkpoint_chosen.emit(rows["step 200 · finished"])
    bench.describe()
    files = [version.checkpoint for version in bench.audition.workspace.versions]
    assert len(set(files)) == 2


def test_a_list_that_the_pointer_rests_on_does_not_grow_for_ever(bench: Bench) -> None:
    bench.view.may_move.return_value = False
    for step in range(100, 10_000, 100):
        show(bench, speech=(step,))
    assert 10 < len(lines(bench)) <= 40


def test_what_its_run_deletes_is_heard_as_long_as_it_is_listed(bench: Bench) -> None:
    bench.open_clips("a")
    bench.view.may_move.return_value = False
    show(bench, speech=(100, 200))
    bench.hold()
    show(bench, speech=(200, 300))
    assert [row.state for row in bench.view.state.rows] == ["", "", ""]
    bench.view.checkpoint_chosen.emit("/jobs/speech/100")
    (task,) = bench.quick.waiting("describe_codec")
    held = task.arguments[0]
    assert held.parent.name == "id-speech"
    assert held.is_relative_to("/heard")
    bench.describe()
    (version,) = bench.audition.workspace.versions
    assert version.checkpoint == held
    assert not bench.quick.waiting("let_go")
    bench.view.may_move.return_value = True
    show(bench, speech=(300, 400))  # a version needs the first; nobody the second
    assert [title for _, title in lines(bench)] == ["step 100", "step 300", "step 400"]
    assert [task.arguments[0].name for task in bench.quick.waiting("let_go")] == ["200"]


def test_one_that_is_chosen_before_it_is_held_is_heard_all_the_same(bench: Bench) -> None:
    bench.open_clips("a")
    show(bench, speech=(100,))
    bench.view.checkpoint_chosen.emit("/jobs/speech/100")
    assert bench.view.state.waiting == "/jobs/speech/100"
    assert not bench.quick.waiting("describe_codec")
    bench.describe()
    assert len(bench.audition.workspace.versions) == 1


def test_what_is_selected_stays_listed(bench: Bench) -> None:
    show(bench, speech=(100, 200))
    bench.view.chosen_ids.return_value = ("/jobs/speech/100",)
    show(bench, speech=(200, 300))
    assert [title for _, title in lines(bench)] == ["step 100", "step 200", "step 300"]


def test_a_checkpoint_keeps_its_colour_while_others_come_and_go(bench: Bench) -> None:
    def hear(step: int) -> int | None:
        bench.view.checkpoint_chosen.emit(f"/jobs/speech/{step}")
        bench.describe()
        return next(row.color for row in bench.view.state.rows if row.id.endswith(f"/{step}"))

    bench.open_clips("a")
    steps = tuple(range(100, 800, 100))
    show(bench, speech=steps)
    colors = {step: hear(step) for step in steps}
    assert len(set(colors.values())) == len(steps)
    assert len(bench.audition.workspace.versions) < len(steps)  # the first have left the audition page
    show(bench, speech=steps, music=(50,))
    show(bench, speech=steps)
    assert {step: hear(step) for step in steps} == colors


def test_best_is_said_of_steps_within_the_rate_alone(bench: Bench) -> None:
    def rows_at(kbps: float) -> list[tuple[bool, bool]]:
        best = CheckpointSeen(100, "best", "/jobs/speech/best", 100.0)
        end = CheckpointSeen(100, "exported", "/jobs/speech/end", 300.0, kbps, file_kbps=kbps - 1)
        step = replace(seen("speech", 100), kbps=kbps)
        bench.presenter.show_runs(((job(f"at-{kbps}"), (step, best, end)),))
        return [(row.best, row.within) for row in bench.view.state.rows]

    assert rows_at(24.4) == [(True, True)] * 2  # of 24 ± 0.45
    assert rows_at(48.0) == [(True, False)] * 2


def test_a_line_that_is_listened_to_is_not_taken(bench: Bench) -> None:
    bench.open_clips("a")
    show(bench, speech=(100, 200))
    bench.view.checkpoint_chosen.emit("/jobs/speech/100")
    bench.describe()
    show(bench, speech=(200, 300))
    assert lines(bench) == [("1", "step 100"), ("2", "step 200"), ("3", "step 300")]


def test_the_mark_moves_when_the_sound_does(bench: Bench, pair: tuple[str, str]) -> None:
    first, _ = pair
    bench.view.checkpoint_chosen.emit(first)
    assert (bench.view.state.heard, bench.view.state.waiting) == (None, first)
    bench.describe()
    assert (bench.view.state.heard, bench.view.state.waiting) == (None, first)  # it is not decoded yet
    assert bench.audition.playback.heard.version_id is None


def test_one_that_could_not_be_read_is_not_waited_for(bench: Bench, pair: tuple[str, str]) -> None:
    first, _ = pair
    bench.view.checkpoint_chosen.emit(first)
    bench.quick.fail(bench.quick.waiting("describe_codec")[0], "it cannot be read")
    assert (bench.view.state.heard, bench.view.state.waiting) == (None, "")


def test_one_that_could_not_be_decoded_is_not_waited_for(bench: Bench, pair: tuple[str, str]) -> None:
    first, _ = pair
    bench.view.checkpoint_chosen.emit(first)
    bench.describe()
    (made,) = bench.encoders.waiting()
    bench.encoders.fail(made, "it has gone")
    assert (bench.view.state.heard, bench.view.state.waiting) == (None, "")


def test_what_its_run_deleted_before_it_was_held_is_neither_heard_nor_tested(bench: Bench) -> None:
    first, second = "/jobs/speech/100", "/jobs/speech/200"
    bench.open_clips("a")
    bench.view.may_move.return_value = False
    show(bench, speech=(100, 200))
    gone, _ = bench.quick.waiting("hold_codec")
    bench.quick.finish(gone, None)
    assert [row.state for row in bench.view.state.rows] == ["the run keeps it no longer", ""]
    bench.view.checkpoint_chosen.emit(first)
    assert bench.view.state.waiting == ""
    assert bench.view.notice is not None
    assert "keeps it no longer" in bench.view.notice.text
    bench.view.test_requested.emit((first, second))
    assert bench.view.notice.text.startswith("No blind test of speech step 100")
    assert not bench.quick.waiting("keep_codec")


def test_it_is_said_that_not_all_steps_are_kept(bench: Bench) -> None:
    assert bench.view.state.kept == ""
    show(bench, speech=(100, 200))
    assert bench.view.state.kept == "Kept: a run's best step and its latest, 8 at most"


def test_the_newest_of_each_followed_run_is_added(bench: Bench) -> None:
    bench.open_clips("a")
    show(bench, speech=(100, 200), music=(50,))
    bench.view.follow_switched.emit(True)
    bench.describe()
    show(bench, speech=(100, 200, 300), music=(50,))
    bench.describe()
    titles = [version.title for version in bench.audition.workspace.versions]
    assert titles == ["speech step 200", "music step 50", "speech step 300"]
    assert bench.view.state.follows
    show(bench, other=(1,))
    assert not bench.view.state.follows
