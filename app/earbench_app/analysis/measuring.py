"""Metrics of a version, in a worker process; PESQ and the like run in a process of its own within it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from earbench_app.audition.making import VersionJob, load_clip, make_version

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.metrics.measurement import Measurement
    from earbench_codecs.metrics.worker import Worker


def measure_version(job: VersionJob, cache_folder: Path, limit_bytes: int, metric: str) -> Measurement:
    """Compute one metric of a version, as `earbench measure` does.

    Raises
    ------
    CodecError
        The file cannot be read, or the version cannot be made.
    """
    from earbench_codecs.metrics.measure import measure

    original = load_clip(job.path, job.clip_sha256)
    _, version = make_version(job, cache_folder, limit_bytes, want_audio=True)
    assert version is not None
    return measure(original, version, [metric], worker=_worker())[metric]


@lru_cache(maxsize=1)
def _worker() -> Worker:
    """One process for all calls: it takes seconds to load what some metrics need."""
    from earbench_codecs.metrics.worker import Worker

    return Worker()
