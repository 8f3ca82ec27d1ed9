"""Slurm's words, and what is done where it is not there or does not answer; no Slurm is needed for these."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from earbench_app.cli.main import run
from earbench_app.jobs import slurm_queue
from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.executors import Exit
from earbench_app.jobs.job import Job, JobError, SlurmOptions, State, TrainRequest
from earbench_app.jobs.slurm import STOP_MARK, SlurmExecutor
from earbench_app.jobs.slurm_evaluation import MOST_PARTS, parts_of
from earbench_app.jobs.slurm_queue import Entry, Queue, call, parse, refusal
from earbench_codecs.base import Setting
from earbench_codecs.metrics.evaluation import Task

LISTED = """\
12|RUNNING|None|node1|2026-11-21T20:38:17
13_0|PENDING|Resources||N/A
13_1|PENDING|Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions||N/A
14|PENDING|BeginTime||2026-11-21T20:41:11
15|CANCELLED|None|node1|2026-11-21T20:38:17
16|REQUEUE_HOLD|launch failed requeued held||N/A
17|half a li"""


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A function that makes `squeue` a shell script of this text."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def make(script):
        path = tmp_path / "bin" / "squeue"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return make


@pytest.fixture
def request_of_slurm(tmp_path):
    return TrainRequest("tiny", 'title = "x"', tmp_path, executor="slurm", slurm=SlurmOptions(gpus=2))


@pytest.fixture
def job(tmp_path, request_of_slurm):
    (tmp_path / "job").mkdir()
    return Job("job", tmp_path / "job", request_of_slurm, state=State.RUNNING, executor_id="12")


def test_what_squeue_prints_is_read_whole_lines_alone():
    entries = parse(LISTED)
    assert list(entries) == ["12", "13_0", "13_1", "14", "15", "16"]
    assert entries["12"] == Entry("12", "RUNNING", "None", "node1", "2026-11-21T20:38:17")
    assert [entry.phase for entry in entries.values()] == [
        "running", "waiting", "waiting", "waiting", "ended", "waiting",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("job_id", "says"),
    [
        ("12", ""),
        ("13_0", "cluster job 13_0 waits for a free node"),
        ("13_1", "cluster job 13_1 waits: the nodes that could take it are down, drained or reserved"),
        ("14", "cluster job 14 is back in the queue, and may start at 2026-11-21 20:41:11"),
        ("15", "it was cancelled on the cluster, by scancel"),
        ("16", "cluster job 16 is held: no node could start it; `scontrol release 16` frees it"),
    ],
)
def test_each_state_has_its_words(job_id, says):
    assert parse(LISTED)[job_id].message == says


def test_a_reason_nobody_has_put_into_words_is_told_as_it_is():
    assert (
        Entry("7", "PENDING", "QOSMaxJobsPerUserLimit").message
        == "cluster job 7 waits: QOSMaxJobsPerUserLimit"
    )


def test_a_refusal_is_told_once_its_last_words_first():
    said = (
        "sbatch: error: invalid partition specified: gpu\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n"
        "sbatch: error: invalid partition specified: gpu\n"
    )
    assert refusal(said) == (
        "the cluster: invalid partition specified: gpu; "
        "Batch job submission failed: Invalid partition name specified"
    )
    assert refusal("") == ""


def test_where_there_is_no_slurm_it_is_said(squeue):
    with pytest.raises(JobError, match="there is no Slurm here: the command squeue is missing"):
        call("squeue")


def test_a_command_that_hangs_is_given_up(squeue, monkeypatch):
    squeue("/bin/sleep 5")
    monkeypatch.setattr(slurm_queue, "ANSWER_S", 0.2)
    with pytest.raises(JobError, match=r"did not answer squeue within 0\.2 s"):
        call("squeue")


def test_many_looks_are_one_question_for_all_jobs(squeue, tmp_path):
    squeue(f"echo x >> {tmp_path}/asked; echo '12|RUNNING|None|n|N/A'; echo '13|PENDING|Priority||N/A'")
    queue = Queue()
    phases = [queue.find(job_id).phase for job_id in ("12", "13") * 50]
    assert phases[-2:] == ["running", "waiting"]
    assert (tmp_path / "asked").read_text().count("x") == 1


def test_who_looks_does_not_wait_for_a_cluster_that_hangs(squeue, job):
    squeue("/bin/sleep 30")
    executor = SlurmExecutor()
    began_s = time.monotonic()
    look = executor.look(job)
    assert time.monotonic() - began_s < 15  # half a second on a machine that has nothing else to do
    assert (look.phase, look.exit) == ("running", None)


def test_a_cluster_that_does_not_answer_ends_no_job(squeue, job):
    squeue("echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
    look = settled(SlurmExecutor(), job, lambda look: look.message)
    assert look.phase == "running"
    assert look.message == (
        "how it goes is not known now: the cluster: Unable to contact slurm controller (connect failure)"
    )
    waiting = replace(job, state=State.QUEUED)
    assert SlurmExecutor().look(waiting).phase == "waiting"


def test_a_job_that_is_no_longer_listed_has_ended_as_its_keeper_wrote(squeue, job, monkeypatch):
    monkeypatch.setattr(slurm_queue, "_REFRESH_S", 0.05)
    squeue("true")
    (job.folder / "exit.json").write_text('{"code": 3, "ended_s": 5.0, "log_tail": "oh"}')
    look = settled(SlurmExecutor(), job, lambda look: look.phase == "ended")
    assert look.exit == Exit(code=3, ended_s=5.0, log_tail="oh")
    (job.folder / "exit.json").unlink()
    look = settled(SlurmExecutor(), job, lambda look: look.phase == "ended")
    assert look.exit.said["event"] == "failed"
    assert "the cluster no longer lists it" in look.exit.said["message"]


def test_one_that_was_stopped_before_it_began_was_stopped(squeue, job):
    squeue("echo '12|CANCELLED|None|n|N/A'")
    (job.folder / STOP_MARK).touch()
    look = settled(SlurmExecutor(), job, lambda look: look.phase == "ended")
    assert look.exit.said["event"] == "stopped"


def test_where_a_job_runs_is_told_with_its_gpus(squeue, job):
    squeue("echo '12|RUNNING|None|gpu07|N/A'")
    assert settled(SlurmExecutor(), job, lambda look: look.device).device == "gpu07, 2 GPU"


def test_without_slurm_a_job_fails_with_words_and_others_are_not_hurt(squeue, tmp_path, request_of_slurm):
    board = JobBoard(tmp_path / "jobs")
    jobs = board.submit_sweep([request_of_slurm] * 2)
    board.poll()
    for job in jobs:
        failed = board.job(job.id)
        assert failed.state is State.FAILED
        assert "there is no Slurm here: the command sbatch is missing; use a login node" in failed.message


def test_rows_are_shared_out_each_once_and_none_too_many():
    tasks = [
        Task(Path(f"{i}.wav"), "", codec, "1", Setting.of(kbps) if kbps else Setting())
        for i in range(37)
        for codec, kbps in (("mp3", 64.0), ("mp3", 128.0), ("vorbis", None), ("opus", 32.0), ("opus", 6.4))
        if (i, codec) != (5, "vorbis")
    ]
    parts = parts_of(tasks, 8)
    assert all(sum(part.has(task) for part in parts) == 1 for task in tasks)
    sizes = [len(part.files) * len(part.codecs) for part in parts]
    assert sum(sizes) == len(tasks) == 37 * 5 - 1
    assert max(sizes) <= 8
    assert "opus@6.4" in parts[0].codecs
    assert len(parts_of([replace(tasks[0], file=Path(f"{i}.wav")) for i in range(6000)])) <= MOST_PARTS


@pytest.mark.parametrize(
    "command", [["train", "resglu-64", "--data", ".", "--run", "r"], ["evaluate", ".", "--out", "o"]]
)
def test_what_is_asked_of_a_cluster_needs_one(command, capsys):
    more = ["--codec", "mp3"] if command[0] == "evaluate" else []
    assert run([*command, *more, "--partition", "gpu", "--time", "5"]) == 2
    assert "--partition, --time: only with --cluster slurm" in capsys.readouterr().err.replace("\n", " ")


def settled(executor, job, until):
    """Look until something is known."""
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        look = executor.look(job)
        if until(look):
            return look
        time.sleep(0.02)
    raise AssertionError(f"still {look}")
