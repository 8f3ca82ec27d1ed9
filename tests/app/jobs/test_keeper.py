"""What stays with a job's process: drains it, ends it, and writes how it ended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from job_boards import wait_until

from earbench_app.jobs import keeper
from earbench_app.jobs.job import State
from earbench_app.jobs.local import read_exit


def lives(pid):
    return bool(keeper.process_start(pid))


def test_events_and_log_are_kept_apart(boards, board):
    job = board.submit(boards.request("chatter"))
    boards.settle(board, job.id, State.DONE)
    lines = job.log.read_text().splitlines()
    assert [line for line in lines if line.startswith("line")] == [f"line {i}" for i in range(20)]
    assert "not an event" in lines
    assert not any("{" in line for line in lines)
    end = read_exit(job.folder)
    assert (end.code, end.signal, end.said["event"]) == (0, None, "finished")
    assert end.log_tail == job.log.read_text()


def test_the_process_of_a_job_gives_way_to_the_window(boards, board):
    job = board.submit(boards.request("chatter"))
    boards.settle(board, job.id, State.DONE)
    niceness = int(re.search(r"niceness (\d+)", job.log.read_text())[1])
    assert niceness == max(10, os.getpriority(os.PRIO_PROCESS, 0))


@pytest.mark.skipif(sys.platform != "linux", reason="who leaves a process behind is found on Linux alone")
def test_what_a_killed_run_leaves_behind_is_ended(boards, board):
    job = boards.started(board, "parent")
    started = [json.loads(line) for line in job.events.read_text().splitlines()]
    wait_until(lambda: "child" in job.events.read_text())
    started = [json.loads(line) for line in job.events.read_text().splitlines()]
    grandchild = started[-1]["child"]
    assert lives(grandchild)
    os.kill(json.loads((job.folder / "keeper.json").read_text())["child"], 9)
    boards.settle(board, job.id, State.FAILED)
    assert not lives(grandchild)


def test_something_is_run_when_a_job_has_ended(boards, tmp_path):
    mark = tmp_path / "ended"
    board = boards.new(then=("touch", str(mark)))
    job = board.submit(boards.request("fail"))
    boards.settle(board, job.id, State.FAILED)
    wait_until(mark.exists)


def test_a_command_that_is_not_there_fails_the_job(boards):
    board = boards.new(make_command=lambda _job, _device: ["/nowhere/python"])
    job = board.submit(boards.request("finish"))
    message = boards.settle(board, job.id, State.FAILED).message
    assert "exit code 127" in message
    assert "/nowhere/python" in message


def test_a_long_log_is_cut_and_its_end_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "_LONGEST_LOG", 1000)
    log = keeper.Log(tmp_path / "log.txt")
    for i in range(400):
        log.add(b"line %03d\n" % i)
    assert (tmp_path / "log.txt").stat().st_size <= 1020
    assert (tmp_path / "log.1.txt").stat().st_size <= 1020
    assert log.tail.endswith("line 399\n")
    assert (tmp_path / "log.txt").read_text().endswith("line 399\n")


def test_a_process_is_told_from_another_of_its_number():
    first = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    second = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    with first, second:
        assert keeper.process_start(first.pid) == keeper.process_start(first.pid) != ""
        first.kill()
        wait_until(lambda: not lives(first.pid))  # ended, though nobody has asked how
        second.kill()
    assert keeper.process_start(first.pid) == ""


def test_the_counters_of_the_out_of_memory_killer_are_read(tmp_path, monkeypatch):
    (tmp_path / "events").write_text("low 0\nhigh 3\noom 1\noom_kill 2\n")
    monkeypatch.setattr(keeper, "_memory_counters", lambda: [tmp_path / "events", tmp_path / "missing"])
    counts = keeper.oom_kills()
    assert counts[str(tmp_path / "events")] == 2
    assert str(tmp_path / "missing") not in counts
