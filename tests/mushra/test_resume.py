"""Killing a listener's process loses at most the event in flight; starting again goes on where it was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from earbench_mushra.blinding import plan_sitting
from earbench_mushra.records import EventKind, Phase
from earbench_mushra.store import Store
from earbench_mushra.study_files import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earbench_mushra.design import Study

N_KILLS = 100


@dataclass
class Sat:
    """What the journal of a sitting is known to hold, from acknowledgements and what was in flight."""

    entries: list[list[Any]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """Return a process that forks listeners, so that a kill costs no start of Python."""
    script = Path(__file__).with_name("kill_server.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _run_and_kill(server: subprocess.Popen[str], folder: Path, seed: int, chance: random.Random) -> list[Any]:
    """Let a listener act, kill it at a random moment, and return all it said."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{folder} {seed}\n")
    server.stdin.flush()
    said: list[Any] = []
    pid, n_before = None, chance.randrange(25)
    while pid is None or len(said) < n_before:
        words = json.loads(server.stdout.readline())
        assert "dead" not in words, "the listener failed; see its traceback"
        pid = words.get("pid", pid)
        if "pid" not in words:
            said.append(words)
    time.sleep(chance.uniform(0, 0.008))  # somewhere within the next actions
    os.kill(pid, signal.SIGKILL)
    while "dead" not in (words := json.loads(server.stdout.readline())):
        said.append(words)
    return said


def _journal(folder: Path, sitting: str) -> list[list[Any]]:
    with Store(folder) as store:
        events = store.events(sitting)
    kept = (e for e in events if e.kind not in (EventKind.OPEN, EventKind.CLOSE))
    return [[e.kind.value, e.label, e.value] for e in kept]


def _expected(study: Study, number: int, entries: list[list[Any]]) -> dict[str, Any]:
    """Return what a session must show after these entries: the rules once more, from the journal alone."""
    plan = plan_sitting(study, "anna", number)
    n_done = sum(kind == "next" for kind, _, _ in entries)
    shown = bool(entries) and (entries[-1][0] != "next")
    if n_done == len(plan):
        return {"phase": Phase.FINISHED, "progress": [0, 0], "files": {}, "scores": {}, "comment": ""}
    trial = plan[n_done]
    group = [i for i, other in enumerate(plan) if other.training is trial.training]
    phase = {True: Phase.TRAINING, False: Phase.TEST}[trial.training]
    if not shown:
        phase = Phase.BREAK if n_done else Phase.INSTRUCTIONS
    starts = [i for i, (kind, _, _) in enumerate(entries) if kind == "show"]
    current = entries[starts[-1] :] if shown else []
    files = {
        label: study.stimulus(trial.item, condition).file
        for label, condition in trial.conditions.items()
        if shown and label != "R"
    }
    scores: dict[str, Any] = dict.fromkeys(files)
    scores |= {label: value for kind, label, value in current if kind == "score"}
    return {
        "phase": phase,
        "progress": [group.index(n_done) + 1, len(group)],
        "files": files,
        "scores": scores,
        "comment": next((value for kind, _, value in reversed(current) if kind == "comment"), ""),
        "heard": sorted({label for kind, label, _ in current if kind in ("play", "switch", "seek")}),
    }


def _is_one_action(extra: list[list[Any]]) -> bool:
    kinds = [kind for kind, _, _ in extra]
    return len(kinds) <= 1 or kinds == ["next", "show"]


def test_a_hundred_kills_lose_nothing_that_was_acknowledged(
    study_folder: Callable[..., Path], server: subprocess.Popen[str]
) -> None:
    folder = study_folder(n_items=2)
    study = load_study(folder)
    chance = random.Random(20)
    known: dict[str, Sat] = {}
    n_in_flight = n_resumed_mid_trial = 0
    for kill in range(N_KILLS):
        sitting = None
        for words in _run_and_kill(server, folder, kill, chance):
            if found := words.get("found"):
                sitting = known.setdefault(found.pop("sitting"), Sat())
                number = list(known.values()).index(sitting) + 1
                expected = _expected(study, number, sitting.entries)
                assert {key: found[key] for key in expected} == expected
                n_resumed_mid_trial += bool(expected["scores"]) and len(sitting.entries) > 1
            elif "entries" in words:
                assert sitting is not None
                sitting.entries += words["entries"]
        for sitting_id, sat in list(known.items()):
            journal = _journal(folder, sitting_id)
            assert journal[: len(sat.entries)] == sat.entries
            extra = journal[len(sat.entries) :]
            assert _is_one_action(extra)
            n_in_flight += bool(extra)
            sat.entries = journal
        with Store(folder) as store:
            stored = store.sittings()
            for number, begun in enumerate(stored, start=1):  # killed between its birth and its first word
                known.setdefault(begun.id, Sat(_journal(folder, begun.id)))
                assert begun.number == number
    assert n_resumed_mid_trial > N_KILLS / 2
    assert n_in_flight > 5  # else the kills came between the events, and the test proves little
    assert len(known) > 1  # sittings were finished, too
    with Store(folder) as store:
        assert store.integrity() == "ok"
