"""True training runs as jobs: stopped, killed, out of memory, on a full disk, without their corpus."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from job_boards import wait_until
from tiny_recipe import tiny_recipe
from true_runs import FOREVER, SHORT, checkpoint_step, child_of, fill, has_saved, write_corpus

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.command import command
from earbench_app.jobs.history import read_history
from earbench_app.jobs.job import ACTIVE, State, TrainRequest
from earbench_app.jobs.keeper import process_start
from earbench_app.jobs.local import LocalExecutor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_corpus(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def board(tmp_path):
    board = JobBoard(tmp_path / "jobs")
    yield board
    for job in board.jobs():
        if job.state in ACTIVE:
            board.cancel(job.id)
            until(board, job, State.CANCELLED, State.DONE, State.FAILED)


def until(board, job, *states):
    def look():
        board.poll()
        now = board.job(job.id)
        assert now.state is not State.FAILED or State.FAILED in states, now.message
        return now if now.state in states else None

    return wait_until(look, f"{states}", 300)


def trains(board, job):
    """Wait until a job has written a checkpoint since it last began."""
    until(board, job, State.RUNNING)

    def saved():
        board.poll()
        now = board.job(job.id)
        assert now.state is State.RUNNING, now.message
        return has_saved(now)

    wait_until(saved, "a checkpoint", 300)
    return board.job(job.id)


def test_pause_resume_and_finish(board, data):
    job = board.submit(TrainRequest("tiny", FOREVER, data, max_steps=100_000))
    trains(board, job)
    board.pause(job.id)
    paused = until(board, job, State.PAUSED)
    step = checkpoint_step(paused)
    assert step > 0
    board.resume(job.id)
    trains(board, job)
    assert read_history(job.events).started["step"] == step
    board.cancel(job.id)
    assert until(board, job, State.CANCELLED).last_checkpoint.is_file()
    short = board.submit(TrainRequest("short", SHORT, data))
    until(board, short, State.DONE)
    exported = read_history(short.events).exported
    assert (short.folder / "checkpoint.safetensors").samefile(exported["path"])
    assert exported["name"] == "short"


def test_killed_from_outside(board, data):
    job = board.submit(TrainRequest("tiny", FOREVER, data))
    trains(board, job)
    os.kill(child_of(job), signal.SIGKILL)
    failed = until(board, job, State.FAILED)
    step = checkpoint_step(job)
    assert failed.message == (
        f"ended by SIGKILL, which somebody or another program sent; resume goes on from step {step}"
    )
    board.resume(job.id)
    trains(board, job)
    assert read_history(job.events).started["step"] == step


def test_out_of_memory(tmp_path, data):
    limit = [sys.executable, "-c", "import os, resource, sys\nresource.setrlimit(resource.RLIMIT_AS, "
             "(6 << 30,) * 2)\nos.execv(sys.argv[1], sys.argv[1:])"]  # fmt: skip
    executor = LocalExecutor(make_command=lambda job, device: [*limit, *command(job, device)])
    board = JobBoard(tmp_path / "jobs", {"local": executor})
    job = board.submit(
        TrainRequest("large", tiny_recipe(quantized=1, batch=8_000_000, steps_per_epoch=5, windows=50), data)
    )
    failed = until(board, job, State.FAILED)
    assert "memory ran out" in failed.message
    assert "lower optimiser.batch" in failed.message
    assert read_history(job.events).ending["kind"] == "memory"
    job = board.submit(TrainRequest("small", FOREVER, data))  # as advised, under the same limit
    trains(board, job)
    board.cancel(job.id)
    until(board, job, State.CANCELLED)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a small disk")
def test_full_disk(tmp_path, data):
    root = tmp_path / "small"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", root], check=True)
    try:
        board = JobBoard(root)
        job = board.submit(TrainRequest("tiny", FOREVER, data))
        trains(board, job)
        fill(root / "filler")
        failed = until(board, job, State.FAILED)
        assert "No space left on device" in failed.message
        assert "make room" in failed.message
        assert "resume goes on from step" in failed.message
        (root / "filler").unlink()
        step = checkpoint_step(job)
        board.resume(job.id)
        trains(board, job)
        assert read_history(job.events).started["step"] >= step
        board.cancel(job.id)
        until(board, job, State.CANCELLED)
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)


def test_a_corpus_deleted_in_mid_run(board, data, tmp_path):
    job = board.submit(TrainRequest("tiny", FOREVER, data))
    trains(board, job)
    data.rename(tmp_path / "elsewhere")
    board.poll()
    now = board.job(job.id)
    assert now.state is State.RUNNING  # it has all it needs
    assert "has gone; the run goes on with its decoded copy" in now.message
    before = checkpoint_step(job)
    wait_until(lambda: checkpoint_step(job) > before, "more steps", 300)
    board.pause(job.id)
    until(board, job, State.PAUSED)
    board.resume(job.id)
    failed = until(board, job, State.FAILED)
    assert str(data) in failed.message
    assert read_history(job.events).ending["kind"] == "corpus"
    (tmp_path / "elsewhere").rename(data)
    board.resume(job.id)
    trains(board, job)


def test_no_data(board, data):
    shutil.rmtree(data)
    data.mkdir()
    job = board.submit(TrainRequest("tiny", SHORT, data))
    failed = until(board, job, State.FAILED)
    assert f"{data}: there is no audio file in it; choose another folder" in failed.message
    shutil.rmtree(data)
    write_corpus(data)
    board.resume(job.id)
    until(board, job, State.DONE)


def test_two_processes_are_paused_and_one_killed_ends_both(board, data):
    job = board.submit(TrainRequest("tiny", FOREVER, data, n_processes=2, device="cpu"))
    now = trains(board, job)
    assert read_history(job.events).started["n_processes"] == 2
    board.pause(job.id)
    until(board, job, State.PAUSED)
    step = checkpoint_step(job)
    board.resume(job.id)
    now = trains(board, job)
    assert read_history(job.events).started["step"] == step
    workers = [pid for pid in descendants(now.pid) if "earbench_codecs.training" in arguments_of(pid)]
    workers = [pid for pid in workers if "torch.distributed.run" not in arguments_of(pid)]
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    failed = until(board, job, State.FAILED)
    assert "SIGKILL" in failed.message
    assert not any(process_start(pid) for pid in workers)
    board.resume(job.id)
    trains(board, job)


def arguments_of(pid):
    with open(f"/proc/{pid}/cmdline") as file:
        return file.read().split("\0")


def descendants(pid):
    children = subprocess.run(
        ["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False
    )
    found = [int(child) for child in children.stdout.split()]
    return found + [one for child in found for one in descendants(child)]
