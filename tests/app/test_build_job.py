from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from earbench_app.build_job import BuildJob
from earbench_app.study_builder import BuildProgress

if TYPE_CHECKING:
    from collections.abc import Generator

    from earbench_mushra.design import Study


def test_waiting_for_a_build_that_takes_long_ends_in_time_and_raises_nothing() -> None:
    go_on, told = threading.Event(), []

    def build() -> Generator[BuildProgress, None, Study]:
        go_on.wait(60)
        yield BuildProgress(0, 1, "never told")
        raise AssertionError("went on after it was cancelled")

    job = BuildJob(
        build(), lambda run: run(), progressed=told.append, succeeded=told.append, failed=told.append
    )
    job.cancel()
    job.wait(0.05)
    go_on.set()
    job.wait()
    assert told == []
