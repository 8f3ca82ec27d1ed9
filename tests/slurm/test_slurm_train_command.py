"""`earbench train --cluster slurm` as a shell sees it, on a real Slurm."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from processes import started
from slurm_recipe import recipe_text

from earbench_app.cli.main import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def words(corpus, tmp_path):
    """A function that returns the command's words for a recipe of so many epochs, 10 steps each."""

    def make(epochs, *more):
        (tmp_path / "tiny.toml").write_text(recipe_text(epochs))
        given = ["--data", corpus, "--run", tmp_path / "run", "--cluster", "slurm", "--time", "10", *more]
        return ["train", str(tmp_path / "tiny.toml"), *map(str, given)]

    return make


def shell(capsys, *words):
    code = run([str(word) for word in words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def listed(capsys):
    return json.loads(shell(capsys, "jobs", "--json")[1])


def test_a_run_is_followed_to_its_end_and_its_checkpoint_is_where_it_was_wanted(
    cluster, words, tmp_path, capsys
):
    code, out, err = shell(capsys, *words(2, "--json"))
    assert code == 0, err
    report = json.loads(out)
    assert (report["reason"], report["step"], report["state"]) == ("finished", 20, "done")
    assert (tmp_path / "run" / "last.safetensors").is_file()
    assert [(job["id"], job["state"]) for job in listed(capsys)] == [(report["job"], "done")]
    code, _, err = shell(capsys, *words(2))
    assert code == 1
    assert "is there already; go on with --resume" in err


def test_ctrl_c_leaves_it_running_and_it_is_followed_again(cluster, words, tmp_path, capsys):
    command = [sys.executable, "-m", "earbench_app", *words(100_000)]
    with started(command, stderr=subprocess.PIPE, text=True) as process:
        events = tmp_path / "run" / "events.jsonl"
        while not events.exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    (job,) = listed(capsys)
    assert f"job {job['id']} goes on: `earbench jobs`" in said.replace("\n", " ")
    assert job["state"] == "running"
    assert shell(capsys, "jobs", "cancel", job["id"])[0] == 0
    ends_at = time.monotonic() + 120
    while listed(capsys)[0]["state"] != "cancelled" and time.monotonic() < ends_at:
        time.sleep(0.5)
    assert listed(capsys)[0]["state"] == "cancelled"
    assert '"stopped"' in events.read_text().splitlines()[-1]


def test_what_is_refused_leaves_nothing_behind(cluster, words, tmp_path, capsys):
    code, out, err = shell(capsys, *words(2, "--partition", "nowhere"))
    assert (code, out) == (1, "")
    assert "invalid partition specified: nowhere" in err.splitlines()[-1]
    assert listed(capsys) == []
    assert not (tmp_path / "run").is_symlink()
