"""A run from its form to its end in the real program: watched, heard, left by a killed window, found again.

A real window on a real screen, moved by mouse and keys; a real run on the processor; and what is heard is
recorded from the sound server and held against the decode of the very file that the run wrote.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.signal
import watched_workbench
from desktop import Program
from tiny_recipe import tiny_recipe

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.job import ACTIVE, State
from earbench_assets import clip_paths
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.resampling import resampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desktop import Desktop
    from null_sink import NullSink

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.audio, pytest.mark.timeout(900)]
LONG_S = 240
LISTEN_S = 1.5
BOX_MIN = 3  # of training from each start on: as long on a fast machine as on a slow one
RECIPE = tiny_recipe(unquantized=0, quantized=100_000, batch=4, steps_per_epoch=20, listenable=1000)


class Workbench(Program):
    """The workbench on a desktop, and what its training page shows."""

    launch = (watched_workbench.__file__,)

    def shown(self) -> dict[str, Any]:
        return self.widgets().get("training", {})

    def run(self) -> dict[str, Any]:
        """Return the line of the only run; nothing where there is none."""
        return next(iter(self.shown().get("runs", [])), {})

    def await_state(self, state: State, within_s: float = LONG_S) -> None:
        self.wait_for(lambda: self.run().get("state") == state, f"the run is {state}", within_s)

    def press(self, box: Callable[[], list[int] | None], what: str) -> None:
        """Click on the middle of a box, as soon as it is seen."""
        self.wait_for(lambda: box() is not None, f"{what} is on the screen", LONG_S)
        x, y, width, height = box()
        self.desktop.click(x + width / 2, y + height / 2)

    def await_rest(self, name: str) -> None:
        """Wait until a widget is at the same place in two looks, one after the other."""

        def at_rest() -> bool:
            one = self.widgets()
            self.wait_for(lambda: self.shown()["n_looks"] > one["training"]["n_looks"], "another look")
            return name in one and one[name] == self.widgets().get(name)

        self.wait_for(at_rest, f"{name} no longer moves")

    def press_named(self, name: str) -> None:
        self.press(lambda: self.shown().get("boxes", {}).get(name), name)

    def checkpoint(self) -> dict[str, Any]:
        """Return the line of the latest checkpoint; nothing where there is none."""
        return next((one for one in self.shown().get("checkpoints", []) if one["path"]), {})


@pytest.fixture
def clips(tmp_path: Path, null_sink: NullSink) -> list[Path]:
    """Two bundled clips at the rate of the sound server, so that what is recorded is what was played."""
    paths = []
    for name in ("castanets", "speech_en_austen"):
        clip = read_clip(next(path for path in clip_paths() if path.stem == name))
        paths.append(tmp_path / f"{name}.wav")
        write_wav(paths[-1], resampled(clip, null_sink.sample_rate_hz))
    return paths


@pytest.fixture
def open_workbench(
    desktop: Desktop, null_sink: NullSink, tmp_path: Path, clips: list[Path]
) -> Iterator[Callable[[], Workbench]]:
    settings = tmp_path / "home" / "config" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"version": 1, "page": "Training", "demo_shown": True}))
    programs = []

    def start() -> Workbench:
        programs.append(Workbench(desktop, list(map(str, clips)), tmp_path, null_sink.environment))
        return programs[-1]

    yield start
    for program in programs:
        program.close()
    board = JobBoard(jobs_of(tmp_path))
    for job in board.jobs():  # of a test that failed; runs outlive their window
        if job.state in ACTIVE:
            board.cancel(job.id)


def jobs_of(folder: Path) -> Path:
    return folder / "home" / "data" / "jobs"


def type_into(window: Workbench, name: str, text: str) -> None:
    window.click(name)
    window.desktop.key("ctrl+a")
    window.desktop.type(text)
    end = text.rpartition("/")[2]  # a file dialog keeps no more of it
    window.wait_for(lambda: window.text(name).endswith(end), f"{text} stands there")


def choose_file(window: Workbench, path: Path) -> None:
    """Name a file in the dialog; one that is slow to read folders only goes there, and is told again."""

    def is_open() -> bool:
        return "fileNameEdit" in window.widgets()

    window.wait_for(is_open, "the dialog is open")
    while is_open():
        type_into(window, "fileNameEdit", str(path))
        window.desktop.key("Return")
        window.wait_for(lambda: not window.text("fileNameEdit"), "the dialog has taken it")


def begin_from_the_form(window: Workbench, recipe: Path, corpus: Path) -> None:
    window.wait_for(lambda: bool(window.shown()), "the page is made", LONG_S)
    window.desktop.key("ctrl+n")
    window.press_named("open_file")
    choose_file(window, recipe)
    type_into(window, "run.data", str(corpus))
    window.desktop.key("Tab")
    window.wait_for(lambda: window.shown()["scan"].startswith("10 files"), "the corpus is looked at", LONG_S)
    window.await_rest("run.max_minutes")  # it moves down, to make room for what was found
    type_into(window, "run.max_minutes", f"{BOX_MIN:g}")
    window.desktop.key("Tab")
    window.wait_for(lambda: window.shown()["can_start"], "the form is complete")
    window.press_named("start")
    window.await_state(State.RUNNING)


def await_a_moving_curve(window: Workbench) -> None:
    """Wait until the run's own figures grow in the list, and one plot at least gets points to its right."""

    def furthest() -> float:
        return max((x[-1] for x in window.shown()["curves"].values() if x), default=0.0)

    step = window.run()["step"]
    window.wait_for(lambda: window.run()["step"] > step, "the step goes on", LONG_S)
    window.wait_for(lambda: furthest() > 0, "a curve is drawn", LONG_S)
    before = furthest()
    window.wait_for(lambda: furthest() > before, "the curve moves", LONG_S)


def hear_the_latest(window: Workbench) -> Path:
    """Click on the latest checkpoint; return its file."""
    window.wait_for(lambda: bool(window.checkpoint()), "a checkpoint can be heard", LONG_S)
    window.press(lambda: window.checkpoint().get("box"), "the checkpoint")
    window.wait_for(lambda: bool(heard(window)), "it is chosen and decoded", LONG_S)
    return Path(heard(window))


def heard(window: Workbench) -> str:
    """Return the file of the checkpoint that is heard; its rate for the clip tells that it is decoded."""
    lines = window.shown()["checkpoints"]
    return next((one["path"] for one in lines if one["path"] and one["heard"] and one["kbps"]), "")


def assert_is_piece_of(recorded: np.ndarray, samples: np.ndarray, other: np.ndarray) -> None:
    """The recorded samples [T] are those of one sound [N], sample for sample, and not those of another."""
    energy = np.cumsum(samples.astype(float) ** 2)
    energy = energy[recorded.size - 1 :] - np.r_[0.0, energy[: -recorded.size]]
    products = scipy.signal.correlate(samples, recorded, "valid", "fft")
    at = int(np.argmax(products / np.sqrt(energy + 1e-6)))
    piece = samples[at : at + recorded.size]
    assert np.sqrt(np.mean(piece**2)) > 1e-3  # it is no silence that is compared
    np.testing.assert_allclose(recorded, piece, atol=1e-4 * float(np.abs(piece).max()))
    assert np.corrcoef(recorded, other[at : at + recorded.size])[0, 1] < 0.99


def as_loud_as_played(samples: np.ndarray) -> np.ndarray:
    """A barely trained coder is loud: more than 3 dB over full scale, it is played at full scale."""
    peak = np.abs(samples).max()
    return samples / peak if peak > 10 ** (3 / 20) else samples


def n_events(folder: Path) -> int:
    return len((folder / "events.jsonl").read_text().splitlines())


def test_a_run_is_begun_heard_left_found_cancelled_and_finished(
    open_workbench: Callable[[], Workbench], null_sink: NullSink, clips: list[Path], tmp_path: Path
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    window = open_workbench()
    begin_from_the_form(window, recipe, clip_paths()[0].parent)
    await_a_moving_curve(window)

    window.press_named("clips")
    window.desktop.key("Down", "Return")
    window.wait_for(lambda: window.shown()["clip"] == clips[1].stem, "the second clip is chosen")
    checkpoint = hear_the_latest(window)
    window.click("listen_play")
    window.wait_for(lambda: window.shown()["position"] > "0:00.2", "it plays")
    with null_sink.record() as recorder:
        time.sleep(LISTEN_S)
    assert window.run()["state"] == State.RUNNING
    window.kill()
    board = JobBoard(jobs_of(tmp_path))
    (job,) = board.jobs()
    before = n_events(job.folder)
    give_up_s = time.monotonic() + LONG_S
    while n_events(job.folder) < before + 5:
        assert time.monotonic() < give_up_s, "the run did not go on without a window"
        time.sleep(0.1)

    window = open_workbench()
    window.await_state(State.RUNNING)
    assert window.run()["id"] == job.id
    await_a_moving_curve(window)
    window.press_named("runs")
    window.desktop.key("x", "Left", "space")  # it asks, the keyboard at the answer that changes nothing
    window.await_state(State.CANCELLED)
    cancelled_at = window.run()["step"]
    assert 0 < cancelled_at < window.run()["n_steps"]
    recorded, original = recorder.recording.samples, read_clip(clips[1])
    codec = NeuralCodec.from_file(checkpoint)
    decoded = as_loud_as_played(codec.decode(codec.encode(original)).samples[0])
    np.testing.assert_array_equal(recorded[:, 0], recorded[:, 1])
    assert_is_piece_of(recorded[:, 0], decoded, original.samples[0])
    window.desktop.key("r")
    window.await_state(State.DONE, BOX_MIN * 60 + LONG_S)
    window.wait_for(lambda: window.run()["step"] > cancelled_at, "it went on from where it was")
    (job,) = board.jobs()
    assert job.state is State.DONE
