"""The training page's decisions: what is listed, what is drawn, what is done to jobs."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.jobs.job import JobError
from earbench_app.notifications import Level, Notice
from earbench_app.presenters.training_board import TensorBoards
from earbench_app.presenters.training_new import free_name
from earbench_app.presenters.training_numbers import write_numbers
from earbench_app.presenters.training_rows import actions_for, can_cancel, can_pause, can_resume
from earbench_app.presenters.training_watch import Wish
from earbench_app.settings import CurveSettings, Settings
from earbench_app.views.training_protocols import CurveOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from earbench_app.background.pool import Post
    from earbench_app.jobs.gpu import Gpu
    from earbench_app.jobs.job import Job, TrainRequest
    from earbench_app.presenters.training_new import TrainingFormPresenter
    from earbench_app.presenters.training_slots import Runs
    from earbench_app.presenters.training_watch import Snapshot, Watch
    from earbench_app.views.training_protocols import TrainingView

COPY = "Copy the path"
N_LOOKS = 28
"""Lines that can be told apart: seven colours by four styles."""


class TrainingPresenter:
    """Carries what the watch sees to the page, and the page's wishes to the board.

    Parameters
    ----------
    view : TrainingView
    form : TrainingFormPresenter
    watch : Watch
    post : callable
        Runs a function on the interface's thread.
    settings : Settings, optional
        Keeps how curves are drawn, and in which colours.

    Attributes
    ----------
    runs_changed : Signal
        The selected runs, the one in front first, each with the checkpoints it told of: emitted whenever
        any of this changes, so that they can be listened to.
    runs : tuple of (Job, tuple of CheckpointSeen)
        What was emitted last.
    """

    runs_changed = Signal(tuple)

    def __init__(
        self,
        view: TrainingView,
        form: TrainingFormPresenter,
        watch: Watch,
        post: Post,
        settings: Settings | None = None,
    ) -> None:
        self._view, self._form, self._watch, self._board = view, form, watch, watch.board
        self._jobs: dict[str, Job] = {}
        self._chosen: tuple[str, ...] = ()
        self._colors: dict[str, int] = {}  # of those whose curves are drawn
        self._settings = settings or Settings()
        self._known_colors = dict(self._settings.run_colors)  # of all that ever were
        self._options = CurveOptions(**self._settings.curves.model_dump())
        view.show_options(self._options)
        self.runs: Runs = ()
        self._gpus: tuple[str, ...] = ()
        self._awaited: tuple[str, ...] = ()
        self._post = post
        self._notice: Notice | None = None
        self._stale: Notice | None = None
        self._told = ""  # what a notice offers to copy
        self._tensorboards = TensorBoards(post, view.open_address, self._fail)
        view.jobs_chosen.connect(self._choose)
        view.new_requested.connect(self.new_run)
        view.pause_requested.connect(partial(self._each, watch.board.pause, can_pause))
        view.resume_requested.connect(partial(self._each, watch.board.resume, can_resume))
        view.cancel_requested.connect(partial(self._each, watch.board.cancel, can_cancel))
        view.delete_confirmed.connect(partial(self._each, watch.board.delete, lambda _: True))
        view.duplicate_requested.connect(self._duplicate)
        view.other_data_requested.connect(self._ask_data)
        view.folder_requested.connect(self._open_folder)
        view.tensorboard_requested.connect(self._open_tensorboard)
        view.annotated.connect(self._annotate)
        view.options_changed.connect(self._change_options)
        view.numbers_requested.connect(self._write_numbers)
        view.notice_acted.connect(self._act)
        view.paths_given.connect(self.take_dropped)
        form.submitted.connect(self._submit)
        form.left.connect(self._leave_form)
        watch.told.connect(self.show)
        watch.failed.connect(self._tell_stale)
        if watch.last is not None:
            self.show(watch.last)
        if watch.problem:
            self._tell_stale(watch.problem)

    def close(self) -> None:
        """End what was opened beside the page."""
        self._form.leave()
        self._tensorboards.close()

    def take_dropped(self, paths: Sequence[Path]) -> bool:
        """Fill the form with a recipe or a folder; return whether one of them is that."""
        taken = self._form.take_dropped(paths)
        if taken:
            self._view.show_form(True)
        return taken

    def new_run(self) -> None:
        """Show the form."""
        self._form.open()
        self._view.show_form(True)

    def show(self, snapshot: Snapshot) -> None:
        """Show what the watch saw."""
        self._jobs = {job.id: job for job in snapshot.jobs}
        self._form.take_names({job.request.name for job in snapshot.jobs})
        self._view.show_jobs(snapshot.rows)
        self._view.show_actions(actions_for(self._chosen_jobs()))
        self._view.show_gpus("   ".join(map(gpu_text, snapshot.gpus)))
        self._offer_devices(snapshot.gpus)
        if snapshot.wish.colors == self._colors:
            if snapshot.panels is not None:
                self._view.show_curves(snapshot.panels, snapshot.x_title)
            self._view.show_details(snapshot.details)
            self._tell_runs(snapshot)
        if self._awaited and all(job_id in self._jobs for job_id in self._awaited):
            self._view.choose(self._awaited)
            self._awaited = ()

    def _tell_runs(self, snapshot: Snapshot) -> None:
        runs = tuple((self._jobs[job_id], seen) for job_id, seen in snapshot.checkpoints)
        if runs != self.runs:
            self.runs = runs
            self.runs_changed.emit(runs)

    def _offer_devices(self, gpus: Sequence[Gpu]) -> None:
        names = ("cpu", *(f"cuda:{gpu.index}" for gpu in gpus))
        if names != self._gpus:
            self._gpus = names
            self._form.offer_devices(names)

    def _choose(self, job_ids: tuple[str, ...]) -> None:
        """Draw these; each keeps the colour that it was once given."""
        self._chosen = job_ids
        self._colors = lasting_colors(job_ids, self._known_colors)
        self._known_colors |= self._colors
        if job_ids:
            known = self._known_colors.items()
            self._settings.run_colors = {job_id: color for job_id, color in known if job_id in self._jobs}
        self._view.show_actions(actions_for(self._chosen_jobs()))
        self._wish()

    def _change_options(self, options: CurveOptions) -> None:
        self._options = options
        self._settings.curves = CurveSettings(**asdict(options))
        self._wish()

    def _wish(self) -> None:
        self._watch.look_at(Wish(self._colors, self._options))

    def _chosen_jobs(self) -> list[Job]:
        return [self._jobs[job_id] for job_id in self._chosen if job_id in self._jobs]

    # What is done to jobs ----------------------------------------------------------------------------

    def _each(
        self, action: Callable[[str], object], applies: Callable[[Job], bool], job_ids: tuple[str, ...]
    ) -> None:
        """Do it to those to which it applies."""
        self._say(None)
        for job_id in job_ids:
            if job_id in self._jobs and applies(self._jobs[job_id]):
                self._watch.do(partial(action, job_id), self._fail)

    def _submit(self, requests: tuple[TrainRequest, ...]) -> None:
        def submit() -> None:
            if len(requests) == 1:
                made: tuple[Job, ...] = (self._board.submit(requests[0]),)
            else:
                made = self._board.submit_sweep(requests)
            self._post(lambda: self._submitted(made))

        self._watch.do(submit, self._not_submitted)

    def _submitted(self, made: Sequence[Job]) -> None:
        self._awaited = tuple(job.id for job in made)
        self._view.show_form(False)

    def _not_submitted(self, message: str) -> None:
        self._say(Notice(f"Not started: {message}", Level.ERROR))

    def _leave_form(self) -> None:
        self._view.show_form(False)

    def _duplicate(self, job_id: str) -> None:
        if job_id in self._jobs:
            request = self._jobs[job_id].request
            names = {job.request.name for job in self._jobs.values()}
            self._form.duplicate(request, free_name(request.name, names))
            self._view.show_form(True)

    def _ask_data(self, job_id: str) -> None:
        self._duplicate(job_id)
        self._form.ask_data()

    def _open_folder(self, job_id: str) -> None:
        if job_id in self._jobs:
            folder = self._jobs[job_id].folder
            self._view.open_folder(folder, partial(self._tell_folder, folder))

    def _tell_folder(self, folder: Path) -> None:
        """Say where a folder is that nothing here can show."""
        self._told = str(folder)
        self._say(Notice(f"No file manager is here to show it. The folder is {folder}", action=COPY))

    def _act(self, action: str) -> None:
        if action == COPY:
            self._view.copy_text(self._told)
            self._say(None)

    def _open_tensorboard(self, job_ids: tuple[str, ...]) -> None:
        self._say(Notice("Starting TensorBoard…"))
        self._tensorboards.open([self._jobs[job_id] for job_id in job_ids if job_id in self._jobs])

    def _annotate(self, job_id: str, notes: str, tags: tuple[str, ...]) -> None:
        self._watch.do(lambda: self._board.annotate(job_id, notes=notes, tags=tags), self._fail)

    def _write_numbers(self, path: Path) -> None:
        jobs = self._chosen_jobs()

        def write() -> None:
            try:
                n_rows = write_numbers(jobs, path)
            except OSError as error:
                text = f"{path} could not be written ({error.strerror}); choose another folder"
                raise JobError(text) from error
            self._post(lambda: self._say(Notice(f"{n_rows:,} rows written to {path}")))

        self._watch.do(write, self._fail)

    def _fail(self, message: str) -> None:
        self._say(Notice(message, Level.ERROR))

    def _say(self, notice: Notice | None) -> None:
        """Show a message; without one, that the page is out of date where it is."""
        self._notice = notice or self._stale
        self._view.show_notice(self._notice)

    def _tell_stale(self, problem: str) -> None:
        """Say that the page is out of date, until it no longer is."""
        was_shown = self._notice is self._stale
        self._stale = Notice(problem, Level.ERROR) if problem else None
        if problem or was_shown:
            self._say(self._stale)


def lasting_colors(job_ids: Sequence[str], known: Mapping[str, int]) -> dict[str, int]:
    """Return a colour for each of some runs: that which it had before, else one that no run had yet.

    Where all have been given to some run, one that none of these has; two of them never look the same as
    long as there are looks for all.
    """
    kept: dict[int, str] = {}
    for job_id in job_ids:
        if job_id in known:
            kept.setdefault(known[job_id], job_id)
    had = {job_id: color for color, job_id in kept.items()}
    free = [color for color in range(N_LOOKS) if color not in kept]
    free.sort(key=lambda color: color in known.values())
    others = iter([*free, *range(N_LOOKS, N_LOOKS + len(job_ids))])
    return {job_id: had[job_id] if job_id in had else next(others) for job_id in job_ids}


def gpu_text(gpu: Gpu) -> str:
    """Return how a GPU does."""
    parts = [f"GPU {gpu.index}"]
    if gpu.use_percent is not None:
        parts.append(f"{gpu.use_percent} %")
    parts.append(f"{gpu.used_mb / 1024:.1f} of {gpu.total_mb / 1024:.0f} GiB")
    if gpu.temperature_c is not None:
        parts.append(f"{gpu.temperature_c} °C")
    return "  ".join(parts)
