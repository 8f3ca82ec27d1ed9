"""Scans and dry runs beside the form: what is told of them, and what a newer one does to an older."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earbench_app.jobs.estimate import Estimate, Trial
from earbench_app.jobs.job import TrainRequest
from earbench_app.jobs.scan import Scan
from earbench_app.notifications import Level
from earbench_app.presenters import training_trials
from earbench_app.presenters.training_trials import (
    Trials,
    box_text,
    estimate_text,
    folder_fault,
    resampling_note,
    scan_text,
)
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import write_wav
from earbench_codecs.training.recipe import DataTable, read_recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Desk:
    """Stands for the interface's thread."""

    def __init__(self) -> None:
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()

    def until(self, condition: Callable[[], object], limit_s: float = 100) -> None:
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s
            try:
                self.posted.get(timeout=0.05)()
            except queue.Empty:
                continue


def test_a_folder_is_read_beside_the_interface(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_wav(tmp_path / f"{name}.wav", AudioClip(0.1 * rng.standard_normal((1, 16_000)), 16_000))
    (tmp_path / "c.wav").write_bytes(b"no audio")
    desk, told = Desk(), []
    trials = Trials(desk.posted.put)
    trials.scanned.connect(lambda *args: told.append(args))
    read = []
    trials.read.connect(read.append)
    trials.scan(tmp_path, None)
    desk.until(lambda: any("kHz" in text and not text.startswith("Reading") for text, *_ in told))
    assert (read[-1].n_read, len(read[-1].unreadable)) == (3, 1)
    text, level, details = told[-1]
    assert text.startswith("3 files  ·  0:02  ·  16 kHz  ·  mono  ·  left out: c.wav (")
    assert level is Level.WARNING
    assert details.startswith("c.wav: ")


def test_no_folder_is_said_nothing_of_and_an_empty_one_fails(tmp_path: Path) -> None:
    desk, told = Desk(), []
    trials = Trials(desk.posted.put)
    trials.scanned.connect(lambda *args: told.append(args))
    trials.scan(None, None)
    assert told == [("", Level.INFO, "")]
    read = []
    trials.read.connect(read.append)
    trials.scan(tmp_path, None)
    desk.until(lambda: told[-1][1] is Level.ERROR)
    assert str(tmp_path) in told[-1][0]
    assert read == [told[-1][0]]


FOUND = Estimate("cpu", 0.1, 400.0, 20.0, 20.0, 400.0, 500.0, 2048.0, None, 60, ("decoding is on top",))


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (None, ""),
        (7.5, ""),
        (3.0, "The time box is too short: it stops the run at about step 1,524 of 4,000 (38 %)."),
        (0.1, "The time box is too short: it is over before the first stage is prepared."),
    ],
)
def test_a_time_box_is_compared_with_the_estimate(minutes: float | None, text: str) -> None:
    """440 s: 20 to prepare, then 420 of steps and validation, 160 of which fit into 3 minutes."""
    assert box_text(FOUND, minutes) == text


def test_what_is_said_of_an_estimate_is_forgotten_with_the_form_unless_there_is_one(monkeypatch):
    """The form opened with a word on an estimate that nobody had made."""
    monkeypatch.setattr(training_trials, "estimate", lambda _: Endless())
    told = []
    trials = Trials(Desk().posted.put)
    trials.estimated.connect(lambda *args: told.append(args))
    asked = TrainRequest("x", "", Path("/data"))
    trials.estimate([asked])
    trials.renew([replace(asked, device="cpu")])
    assert told[-1] == ("The settings have changed: trying them was ended.", False, Level.INFO)
    trials.cancel()
    assert told[-1] == ("", False, Level.INFO)


def test_another_time_box_needs_no_other_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_trials, "estimate", lambda _: [Trial("done", FOUND)])
    desk, told = Desk(), []
    trials = Trials(desk.posted.put)
    trials.estimated.connect(lambda *args: told.append(args))
    asked = TrainRequest("x", "", Path("/data"))
    trials.estimate([asked])
    desk.until(lambda: told[-1][0].startswith("About"))
    trials.renew([replace(asked, max_minutes=3.0)])
    text, busy, level = told[-1]
    assert text.startswith("The time box is too short")
    assert "About 7:20 on cpu" in text
    assert (busy, level) == (False, Level.WARNING)
    trials.renew([replace(asked, max_minutes=30.0)])
    assert told[-1][0].startswith("About")
    trials.renew([replace(asked, device="cpu")])
    assert told[-1] == ("The estimate was for other settings.", False, Level.INFO)


class Endless:
    """A process that tells nothing until it is ended."""

    def __init__(self, *_: object) -> None:
        self._ended = threading.Event()

    def __iter__(self) -> Iterator[None]:
        assert self._ended.wait(100)
        yield from ()

    def cancel(self) -> None:
        self._ended.set()


def test_what_is_ended_is_no_longer_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Endless] = []
    for name in ("estimate", "scan"):
        monkeypatch.setattr(training_trials, name, lambda *_: begun.append(Endless()) or begun[-1])
    desk = Desk()
    trials = Trials(desk.posted.put)
    scanned, estimated = [], []
    trials.scanned.connect(lambda text, *_: scanned.append(text))
    trials.estimated.connect(lambda text, busy, _: estimated.append((text, busy)))
    trials.scan(tmp_path, None)
    trials.estimate([TrainRequest("x", "", tmp_path)])
    assert estimated[-1][1]
    trials.cancel()
    assert scanned[-1] == ""
    assert estimated[-1] == ("", False)
    trials.estimate([TrainRequest("x", "", tmp_path)])  # begins another, and does not end one
    assert estimated[-1][1]
    trials.cancel()
    assert len(begun) == 3


@pytest.mark.parametrize(
    ("scan", "text"),
    [
        (Scan(Path("x"), 9, 9, 4), "Reading 4 of 9 files…"),
        (
            Scan(Path("x"), 9, 8, 8, 7260.0, {16_000: 6, 44_100: 2}, {1: 8}, 3),
            "8 of 9 files  ·  2:01:00  ·  16 kHz, 44.1 kHz  ·  mono  ·  3 speakers",
        ),
        (
            Scan(Path("x"), 8, 8, 8, 60.0, {16_000: 8}, {1: 8}, 1, 7),
            "8 files  ·  1:00  ·  16 kHz  ·  mono"
            "  ·  1 speaker, and 7 files whose names tell none: each file is taken for one",
        ),
        (
            Scan(Path("x"), 8, 8, 8, 60.0, {16_000: 8}, {1: 8}, 0, 8),
            "8 files  ·  1:00  ·  16 kHz  ·  mono  ·  names tell no speakers: each file is taken for one",
        ),
    ],
)
def test_a_scan_is_one_line(scan: Scan, text: str) -> None:
    assert scan_text(scan) == text


@pytest.mark.parametrize(
    ("rates_hz", "options", "note"),
    [
        ({44_100: 9}, {}, ("44.1 kHz, resampled to this coder's 16 kHz", Level.INFO)),
        ({16_000: 9}, {}, ("", Level.INFO)),
        (
            {16_000: 5, 32_000: 1, 44_100: 3},
            {},
            ("32 kHz, 44.1 kHz (4 files), resampled to this coder's 16 kHz", Level.INFO),
        ),
        (
            {8_000: 1, 16_000: 8},
            {},
            (
                "8 kHz (1 file), resampled to this coder's 16 kHz; 8 kHz has nothing above 4 kHz",
                Level.WARNING,
            ),
        ),
        ({16_000: 9}, {"sample_rate_hz": 8000}, ("16 kHz, resampled to this coder's 8 kHz", Level.INFO)),
    ],
)
def test_audio_that_is_not_at_the_coders_rate_is_said_to_be_resampled(
    rates_hz: dict[int, int], options: dict[str, int], note: tuple[str, Level]
) -> None:
    """Music at 44.1 kHz went into a recipe of speech at 16 kHz without a word."""
    recipe = read_recipe("kankanahalli-small-24")
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"options": options})})
    found = Scan(Path("x"), 9, 9, 9, rates_hz=rates_hz, coder_rates_hz={recipe.model.size: 16_000})
    assert resampling_note(recipe, found) == note
    assert resampling_note(recipe, replace(found, coder_rates_hz=None)) == ("", Level.INFO)


def test_an_estimate_names_time_memory_and_what_it_leaves_out() -> None:
    found = Estimate("cpu", 0.1, 400.0, 20.0, 0.0, 400.0, 500.0, 2048.0, None, 60, ("decoding is on top",))
    text = estimate_text(found, 3)
    assert text == (
        "About 7:00 on cpu (6:40 to 8:20), 21:00 for 3 runs one after another, 2.0 GiB of memory."
        " Measured on 60 steps; decoding is on top."
    )


BAD = (("a.wav", "no audio"), ("b.wav", "it is silent"))


@pytest.mark.parametrize(
    ("scan", "facts", "fault"),
    [
        ("there is no audio file in it", {}, "there is no audio file in it"),
        (
            Scan(Path("x"), 2, 2, 2, unreadable=BAD),
            {},
            "Nothing in it can be read, as a.wav: no audio. Choose",
        ),
        (Scan(Path("x"), 900, 900, 1), {}, None),
        (Scan(Path("x"), 900, 900, 2), {}, ""),
        (Scan(Path("x"), 1, 1, 1), {}, "All audio is of one file"),
        (Scan(Path("x"), 1, 1, 1), {"validation_share": 0}, ""),
        (Scan(Path("x"), 9, 9, 9, n_speakers=1), {"split_by": "speaker"}, "All audio is of one speaker"),
        (Scan(Path("x"), 9, 9, 9, n_speakers=1, n_untold=1), {"split_by": "speaker"}, ""),
        (Scan(Path("x"), 9, 9, 5, n_speakers=1), {"split_by": "speaker"}, None),
    ],
)
def test_a_folder_is_judged_as_soon_as_it_can_be(
    scan: Scan | str, facts: dict[str, object], fault: str | None
) -> None:
    data = DataTable.model_validate(facts | {"speaker_pattern": "x"})
    found = folder_fault(scan, data)
    assert found == fault if not fault else found is not None and found.startswith(fault)
