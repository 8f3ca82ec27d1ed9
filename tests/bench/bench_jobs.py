"""What jobs cost the program that watches them: a look at 58, a start, and how soon a death is told.

Fifty past and eight running jobs, stand-ins that write 20 events a second each; a board that looks twice a
second, as the window's does. "Told after" runs from SIGKILL to the board's signal.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from statistics import median

import pytest
from job_boards import Boards, fake_command

from earbench_app.jobs.event_tail import EventTail
from earbench_app.jobs.history import History
from earbench_app.jobs.job import State

pytestmark = pytest.mark.bench
LOOK_S = 0.5


@pytest.fixture
def boards(tmp_path):
    (tmp_path / "data").mkdir()
    boards = Boards(tmp_path / "jobs", tmp_path / "data")
    yield boards
    boards.close()


def say(text):
    sys.stdout.write(text + "\n")


def event(step):
    terms = dict.fromkeys(("mse", "mel", "entropy", "quantization"), 0.5)
    figures = {"loss": 1.0, "learning_rate": 1e-3, "tau": 0.3, "kbps": 24.0, "target_kbps": 24.0}
    return {"event": "progress", "time": step / 20, "step": step, "n_steps": 10**6, "terms": terms} | figures


def test_a_look_at_58_jobs_and_how_soon_a_death_is_told(boards):
    talker = (
        f"import json, time\nevent = {event(1)!r}\n"
        "import sys\nfile = open(sys.argv[1] + '/events.jsonl', 'a', buffering=1)\n"
        "for step in range(10**9):\n"
        "    file.write(json.dumps(event | {'step': step, 'time': step / 20}) + '\\n')\n"
        "    time.sleep(0.05)\n"
    )

    def make(job, device):
        if job.request.name == "talk":
            return [sys.executable, "-I", "-S", "-c", talker, str(job.folder)]
        return fake_command(job, device)

    board = boards.new(make_command=make, n_cpu_jobs=8)
    for _ in range(50):
        job = board.submit(boards.request("finish"))
        boards.settle(board, job.id, State.DONE)
    began_s = time.perf_counter()
    jobs = [board.submit(boards.request("talk")) for _ in range(8)]
    board.poll()
    start_ms = 1000 * (time.perf_counter() - began_s) / 8
    looks = []
    for _ in range(20):
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        board.poll()
        looks.append((1000 * (time.perf_counter() - began_s), 1000 * (time.thread_time() - began_cpu_s)))
        time.sleep(LOOK_S)
    say(f"\na start: {start_ms:.0f} ms; a look at 58 jobs: {median(look[0] for look in looks):.1f} ms, "
          f"{median(look[1] for look in looks):.1f} ms of processor time")  # fmt: skip
    told = [death_told_s(board, job) for job in jobs]
    say(f"told after {median(told):.2f} s (median), {max(told):.2f} s at most")


def death_told_s(board, job):
    os.kill(json.loads((job.folder / "keeper.json").read_text())["child"], signal.SIGKILL)
    killed_s = time.perf_counter()
    while board.job(job.id).state is not State.FAILED:
        time.sleep(LOOK_S)
        board.poll()
    return time.perf_counter() - killed_s


def test_reading_a_long_run(tmp_path):
    path = tmp_path / "events.jsonl"
    n_events = 200_000
    with path.open("w") as file:
        for step in range(n_events):
            file.write(json.dumps(event(step)) + "\n")
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for sparse in (False, True):
        history, began_s = History(), time.perf_counter()
        for one in EventTail(path, sparse).read_all():
            history.add(one)
        passed_s = time.perf_counter() - began_s
        say(f"\n{n_events} events, {path.stat().st_size / 1e6:.0f} MB, {sparse = }: {passed_s:.2f} s; "
              f"curves of {max(map(len, history.series.values()))} points")  # fmt: skip
    say(f"memory grew by {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb:.0f} MiB")
