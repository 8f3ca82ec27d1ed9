"""Any sequence of actions a listener can think of, against a model that is written from the rules alone."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import earbench_mushra
from earbench_mushra.design import Condition, Item, Role, Stimulus, Study, TestType
from earbench_mushra.errors import IncompleteTrialError, NotPlayingError, WrongPhaseError
from earbench_mushra.sittings import open_session
from earbench_mushra.study_files import file_sha256, opaque_name, save_study, stimulus_path

LABELS = ("A", "B", "C")
PHASES = ["instructions", "training", "break", "test", "test", "finished"]

label = st.sampled_from((*LABELS, "R"))
score = st.floats(0, 100) | st.integers(0, 100)


def _study(folder: Path) -> None:
    (folder / "stimuli").mkdir()
    conditions = (Condition("reference", "", Role.REFERENCE), Condition("one", ""), Condition("two", ""))
    items = (Item("t", "", training=True), Item("i", ""), Item("j", ""))
    cells = []
    for item, condition in itertools.product(items, conditions):
        name = opaque_name()
        path = stimulus_path(folder, name)
        path.write_bytes(f"{item.id}{condition.id}".encode())
        cells.append(Stimulus(item.id, condition.id, name, file_sha256(path)))
    save_study(Study("s", "S", TestType.MUSHRA, items, conditions, tuple(cells)), folder)


class ListenerMachine(RuleBasedStateMachine):
    @initialize()
    def sit_down(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name)
        _study(self.folder)
        self.stage = 0
        self.playing: str | None = None
        self.scores: dict[str, float | None] = dict.fromkeys(LABELS)
        self.comment = ""
        self._open()

    def _open(self) -> None:
        self.session = open_session(self.folder, "anna", simulation="no need to survive a power cut")

    @property
    def in_trial(self) -> bool:
        return PHASES[self.stage] in ("training", "test")

    def _next_stage(self) -> None:
        self.stage += 1
        self.playing, self.comment = None, ""
        self.scores = dict.fromkeys(LABELS)

    @rule()
    def start(self) -> None:
        if PHASES[self.stage] in ("instructions", "break"):
            self.session.start()
            self._next_stage()
        else:
            with pytest.raises(WrongPhaseError):
                self.session.start()

    @rule(label=label)
    def play(self, label: str) -> None:
        if self.in_trial:
            self.session.playing(label, 0.0)
            self.playing = label
        else:
            with pytest.raises(WrongPhaseError):
                self.session.playing(label, 0.0)

    @rule()
    def pause(self) -> None:
        self.session.paused(1.0)
        self.playing = None

    @precondition(lambda self: self.playing in LABELS)
    @rule(score=score)
    def rate_what_plays(self, score: float) -> None:
        assert self.playing is not None
        self.session.rate(self.playing, score)
        self.scores[self.playing] = round(float(score), 1)

    @precondition(lambda self: self.in_trial)
    @rule(label=st.sampled_from(LABELS), score=score)
    def rate_something_else(self, label: str, score: float) -> None:
        if label != self.playing:
            with pytest.raises(NotPlayingError):
                self.session.rate(label, score)

    @precondition(lambda self: self.in_trial)
    @rule(scores=st.lists(score, min_size=3, max_size=3))
    def rate_all(self, scores: list[float]) -> None:
        for label, value in zip(LABELS, scores, strict=True):
            self.play(label)
            self.rate_what_plays(value)

    @precondition(lambda self: self.in_trial)
    @rule(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
    def write(self, text: str) -> None:
        self.session.set_comment(text)
        self.comment = text

    @rule()
    def go_on(self) -> None:
        if not self.in_trial:
            with pytest.raises(WrongPhaseError):
                self.session.next()
        elif None in self.scores.values():
            with pytest.raises(IncompleteTrialError):
                self.session.next()
        else:
            self.session.next()
            self._next_stage()

    @precondition(lambda self: PHASES[self.stage] != "finished")
    @rule()
    def leave_and_come_back(self) -> None:
        before = (self.session.session_id, self._files())
        self.session.close()
        self._open()
        self.playing = None
        assert (self.session.session_id, self._files()) == before

    def _files(self) -> list[Path]:
        return [self.session.audio(label) for label in self.session.labels]

    @invariant()
    def session_agrees_with_the_model(self) -> None:
        assert self.session.phase == PHASES[self.stage]
        assert self.session.labels == (LABELS if self.in_trial else ())
        assert self.session.scores == (self.scores if self.in_trial else {})
        assert self.session.playing_label == self.playing
        assert self.session.comment == self.comment
        assert self.session.complete == (self.in_trial and None not in self.scores.values())
        assert bool(self.session.reminder) == (
            self.session.complete and max(value or 0 for value in self.scores.values()) < 100
        )

    def teardown(self) -> None:
        self.session.close()
        self.place.cleanup()


TestListener = ListenerMachine.TestCase
TestListener.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)


def test_all_sql_is_in_one_file() -> None:
    package = Path(earbench_mushra.__file__).parent
    statement = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE|PRAGMA)\b")
    holders = {path.name for path in package.glob("*.py") if statement.search(path.read_text())}
    assert holders == {"store.py"}


def test_a_session_needs_neither_torch_nor_scipy_nor_qt() -> None:
    code = "import sys, earbench_mushra.sittings; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "sqlite_utils" in loaded
    assert not loaded & {"torch", "scipy", "PySide6", "earbench_app", "earbench_codecs", "pandas"}
