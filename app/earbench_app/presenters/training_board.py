"""Shows TensorBoard on the files of some runs: a process of its own, and a page in the browser."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.background.pool import Post
    from earbench_app.jobs.job import Job

_ADDRESS = re.compile(r"https?://\S+")
_PATIENCE_S = 5.0


class TensorBoards:
    """Starts them, and ends them with the program.

    Parameters
    ----------
    post : callable
        Runs a function on the interface's thread.
    opened : callable
        Is given the address there.
    failed : callable
        Is given a message there.
    """

    def __init__(self, post: Post, opened: Callable[[str], None], failed: Callable[[str], None]) -> None:
        self._post, self._opened, self._failed = post, opened, failed
        self._running: dict[tuple[str, ...], tuple[subprocess.Popen[str], str]] = {}

    def open(self, jobs: Sequence[Job]) -> None:
        """Show these runs; those that are shown already, on the page there is."""
        if find_spec("tensorboard") is None:
            self._failed("TensorBoard is not installed; `pip install tensorboard` brings it")
            return
        shown = [job for job in jobs if (job.folder / "tensorboard").is_dir()]
        if not shown:
            self._failed("There is nothing for TensorBoard yet: its files come when training begins")
            return
        key = tuple(job.id for job in shown)
        if key in self._running:
            self._opened(self._running[key][1])
            return
        threading.Thread(target=self._start, args=(key, shown), daemon=True).start()

    def close(self) -> None:
        """End them."""
        running = [process for process, _ in self._running.values()]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self, key: tuple[str, ...], jobs: Sequence[Job]) -> None:
        last = "it said nothing"
        with subprocess.Popen(
            command(jobs), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            for line in process.stderr or ():  # to its end, that it never waits for us
                last = line.strip() or last
                found = _ADDRESS.search(line)
                if found and key not in self._running:
                    self._running[key] = process, found[0]
                    self._post(partial(self._opened, found[0]))
        if self._running.pop(key, None) is None:
            self._post(lambda: self._failed(f"TensorBoard did not start: {last}"))


def command(jobs: Sequence[Job]) -> list[str]:
    """Return the command that shows these runs by their names."""
    where = ["--logdir", str(jobs[0].folder / "tensorboard")]
    if len(jobs) > 1:
        pairs = (f"{_plain(job.request.name)}_{job.id[-4:]}:{job.folder / 'tensorboard'}" for job in jobs)
        where = ["--logdir_spec", ",".join(pairs)]
    return [sys.executable, "-m", "tensorboard.main", *where, "--port", "0", "--load_fast", "false"]


def _plain(name: str) -> str:
    """Return a name without what parts names in TensorBoard's option."""
    return re.sub(r"[:,\s]", "_", name)
