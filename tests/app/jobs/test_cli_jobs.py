"""`earbench jobs` as a shell sees it."""

from __future__ import annotations

import json

import pytest
from job_boards import Boards

from earbench_app.cli.main import run
from earbench_app.jobs import board as board_module
from earbench_app.jobs.job import State

RECIPE = """
title = "A test"
model = { size = "resglu-small" }
data = {}
objective = { mse = { weight = 1 } }
optimiser = { learning_rate = 1e-3, steps_per_epoch = 2 }
stages = [{ stage = "quantized", epochs = 2 }]
"""


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """A function that runs `earbench jobs` with stand-ins for training runs, and returns what it printed."""
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EARBENCH_JOBS", str(tmp_path / "jobs"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.wav").touch()
    boards = Boards(tmp_path / "jobs", tmp_path / "data")
    executor = next(iter(boards.new()._executors.values()))
    monkeypatch.setattr(board_module, "LocalExecutor", lambda *_args, **_options: executor)

    def call(*arguments, code=0):
        assert run(["jobs", *map(str, arguments)]) == code
        return capsys.readouterr()

    call.boards = boards
    yield call
    boards.close()


def submitted(shell, mode, *options, toml=RECIPE):
    recipe = shell.boards.data.parent / f"{mode}.toml"
    recipe.write_text(toml)
    answer = shell("submit", recipe, "--data", shell.boards.data, "--json", *options)
    (row,) = json.loads(answer.out)
    return row


def test_where_there_are_no_jobs_it_says_how_to_start_one(shell):
    answer = shell()
    assert answer.out == ""
    assert str(shell.boards.data.parent / "jobs") in answer.err
    assert "earbench jobs submit" in answer.err


def test_a_folder_without_audio_is_refused(shell):
    (shell.boards.data / "a.wav").rename(shell.boards.data / "a.txt")
    recipe = shell.boards.data.parent / "finish.toml"
    recipe.write_text(RECIPE)
    refused = shell("submit", recipe, "--data", shell.boards.data, code=1).err
    assert str(shell.boards.data) in refused
    assert "no audio" in refused
    assert json.loads(shell("--json").out) == []


def test_an_empty_list_is_json_too(shell):
    assert json.loads(shell("--json").out) == []
    assert shell().out == ""


def test_a_job_from_submit_to_its_deletion(shell):
    row = submitted(shell, "wait", "--device", "cpu", "--max-steps", "100")
    assert (row["state"], row["name"], row["executor"], row["device"]) == ("running", "wait", "local", "cpu")
    board = shell.boards.new()
    short = row["id"][-4:]
    for options in (("--yes",), ()):  # it is refused before it is asked for
        refused = shell("delete", short, *options, code=1).err
        assert "is running; cancel it" in refused
        assert "Delete" not in refused
    shell("pause", short)
    shell.boards.settle(board, row["id"], State.PAUSED)
    shell("note", short, "--text", "a note", "--tag", "good")
    (listed,) = json.loads(shell("--json").out)
    assert (listed["state"], listed["notes"], listed["tags"]) == ("paused", "a note", ["good"])
    assert json.loads(shell("resume", short, "--json").out)[0]["state"] == "running"
    shell("cancel", short)
    shell.boards.settle(board, row["id"], State.CANCELLED)
    shell("delete", short, "--yes")
    assert json.loads(shell("--json").out) == []


def test_the_table_shows_progress_rate_and_best_metric(shell):
    row = submitted(shell, "finish")
    board = shell.boards.new()
    job = shell.boards.settle(board, row["id"], State.DONE)
    events = [
        {"event": "started", "step": 0, "n_steps": 40},
        {"event": "progress", "step": 20, "target_kbps": 24.0, "kbps": 25.0, "eta_s": 60.0},
        {"event": "validation", "step": 20, "kbps": 24.2, "metrics": {"sdr_db": 9.0, "pesq_wb": 3.25}},
        {"event": "checkpoint", "kind": "best", "step": 20, "path": "x"},
        {"event": "validation", "step": 40, "kbps": 23.9, "metrics": {"sdr_db": 9.5, "pesq_wb": 3.0}},
    ]
    job.events.write_text("".join(json.dumps(event | {"time": 1.0}) + "\n" for event in events))
    (listed,) = json.loads(shell("--json").out)
    expected = {
        "step": 20, "n_steps": 40, "kbps": 23.9, "target_kbps": 24.0, "metric": "pesq_wb", "best": 3.25,
        "eta_s": None,
    }  # fmt: skip
    assert {key: listed[key] for key in expected} == expected
    title, line = shell().out.splitlines()
    assert title.split() == ["id", "name", "state", "progress", "kbps", "best", "left", "on"]
    assert line.split() == [job.id, "finish", "done", "50", "%", "23.9", "of", "24", "PESQ-WB", "3.25", "cpu"]


def test_no_best_is_shown_while_no_step_has_kept_to_the_rate(shell):
    terms = "mse = { weight = 1 }, entropy = { weight = 1 }"
    toml = RECIPE.replace("mse = { weight = 1 }", terms) + "rate = { target_kbps = 24 }\n"
    row = submitted(shell, "finish", toml=toml)
    job = shell.boards.settle(shell.boards.new(), row["id"], State.DONE)
    events = [
        {"event": "validation", "step": 20, "kbps": 31.0, "metrics": {"sdr_db": 9.0, "pesq_wb": 3.25}},
        {"event": "checkpoint", "kind": "best", "step": 20, "path": "x"},
    ]
    job.events.write_text("".join(json.dumps(event | {"time": 1.0}) + "\n" for event in events))
    (listed,) = json.loads(shell("--json").out)
    assert (listed["kbps"], listed["metric"], listed["best"]) == (31.0, None, None)


def test_the_running_rate_is_shown_before_the_first_validation(shell):
    row = submitted(shell, "finish")
    job = shell.boards.settle(shell.boards.new(), row["id"], State.DONE)
    event = {"event": "progress", "time": 1.0, "step": 20, "target_kbps": 24.0, "kbps": 25.04}
    job.events.write_text(json.dumps(event) + "\n")
    assert "25.0 of 24" in shell().out


def test_the_log_and_what_became_of_it(shell):
    row = submitted(shell, "fail")
    shell.boards.settle(shell.boards.new(), row["id"], State.FAILED)
    answer = shell("log", row["id"])
    assert answer.out == "earbench: the corpus has gone\n"
    assert f"{row['id']}: failed: the corpus has gone; put it back" in answer.err
    assert f"{row['id']}: the corpus has gone" in shell().out


def test_wrong_use_says_what_is_wrong(shell, tmp_path):
    assert "no bundled recipe" in shell("submit", "nothing", "--data", tmp_path, code=1).err
    assert "no such folder" in shell("submit", "vred", "--data", tmp_path / "no", code=1).err
    (tmp_path / "bad.toml").write_text(RECIPE + "[wrong]\n")
    assert (
        "wrong: there is no such key"
        in shell("submit", tmp_path / "bad.toml", "--data", tmp_path, code=1).err
    )
    assert "there is no job 'x'" in shell("pause", "x", code=1).err
    shell("submit", code=2)


def test_a_name_that_means_two_jobs_is_refused(shell):
    first, second = submitted(shell, "wait"), submitted(shell, "wait")
    assert "there are 2 jobs ''" in shell("cancel", "", code=1).err
    assert first["id"] != second["id"]
    assert json.loads(shell("--json").out)[1]["state"] == "queued"


def test_another_folder_can_be_given(shell, tmp_path):
    submitted(shell, "finish")
    assert json.loads(shell("--root", tmp_path / "other", "--json").out) == []
