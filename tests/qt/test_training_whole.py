"""From the form to a trained checkpoint: real jobs in real processes, watched by the page in its window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from tiny_recipe import tiny_recipe

from earbench_app.jobs.job import State
from earbench_app.settings import SettingsFile, jobs_dir
from earbench_app.views.qt.main_window import MainWindow
from earbench_app.views.qt.thread_bridge import MainThread
from earbench_app.views.qt.training_place import TrainingPlace
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import write_wav
from earbench_codecs.training.recipe import read_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from earbench_app.views.qt.training_page import TrainingPage

LIMIT_MS = 300_000
TINY = tiny_recipe()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for number in range(6):
        samples = 0.1 * rng.standard_normal((1, 8000)).astype(np.float32)
        write_wav(folder / f"{number}.wav", AudioClip(samples, 8000))
    return folder


@pytest.fixture
def place(qtbot: QtBot) -> Iterator[TrainingPlace]:
    window, bridge = MainWindow(), MainThread()
    qtbot.addWidget(window)
    place = TrainingPlace(window, SettingsFile(), jobs_dir(), bridge.post)
    window.resize(1280, 800)
    with qtbot.waitActive(window):
        window.show()
    place.start()
    window.show_page("Training")
    qtbot.waitUntil(lambda: place.presenter is not None, timeout=60_000)
    yield place
    bridge.close()
    place.close()


def type_into(page: TrainingPage, path: str, text: str) -> None:
    line = page.form.findChild(QLineEdit, path)
    assert line is not None
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Tab)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_is_begun_watched_and_finished(
    place: TrainingPlace, corpus: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    page = place.page
    assert page is not None
    assert place.watch is not None
    board = place.watch.board
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    page.paths_given.emit([recipe])
    type_into(page, "run.data", str(corpus))
    qtbot.waitUntil(lambda: page.form._scan.text().startswith("6 files"), timeout=LIMIT_MS)
    assert "8 kHz" in page.form._scan.text()
    page.form.start.click()
    qtbot.waitUntil(lambda: len(page.jobs.model.rows) == 1, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: page.jobs.model.rows[0].state is State.DONE, timeout=LIMIT_MS)
    (job,) = board.jobs()
    assert page.jobs.chosen_ids() == (job.id,)
    qtbot.waitUntil(lambda: page.jobs.model.rows[0].step == 40, timeout=LIMIT_MS)
    row = page.jobs.model.rows[0]
    assert (row.fraction, row.target_kbps) == (1.0, 6)
    highest_kbps = read_recipe(str(recipe)).highest_kbps
    assert row.kbps is not None
    assert (row.best is None) == (row.kbps > highest_kbps), "a step is the best within the rate only"
    assert (job.folder / "checkpoint.safetensors").is_file()
    qtbot.waitUntil(lambda: "metrics/sdr_db" in page.run.curves.grid.views, timeout=LIMIT_MS)
    panel = page.run.curves.grid.views["metrics/sdr_db"].panel
    assert panel is not None
    assert panel.lines[0].x.tolist() == [10, 20, 30, 40]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_cannot_go_is_failed_with_its_reason(
    place: TrainingPlace, corpus: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    page = place.page
    assert page is not None
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY.replace('"kankanahalli"', '"no-such-size"'))
    page.paths_given.emit([recipe])
    type_into(page, "run.data", str(corpus))
    page.form.start.click()
    rows = page.jobs.model
    qtbot.waitUntil(lambda: bool(rows.rows) and rows.rows[0].state is State.FAILED, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: "no-such-size" in page.run._message.text(), timeout=LIMIT_MS)
    assert page.run._message.isVisible()
    QTest.keyClick(page.jobs.table, Qt.Key.Key_Delete)
    page.jobs.confirm.yes.click()
    qtbot.waitUntil(lambda: not rows.rows, timeout=LIMIT_MS)
