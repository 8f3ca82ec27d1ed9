"""Training on a real Slurm of one node: what its users, its administrator and its limits do to a run."""

from __future__ import annotations

import time

import pytest
from slurm_recipe import recipe_text
from stand_in_training import sleeping

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.event_tail import EventTail
from earbench_app.jobs.job import ACTIVE, SlurmOptions, State, TrainRequest
from earbench_app.jobs.slurm import SlurmExecutor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LONG = 100_000
ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.PAUSED})


@pytest.fixture
def ask(corpus):
    """Of epochs, 10 steps each, and cluster options: the request."""

    def make(epochs=2, name="tiny", max_minutes=None, **options):
        slurm = SlurmOptions(**{"time_min": 10, **options})
        recipe = recipe_text(epochs)
        return TrainRequest(name, recipe, corpus, max_minutes=max_minutes, executor="slurm", slurm=slurm)

    return make


def watched(board, job, until, patience_s=180):
    """Poll until a job is as wanted; return it, and the states and messages it had on the way."""
    seen, ends_at = [], time.monotonic() + patience_s
    while time.monotonic() < ends_at:
        board.poll()
        job = board.job(job.id)
        if (job.state, job.message) not in seen:
            seen.append((job.state, job.message))
        if until(job):
            return job, seen
        time.sleep(0.25)
    log = job.log.read_text() if job.log.exists() else "no log"
    raise AssertionError(f"not in {patience_s} s; was {seen}; {log[-2000:]}")


def ended(job):
    return job.state in ENDED


def is_training(job):
    return job.state is State.RUNNING and any(e["event"] == "checkpoint" for e in events(job))


def events(job, kind=None):
    return [e for e in EventTail(job.events).read_all() if kind in (None, e["event"])]


def starts(job):
    return [event["step"] for event in events(job, "started")]


def steps_without_a_gap(job):
    """Whether each start is where a checkpoint was, and steps between starts only grow."""
    saved, last = {0}, 0
    for event in events(job):
        if event["event"] == "started":
            assert event["step"] in saved
            last = event["step"]
        elif event["event"] == "progress":
            assert event["step"] > last
            last = event["step"]
        elif event["event"] == "checkpoint":
            saved.add(event["step"])
    return True


def test_a_job_is_submitted_watched_and_done(cluster, real_board, ask):
    job = real_board.submit(ask())
    done, seen = watched(real_board, job, ended)
    assert (done.state, done.message) == (State.DONE, "")
    states = [state for state, _ in seen]
    assert states[0] is State.QUEUED
    assert done.executor_id.isdigit()
    assert done.device == cluster.host
    assert events(done)[-1]["event"] == "finished"
    assert events(done)[-1]["step"] == 20
    assert done.last_checkpoint.is_file()
    assert done.created_s <= done.started_s <= done.ended_s <= time.time()


def test_one_that_waits_says_why_and_can_be_cancelled(cluster, board, ask):
    cluster.run("sbatch", "--output=/dev/null", "--ntasks=2", "--wrap=sleep 300")
    job, _ = watched(board, board.submit(ask()), lambda j: "free node" in j.message)
    assert job.state is State.QUEUED
    board.cancel(job.id)
    cancelled, _ = watched(board, job, ended)
    assert cancelled.state is State.CANCELLED
    assert not cancelled.events.exists()


def test_paused_and_resumed_it_goes_on_from_its_checkpoint_and_then_is_cancelled(cluster, real_board, ask):
    job, _ = watched(real_board, real_board.submit(ask(LONG)), is_training)
    assert real_board.pause(job.id).state is State.PAUSING
    paused, _ = watched(real_board, job, ended)
    assert (paused.state, paused.message) == (State.PAUSED, "")
    stopped = events(paused, "stopped")[-1]
    assert stopped["step"] > 0
    assert cluster.run("squeue", "--noheader", "--states=PENDING,RUNNING") == ""
    real_board.resume(job.id)
    watched(real_board, job, lambda j: is_training(j) and len(starts(j)) == 2)
    assert starts(job) == [0, stopped["step"]]
    real_board.cancel(job.id)
    cancelled, _ = watched(real_board, job, ended)
    assert cancelled.state is State.CANCELLED
    assert events(cancelled)[-1]["event"] == "stopped"
    assert steps_without_a_gap(cancelled)


def test_a_drained_node_ends_what_it_runs_and_takes_nothing_new(cluster, board, ask):
    running, _ = watched(board, board.submit(ask(15)), is_training)
    cluster.set_node("drain")
    waiting = board.submit(ask())
    waiting, _ = watched(board, waiting, lambda j: "drained" in j.message)
    assert waiting.state is State.QUEUED
    done, _ = watched(board, running, ended)
    assert (done.state, starts(done)) == (State.DONE, [0])
    assert not waiting.events.exists()
    cluster.set_node("resume")
    assert watched(board, waiting, ended)[0].state is State.DONE


def test_a_node_that_fails_puts_its_job_back_and_it_goes_on(cluster, board, ask):
    job, _ = watched(board, board.submit(ask(LONG)), is_training)
    cluster.set_node("down")
    back, _ = watched(board, job, lambda j: j.state is State.QUEUED)
    assert back.executor_id == job.executor_id
    watched(board, job, lambda j: "may start at" in j.message or "down" in j.message)
    cluster.set_node("resume")
    watched(board, job, lambda j: is_training(j) and len(starts(j)) == 2)
    assert starts(job)[1] > 0
    assert steps_without_a_gap(job)
    board.cancel(job.id)
    watched(board, job, ended)


def test_at_the_time_limit_it_goes_back_into_the_queue_and_on_from_its_checkpoint(cluster, board, ask):
    """Of two minutes: Slurm's notice of half a minute comes up to another half a minute early."""
    job, _ = watched(board, board.submit(ask(LONG, time_min=2)), is_training)
    _, seen = watched(board, job, lambda j: is_training(j) and len(starts(j)) == 2, patience_s=240)
    assert State.QUEUED in [state for state, _ in seen]
    assert starts(job)[1] == events(job, "stopped")[0]["step"] > 0
    assert events(job, "stopped")[0]["reason"] == "asked to stop"
    assert steps_without_a_gap(job)
    board.cancel(job.id)
    assert watched(board, job, ended)[0].state is State.CANCELLED


def test_at_the_notice_of_its_time_limit_training_saves_and_its_curve_goes_on(cluster, real_board, ask):
    """The notice is sent by hand: on a busy machine training begins after a minute, the shortest limit."""
    job, _ = watched(real_board, real_board.submit(ask(15)), is_training)
    cluster.run("scancel", "--signal=USR2", job.executor_id)
    done, _ = watched(real_board, job, ended, patience_s=400)
    assert (done.state, done.message) == (State.DONE, "")
    assert events(done)[-1]["step"] == 150
    assert len(starts(done)) == 2
    assert starts(done)[1] == events(done, "stopped")[0]["step"] > 0
    assert steps_without_a_gap(done)
    losses = [e["loss"] for e in events(done, "progress")]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("partition", ["normal", "lent"])
def test_preempted_it_makes_room_and_goes_on_afterwards(cluster, board, ask, partition):
    """With and without time to end by itself."""
    job, _ = watched(board, board.submit(ask(LONG, partition=partition)), is_training)
    urgent = cluster.run(
        "sbatch", "--output=/dev/null", "--parsable", "--partition=urgent", "--ntasks=2", "--wrap=sleep 3"
    ).strip()
    watched(board, job, lambda j: is_training(j) and len(starts(j)) == 2)
    assert (
        cluster.run("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={urgent}")
        == "COMPLETED\n"
    )
    assert starts(job)[1] == events(job, "stopped")[0]["step"] > 0
    board.cancel(job.id)
    watched(board, job, ended)


def test_the_time_box_holds_over_all_times_it_was_put_back(cluster, board, ask):
    job, _ = watched(board, board.submit(ask(LONG, max_minutes=0.4)), is_training)
    cluster.run("scontrol", "requeue", job.executor_id)
    done, _ = watched(board, job, ended)
    assert done.state is State.DONE
    assert "time box" in done.message
    assert len(starts(job)) == 2


def test_one_that_saves_nothing_in_its_time_is_not_put_back_for_ever(cluster, tmp_path, ask):
    board = JobBoard(tmp_path / "jobs", {"slurm": SlurmExecutor(make_command=sleeping)})
    job, _ = watched(board, board.submit(ask()), lambda j: (j.folder / "keeper.json").exists())
    cluster.run("scancel", "--signal=USR2", job.executor_id)
    failed, _ = watched(board, job, ended)
    assert failed.state is State.FAILED
    assert "before it had anything to save; ask for more time" in failed.message


def test_scancel_by_hand_is_told_and_resumed(cluster, board, ask):
    job, _ = watched(board, board.submit(ask(LONG)), is_training)
    cluster.run("scancel", job.executor_id)
    paused, _ = watched(board, job, ended)
    assert paused.state is State.PAUSED
    assert f"resume goes on from step {events(job, 'stopped')[-1]['step']}" in paused.message


def test_a_sweep_is_one_array(cluster, board, ask):
    jobs = board.submit_sweep([ask(name=f"tiny-{i}") for i in range(3)])
    done = [watched(board, job, ended)[0] for job in jobs]
    assert [job.state for job in done] == [State.DONE] * 3
    arrays, tasks = zip(*(job.executor_id.split("_") for job in done), strict=True)
    assert len(set(arrays)) == 1
    assert set(tasks) == {"0", "1", "2"}
    assert len({job.last_checkpoint for job in done if job.last_checkpoint.is_file()}) == 3


def test_what_the_cluster_refuses_is_told_in_its_words(cluster, board, ask):
    failed, _ = watched(board, board.submit(ask(partition="nowhere")), ended)
    assert failed.state is State.FAILED
    assert "Invalid partition name specified" in failed.message


def test_a_run_that_fails_says_why(cluster, real_board, ask, tmp_path):
    from dataclasses import replace

    (tmp_path / "empty").mkdir()
    failed, _ = watched(real_board, real_board.submit(replace(ask(), data=tmp_path / "empty")), ended)
    assert failed.state is State.FAILED
    assert str(tmp_path / "empty") in failed.message
    state = cluster.run("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={failed.executor_id}")
    assert state == "FAILED\n"


def test_a_gpu_is_asked_of_the_cluster_and_nothing_else_is_used_for_it(cluster, real_board, ask):
    """The node's GPU is one in name only, so the run must fail rather than train on the CPU."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here, and the cluster's own is none")
    failed, _ = watched(real_board, real_board.submit(ask(gpus=1)), ended)
    assert failed.device == f"{cluster.host}, 1 GPU"
    assert "'cuda' cannot be used" in failed.message


def test_while_the_controller_is_down_nothing_is_lost_and_other_jobs_go_on(cluster, board, ask):
    from dataclasses import replace

    job, _ = watched(board, board.submit(ask(LONG)), is_training)
    cluster.stop_controller()
    try:
        unknown, _ = watched(board, job, lambda j: "not known now" in j.message)
        assert unknown.state in ACTIVE
        before = len(events(job))
        refused, _ = watched(board, board.submit(ask()), ended)
        assert refused.state is State.FAILED
        assert "Unable to contact slurm controller" in refused.message
        local = board.submit(replace(ask(), executor="local", slurm=None, device="cpu"))
        assert watched(board, local, ended)[0].state is State.DONE
        assert len(events(job)) > before, "the run itself goes on"
    finally:
        cluster.start_controller()
    again, _ = watched(board, job, lambda j: j.message == "")
    assert again.state is State.RUNNING
    board.cancel(job.id)
    assert watched(board, job, ended)[0].state is State.CANCELLED
    board.resume(refused.id)
    assert watched(board, refused, ended)[0].state is State.DONE
