from __future__ import annotations

import operator
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from audition_doubles import Inbox

from earbench_app.background.latest import LatestOnly
from earbench_app.background.pool import ProcessPool, Task, WorkerCrashError, WorkError
from earbench_app.background.progress import Batch, WorkProgress
from earbench_codecs.errors import AudioFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def pool(inbox: Inbox) -> Iterator[ProcessPool]:
    pool = ProcessPool(1, inbox.post)
    yield pool
    pool.close()


class Run:
    """Submits a call and keeps what becomes of it."""

    def __init__(
        self, pool: ProcessPool, function: Callable[..., Any], *arguments: Any, priority: int = 0
    ) -> None:
        self.results: list[Any] = []
        self.errors: list[WorkError] = []
        self.has_started = False
        self.task: Task = pool.submit(
            function,
            *arguments,
            done=self.results.append,
            failed=self.errors.append,
            started=self._start,
            priority=priority,
        )

    def _start(self) -> None:
        self.has_started = True

    @property
    def over(self) -> bool:
        return bool(self.results or self.errors)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.01)


def test_a_call_runs_in_another_process_and_its_result_comes_back(pool: ProcessPool, inbox: Inbox) -> None:
    run = Run(pool, os.getpid)
    inbox.run_until(lambda: run.over)
    assert run.has_started
    assert run.results
    assert run.results[0] != os.getpid()


def test_callbacks_run_only_on_the_owners_thread(pool: ProcessPool, inbox: Inbox) -> None:
    run = Run(pool, operator.add, 2, 3)
    wait_for(lambda: inbox.n_posted() >= 2)
    assert not run.has_started
    assert not run.over
    inbox.run_until(lambda: run.over)
    assert run.results == [5]


def test_an_error_comes_as_one_readable_line(pool: ProcessPool, inbox: Inbox) -> None:
    foreign, own = Run(pool, int, "x"), Run(pool, _fail_as_we_do)
    inbox.run_until(lambda: foreign.over and own.over)
    assert str(foreign.errors[0]).startswith("ValueError: invalid literal")
    assert "FileNotFoundError" not in str(own.errors[0])
    assert "/nowhere/at/all" in str(own.errors[0])


_fail_as_we_do = Path("/nowhere/at/all").stat


def test_our_own_errors_keep_their_words() -> None:
    from earbench_app.background.pool import explained

    assert explained(AudioFileError(Path("a.wav"), "it is damaged")) == "a.wav: it is damaged"


def test_cancelling_ends_the_process_and_the_slot_goes_on(pool: ProcessPool, inbox: Inbox) -> None:
    first = Run(pool, os.getpid)
    inbox.run_until(lambda: first.over)
    endless = Run(pool, time.sleep, 3600)
    inbox.run_until(lambda: endless.has_started)
    endless.task.cancel()
    wait_for(lambda: not is_alive(first.results[0]))
    after = Run(pool, os.getpid)
    inbox.run_until(lambda: after.over)
    assert after.results[0] != first.results[0]
    assert not endless.over


def test_cancelling_takes_what_the_worker_started_along(
    pool: ProcessPool, inbox: Inbox, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    run = Run(
        pool, subprocess.check_call, ["sh", "-c", f"echo $$ > {note}.new; mv {note}.new {note}; sleep 3600"]
    )
    wait_for(note.exists)
    pid = int(note.read_text())
    assert is_alive(pid)
    run.task.cancel()
    wait_for(lambda: not is_alive(pid))


def test_a_waiting_task_that_is_cancelled_never_starts(
    pool: ProcessPool, inbox: Inbox, tmp_path: Path
) -> None:
    blocker = Run(pool, time.sleep, 0.3)
    touch = Run(pool, (tmp_path / "touched").touch)
    touch.task.cancel()
    last = Run(pool, operator.add, 1, 1)
    inbox.run_until(lambda: blocker.over and last.over)
    assert not (tmp_path / "touched").exists()
    assert not touch.has_started


def test_a_result_on_its_way_is_dropped_after_cancel(pool: ProcessPool, inbox: Inbox) -> None:
    stale = Run(pool, operator.add, 1, 1)
    wait_for(lambda: inbox.n_posted() >= 2)  # "started" and "done" lie in the inbox
    stale.task.cancel()
    fresh = Run(pool, operator.add, 2, 2)
    inbox.run_until(lambda: fresh.over)
    assert not stale.over
    assert not stale.has_started


@pytest.mark.parametrize(
    ("function", "arguments", "words"), [(os._exit, (3,), "exit code 3"), (os.abort, (), "SIGABRT")]
)
def test_a_crash_is_an_error_of_its_task_and_the_next_one_runs(
    pool: ProcessPool, inbox: Inbox, function: Callable[..., Any], arguments: tuple[Any, ...], words: str
) -> None:
    crash, after = Run(pool, function, *arguments), Run(pool, operator.add, 1, 2)
    inbox.run_until(lambda: crash.over and after.over)
    assert isinstance(crash.errors[0], WorkerCrashError)
    assert words in str(crash.errors[0])
    assert after.results == [3]


def test_the_lowest_priority_runs_first_even_if_it_changes_while_waiting(
    pool: ProcessPool, inbox: Inbox
) -> None:
    order: list[int] = []
    blocker = Run(pool, time.sleep, 0.5)
    inbox.run_until(lambda: blocker.has_started)
    tasks = [
        pool.submit(operator.pos, value, done=order.append, failed=pytest.fail, priority=priority)
        for value, priority in ((1, 1), (2, 0), (3, 1), (4, 5))
    ]
    tasks[3].priority = -1
    inbox.run_until(lambda: len(order) == 4)
    assert order == [4, 2, 1, 3]


def test_closing_leaves_no_process_behind(inbox: Inbox) -> None:
    pool = ProcessPool(2, inbox.post)
    runs = [Run(pool, os.getpid) for _ in range(4)]
    inbox.run_until(lambda: all(run.over for run in runs))
    busy = Run(pool, time.sleep, 3600)
    inbox.run_until(lambda: busy.has_started)
    pool.close()
    assert not any(is_alive(run.results[0]) for run in runs)


def test_of_several_requests_only_the_latest_is_delivered(inbox: Inbox) -> None:
    latest, gate, shown, computed = LatestOnly(inbox.post), Event(), [], []

    def compute(value: int) -> int:
        computed.append(value)
        gate.wait(10)
        return value

    latest.request("picture", lambda: compute(1), shown.append)
    wait_for(lambda: computed == [1])  # under way
    for value in (2, 3, 4):
        latest.request("picture", lambda value=value: compute(value), shown.append)
    gate.set()
    inbox.run_until(lambda: bool(shown))
    latest.close()
    assert shown == [4]
    assert computed == [1, 4]


def test_a_dropped_picture_is_not_delivered_and_other_keys_are(inbox: Inbox) -> None:
    latest, shown = LatestOnly(inbox.post), []
    latest.request("a", lambda: "a", shown.append)
    wait_for(lambda: inbox.n_posted() == 1)
    latest.drop("a")
    latest.request("b", lambda: "b", shown.append)
    inbox.run_until(lambda: bool(shown))
    latest.close()
    assert shown == ["b"]


def test_a_picture_that_fails_is_reported_and_the_next_still_comes(
    inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    latest, shown = LatestOnly(inbox.post), []

    def fail() -> str:
        raise ValueError("no such picture")

    latest.request("a", fail, shown.append)
    latest.request("b", lambda: "b", shown.append)
    inbox.run_until(lambda: bool(shown))
    latest.close()
    assert shown == ["b"]
    assert "no such picture" in capsys.readouterr().err


def test_what_its_functions_need_is_imported_first(inbox: Inbox) -> None:
    sys.modules.pop("this", None)
    latest, shown = LatestOnly(inbox.post, needs=("this",)), []
    latest.request("a", lambda: "this" in sys.modules, shown.append)
    inbox.run_until(lambda: bool(shown))
    latest.close()
    assert shown == [True]


def test_a_batch_counts_and_estimates_and_starts_anew() -> None:
    now_s = 0.0
    batch = Batch("encoding", lambda: now_s)
    assert batch.progress() is None
    batch.add(4)
    progress = batch.progress()
    assert progress is not None
    assert (progress.text, progress.eta_text) == ("encoding 1 of 4", "")
    now_s = 30.0
    batch.finish()
    progress = batch.progress()
    assert progress is not None
    assert (progress.text, progress.eta_text) == ("encoding 2 of 4", "1 min 30 s left")
    batch.finish(3)
    assert batch.progress() is None
    batch.add(2)
    progress = batch.progress()
    assert progress is not None
    assert progress.text == "encoding 1 of 2"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s left"),
        (21.2, "21 s left"),
        (59.6, "1 min 0 s left"),
        (113 * 60 + 6, "1 h 53 min left"),
        (3_600, "1 h 0 min left"),
        (50 * 3_600 + 1_800, "2 d 2 h left"),
    ],
)
def test_no_duration_can_be_taken_for_another(seconds: float, text: str) -> None:
    assert WorkProgress("encoding", 1, 4, seconds).eta_text == text
