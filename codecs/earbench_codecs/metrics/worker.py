"""Run a function in a process of its own, so that a crash or a hang in foreign C code costs one figure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing import Pipe
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from earbench_codecs.errors import CodecError
from earbench_codecs.metrics.measurement import NotApplicableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection
    from types import TracebackType

P = ParamSpec("P")
R = TypeVar("R")


class WorkerError(CodecError):
    """The function failed, crashed its process, or ran out of time; the message says which."""


class Worker:
    """A child process that runs one function at a time; started when first needed, and again after a crash.

    Use as a context manager, or call `close`. Calls from several threads take turns; `close` from another
    thread ends the call under way with a `WorkerError`.

    Parameters
    ----------
    environment : mapping, optional
        Variables added to the child's environment, such as a number of threads.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {})}
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._closed = False

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, timeout_s: float, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns.

        Parameters
        ----------
        timeout_s : float
            Wall-clock limit; the kernel ends the process when it is over, whatever it is doing.
        function : callable
            At the top level of a module that can be imported; arguments and result can be pickled.

        Raises
        ------
        NotApplicableError
            Raised by the function.
        WorkerError
            Anything else that kept the function from returning.
        """
        with self._turn:
            if self._closed:
                raise WorkerError("the worker is closed")
            try:
                return self._called(timeout_s, function, args, kwargs)
            except (EOFError, OSError):
                raise WorkerError(self._end(timeout_s)) from None

    def close(self) -> None:
        """End the process, also in the middle of a call; a closed worker takes no more calls."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._turn:
            self._end(0)

    def _called(
        self, timeout_s: float, function: Callable[..., R], args: object, kwargs: Mapping[str, object]
    ) -> R:
        connection = self._connection or self._start()
        connection.send((timeout_s, function, args, kwargs))
        outcome, value = connection.recv()
        if outcome == "not applicable":
            raise NotApplicableError(value)
        if outcome == "failed":
            raise WorkerError(value)
        return cast("R", value)

    def _start(self) -> Connection:
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "earbench_codecs.metrics.worker_main", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # libraries chatter there
                stderr=subprocess.DEVNULL,
            )
        return self._connection

    def _end(self, timeout_s: float) -> str:
        """Forget the process; return how it ended."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is None:
            return "the worker process could not be started"
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        if process.poll() is None:
            process.kill()
            process.wait()
        return _ending(process.returncode, timeout_s)


def _ending(code: int, timeout_s: float) -> str:
    if code == -signal.SIGALRM:
        return f"stopped after its time limit of {timeout_s:g} s"
    if code == -signal.SIGKILL:
        return "the worker process was killed (closed, or the machine ran out of memory)"
    if code < 0:
        return f"the worker process crashed ({signal.Signals(-code).name})"
    return f"the worker process ended by itself with exit code {code}"
