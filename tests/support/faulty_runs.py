"""Runs that die of something from outside, each watched by the training page in its window.

A fault is a context manager: it strikes at its start, and is mended at its end.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from true_runs import FOREVER, child_of, fill, has_saved, write_corpus

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.job import ACTIVE, State, TrainRequest
from earbench_app.jobs.local import read_exit
from earbench_app.presenters.training import TrainingPresenter
from earbench_app.presenters.training_new import TrainingFormPresenter
from earbench_app.presenters.training_trials import Trials
from earbench_app.presenters.training_watch import Watch
from earbench_app.views.qt.thread_bridge import MainThread
from earbench_app.views.qt.training_page import TrainingPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pytestqt.qtbot import QtBot

    from earbench_app.jobs.job import Job
    from earbench_app.presenters.training_watch import Snapshot
    from earbench_app.views.training_protocols import JobRow

LIMIT_MS = 300_000


class WatchedRun:
    """A run that never ends by itself, in a folder of jobs of its own, and the page that shows it.

    Parameters
    ----------
    qtbot : QtBot
    root : Path
        Of the jobs.
    data : Path
        Of the corpus; made here.
    """

    def __init__(self, qtbot: QtBot, root: Path, data: Path) -> None:
        write_corpus(data)
        self.data, self._qtbot, self._seen_s = data, qtbot, dict[State, float]()
        self.board = JobBoard(root)
        self.page, self._bridge = TrainingPage(), MainThread()
        qtbot.addWidget(self.page)
        self._watch = Watch(self.board, self._bridge.post)
        form = TrainingFormPresenter(self.page.form, Trials(self._bridge.post))
        self._presenter = TrainingPresenter(self.page, form, self._watch, self._bridge.post)
        self._watch.told.connect(self._note)
        self.page.resize(1280, 760)
        self.page.show()
        self._watch.start()
        self.id = self.board.submit(TrainRequest("tiny", FOREVER, data, device="cpu")).id

    @property
    def job(self) -> Job:
        return self.board.job(self.id)

    @property
    def row(self) -> JobRow | None:
        """What the page's list shows."""
        return next(iter(self.page.jobs.model.rows), None)

    def until(self, condition: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=LIMIT_MS)

    def until_it_is(self, state: State) -> None:
        self.until(lambda: self.row is not None and self.row.state is state)

    def until_it_trains(self) -> None:
        """Wait for a checkpoint that it wrote since it began, or began again."""
        self.until(lambda: self._did_not_fail() and self.job.state is State.RUNNING and has_saved(self.job))

    def until_it_has_died(self) -> float:
        """Return the seconds from the end of its process until the page said so."""
        self.until_it_is(State.FAILED)
        end = read_exit(self.job.folder)
        assert end is not None
        return self._seen_s[State.FAILED] - end.ended_s

    def press(self, action: str) -> None:
        """Do as the button of the page's list does."""
        self.page.choose((self.id,))
        self.until(self.page.jobs.actions_by_name[action].isEnabled)
        self._seen_s.clear()
        self.page.jobs.actions_by_name[action].trigger()

    def close(self) -> None:
        if self.job.state in ACTIVE:
            self.board.cancel(self.id)
            self.until(lambda: self.job.state not in ACTIVE)
        self._presenter.close()
        self._watch.close()
        self._bridge.close()

    def _did_not_fail(self) -> bool:
        assert self.job.state is not State.FAILED, self.job.message
        return True

    def _note(self, snapshot: Snapshot) -> None:
        """Called after the page has shown it."""
        for job in snapshot.jobs:
            self._seen_s.setdefault(job.state, time.time())


@contextmanager
def killed(run: WatchedRun) -> Iterator[None]:
    os.kill(child_of(run.job), signal.SIGKILL)
    yield


@contextmanager
def without_memory(run: WatchedRun) -> Iterator[None]:
    """Give the process no more than it has now; the one that resumes it may have what it wants."""
    child = child_of(run.job)
    pages = int(Path(f"/proc/{child}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize()
    resource.prlimit(child, resource.RLIMIT_AS, (limit, limit))
    yield


@contextmanager
def on_a_full_disk(run: WatchedRun) -> Iterator[None]:
    filler = run.board.root / "filler"
    fill(filler)
    yield
    filler.unlink()


@contextmanager
def without_its_corpus(run: WatchedRun) -> Iterator[None]:
    """Delete it, which the run survives with its decoded copy, and start it again."""
    elsewhere = run.data.with_name("elsewhere")
    run.data.rename(elsewhere)
    run.press("pause")
    run.until_it_is(State.PAUSED)
    run.press("resume")
    yield
    elsewhere.rename(run.data)


FAULTS: dict[str, tuple[Callable[[WatchedRun], AbstractContextManager[None]], str]] = {
    "SIGKILL": (killed, "ended by SIGKILL, which somebody or another program sent"),
    "memory": (without_memory, "memory ran out"),
    "disk": (on_a_full_disk, "No space left on device; make room"),
    "corpus": (without_its_corpus, "{data}: there is no such file or folder"),
}
"""What strikes, and the words by which the page tells it from the others."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of 8 MiB on a folder; skip the test where that cannot be."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def watched_run(qtbot: QtBot, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchedRun]:
    """Begin a run on a small disk, and wait for its first checkpoint."""
    monkeypatch.setenv("EARBENCH_HOME", str(folder / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with small_disk(folder / "disk") as disk:
        run = WatchedRun(qtbot, disk, folder / "data")
        try:
            run.until_it_trains()
            yield run
        finally:
            run.close()
