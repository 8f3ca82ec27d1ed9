"""The training page's presenter: what it shows, and what it does to jobs."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from psygnal import Signal
from training_runs import add_job, request

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.executors import Look
from earbench_app.jobs.gpu import Gpu
from earbench_app.jobs.history import CheckpointSeen, History
from earbench_app.jobs.job import ACTIVE, JobError, State
from earbench_app.notifications import Level, Notice
from earbench_app.presenters import training_board
from earbench_app.presenters.training import N_LOOKS, TrainingPresenter, gpu_text, lasting_colors
from earbench_app.presenters.training_board import command
from earbench_app.presenters.training_rows import job_row
from earbench_app.presenters.training_watch import Snapshot, Wish
from earbench_app.settings import CurveSettings, Settings
from earbench_app.views.training_protocols import CurveOptions, RunDetails, TrainingView

if TYPE_CHECKING:
    from collections.abc import Callable

    from earbench_app.presenters.training_slots import Runs

SETTERS = (
    "show_jobs",
    "choose",
    "show_actions",
    "show_curves",
    "show_options",
    "show_details",
    "show_gpus",
    "show_form",
    "show_notice",
    "open_folder",
    "copy_text",
    "open_address",
)


class View:
    """The out-signals of the page, with setters that note what they are given."""

    jobs_chosen = Signal(tuple)
    new_requested = Signal()
    pause_requested = Signal(tuple)
    resume_requested = Signal(tuple)
    cancel_requested = Signal(tuple)
    delete_confirmed = Signal(tuple)
    duplicate_requested = Signal(str)
    folder_requested = Signal(str)
    other_data_requested = Signal(str)
    tensorboard_requested = Signal(tuple)
    annotated = Signal(str, str, tuple)
    options_changed = Signal(CurveOptions)
    numbers_requested = Signal(Path)
    notice_acted = Signal(str)
    paths_given = Signal(list)

    def __init__(self) -> None:
        setters = Mock(spec=TrainingView)
        for name in SETTERS:
            setattr(self, name, getattr(setters, name))

    @property
    def notice(self) -> Notice:
        return self.show_notice.call_args.args[0]  # type: ignore[attr-defined]


class FakeForm:
    """Notes what is asked of it."""

    submitted = Signal(tuple)
    left = Signal()

    def __init__(self) -> None:
        self.open, self.leave, self.duplicate = Mock(), Mock(), Mock()
        self.offer_devices, self.take_dropped = Mock(), Mock(return_value=True)
        self.take_names, self.ask_data = Mock(), Mock()


class FakeWatch:
    """Carries commands out at once, and notes what is wished for."""

    told = Signal(object)
    failed = Signal(str)

    def __init__(self, board: JobBoard) -> None:
        self.board, self.last, self.problem = board, None, ""
        self.wishes: list[Wish] = []

    def look_at(self, wish: Wish) -> None:
        self.wishes.append(wish)

    def do(self, action: Callable[[], object], failed: Callable[[str], None]) -> None:
        try:
            action()
        except JobError as error:
            failed(str(error))

    def tell(
        self,
        front: str = "",
        checkpoints: tuple[tuple[str, tuple[CheckpointSeen, ...]], ...] = (),
        **facts: Any,
    ) -> None:
        jobs = self.board.jobs()
        wish = self.wishes[-1] if self.wishes else Wish()
        details = RunDetails(front, "name") if front else None
        rows = tuple(job_row(job, History()) for job in jobs)
        given = {"panels": None, "gpus": ()} | facts
        self.told.emit(
            Snapshot(jobs, rows, wish, given["panels"], "step", details, checkpoints, given["gpus"])
        )


@pytest.fixture
def board(tmp_path: Path) -> JobBoard:
    executor = Mock()
    executor.look.side_effect = lambda job: Look("running" if job.state in ACTIVE else "ended")
    executor.start.return_value = []
    return JobBoard(tmp_path / "jobs", {"local": executor})


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def form() -> FakeForm:
    return FakeForm()


@pytest.fixture
def watch(board: JobBoard) -> FakeWatch:
    return FakeWatch(board)


@pytest.fixture
def presenter(view: View, form: FakeForm, watch: FakeWatch) -> TrainingPresenter:
    return TrainingPresenter(view, form, watch, lambda function: function())  # type: ignore[arg-type]


pytestmark = pytest.mark.usefixtures("presenter")


def states(board: JobBoard) -> dict[str, State]:
    return {job.request.name: job.state for job in board.jobs()}


def test_what_is_selected_is_looked_at_and_keeps_its_colour(view: View, watch: FakeWatch) -> None:
    view.jobs_chosen.emit(("a", "b", "c"))
    assert watch.wishes[-1].colors == {"a": 0, "b": 1, "c": 2}
    view.jobs_chosen.emit(("c", "d"))
    assert watch.wishes[-1].colors == {"c": 2, "d": 3}
    assert list(watch.wishes[-1].colors) == ["c", "d"]
    view.options_changed.emit(CurveOptions("time", 0.9))
    assert watch.wishes[-1] == Wish({"c": 2, "d": 3}, CurveOptions("time", 0.9))


def test_a_run_has_the_same_colour_whenever_it_is_drawn(
    presenter: TrainingPresenter, view: View, watch: FakeWatch
) -> None:
    del presenter
    view.jobs_chosen.emit(("a", "b"))
    view.jobs_chosen.emit(("b",))
    view.jobs_chosen.emit(("c", "b", "a"))
    assert watch.wishes[-1].colors == {"c": 2, "b": 1, "a": 0}
    assert list(watch.wishes[-1].colors) == ["c", "b", "a"]


def test_no_two_runs_look_the_same_even_after_very_many() -> None:
    known: dict[str, int] = {}
    for number in range(2 * N_LOOKS):
        known |= lasting_colors((str(number),), known)
    twins = ("0", str(N_LOOKS))
    assert known[twins[0]] == known[twins[1]]
    both = lasting_colors(twins, known)
    assert both["0"] == known["0"]
    assert len(set(both.values())) == 2
    assert set(known.values()) <= set(range(N_LOOKS))
    assert len(set(lasting_colors([str(n) for n in range(N_LOOKS)], known).values())) == N_LOOKS


def test_how_curves_are_drawn_is_remembered(view: View, form: FakeForm, watch: FakeWatch) -> None:
    settings = Settings(curves=CurveSettings(x="time", smoothing=0.9))
    presenter = TrainingPresenter(view, form, watch, lambda function: function(), settings)  # type: ignore[arg-type]
    view.show_options.assert_called_with(CurveOptions("time", 0.9))  # type: ignore[attr-defined]
    view.jobs_chosen.emit(("a",))
    assert watch.wishes[-1].options == CurveOptions("time", 0.9)
    view.options_changed.emit(CurveOptions("step", 0.3, log_x=True))
    assert settings.curves == CurveSettings(smoothing=0.3, log_x=True)
    presenter.close()


def test_the_colour_of_a_run_is_remembered_as_long_as_it_is_there(
    view: View, form: FakeForm, watch: FakeWatch, board: JobBoard
) -> None:
    settings, post = Settings(run_colors={"gone": 5}), lambda function: function()
    a, b = (board.submit(request(name)).id for name in ("a", "b"))
    first = TrainingPresenter(view, form, watch, post, settings)  # type: ignore[arg-type]
    watch.tell()
    view.jobs_chosen.emit((a, b))
    view.jobs_chosen.emit(())
    assert settings.run_colors == {a: 0, b: 1}
    later = FakeWatch(board)
    view = View()
    second = TrainingPresenter(view, form, later, post, settings)  # type: ignore[arg-type]
    view.jobs_chosen.emit((b, "new"))
    assert later.wishes[-1].colors == {b: 1, "new": 2}
    for one in (first, second):
        one.close()


def test_each_job_is_told_what_applies_to_it(view: View, watch: FakeWatch, board: JobBoard) -> None:
    jobs = [add_job(board, str(state), state, 0) for state in (State.QUEUED, State.RUNNING, State.DONE)]
    ids = tuple(job.id for job in jobs)
    watch.tell()
    view.pause_requested.emit(ids)
    assert states(board) == {"queued": State.PAUSED, "running": State.PAUSING, "done": State.DONE}
    watch.tell()
    view.resume_requested.emit(ids)
    assert states(board)["queued"] is State.QUEUED
    watch.tell()
    view.cancel_requested.emit(ids)
    assert states(board) == {"queued": State.CANCELLED, "running": State.CANCELLING, "done": State.DONE}
    assert all(call.args[0] is None for call in view.show_notice.call_args_list)  # type: ignore[attr-defined]
    watch.tell()
    view.delete_confirmed.emit((ids[0], ids[2]))
    assert list(states(board)) == ["running"]


def test_what_fails_is_told(view: View, watch: FakeWatch, board: JobBoard) -> None:
    job = add_job(board, state=State.RUNNING)
    watch.tell()
    view.delete_confirmed.emit((job.id,))
    assert view.notice.level is Level.ERROR
    assert job.id in view.notice.text
    watch.failed.emit("the disk is gone")
    assert view.notice == Notice("the disk is gone", Level.ERROR)


def test_a_run_that_is_begun_is_selected_when_it_is_listed(
    view: View, form: FakeForm, watch: FakeWatch, board: JobBoard
) -> None:
    view.new_requested.emit()
    form.open.assert_called_once()
    view.show_form.assert_called_with(True)  # type: ignore[attr-defined]
    form.submitted.emit((request("a"), request("b")))
    view.show_form.assert_called_with(False)  # type: ignore[attr-defined]
    view.choose.assert_not_called()  # type: ignore[attr-defined]
    watch.tell()
    made = sorted(board.jobs(), key=lambda job: job.request.name)
    view.choose.assert_called_once_with(tuple(job.id for job in made))  # type: ignore[attr-defined]
    assert made[0].sweep == made[1].sweep != ""
    watch.tell()
    view.choose.assert_called_once()  # type: ignore[attr-defined]


def test_a_run_that_cannot_be_begun_leaves_the_form(view: View, form: FakeForm) -> None:
    form.submitted.emit((request(executor="slurm"),))
    assert view.notice.level is Level.ERROR
    assert view.notice.text.startswith("Not started: ")
    view.show_form.assert_not_called()  # type: ignore[attr-defined]


def test_curves_of_another_selection_are_not_shown(view: View, watch: FakeWatch, board: JobBoard) -> None:
    job = add_job(board)
    watch.tell(front=job.id, panels=())
    view.show_curves.assert_called_once_with((), "step")  # type: ignore[attr-defined]
    view.jobs_chosen.emit((job.id,))
    late = Wish()
    watch.told.emit(Snapshot(board.jobs(), (), late, (), "step", None, (), ()))
    view.show_curves.assert_called_once()  # type: ignore[attr-defined]


def test_the_selected_runs_and_their_checkpoints_are_told_of(
    presenter: TrainingPresenter, watch: FakeWatch, board: JobBoard
) -> None:
    told: list[Runs] = []
    presenter.runs_changed.connect(told.append)
    job, other = add_job(board), add_job(board, "other")
    first = CheckpointSeen(100, "best", "/runs/best.safetensors", 1.0)
    watch.tell(job.id, ((job.id, (first,)), (other.id, ())))
    watch.tell(job.id, ((job.id, (first,)), (other.id, ())))
    assert told == [((job, (first,)), (other, ()))]
    watch.tell()
    assert told[-1] == ()


def test_a_past_run_fills_the_form(view: View, form: FakeForm, watch: FakeWatch, board: JobBoard) -> None:
    job = add_job(board)
    watch.tell()
    view.duplicate_requested.emit(job.id)
    form.take_names.assert_called_with({job.request.name})
    form.duplicate.assert_called_once_with(job.request, f"{job.request.name}-2")
    view.show_form.assert_called_with(True)  # type: ignore[attr-defined]
    form.left.emit()
    view.show_form.assert_called_with(False)  # type: ignore[attr-defined]


def test_a_run_that_lacks_data_is_asked_for_again_with_other_data(
    view: View, form: FakeForm, watch: FakeWatch, board: JobBoard
) -> None:
    job = add_job(board, state=State.FAILED)
    watch.tell()
    view.other_data_requested.emit(job.id)
    form.duplicate.assert_called_once_with(job.request, f"{job.request.name}-2")
    view.show_form.assert_called_with(True)  # type: ignore[attr-defined]
    form.ask_data.assert_called_once_with()


def test_what_is_written_to_a_run_is_kept(view: View, watch: FakeWatch, board: JobBoard) -> None:
    job = add_job(board)
    watch.tell()
    view.annotated.emit(job.id, "a note", ("x", "y"))
    kept = board.job(job.id)
    assert (kept.notes, kept.tags) == ("a note", ("x", "y"))


def test_the_folder_is_opened(view: View, watch: FakeWatch, board: JobBoard) -> None:
    job = add_job(board)
    watch.tell()
    view.folder_requested.emit(job.id)
    folder, failed = view.open_folder.call_args.args  # type: ignore[attr-defined]
    assert folder == job.folder
    failed()  # there is no file manager
    assert str(job.folder) in view.notice.text
    view.notice_acted.emit(view.notice.action)
    view.copy_text.assert_called_once_with(str(job.folder))  # type: ignore[attr-defined]


def test_numbers_of_the_selected_runs_are_written(
    view: View, watch: FakeWatch, board: JobBoard, tmp_path: Path
) -> None:
    job, _other = add_job(board, "mine", n_steps=100), add_job(board, "other", n_steps=100)
    watch.tell()
    view.jobs_chosen.emit((job.id,))
    view.numbers_requested.emit(tmp_path / "numbers.csv")
    with (tmp_path / "numbers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == {"mine"}
    assert view.notice.text == f"{len(rows)} rows written to {tmp_path / 'numbers.csv'}"
    view.numbers_requested.emit(tmp_path / "no" / "numbers.csv")
    assert view.notice.level is Level.ERROR


def test_gpus_are_told_of_and_offered(view: View, form: FakeForm, watch: FakeWatch) -> None:
    watch.tell(gpus=(Gpu(0, "GPU-0", "H200", 12_595, 143_360, 45, 61),))
    view.show_gpus.assert_called_with("GPU 0  45 %  12.3 of 140 GiB  61 °C")  # type: ignore[attr-defined]
    form.offer_devices.assert_called_once_with(("cpu", "cuda:0"))
    assert gpu_text(Gpu(1, "GPU-1", "old", 1024, 2048)) == "GPU 1  1.0 of 2 GiB"


# TensorBoard -----------------------------------------------------------------------------------------


def test_tensorboard_without_files_or_package_says_so(
    view: View, watch: FakeWatch, board: JobBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = add_job(board)
    watch.tell()
    view.tensorboard_requested.emit((job.id,))
    assert "nothing for TensorBoard yet" in view.notice.text
    monkeypatch.setattr(training_board, "find_spec", lambda name: None)
    view.tensorboard_requested.emit((job.id,))
    assert "not installed" in view.notice.text


def test_several_runs_are_shown_by_their_names(board: JobBoard) -> None:
    jobs = [add_job(board, name) for name in ("one", "t:w,o")]
    one = command(jobs[:1])
    assert one[one.index("--logdir") + 1] == str(jobs[0].folder / "tensorboard")
    both = command(jobs)
    spec = both[both.index("--logdir_spec") + 1]
    assert [part.partition(":")[2] for part in spec.split(",")] == [
        str(job.folder / "tensorboard") for job in jobs
    ]


SERVES = """
import sys, time
print("at http://localhost:1234/", file=sys.stderr, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("script", "word"), [(SERVES, ""), ("import sys; sys.exit('no port is free')", "no port is free")]
)
def test_tensorboard_is_started_shown_and_ended(
    board: JobBoard, monkeypatch: pytest.MonkeyPatch, script: str, word: str
) -> None:
    import queue

    told: queue.Queue[tuple[str, str]] = queue.Queue()
    monkeypatch.setattr(training_board, "command", lambda jobs: [sys.executable, "-c", script])
    boards = training_board.TensorBoards(
        lambda function: function(),
        lambda address: told.put(("opened", address)),
        lambda message: told.put(("failed", message)),
    )
    job = add_job(board)
    (job.folder / "tensorboard").mkdir()
    boards.open([job])
    how, what = told.get(timeout=60)
    if word:
        assert (how, word in what) == ("failed", True)
        return
    assert (how, what) == ("opened", "http://localhost:1234/")
    boards.open([job])
    assert told.get(timeout=5) == ("opened", "http://localhost:1234/")
    boards.close()
    assert told.empty()


# What is out of date ---------------------------------------------------------------------------------


def test_the_page_says_that_it_is_out_of_date_until_it_no_longer_is(
    presenter: TrainingPresenter, view: View, watch: FakeWatch, board: JobBoard
) -> None:
    job = add_job(board, state=State.RUNNING, n_steps=0)
    watch.tell()
    watch.failed.emit("the disk is gone")
    assert view.notice == Notice("the disk is gone", Level.ERROR)
    view.pause_requested.emit((job.id,))  # which takes away what was said before
    assert view.notice == Notice("the disk is gone", Level.ERROR)
    watch.failed.emit("")
    assert view.notice is None


def test_that_it_is_no_longer_out_of_date_takes_no_other_message_away(
    presenter: TrainingPresenter, view: View, watch: FakeWatch
) -> None:
    watch.failed.emit("the disk is gone")
    view.tensorboard_requested.emit(())
    other = view.notice
    assert other is not None
    assert other.text != "the disk is gone"
    watch.failed.emit("")
    assert view.notice == other


def test_a_page_that_is_opened_late_says_it_too(view: View, form: FakeForm, watch: FakeWatch) -> None:
    watch.problem = "the disk is gone"
    TrainingPresenter(view, form, watch, lambda function: function())  # type: ignore[arg-type]
    assert view.notice == Notice("the disk is gone", Level.ERROR)
