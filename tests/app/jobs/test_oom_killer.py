"""A job that the system ends for want of memory, in a control group of little."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from job_boards import fake_command

from earbench_app.jobs.job import State

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can limit a group"),
]
ROOT = Path("/sys/fs/cgroup")


@pytest.fixture
def small_group():
    """A control group of 48 MiB, of either version."""
    old = ROOT / "memory"
    group = (old if old.is_dir() else ROOT) / f"earbench-test-{os.getpid()}"
    with suppress(OSError):
        group.mkdir()
        (group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")).write_text(str(48 << 20))
    if not (group / "cgroup.procs").exists() or not list(group.glob("memory.[lm]*")):
        pytest.skip("control groups cannot be made here")
    yield group
    with suppress(OSError):
        group.rmdir()


def test_the_out_of_memory_killer_is_told_from_a_user(boards, small_group):
    hog = "import sys; kept = [b'x' * (1 << 20) for _ in range(4000)]"
    join = f'echo $$ >{small_group}/cgroup.procs; exec {sys.executable} -I -S -c "{hog}"'
    board = boards.new(make_command=lambda _job, _device: ["sh", "-c", join])
    job = board.submit(boards.request("hog"))
    failed = boards.settle(board, job.id, State.FAILED)
    assert failed.message.startswith("ended by the system: memory ran out; close other programs, or lower")
    sound = boards.new(make_command=fake_command)
    again = boards.started(sound, "wait")
    os.kill(json.loads((again.folder / "keeper.json").read_text())["child"], signal.SIGKILL)
    assert "somebody or another program" in boards.settle(sound, again.id, State.FAILED).message
