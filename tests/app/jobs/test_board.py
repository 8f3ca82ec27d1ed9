"""Jobs as a board shows them: started, stopped, found again, whatever becomes of their processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import job_boards
import pytest
from job_boards import wait_until

from earbench_app.jobs.job import ACTIVE, TRANSITIONS, JobError, State, TrainRequest, check_transition

SUPPORT = Path(job_boards.__file__).parent


def facts(job):
    return json.loads((job.folder / "keeper.json").read_text())


def test_each_state_has_its_transitions_and_none_is_a_dead_end():
    assert set(TRANSITIONS) == set(State)
    assert all(TRANSITIONS[state] for state in State)
    for before in State:
        for after in set(State) - TRANSITIONS[before]:
            with pytest.raises(JobError, match=f"^(it is .* already|a job that is {before} cannot be .*)$"):
                check_transition(before, after)


def test_a_job_runs_to_its_end(boards, board):
    told = []
    board.changed.connect(lambda job: told.append(job.state))
    job = board.submit(boards.request("finish"))
    assert (job.state, job.folder.parent) == (State.QUEUED, boards.root)
    done = boards.settle(board, job.id, State.DONE)
    assert told == [State.QUEUED, State.RUNNING, State.DONE]
    assert (done.message, done.device, done.pid) == ("", "cpu", None)
    assert job.created_s <= done.started_s <= done.ended_s
    assert done.recipe.read_text() == "title = 'A test'\n"
    with pytest.raises(JobError, match="finished"):
        board.resume(job.id)


def test_a_run_that_reached_its_time_box_can_go_on(boards, board):
    job = board.submit(boards.request("limit"))
    assert "time box" in boards.settle(board, job.id, State.DONE).message
    assert board.resume(job.id).state is State.QUEUED


def test_pause_writes_a_checkpoint_and_resume_goes_on_from_it(boards, board):
    job = boards.started(board, "wait")
    assert board.pause(job.id).state is State.PAUSING
    paused = boards.settle(board, job.id, State.PAUSED)
    assert paused.last_checkpoint.is_file()
    assert paused.message == ""
    assert board.resume(job.id).state is State.QUEUED
    again = boards.settle(board, job.id, State.RUNNING)
    assert again.started_s > paused.started_s
    assert not (job.folder / "exit.json").exists()
    board.cancel(job.id)
    boards.settle(board, job.id, State.CANCELLED)


def test_a_paused_job_can_be_cancelled_and_a_cancelled_one_resumed(boards, board):
    job = board.submit(boards.request("wait"))
    assert board.pause(job.id).state is State.PAUSED
    board.poll()
    assert board.job(job.id).state is State.PAUSED  # not started
    assert board.cancel(job.id).state is State.CANCELLED
    assert board.resume(job.id).state is State.QUEUED
    with pytest.raises(JobError, match="it is queued already"):
        board.resume(job.id)


def test_one_that_does_not_end_is_ended_after_its_grace(boards):
    board = boards.new(grace_s=0.3)
    job = boards.started(board, "deaf")
    board.pause(job.id)
    paused = boards.settle(board, job.id, State.PAUSED)
    assert paused.message == "did not end in time; resume begins anew, as there is no checkpoint yet"


def test_a_failure_is_told_in_the_words_of_the_run(boards, board):
    job = board.submit(boards.request("fail"))
    failed = boards.settle(board, job.id, State.FAILED)
    assert failed.message.startswith("the corpus has gone; put it back; resume begins anew")
    assert failed.log.read_text() == "earbench: the corpus has gone\n"
    assert board.resume(job.id).state is State.QUEUED


def test_what_a_crash_leaves_in_the_log_says_that_memory_ran_out(boards, board):
    job = board.submit(boards.request("crash"))
    assert boards.settle(board, job.id, State.FAILED).message.startswith("memory ran out; close other")


def test_one_killed_from_outside_says_so_and_goes_on(boards, board):
    job = boards.started(board, "wait")
    os.kill(facts(job)["child"], signal.SIGKILL)
    failed = boards.settle(board, job.id, State.FAILED)
    assert failed.message.startswith("ended by SIGKILL, which somebody or another program sent; resume")
    board.resume(job.id)
    boards.settle(board, job.id, State.RUNNING)


def test_one_stopped_in_good_order_by_somebody_else_is_paused(boards, board):
    job = boards.started(board, "wait")
    os.kill(facts(job)["child"], signal.SIGTERM)
    paused = boards.settle(board, job.id, State.PAUSED)
    assert paused.message == "was asked to stop by somebody; resume goes on from step 3"


def test_jobs_wait_for_a_place_and_start_in_their_order(boards, board):
    first = boards.started(board, "wait")
    second = board.submit(boards.request("finish"))
    third = board.submit(boards.request("finish"))
    board.poll()
    assert [job.state for job in board.jobs()] == [State.RUNNING, State.QUEUED, State.QUEUED]
    board.cancel(first.id)
    boards.settle(board, third.id, State.DONE)
    assert board.job(second.id).ended_s <= board.job(third.id).started_s


def test_another_board_finds_a_running_job_and_its_end(boards, board):
    job = boards.started(board, "wait")
    other = boards.new()
    told = []
    other.changed.connect(lambda job: told.append(job.state))
    other.poll()
    assert told == [State.RUNNING]
    board.cancel(job.id)
    boards.settle(other, job.id, State.CANCELLED)
    assert told[-1] is State.CANCELLED
    assert board.job(job.id) == other.job(job.id)


def test_two_boards_start_a_job_once(boards):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import job_boards\n"
        "boards = job_boards.Boards(Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "board = boards.new(n_cpu_jobs=4)\n"
        "for _ in range(50): board.poll()\n"
    )
    board = boards.new()
    jobs = [board.submit(boards.request("wait")) for _ in range(3)]
    command = [sys.executable, "-c", script, str(SUPPORT), str(boards.root), str(boards.data)]
    others = [subprocess.Popen(command) for _ in range(2)]
    assert [other.wait(60) for other in others] == [0, 0]
    for job in jobs:
        events = boards.settle(board, job.id, State.RUNNING).events
        wait_until(lambda events=events: events.is_file() and events.read_text())
        starts = [line for line in events.read_text().splitlines() if '"started"' in line]
        assert len(starts) == 1


def test_a_job_outlives_the_program_that_started_it(boards):
    script = (
        "import sys, os; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import job_boards\n"
        "boards = job_boards.Boards(Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "boards.started(boards.new(), 'wait')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", script, str(SUPPORT), str(boards.root), str(boards.data)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9
    board = boards.new()
    (job,) = board.jobs()
    assert job.state is State.RUNNING
    assert os.getsid(facts(job)["child"]) not in (os.getsid(0), os.getsid(job.pid))
    board.poll()
    assert board.job(job.id).state is State.RUNNING
    board.pause(job.id)
    assert boards.settle(board, job.id, State.PAUSED).last_checkpoint.is_file()


def test_one_whose_keeper_is_killed_is_asked_to_end_and_says_what_is_known(boards, board):
    job = boards.started(board, "wait")
    os.kill(job.pid, signal.SIGKILL)
    failed = boards.settle(board, job.id, State.FAILED)
    assert failed.message.startswith("nobody saw its end")
    assert failed.message.endswith("resume goes on from step 3")  # the checkpoint that it still wrote
    board.resume(job.id)
    boards.settle(board, job.id, State.RUNNING)


def test_another_process_of_the_same_number_is_not_taken_for_the_job(boards, board):
    job = boards.started(board, "wait")
    known = facts(job)
    for pid in (known["child"], known["pid"]):
        os.kill(pid, signal.SIGKILL)
    (job.folder / "exit.json").unlink(missing_ok=True)
    mine = {"pid": os.getpid(), "child": os.getpid()}  # alive, but started at another time
    (job.folder / "keeper.json").write_text(json.dumps(known | mine))
    assert "nobody saw its end" in boards.settle(board, job.id, State.FAILED).message


def test_one_that_was_started_but_not_noted_is_not_started_twice(boards, board):
    job = boards.started(board, "wait")
    board.store.write(replace(job, state=State.QUEUED, pid=None))  # as if the program had died just before
    boards.settle(boards.new(), job.id, State.RUNNING)
    assert board.job(job.id).pid == job.pid
    assert job.events.read_text().count("started") == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", b'{"state": "running", "mess'),
        ("state.json", b'{"state": "melting"}'),
        ("state.json", b'{"unknown": 1}'),
        ("state.json", b"[]"),
        ("request.json", b"\xff\x00"),
        ("state.json", None),
        ("request.json", None),
    ],
)
def test_a_damaged_job_is_shown_beside_the_others(boards, board, name, content):
    damaged, sound = board.submit(boards.request("finish")), board.submit(boards.request("finish"))
    path = damaged.folder / name
    path.unlink() if content is None else path.write_bytes(content)
    other = boards.new()
    boards.settle(other, sound.id, State.DONE)
    shown = other.job(damaged.id)
    assert shown.state is State.FAILED
    assert str(damaged.folder) in shown.message
    assert "damaged" in shown.message
    other.delete(damaged.id)
    assert [job.id for job in other.jobs()] == [sound.id]


def test_a_job_of_an_older_version_is_read(boards, board):
    job = boards.settle(board, board.submit(boards.request("finish")).id, State.DONE)
    path = job.folder / "state.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"kind": "train"}))
    assert boards.new().job(job.id) == job


def test_what_is_no_job_is_left_alone(boards, board):
    (boards.root / "notes").mkdir()
    (boards.root / "notes.txt").write_text("mine")
    board.poll()
    assert board.jobs() == ()
    with pytest.raises(JobError, match=r"no job 'nothing'.*earbench jobs"):
        board.job("nothing")


def test_a_running_job_is_not_deleted(boards, board):
    removed = []
    board.removed.connect(removed.append)
    job = boards.started(board, "wait")
    with pytest.raises(JobError, match="is running; cancel it"):
        board.delete(job.id)
    (job.folder / "state.json").write_text("{")  # nor is it when nothing else tells that it runs
    with pytest.raises(JobError, match="cancel it"):
        boards.new().delete(job.id)
    os.kill(facts(job)["child"], signal.SIGTERM)
    wait_for_end(job)
    board.delete(job.id)
    assert not job.folder.exists()
    assert [path.name for path in boards.root.iterdir()] == [".lock"]
    assert removed == [job.id]


def wait_for_end(job):
    wait_until((job.folder / "exit.json").is_file)


def test_notes_and_tags_stay_and_can_be_changed_while_it_runs(boards, board):
    job = boards.started(board, "wait")
    board.annotate(job.id, notes="τ of 0.3", tags=("good", "24k", "good"))
    board.annotate(job.id, tags=("24k",))
    board.cancel(job.id)
    ended = boards.settle(board, job.id, State.CANCELLED)
    assert (ended.notes, ended.tags) == ("τ of 0.3", ("24k",))
    assert boards.new().job(job.id) == ended


def test_a_request_comes_back_as_it_was_given(boards, board):
    request = TrainRequest("a", "title = 'é'", boards.data, "cuda:1", 2, 1.5, 100, "local")
    assert boards.new().job(board.submit(request).id).request == request


def test_a_sweep_is_taken_whole_or_not_at_all(boards, board):
    jobs = board.submit_sweep([boards.request("finish"), boards.request("finish")])
    assert len({job.sweep for job in jobs}) == 1
    assert jobs[0].sweep
    with pytest.raises(JobError, match="no executor 'slurm'"):
        board.submit_sweep([boards.request("finish"), boards.request("finish", executor="slurm")])
    assert board.jobs() == jobs


def test_a_job_of_another_machine_is_left_to_it(boards, board):
    job = boards.started(board, "wait")
    elsewhere = replace(job, host="elsewhere")
    board.store.write(elsewhere)
    os.kill(facts(job)["child"], signal.SIGKILL)
    wait_for_end(job)
    board.poll()
    assert board.job(job.id) == elsewhere
    with pytest.raises(JobError, match="on elsewhere; do it there"):
        board.pause(job.id)
    assert job.state in ACTIVE


def test_a_corpus_that_has_gone_is_told_while_the_run_goes_on(boards, board):
    job = boards.started(board, "wait")
    boards.data.rmdir()
    board.poll()
    now = board.job(job.id)
    assert now.state is State.RUNNING
    assert now.message.startswith(f"{boards.data} has gone; the run goes on with its decoded copy")
    boards.data.mkdir()
    board.poll()
    assert board.job(job.id).message == ""


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(boards):
    boards.root.write_text("a file")
    with pytest.raises(JobError, match=r"jobs: cannot be made: .*choose another folder"):
        boards.new()


def test_what_a_full_disk_does_not_take_is_shown_all_the_same(boards, board, monkeypatch):
    job = boards.started(board, "wait")
    os.kill(facts(job)["child"], signal.SIGKILL)
    wait_for_end(job)
    write = board.store.write

    def full(_job):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(board.store, "write", full)
    assert "SIGKILL" in boards.settle(board, job.id, State.FAILED).message
    assert boards.new().job(job.id).state is State.RUNNING  # what is on disk
    with pytest.raises(JobError, match="No space left on device; make room"):
        board.resume(job.id)
    monkeypatch.setattr(board.store, "write", write)
    board.poll()
    assert boards.new().job(job.id).state is State.FAILED
    assert board.resume(job.id).state is State.QUEUED
