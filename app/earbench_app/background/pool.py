"""Worker processes that can be cancelled at once: the interface's interpreter stays free.

Each slot is a thread that owns one spawned process and hands it one task after another through a pipe.
Cancelling a running task kills its process; the slot starts another for the next task.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from earbench_codecs.processes import end_group, give_way, lead_group

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Post: TypeAlias = "Callable[[Callable[[], None]], None]"
"""Runs a function later on the thread that owns the interface; see `views.qt.thread_bridge`."""


class WorkError(Exception):
    """A task that failed; the message is the worker's own, fit to be shown."""


class WorkerCrashError(WorkError):
    """The process of a task went away in the middle of it."""


@dataclass(eq=False)
class Task:
    """One call waiting for a worker, running, or over.

    After `cancel` none of its callbacks is called any more, even if its result is already on the way.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]
    failed: Callable[[WorkError], None]
    started: Callable[[], None]
    priority: int = 0
    cancelled: bool = False
    _worker: _Worker | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def cancel(self) -> None:
        """Stop it: not started if still waiting, its process killed if running."""
        with self._lock:
            self.cancelled = True
            if self._worker is not None:
                self._worker.kill()

    def drop(self) -> None:
        """Do without its result: not started if still waiting; if running, its process is let finish."""
        with self._lock:
            self.cancelled = True

    def assign(self, worker: _Worker | None) -> bool:
        """Note which worker runs it, None for no longer; False if it was cancelled before."""
        with self._lock:
            self._worker = worker
            return not self.cancelled


class ProcessPool:
    """Runs functions in worker processes, the lowest `priority` first, else in the order submitted.

    Parameters
    ----------
    n_workers : int
        Processes are started when first needed.
    post : callable
        Called from the pool's threads; must run what it is given on the owner's thread.
    niceness : int
        Added to the workers' own, so that sound and interface come first.
    """

    def __init__(self, n_workers: int, post: Post, niceness: int = 10) -> None:
        self._post = post
        self._niceness = niceness
        self._waiting: list[Task] = []
        self._changed = threading.Condition()
        self._closing = False
        self._running: set[Task] = set()
        self._slots = [threading.Thread(target=self._serve, daemon=True) for _ in range(n_workers)]
        for slot in self._slots:
            slot.start()

    def submit(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        done: Callable[[Any], None],
        failed: Callable[[WorkError], None],
        started: Callable[[], None] = lambda: None,
        priority: int = 0,
    ) -> Task:
        """Queue a call of a module-level function; the callbacks come on the owner's thread."""
        task = Task(function, arguments, done, failed, started, priority)
        with self._changed:
            self._waiting.append(task)
            self._changed.notify()
        return task

    def close(self) -> None:
        """Cancel everything and wait until no process is left."""
        with self._changed:
            self._closing = True
            for task in (*self._waiting, *self._running):
                task.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        for slot in self._slots:
            slot.join()

    def _serve(self) -> None:
        worker: _Worker | None = None
        while (task := self._next()) is not None:
            if worker is None or not worker.usable:
                worker = _Worker(self._niceness)
            self._run(task, worker)
            with self._changed:
                self._running.discard(task)
        if worker is not None:
            worker.kill()
            worker.join()

    def _next(self) -> Task | None:
        with self._changed:
            while True:
                if self._closing:
                    return None
                self._waiting = [task for task in self._waiting if not task.cancelled]
                if self._waiting:
                    task = min(self._waiting, key=lambda task: task.priority)
                    self._waiting.remove(task)
                    self._running.add(task)
                    return task
                self._changed.wait()

    def _run(self, task: Task, worker: _Worker) -> None:
        if not task.assign(worker):
            return
        self._report(task, task.started)
        try:
            ok, value = worker.call(task.function, task.arguments)
        except WorkerCrashError as error:
            ok, value = False, error
        task.assign(None)
        if ok:
            self._report(task, lambda: task.done(value))
        else:
            self._report(task, lambda: task.failed(value))

    def _report(self, task: Task, callback: Callable[[], None]) -> None:
        def unless_cancelled() -> None:
            if not task.cancelled:
                callback()

        if not task.cancelled:
            self._post(unless_cancelled)


class _Worker:
    """One spawned process and this end of its pipe."""

    def __init__(self, niceness: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs, niceness), daemon=True)
        self._process.start()
        theirs.close()
        self.usable = True

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        """Return (True, result) or (False, WorkError). Raises WorkerCrashError if the process goes away."""
        try:
            _send(self._pipe, (function, arguments))
            ok, value = _receive(self._pipe)
        except (EOFError, OSError) as error:
            self.kill()
            self.join()
            raise WorkerCrashError(self._how_it_ended()) from error
        return ok, value if ok else WorkError(value)

    def kill(self) -> None:
        """End the process and what it started, at once."""
        self.usable = False
        if self._process.pid is not None and self._process.exitcode is None:
            end_group(self._process.pid)
            self._process.kill()

    def join(self) -> None:
        """Wait for its end, once it is killed or its pipe is closed."""
        self._process.join()

    def _how_it_ended(self) -> str:
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"the worker process was ended by {signal.Signals(-code).name}; try again"
        return f"the worker process ended with exit code {code}; try again"


def _work(pipe: Connection, niceness: int) -> None:
    """Serve calls until the pipe closes."""
    lead_group()  # so that `kill` takes command-line encoders along
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    give_way(niceness)
    with contextlib.suppress(EOFError, ConnectionError):  # the program has gone
        while True:
            function, arguments = _receive(pipe, bytearray)  # torch warns of arrays it may not write to
            _send(pipe, _outcome(function, arguments))


def _send(pipe: Connection, value: Any) -> None:
    """Send anything; large arrays beside the pickle, so that neither end copies them all at once.

    Such a copy of an hour of audio would hold the interpreter, and with it the interface, for a second.
    """
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    pipe.send((head, len(buffers)))
    for buffer in buffers:
        pipe.send_bytes(buffer.raw())


def _receive(pipe: Connection, keep: type[bytes | bytearray] = bytes) -> Any:
    head, n_buffers = pipe.recv()
    return pickle.loads(head, buffers=[keep(pipe.recv_bytes()) for _ in range(n_buffers)])


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, function(*arguments)
    except Exception as error:  # noqa: BLE001  whatever it is, it is told in the row it belongs to
        return False, explained(error)


def explained(error: Exception) -> str:
    """Return an error as one line; of our own errors and the system's, just the message."""
    text = " ".join(str(error).split()) or type(error).__name__
    known = type(error).__module__.startswith("earbench_") or isinstance(error, OSError)
    return text if known else f"{type(error).__name__}: {text}"
