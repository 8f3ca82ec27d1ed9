"""The command line of a job's process."""

from __future__ import annotations

import json

import pytest

from earbench_app.jobs.command import command
from earbench_app.jobs.job import Job, TrainRequest


def minutes(job):
    given = command(job, "cpu")
    return float(given[given.index("--max-minutes") + 1]) if "--max-minutes" in given else None


@pytest.fixture
def box(tmp_path):
    """A job with a time box of 10 minutes that trained for 4, saved, and was paused."""
    job = Job("1", tmp_path, TrainRequest("a", "", tmp_path, max_minutes=10.0))
    events = [
        {"event": "started", "time": 100.0, "step": 0},
        {"event": "progress", "time": 340.0, "step": 9},
        {"event": "stopped", "time": 341.0, "step": 9, "reason": "asked to stop"},
    ]
    job.events.write_text("".join(json.dumps(event) + "\n" for event in events))
    job.last_checkpoint.touch()
    return job


def test_what_goes_on_gets_what_is_left_of_its_time_box(box):
    assert minutes(box) == pytest.approx(6)


def test_what_its_time_box_ended_gets_as_long_again(box):
    box.events.write_text(box.events.read_text().replace("asked to stop", "time limit"))
    assert minutes(box) == 10


def test_what_begins_anew_gets_all_of_it(box):
    box.last_checkpoint.unlink()
    assert minutes(box) == 10


def test_a_box_that_is_used_up_ends_a_run_as_soon_as_it_goes_on(box):
    box.events.write_text(box.events.read_text().replace("340.0", "900.0"))
    assert 0 < minutes(box) < 0.1


def test_without_a_time_box_there_is_no_limit(tmp_path):
    assert minutes(Job("1", tmp_path, TrainRequest("a", "", tmp_path))) is None
