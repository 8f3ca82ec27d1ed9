"""What is said of a run beside its curves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from training_runs import events, request

from earbench_app.jobs.history import History
from earbench_app.jobs.job import Job, State
from earbench_app.presenters.training_facts import loss_text, run_facts, title_at
from earbench_app.presenters.training_rows import run_details
from earbench_codecs.training.recipe import parse_recipe, read_recipe


def made(**changes: object) -> Job:
    job = Job("j", Path("/jobs/j"), request(kbps=32), State.DONE, device="cuda:1", started_s=1000.0)
    return replace(job, **changes)  # type: ignore[arg-type]


def test_all_that_a_paper_says_of_a_run_is_there() -> None:
    history = History()
    for event in events(200):
        history.add(event)
    job = made(request=replace(request(kbps=32), max_minutes=90.0))
    facts = dict(run_facts(job, parse_recipe(job.request.recipe_toml, "x"), history))
    assert facts["Recipe"] == "A test at 32 kbps"
    assert facts["Target"] == "32 ± 0.45 kbps"
    assert facts["Loss"] == "1 × mel + 400 × shaped + 1 × entropy"
    assert (facts["Data"], facts["Device"]) == ("/data/speech", "cuda:1")
    assert (facts["Time box"], facts["Seed"]) == ("90 min", "0")
    assert (facts["Step"], facts["Trained for"]) == ("200", "0:18")
    assert facts["Started"].startswith("1970-01-01")
    assert facts["Held out"] == "15:00 in 72 files"


@pytest.mark.parametrize(
    ("state", "reason", "text"),
    [
        (State.PAUSED, "asked to stop", "3 min, 1:10 of it left"),
        (State.FAILED, "", "3 min, 1:10 of it left"),
        (State.DONE, "time limit", "3 min, over; Resume goes on for as long again"),
        (State.DONE, "finished", "3 min"),
    ],
)
def test_a_time_box_says_what_is_left_of_it(state: State, reason: str, text: str) -> None:
    history = History()
    history.add({"event": "started", "time": 1000.0, "step": 0})
    history.add({"event": "progress", "time": 1110.0, "step": 9})
    if reason:
        history.add({"event": "stopped", "time": 1120.0, "reason": reason})
    job = made(state=state, request=replace(request(), max_minutes=3.0))
    assert dict(run_facts(job, None, history))["Time box"] == text


def test_a_recipe_that_cannot_be_read_leaves_what_is_known_without() -> None:
    facts = dict(run_facts(made(), None, History()))
    assert "Loss" not in facts
    assert facts["Time box"] == "none"


def test_a_loss_says_what_it_sets() -> None:
    text = loss_text(read_recipe("kankanahalli-small-24"))
    assert text == "1 × mel (least 0.0001) + 400 × shaped + 1 × entropy + 2 × quantization"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Speech at 24 kbps", "Speech at 32 kbps"),
        ("One module at 44.1 kHz, 112 kbps", "One module at 44.1 kHz, 32 kbps"),
        ("VRED, 128.3 kbps", "VRED, 32 kbps"),
        ("Mine", "Mine"),
    ],
)
def test_a_title_names_the_rate(title: str, shown: str) -> None:
    assert title_at(title, "32") == shown


@pytest.mark.parametrize(("kind", "state", "lacks"), [
    ("corpus", State.FAILED, True), ("disk", State.FAILED, False), ("corpus", State.QUEUED, False),
])  # fmt: skip
def test_a_run_that_failed_for_its_folder_says_so(kind: str, state: State, lacks: bool) -> None:
    history = History()
    history.add({"event": "failed", "time": 5.0, "message": "no audio", "kind": kind})
    assert run_details(made(state=state), history, ()).lacks_data is lacks
