"""What is said of a job that ended, by how it ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earbench_app.jobs.executors import Exit
from earbench_app.jobs.job import Job, State, TrainRequest
from earbench_app.jobs.outcome import outcome


def of(end, state=State.RUNNING, folder=Path("/nowhere"), **asked):
    return outcome(Job("1", folder, TrainRequest("a", "", Path("data"), **asked), state=state), end)


FINISHED = {"event": "finished", "reason": "finished"}
STOPPED = {"event": "stopped", "reason": "asked to stop"}


@pytest.mark.parametrize(
    ("end", "state", "becomes"),
    [
        (Exit(0, said=FINISHED), State.RUNNING, State.DONE),
        (Exit(0, said=FINISHED), State.PAUSING, State.DONE),
        (Exit(0, said=FINISHED), State.CANCELLING, State.DONE),
        (Exit(143, said=STOPPED), State.PAUSING, State.PAUSED),
        (Exit(143, said=STOPPED), State.CANCELLING, State.CANCELLED),
        (Exit(143, said=STOPPED), State.RUNNING, State.PAUSED),
        (Exit(signal=15), State.PAUSING, State.PAUSED),  # it had not begun yet
        (Exit(signal=9), State.PAUSING, State.PAUSED),
        (Exit(signal=9), State.CANCELLING, State.CANCELLED),
        (Exit(signal=9), State.RUNNING, State.FAILED),
        (Exit(1, said={"event": "failed", "message": "m"}), State.PAUSING, State.FAILED),
        (Exit(0, said={"event": "stopped", "reason": "time limit"}), State.RUNNING, State.DONE),
        (Exit(0), State.RUNNING, State.FAILED),  # it ended well, and never said so
    ],
)
def test_the_state_it_ends_in(end, state, becomes):
    assert of(end, state)[0] is becomes


def test_a_limit_says_how_far_the_run_came(tmp_path):
    said = {"event": "stopped", "step": 1200, "reason": "time limit"}
    rest = "; resume goes on from there"
    assert of(Exit(0, said=said)) == (State.DONE, f"stopped at its time box, at step 1,200{rest}")
    (tmp_path / "events.jsonl").write_text('{"event": "progress", "step": 1200, "n_steps": 40000}\n')
    done, message = of(Exit(0, said=said), folder=tmp_path)
    assert (done, message) == (State.DONE, f"stopped at its time box, at step 1,200 of 40,000{rest}")
    _, message = of(Exit(0, said=said), max_minutes=3.0)
    assert message.endswith(f"{rest} for 3 min more")
    _, message = of(Exit(0, said=said | {"reason": "step limit"}), max_minutes=3.0)
    assert message.endswith(rest)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Exit(signal=9, cause="memory"), "ended by the system: memory ran out"),
        (Exit(signal=9), "ended by SIGKILL"),
        (Exit(signal=7), "SIGBUS: a file that it reads was cut"),
        (Exit(signal=11), "SIGSEGV"),
        (Exit(signal=6, log_tail="terminate called after std::bad_alloc\n"), "memory ran out"),
        (Exit(1, log_tail="RuntimeError: could not create a primitive\n"), "memory ran out"),
        (Exit(1, log_tail="could not create a primitive descriptor\n"), "exit code 1: could not create"),
        (Exit(signal=31), "ended by signal 31"),
        (Exit(cause="lost"), "nobody saw its end"),
        (Exit(1, log_tail="OSError: [Errno 28] No space left on device\n"), "the disk is full; make room"),
        (Exit(1, log_tail="torch.OutOfMemoryError: CUDA out of memory.\n"), "the GPU's memory ran out"),
        (Exit(1, log_tail="a\nKeyError: 'x'\n\n"), "ended with exit code 1: KeyError: 'x'"),
        (Exit(1, log_tail="x\nearbench: no such data\ny\n"), "no such data"),
        (
            Exit(
                1,
                log_tail="exitcode  : -9\n  traceback : Signal 9 (SIGKILL) received by PID 7\n====\n",
            ),
            "one of its processes was ended by SIGKILL",
        ),
        (
            Exit(
                1,
                log_tail="Signal 15 (SIGTERM) received by PID 8\n Signal 9 (SIGKILL) received by PID 7\n",
            ),
            "one of its processes was ended by SIGKILL",
        ),
        (Exit(1, log_tail="ValueError: 3\n=====\n"), "exit code 1: ValueError: 3;"),
        (Exit(3), "exit code 3: nothing in its log"),
        # it said why: that counts more than a counter of the whole machine
        (Exit(1, cause="memory", said={"event": "failed", "message": "no corpus"}), "no corpus"),
        (
            Exit(1, said={"event": "failed", "message": "full; make room and go on with --resume"}),
            "full; make room;",
        ),
    ],
)
def test_the_reason_of_a_failure(end, words):
    state, message = of(end)
    assert state is State.FAILED
    assert words in message
    assert "--resume" not in message
    assert message.endswith("; resume begins anew, as there is no checkpoint yet")


def test_from_which_step_it_would_go_on(tmp_path):
    events = [
        {"event": "checkpoint", "step": s, "kind": k} for s, k in ((4, "last"), (8, "last"), (9, "best"))
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    assert of(Exit(signal=9), folder=tmp_path)[1].endswith("resume goes on from step 8")
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "last.safetensors").touch()
    assert of(Exit(signal=9), folder=tmp_path)[1].endswith("resume goes on from its last checkpoint")
