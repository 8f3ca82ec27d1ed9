"""The real program on a real screen and sound server: what was clicked and heard is what is exported."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from leaks import leaks, texts_about
from sound_match import SoundMatcher, without_repeats

from earbench_assets import clip_paths
from earbench_mushra.study_files import load_study

if TYPE_CHECKING:
    from desktop import Program

pytestmark = [pytest.mark.e2e, pytest.mark.audio, pytest.mark.timeout(400)]
CODECS = ["mp3@32", "opus@16"]
SECRETS = ["mp3", "opus", "anchor", "lame", "kbps", "castanets", "harpsichord", "hidden"]
LISTEN_S = 0.6  # several windows of the matcher
MARGIN_PX = 12  # of a slider, above 100 and below 0


def earbench(*arguments):
    argv = [sys.executable, "-m", "earbench_app", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_study(folder, *options):
    castanets, harpsichord = (
        next(path for path in clip_paths() if name in path.name) for name in ("castanets", "harpsichord")
    )
    codecs = [part for name in CODECS for part in ("--codec", name)]
    items = ["--item", castanets, "--item", harpsichord]
    earbench("study", "new", folder, *items, *codecs, "--region", "1:2.5", "--seed", 5, *options)
    return load_study(folder)


def export(folder, out):
    earbench("export", folder, "--out", out)
    with Path(out).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class Listener:
    """Sits before the screen: does, and remembers what was done."""

    program: Program
    by_mouse: bool = True
    heard: list[tuple[int, str]] = field(default_factory=list)  # (trial, label), in order
    scores: dict[tuple[int, str], int] = field(default_factory=dict)

    def listen(self, trial, label, key=""):
        if self.by_mouse:
            self.program.click(f"play_{label}")
        else:
            self.program.desktop.key(key or label.lower())
        self.program.wait_for(lambda: self.program.named(f"play_{label}").startswith("Pause"), "it plays")
        time.sleep(LISTEN_S)
        self.heard.append((trial, label))

    def score(self, trial, label, wanted):
        """Score what plays, and wait until just that score is shown."""
        if self.by_mouse:
            x, y, width, height = self.program.box(f"score_{label}")
            track = height - 2 * MARGIN_PX
            aim = round(y + MARGIN_PX + (100 - wanted) / 100 * track)
            wanted = round(100 * (1 - (aim - y - MARGIN_PX) / track))  # of the nearest pixel
            self.program.desktop.drag((x + width / 2, y + height / 2), (x + width / 2, aim))
        else:
            self.program.desktop.type(str(wanted))
        shown = self.program
        shown.wait_for(lambda: shown.text(f"readout_{label}") == str(wanted), f"{label} has {wanted}")
        self.scores[trial, label] = wanted

    def choose(self, choice):
        if self.by_mouse:
            self.program.click(f"choose_{choice}")
        else:
            self.program.desktop.key({"a": "Left", "none": "Down", "b": "Right"}[choice])
        shown = self.program
        shown.wait_for(lambda: shown.named(f"choose_{choice}").endswith(", chosen"), f"{choice} is chosen")

    def labels(self):
        return sorted(name[-1] for name in self.program.widgets() if name.startswith("score_"))

    def go_on(self):
        if self.by_mouse:
            self.program.click("next")
        else:
            self.program.desktop.key("Return")

    def wait_for_place(self, text):
        self.program.wait_for(lambda: text in self.program.text("place"), f"{text!r} is shown")

    def train(self, n_trials):
        """Score every signal of the training by keys."""
        for trial in range(1, n_trials + 1):
            self.wait_for_place(f"Training {trial} of {n_trials}")
            self.program.wait_for(lambda: not self.scored(), "the sliders are new")
            for i, label in enumerate(self.labels()):
                self.program.desktop.key(label.lower())
                self.program.wait_for(lambda label=label: self.program.enabled(f"score_{label}"), "it plays")
                self.program.desktop.type(str(100 if i == 0 else 20 + i))
                self.program.wait_for(lambda label=label: label in self.scored(), "it is scored")
            self.go_on()

    def scored(self):
        return [label for label in self.labels() if self.program.text(f"readout_{label}").isdecimal()]

    def leave(self):
        self.program.wait_for(lambda: "end_accept" in self.program.widgets(), "the last page")
        self.program.click("end_accept")
        assert self.program.process.wait(timeout=60) == 0


def assert_was_played(folder, study, sink, recording, heard, file_of):
    """The sounds of the recording are, in their order, those of the very files that the export names."""
    sounds = {stimulus.sha256: folder / "stimuli" / stimulus.file for stimulus in study.stimuli}
    expected = without_repeats(file_of(trial, label).sha256 for trial, label in heard)
    assert SoundMatcher(sounds, sink.sample_rate_hz).order_heard(recording.samples) == expected


def assert_blind(program, folder):
    """Neither title, texts, names, arguments, environment, open files nor log tell what is tested."""
    told = {program.title, str(program.widgets()), program.log, *texts_about(program.process.pid)}
    assert any("stimuli" in text or "study.sqlite" in text for text in told)  # it has been looked at
    assert not leaks((text.replace(str(folder), "") for text in told), SECRETS)


def test_a_mushra_session(open_window, null_sink, tmp_path):
    folder = tmp_path / "pilot"
    study = make_study(folder)
    program = open_window(folder)
    listener = Listener(program, by_mouse=False)
    program.click("instructions_accept")
    listener.train(2)
    assert_blind(program, folder)
    program.wait_for(lambda: "instructions_accept" in program.widgets(), "the break after the training")
    program.click("instructions_accept")
    listener.by_mouse = True
    listener.wait_for_place("Trial 1 of 2")
    assert_blind(program, folder)
    with null_sink.record() as recorder:
        labels = listener.labels()
        listener.listen(1, "R")
        for label, wanted in zip(labels[:3], (100, 33, 71), strict=True):
            listener.listen(1, label)
            assert not any(program.enabled(f"score_{other}") for other in labels if other != label)
            listener.score(1, label, wanted)
        listener.go_on()
        program.wait_for(lambda: "3 of 5" in program.text("status"), "what is missing is said")
        assert "Trial 1" in program.text("place")
        for label, wanted in zip(labels[3:], (0, 58), strict=True):
            listener.listen(1, label)
            listener.score(1, label, wanted)
        listener.go_on()
        listener.by_mouse = False
        listener.wait_for_place("Trial 2 of 2")
        program.wait_for(lambda: not listener.scored(), "the sliders are new")
        for label, wanted in zip(listener.labels(), (7, 100, 64, 18, 90), strict=True):
            listener.listen(2, label)
            listener.score(2, label, wanted)
        assert_blind(program, folder)
        listener.go_on()
        listener.leave()

    rows = export(folder, tmp_path / "ratings.csv")
    assert {(int(r["trial"]), r["label"]): int(r["score"]) for r in rows} == listener.scores
    assert {r["listener"] for r in rows} == {"L07"}
    assert len({r["session_id"] for r in rows}) == 1
    cells = {(r["item"], r["condition"]): r["sha256"] for r in rows}
    assert len(cells) == 2 * 5
    assert all(study.stimulus(item, condition).sha256 == sha for (item, condition), sha in cells.items())
    item_of = {int(r["trial"]): r["item"] for r in rows}
    condition_of = {(int(r["trial"]), r["label"]): r["condition"] for r in rows}

    def file_of(trial, label):
        condition = "reference" if label == "R" else condition_of[trial, label]
        return study.stimulus(item_of[trial], condition)

    assert len(listener.heard) == 11
    assert_was_played(folder, study, null_sink, recorder.recording, listener.heard, file_of)


def test_an_ab_session(open_window, null_sink, tmp_path):
    folder = tmp_path / "pair"
    study = make_study(folder, "--type", "ab", "--repetitions", 2)
    choices = {1: "a", 2: "none", 3: "b", 4: "b"}
    program = open_window(folder)
    listener = Listener(program)
    with null_sink.record() as recorder:
        program.click("instructions_accept")
        for trial, choice in choices.items():
            listener.by_mouse = trial in (1, 2)
            listener.wait_for_place(f"Trial {trial} of 4")
            for label, key in (("A", "a"), ("R", "s"), ("B", "d")):
                listener.listen(trial, label, key)
            assert_blind(program, folder)
            listener.choose(choice)
            listener.go_on()
        listener.leave()

    rows = {int(row["trial"]): row for row in export(folder, tmp_path / "votes.csv")}
    assert {trial: row["choice"] for trial, row in rows.items()} == choices
    preferred = {"a": "option_a", "b": "option_b"}
    for trial, choice in choices.items():
        row = rows[trial]
        assert {row["option_a"], row["option_b"]} == set(CODECS)
        assert row["preferred"] == (row[preferred[choice]] if choice in preferred else "")

    def file_of(trial, label):
        row = rows[trial]
        condition = {"A": row["option_a"], "B": row["option_b"], "R": "reference"}[label]
        return study.stimulus(row["item"], condition)

    assert_was_played(folder, study, null_sink, recorder.recording, listener.heard, file_of)
