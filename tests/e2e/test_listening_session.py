"""The real program on a real screen and sound server: what was clicked and heard is what is exported."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from desktop import Desktop, Program
from sound_match import SoundMatcher

from earbench_assets import clip_paths
from earbench_mushra.study_files import load_study

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.audio,
    pytest.mark.skipif(shutil.which("xdotool") is None, reason="needs xdotool: apt-get install xdotool xvfb"),
]
CODECS = ["mp3@32", "opus@16"]
SECRETS = ["mp3", "opus", "anchor", "lame", "kbps", "castanets", "harpsichord", "hidden"]
SETTLE_S, PIECE_S = 0.25, 0.3
MARGIN_PX = 12  # of a slider, above 100 and below 0


@pytest.fixture(scope="module")
def desktop():
    desktop = Desktop()
    yield desktop
    desktop.close()


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
    """Sits before the screen: does, and remembers what was done and when."""

    program: Program
    by_mouse: bool = True
    heard: list[tuple[int, str, float]] = field(default_factory=list)  # trial, label, when
    scores: dict[tuple[int, str], int] = field(default_factory=dict)
    choices: dict[int, str] = field(default_factory=dict)

    def listen(self, trial, label):
        if self.by_mouse:
            self.program.click(f"play_{label}")
        else:
            self.program.desktop.key(label.lower())
        if label != "R" and f"score_{label}" in self.program.widgets():
            self.program.wait_for(lambda: self.program.enabled(f"score_{label}"), f"{label} can be scored")
        time.sleep(SETTLE_S)
        self.heard.append((trial, label, time.perf_counter()))
        time.sleep(PIECE_S)

    def score(self, trial, label, wanted):
        if self.by_mouse:
            x, y, width, height = self.program.box(f"score_{label}")
            aim = y + MARGIN_PX + (100 - wanted) / 100 * (height - 2 * MARGIN_PX)
            self.program.desktop.drag((x + width / 2, y + height / 2), (x + width / 2, aim))
        else:
            self.program.desktop.type(str(wanted))
        shown = self.program
        shown.wait_for(lambda: shown.text(f"readout_{label}").isdecimal(), f"{label} has a score")
        time.sleep(0.15)
        got = int(shown.text(f"readout_{label}"))
        assert abs(got - wanted) <= (1 if self.by_mouse else 0)
        self.scores[trial, label] = got

    def labels(self):
        return sorted(name[-1] for name in self.program.widgets() if name.startswith("score_"))

    def go_on(self):
        if self.by_mouse:
            self.program.click("next")
        else:
            self.program.desktop.key("Return")

    def wait_for_place(self, text):
        self.program.wait_for(lambda: text in self.program.text("place"), f"{text!r} is shown")


def start(desktop, folder, tmp_path, null_sink):
    return Program(desktop, ["listen", str(folder), "--listener", "L07"], tmp_path, null_sink.environment)


def pieces_of(recording, rate_hz, heard):
    """Cut what was recorded while each signal was listened to."""
    times, firsts = recording.chunks[:, 0], recording.chunks[:, 1]
    for trial, label, at_s in heard:
        chunk = int(np.searchsorted(times, at_s))
        first = int(firsts[chunk])
        yield trial, label, recording.samples[first : first + round(PIECE_S * rate_hz) // 2].mean(axis=1)


def assert_was_played(folder, study, sink, recording, heard, file_of):
    """Each piece correlates best with the very file the export names, or with its copy for the training."""
    matcher = SoundMatcher([folder / "stimuli" / s.file for s in study.stimuli], sink.sample_rate_hz)
    sound_of = {s.file: s.sha256 for s in study.stimuli}
    for trial, label, piece in pieces_of(recording, sink.sample_rate_hz, heard):
        found = matcher.correlations(piece)
        best = max(found, key=found.__getitem__)
        assert found[best] > 0.995, (trial, label, found[best])
        assert sound_of[best] == sound_of[file_of(trial, label)], (trial, label, found)


def assert_blind(program, argv_study):
    """Neither title, texts, names, arguments nor log tell what is tested."""
    told = [program.title, str(program.widgets()), program.log, *program.argv]
    for text in told:
        shown = text.replace(argv_study, "").lower()
        assert not [secret for secret in SECRETS if secret in shown], shown


@pytest.mark.timeout(180)
def test_a_mushra_session(desktop, null_sink, tmp_path):
    folder = tmp_path / "pilot"
    study = make_study(folder)
    with null_sink.record() as recorder:
        listener = Listener(start(desktop, folder, tmp_path, null_sink))
        program = listener.program
        program.click("instructions_accept")
        for trial in (1, 2):  # the training, briskly
            listener.wait_for_place(f"Training {trial} of 2")
            for i, label in enumerate(listener.labels()):
                program.desktop.key(label.lower())
                program.wait_for(lambda label=label: program.enabled(f"score_{label}"), "it plays")
                program.desktop.type(str(100 if i == 0 else 20 + i))
                program.wait_for(
                    lambda label=label: program.text(f"readout_{label}").isdecimal(), "it is scored"
                )
            listener.go_on()
        program.wait_for(lambda: "instructions_accept" in program.widgets(), "the break after the training")
        program.click("instructions_accept")

        listener.wait_for_place("Trial 1 of 2")
        assert_blind(program, str(folder))
        labels = listener.labels()
        listener.listen(1, "R")
        for label, wanted in zip(labels[:3], (100, 33, 71), strict=True):
            listener.listen(1, label)
            assert not any(program.enabled(f"score_{other}") for other in labels if other != label)
            listener.score(1, label, wanted)
        listener.go_on()
        program.wait_for(lambda: "3 of 5" in program.text("status"), "what is missing is said")
        assert "Trial 1" in program.text("place")

        program.kill()
        killed_scores = dict(listener.scores)
        program = listener.program = start(desktop, folder, tmp_path, null_sink)
        listener.wait_for_place("Trial 1 of 2")
        assert listener.labels() == labels
        for (_, label), score in killed_scores.items():
            assert program.text(f"readout_{label}") == str(score)
        for label, wanted in zip(labels[3:], (0, 58), strict=True):
            listener.listen(1, label)
            listener.score(1, label, wanted)
        listener.go_on()

        listener.by_mouse = False
        listener.wait_for_place("Trial 2 of 2")
        for label, wanted in zip(listener.labels(), (7, 100, 64, 18, 90), strict=True):
            listener.listen(2, label)
            listener.score(2, label, wanted)
        listener.go_on()
        program.wait_for(lambda: "end_accept" in program.widgets(), "the last page")
        program.click("end_accept")
        assert program.process.wait(timeout=20) == 0

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
        return study.stimulus(item_of[trial], condition).file

    assert len(listener.heard) == 11
    assert_was_played(folder, study, null_sink, recorder.recording, listener.heard, file_of)


@pytest.mark.timeout(180)
def test_an_ab_session(desktop, null_sink, tmp_path):
    folder = tmp_path / "pair"
    study = make_study(folder, "--type", "ab", "--repetitions", 2)
    choices = {1: "a", 2: "none", 3: "b", 4: "b"}
    with null_sink.record() as recorder:
        listener = Listener(start(desktop, folder, tmp_path, null_sink))
        program = listener.program
        program.click("instructions_accept")
        for trial, choice in choices.items():
            listener.by_mouse = trial in (1, 2)
            listener.wait_for_place(f"Trial {trial} of 4")
            assert_blind(program, str(folder))
            for label, key in (("A", "a"), ("R", "s"), ("B", "d")):
                if listener.by_mouse:
                    listener.listen(trial, label)
                else:
                    program.desktop.key(key)
                    time.sleep(SETTLE_S + 0.1)
                    listener.heard.append((trial, label, time.perf_counter()))
                    time.sleep(PIECE_S)
            if listener.by_mouse:
                program.click(f"choose_{choice}")
            else:
                program.desktop.key({"a": "Left", "none": "Down", "b": "Right"}[choice])
            time.sleep(0.1)
            listener.go_on()
        program.wait_for(lambda: "end_accept" in program.widgets(), "the last page")
        program.click("end_accept")
        assert program.process.wait(timeout=20) == 0

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
        return study.stimulus(row["item"], condition).file

    assert_was_played(folder, study, null_sink, recorder.recording, listener.heard, file_of)
