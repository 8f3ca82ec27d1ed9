"""50 past and 8 running jobs in the training page; run by `bench_training_panel.py` in a process of its own.

`python crowd_of_runs.py SECONDS` measures for so long. A process beside it writes 20 events a second for each
running job. At each sixtieth of a second the event loop shows what was told and paints it. Frame time is how
long that takes, less what this thread waited for a processor that other programs had; on a busy machine it
still has what the watching thread waits while it holds the interpreter, which the processor time has not.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
os.environ["EARBENCH_HOME"] = tempfile.mkdtemp(prefix="earbench-bench-")

from training_runs import add_job, progress

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.executors import Look
from earbench_app.jobs.job import State
from earbench_app.jobs.series import N_KEPT
from earbench_app.views.qt.training_page import TrainingPage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earbench_app.jobs.executors import Started
    from earbench_app.jobs.job import Job, JobError

N_PAST, N_RUNNING, EVENTS_PER_S = 50, 8, 20
N_BEFORE, STEPS_EACH = 400, 5  # steps that the running jobs have done, and of each event that told of them
FRAME_S = 1 / 60
FULL_S = (N_KEPT - N_BEFORE / STEPS_EACH) / EVENTS_PER_S  # from then on no curve takes more memory
SETTLE_S = 30  # for what was read late


class Elsewhere:
    """Stands for an executor whose jobs run; unlike a `Mock` it remembers no call."""

    def start(self, queued: Sequence[Job], active: Sequence[Job]) -> Iterator[tuple[Job, Started | JobError]]:
        del queued, active
        return iter(())

    def look(self, job: Job) -> Look:
        del job
        return Look("running")

    def stop(self, job: Job) -> None:
        del job


def say(what: str, value: str, target: str = "") -> None:
    print(f"  {what:<66} {value:>16}   {target}", flush=True)  # noqa: T201


def write_events(paths: list[Path]) -> None:
    """Be the running jobs."""
    rng, step = random.Random(0), N_BEFORE
    began_s = time.monotonic()
    while True:
        step += 1
        for path in paths:
            event = progress(min(step, 3999), 24, time.time(), rng) | {"step": step, "n_steps": 10**6}
            with path.open("a") as file:
                file.write(json.dumps(event) + "\n")
        time.sleep(max(0.0, began_s + (step - N_BEFORE) / EVENTS_PER_S - time.monotonic()))


def memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def run_delay_s() -> float:
    """Return how long this thread has been ready to run while the machine did something else."""
    task = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(task.read_text().split()[1]) / 1e9 if task.exists() else 0.0


def measure(seconds: float) -> None:
    """Watch, and print what was seen."""
    from earbench_app.presenters.training import TrainingPresenter
    from earbench_app.presenters.training_new import TrainingFormPresenter
    from earbench_app.presenters.training_trials import Trials
    from earbench_app.presenters.training_watch import Watch
    from earbench_app.views.qt.thread_bridge import MainThread

    app = QApplication([])
    board = JobBoard(Path(tempfile.mkdtemp()) / "jobs", {"local": Elsewhere()})
    for number in range(N_PAST):
        add_job(board, f"past-{number}", seed=number, every=2)
    running = [
        add_job(board, f"run-{n}", State.RUNNING, N_BEFORE, every=STEPS_EACH, seed=n)
        for n in range(N_RUNNING)
    ]
    page, bridge = TrainingPage(), MainThread()
    watch = Watch(board, bridge.post)
    snapshots = []
    watch.told.connect(lambda _: snapshots.append(time.monotonic()))
    form = TrainingFormPresenter(page.form, Trials(bridge.post))
    presenter = TrainingPresenter(page, form, watch, bridge.post)
    page.resize(1280, 760)
    page.show()
    watch.start()
    ids = tuple(job.id for job in running)
    end_s = time.monotonic() + 300
    while len(page.jobs.model.rows) < len(ids) + N_PAST or not page.run.curves.grid.views:
        assert time.monotonic() < end_s
        app.processEvents()
        time.sleep(0.01)
    page.choose(ids)
    paths = [str(job.events) for job in running]
    writer = subprocess.Popen([sys.executable, __file__, "--write", *paths])
    try:
        report(page, app, seconds, snapshots)
    finally:
        writer.kill()
        writer.wait()
        presenter.close()
        watch.close()


def report(page: TrainingPage, app: QApplication, seconds: float, snapshots: list[float]) -> None:
    spent_ms = np.full((int(seconds / FRAME_S) + 100, 2), np.nan)  # all its memory is taken now
    n_frames = 0
    memory: list[tuple[float, float]] = []
    began_s = time.monotonic()
    warm_s = min(20.0, seconds / 4)
    while (now := time.monotonic()) < began_s + seconds:
        began, delay, busy_s = time.perf_counter(), run_delay_s(), time.thread_time()
        app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 1000)  # shows, paints
        spent = time.perf_counter() - began - (run_delay_s() - delay)
        if now > began_s + warm_s:
            spent_ms[n_frames] = 1000 * spent, 1000 * (time.thread_time() - busy_s)
            n_frames += 1
        if not memory or now - began_s > memory[-1][0] + 5:
            memory.append((now - began_s, memory_mib()))
        time.sleep(max(0.0, FRAME_S - (time.perf_counter() - began)))
    jobs = f"{N_PAST} past and {N_RUNNING} running jobs"
    print(f"\n{jobs}, these drawn, {EVENTS_PER_S} events a second each:")  # noqa: T201
    busy, work = spent_ms[:n_frames].T
    drawn = work[work > 2]
    say("frames", f"{len(busy)} in {seconds - warm_s:.0f} s")
    say(
        "frame time, median (95 %, 99 %)",
        "{:.1f} ({:.1f}, {:.1f}) ms".format(*np.percentile(busy, [50, 95, 99])),
        "<= 16 ms",
    )
    say("  processor time of that", "{:.1f} ({:.1f}, {:.1f}) ms".format(*np.percentile(work, [50, 95, 99])))
    if len(drawn):
        say(f"  of the {len(drawn)} that took more than 2 ms, median", f"{np.median(drawn):.1f} ms")
    say("  share of one processor", f"{100 * work.sum() / 1000 / (seconds - warm_s):.0f} %")
    told = [at for at in snapshots if at > began_s + warm_s]
    say("snapshots a second", f"{len(told) / (seconds - warm_s):.1f}", "<= 4")
    say_memory([(at, mib) for at, mib in memory if at > warm_s])
    shown = next(iter(page.run.curves.grid.views.values())).panel
    say("points of a curve", f"{max(len(line.x) for line in shown.lines)}" if shown else "none")
    assert np.median(busy) <= 16


def say_memory(sizes: list[tuple[float, float]]) -> None:
    """Say how memory grew, and how it did since the curves are full: before, they grow to their bound."""
    say("memory after the start, and at the end", f"{sizes[0][1]:.0f}, {sizes[-1][1]:.0f} MiB")
    minutes = [f"{mib:.1f}" for (before, _), (at, mib) in pairwise(sizes) if at // 60 > before // 60]
    say("  at each minute", " ".join(minutes))
    steady = [(at, mib) for at, mib in sizes if at > FULL_S + SETTLE_S]
    if len(steady) < 10:
        say(f"  its trend once curves are full, which is after {FULL_S:.0f} s", "not reached")
        return
    times, mib = np.array(steady).T
    say(f"  curves are full after {FULL_S:.0f} s; at {times[0]:.0f} s", f"{mib[0]:.1f} MiB")
    slope = 600 * np.polyfit(times, mib, 1)[0]
    say(f"  its trend in the {times[-1] - times[0]:.0f} s since", f"{slope:+.1f} MiB in 10 min", "flat")


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        write_events([Path(name) for name in sys.argv[2:]])
    else:
        measure(float(sys.argv[1]))
