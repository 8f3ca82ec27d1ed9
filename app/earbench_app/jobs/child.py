"""Work in a process of its own that tells of itself as it goes, and can be ended at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from earbench_app.jobs.job import JobError
from earbench_codecs.processes import end_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")
Tell = Callable[[dict[str, Any]], None]
"""Takes the facts of a line."""


class Child(Generic[T]):
    """A module run as a program, whose JSON lines become values.

    Iterate on a thread beside the interface: that waits for each line. `cancel` may come from any thread.

    Parameters
    ----------
    module : str
    arguments : dict
        Handed to it as JSON on its standard input.
    made : callable
        Makes a value of a line.
    environment : mapping, optional
        Variables added to its own.
    scratch : Path, optional
        A folder that it may make; removed when it has ended, however it did.
    """

    def __init__(
        self,
        module: str,
        arguments: dict[str, Any],
        made: Callable[[dict[str, Any]], T],
        environment: Mapping[str, str] | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._scratch = scratch
        self._module = module
        self._arguments = arguments
        self._made = made
        self._environment = {**os.environ, **(environment or {})}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def __iter__(self) -> Iterator[T]:
        """Start it and yield what it tells; end quietly when it is cancelled.

        Raises
        ------
        JobError
            It failed; the message is its own.
        """
        with tempfile.TemporaryFile() as errors:
            process = self._started(errors.fileno())
            if process is None:
                return
            with process:
                try:
                    for line in process.stdout or ():
                        yield self._made(json.loads(line))
                    process.wait()
                finally:  # also where nobody wants the rest of its lines
                    self._kill(process)
                    process.wait()
                    if self._scratch is not None:
                        shutil.rmtree(self._scratch, ignore_errors=True)
            if process.returncode and not self._cancelled:
                errors.seek(0)
                raise JobError(_complaint(errors.read().decode(errors="replace"), process.returncode))

    def cancel(self) -> None:
        """End it, with all that it started."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._kill(self._process)

    def _started(self, errors: int) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._cancelled:
                return None
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
            )
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(self._arguments).encode())
        return process

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            end_group(process.pid)


def serve(work: Callable[[dict[str, Any], Tell], None]) -> int:
    """Be the process: do `work` with the arguments on standard input and print what it tells.

    Returns
    -------
    int
        The exit code; a failure's message is on standard error.
    """
    from earbench_codecs.errors import CodecError

    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no line of ours

    def tell(facts: dict[str, Any]) -> None:
        lines.write(json.dumps(facts) + "\n")
        lines.flush()

    try:
        with lines:
            work(json.load(sys.stdin), tell)
    except BrokenPipeError:  # nobody wants to know any more
        return 0
    except (CodecError, JobError) as error:
        sys.stderr.write(f"earbench: {error}\n")
        return 1
    return 0


def _complaint(log: str, code: int) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    ours = [line.removeprefix("earbench: ") for line in lines if line.startswith("earbench: ")]
    if ours:
        return ours[-1]
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"its process {how}: {lines[-1] if lines else 'it did not say why'}"
