"""Boards whose jobs are stand-ins for training runs, and what waits for them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.job import ACTIVE, State, TrainRequest
from earbench_app.jobs.keeper import process_start
from earbench_app.jobs.local import LocalExecutor

FAKE = Path(__file__).with_name("fake_training.py")
PATIENCE_S = 60.0


def fake_command(job, device):
    """The command of a stand-in; the request's name is what it does."""
    del device
    return [sys.executable, "-I", "-S", str(FAKE), str(job.folder), job.request.name]


def wait_until(condition, what="it", patience_s=PATIENCE_S):
    """Wait until a function returns something true, and return that."""
    ends_at = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < ends_at, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


class Boards:
    """Boards on one folder, as several programs have them; ends their processes afterwards."""

    def __init__(self, root, data):
        self.root, self.data = root, data

    def new(self, **options):
        options = {"grace_s": 30.0, "make_command": fake_command, "read_gpus": tuple} | options
        return JobBoard(self.root, {"local": LocalExecutor(**options)})

    def request(self, mode, **options):
        return TrainRequest(mode, "title = 'A test'\n", self.data, **options)

    def settle(self, board, job_id, *states):
        """Poll until a job is in one of these states; return it."""

        def look():
            board.poll()
            job = board.job(job_id)
            assert job.state in (*states, State.QUEUED, *ACTIVE), f"{job.state}: {job.message}"
            return job if job.state in states else None

        return wait_until(look, f"{states}")

    def started(self, board, mode, **options):
        """Submit a job and wait until its process has begun."""
        job = board.submit(self.request(mode, **options))
        job = self.settle(board, job.id, State.RUNNING)
        wait_until(job.events.is_file, "its first event")
        return job

    def close(self):
        for path in self.root.glob("*/keeper.json"):
            kept = json.loads(path.read_text())
            for who in ("child", "pid"):
                start = kept["child_start" if who == "child" else "start"]
                with suppress(ProcessLookupError):
                    if process_start(kept[who]) == start:
                        os.kill(kept[who], signal.SIGKILL)
