"""Builds a study beside the interface, with progress and cancel."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from earbench_app.study_builder import BuildProgress
    from earbench_mushra.design import Study


class BuildJob:
    """Steps through a build on a thread of its own; what it has to say is posted to the main thread.

    Parameters
    ----------
    build : generator
        Of `study_builder.build_study`.
    post : callable
        Runs a function on the main thread.
    progressed, succeeded, failed : callable
        Called there. After a cancel, none is.
    """

    def __init__(
        self,
        build: Generator[BuildProgress, None, Study],
        post: Callable[[Callable[[], None]], None],
        *,
        progressed: Callable[[BuildProgress], None],
        succeeded: Callable[[Study], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._build, self._post = build, post
        self._progressed, self._succeeded, self._failed = progressed, succeeded, failed
        self._cancelled = threading.Event()
        self._pool = ThreadPoolExecutor(1, "build-study")
        self._future: Future[Study | None] = self._pool.submit(self._run)
        self._future.add_done_callback(lambda future: post(lambda: self._report(future)))
        self._pool.shutdown(wait=False)

    def cancel(self) -> None:
        """Stop at the next step and leave nothing behind; returns at once."""
        self._cancelled.set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until the thread has ended, or for as long as this."""
        wait([self._future], timeout_s)

    def _run(self) -> Study | None:
        try:
            while not self._cancelled.is_set():
                progress = next(self._build)
                self._post(lambda progress=progress: self._tell(progress))  # type: ignore[misc]
        except StopIteration as done:
            study: Study = done.value
            return study
        finally:
            self._build.close()
        return None

    def _tell(self, progress: BuildProgress) -> None:
        if not self._cancelled.is_set():
            self._progressed(progress)

    def _report(self, future: Future[Study | None]) -> None:
        error = future.exception()
        if self._cancelled.is_set():
            return
        study = future.result() if error is None else None
        if error is not None:
            self._failed(error)
        elif study is not None:
            self._succeeded(study)
