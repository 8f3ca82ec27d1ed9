"""What is done with a run's checkpoints, without Qt and without files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from audition_doubles import HandPool, tone, view_double
from psygnal import Signal
from training_runs import request

from earbench_app.audition.making import ClipInfo
from earbench_app.audition.run_checkpoints import Kept
from earbench_app.jobs.history import CheckpointSeen
from earbench_app.jobs.job import Job, State
from earbench_app.notifications import Level
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.audition import AuditionPresenter
from earbench_app.presenters.checkpoints import CheckpointShelf
from earbench_app.presenters.training_blind_test import CANCEL
from earbench_app.presenters.training_listen import ListenPresenter
from earbench_app.settings import Settings
from earbench_codecs.base import CodecInfo, Setting

if TYPE_CHECKING:
    from earbench_app.notifications import Notice
    from earbench_app.test_request import TestRequest
    from earbench_app.views.listen_protocols import ListenState


class View:
    """A listening area that notes what it is shown."""

    clip_chosen = Signal(int)
    demo_requested = Signal()
    paths_given = Signal(list)
    follow_switched = Signal(bool)
    checkpoint_chosen = Signal(str)
    original_chosen = Signal()
    switch_requested = Signal()
    play_toggled = Signal()
    shown_requested = Signal()
    test_requested = Signal(tuple)
    test_cancelled = Signal()
    publish_requested = Signal(str, str)
    ticked = Signal()

    def __init__(self) -> None:
        self.show_state, self.show_playing = Mock(), Mock()
        self.show_published, self.show_notice = Mock(), Mock()
        self.chosen_ids, self.may_move = Mock(return_value=()), Mock(return_value=True)

    @property
    def state(self) -> ListenState:
        state: ListenState = self.show_state.call_args.args[0]
        return state

    @property
    def notice(self) -> Notice | None:
        notice: Notice | None = self.show_notice.call_args.args[0]
        return notice


def job(name: str = "speech") -> Job:
    return Job(f"id-{name}", Path("/jobs") / name, request(name))


def seen(name: str, step: int) -> CheckpointSeen:
    return CheckpointSeen(step, "listenable", f"/jobs/{name}/{step}", float(step), 16.0)


class Bench:
    """The presenter and what is around it, put together as the program does it."""

    def __init__(self) -> None:
        self.view, self.quick, self.encoders = View(), HandPool(), HandPool()
        self.audition = AuditionPresenter(
            view_double(), FakePlayer(), self.quick, self.encoders, HandPool(), Settings(), Path("/cache")
        )
        self.shelf = CheckpointShelf(self.quick, Mock(), self.audition.release)
        self.shelf.changed.connect(self.audition.codecs.refresh)
        self.presenter = ListenPresenter(
            self.view,
            self.audition,
            self.quick,
            self.shelf,
            Path("/heard"),  # type: ignore[arg-type]
        )
        self.asked: list[TestRequest] = []
        self.presenter.tests.requested.connect(self.asked.append)

    def open_clips(self, *names: str) -> None:
        paths = [Path("/clips") / f"{name}.wav" for name in names]
        self.view.paths_given.emit(paths)
        self.quick.finish(self.quick.waiting("list_audio_files")[0], paths)
        for task in self.quick.waiting("inspect_clip"):
            self.quick.finish(task, ClipInfo(task.arguments[0].stem, 3.0, 16_000, 1))
        self.load()

    def load(self) -> None:
        self.quick.finish(self.quick.waiting("load_clip")[-1], tone(3.0))

    def hold(self) -> None:
        for task in self.quick.waiting("hold_codec"):
            self.quick.finish(task, task.arguments[1])

    def describe(self) -> None:
        self.hold()
        for task in self.quick.waiting("describe_codec"):
            name = task.arguments[0].name
            info = CodecInfo(f"codec-{name}", name, "neural", "1", (16.0,), Setting(16.0), sha256=name)
            self.quick.finish(task, info)

    def keep(self, *, new: bool = True) -> None:
        for task in self.quick.waiting("keep_codec"):
            name = task.arguments[0].name
            self.quick.finish(task, Kept(name, Path("/own") / name, new))

    def list_codecs(self, *names: str) -> None:
        infos = [CodecInfo(f"codec-{name}", name, "neural", "1", sha256=name) for name in names]
        self.quick.finish(self.quick.waiting("list_codecs")[-1], infos)

    def removed(self) -> list[Path]:
        return [task.arguments[0] for task in self.quick.waiting("remove_checkpoint")]


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Blind tests -----------------------------------------------------------------------------------------


@pytest.fixture
def pair(bench: Bench) -> tuple[str, str]:
    bench.open_clips("a", "b")
    bench.audition.choose_clip(bench.audition.workspace.clips[1].id)
    bench.load()
    bench.presenter.show_runs(((job(), (seen("speech", 100), seen("speech", 200))),))
    bench.hold()
    return "/jobs/speech/100", "/jobs/speech/200"


def test_a_blind_test_says_what_it_is_and_takes_the_clip_that_is_heard(
    bench: Bench, pair: tuple[str, str]
) -> None:
    bench.view.test_requested.emit(pair)
    notice = bench.view.notice
    assert notice is not None
    assert "speech step 100 and speech step 200, with the clip b" in notice.text
    assert notice.action == CANCEL
    bench.keep()
    bench.list_codecs("100", "200")
    (asked,) = bench.asked
    assert [item.title for item in asked.items] == ["b"]
    assert [codec for codec, _ in asked.versions] == ["codec-100", "codec-200"]
    assert bench.view.notice is None


@pytest.mark.parametrize("made", [True, False])
def test_what_was_copied_for_a_test_stays_only_if_the_test_is_made(
    bench: Bench, pair: tuple[str, str], made: bool
) -> None:
    bench.view.test_requested.emit(pair)
    bench.keep()
    bench.list_codecs("100", "200")
    bench.presenter.tests.wizard_closed(bench.asked[0], made)
    assert bench.removed() == ([] if made else [Path("/own/100"), Path("/own/200")])
    assert bench.presenter.tests.close() == []


def test_what_was_among_the_users_own_before_is_never_removed(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    bench.keep(new=False)
    bench.list_codecs("100", "200")
    bench.presenter.tests.wizard_closed(bench.asked[0], made=False)
    assert bench.removed() == []


def test_a_test_is_cancelled_while_it_is_prepared(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    first, _ = bench.quick.waiting("keep_codec")
    bench.quick.finish(first, Kept("100", Path("/own/100"), True))
    bench.view.test_cancelled.emit()
    assert bench.view.notice is None
    assert bench.removed() == [Path("/own/100")]
    bench.keep()  # the other was being copied
    assert bench.removed() == [Path("/own/100"), Path("/own/200")]
    assert bench.asked == []


def test_a_copy_that_another_open_test_needs_stays(bench: Bench, pair: tuple[str, str]) -> None:
    for new in (True, False):
        bench.view.test_requested.emit(pair)
        bench.keep(new=new)
        bench.list_codecs("100", "200")
    bench.presenter.tests.wizard_closed(bench.asked[0], made=False)
    assert bench.removed() == []
    bench.presenter.tests.wizard_closed(bench.asked[1], made=False)
    assert len(bench.removed()) == 2


def test_a_test_whose_checkpoint_cannot_be_loaded_says_so(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    first, second = bench.quick.waiting("keep_codec")
    bench.quick.finish(first, Kept("100", Path("/own/100"), True))
    bench.quick.fail(second, "/jobs/speech/200: it is damaged")
    assert bench.view.notice is not None
    assert bench.view.notice.level is Level.ERROR
    assert "/jobs/speech/200: it is damaged" in bench.view.notice.text
    assert bench.removed() == [Path("/own/100")]


def test_the_window_takes_away_what_is_left(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    bench.keep()
    bench.list_codecs("100", "200")
    assert bench.presenter.tests.close() == [Path("/own/100"), Path("/own/200")]


# Lines and keys --------------------------------------------------------------------------------------


def show(bench: Bench, **steps: tuple[int, ...]) -> None:
    runs = ((job(name), tuple(seen(name, step) for step in all_steps)) for name, all_steps in steps.items())
    bench.presenter.show_runs(tuple(runs))


def lines(bench: Bench) -> list[tuple[str, str]]:
    return [(row.key, row.title) for row in bench.view.state.rows]


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
