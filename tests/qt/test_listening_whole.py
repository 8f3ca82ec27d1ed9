"""Checkpoints of a run, heard from the training page: real window and workers; the sound is a double."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from audition_doubles import tone
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from tiny_checkpoint import with_facts
from training_runs import BEGAN_S, add_job

from earbench_app.audition.workspace import State
from earbench_app.bootstrap import Workbench
from earbench_app.jobs.board import JobBoard
from earbench_app.playback.fake import FakePlayer
from earbench_app.settings import SettingsFile, jobs_dir
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.neural.checkpoint_info import own_folder, read_info
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.training.recipe import parse_recipe
from earbench_mushra.design import TestType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from earbench_app.jobs.job import Job
    from earbench_app.views.qt.training_listen import ListenArea

LONG_MS = 120_000
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def tell(job: Job, step: int, *, best: bool = False) -> Path:
    """Let a run tell of a codec: a small one, which differs from others of other steps only in its facts."""
    path = job.folder / "checkpoints" / f"step-{step:09d}.safetensors"
    recipe = parse_recipe(job.request.recipe_toml, "recipe.toml").model_dump(mode="json")
    name = f"speech-24-step-{step}"
    with_facts(path, lambda facts: facts.update(name=name, step=step, card=f"# {step}", recipe=recipe))
    kept = sorted(int(one.stem.partition("-")[2]) for one in path.parent.glob("step-*"))
    data = {"step": step, "path": str(path), "kbps": 15.9, "best": best, "metrics": {"sdr_db": 7.0}}
    events: list[dict[str, object]] = [{"event": "listenable", **data, "kept": kept}]
    if best:
        events.insert(0, {"event": "checkpoint", "step": step, "kind": "best", "path": "best.safetensors"})
    with job.events.open("a") as file:
        file.writelines(json.dumps({"time": BEGAN_S + step, **event}) + "\n" for event in events)
    return path


@pytest.fixture
def job() -> Job:
    return add_job(JobBoard(jobs_dir()), n_steps=400)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "a clip.wav"
    write_wav(path, tone(2.0, seed=1))
    return path


@pytest.fixture
def bench(qtbot: QtBot, job: Job, clip: Path) -> Iterator[Workbench]:
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    remembered.settings.last_folder = str(clip.parent)
    bench = Workbench(FakePlayer(), remembered, n_encoders=1)
    qtbot.addWidget(bench.window)
    bench.window.resize(1280, 800)
    with qtbot.waitActive(bench.window):
        bench.window.show()
    bench.open([clip])
    bench.window.show_page("Training")
    qtbot.waitUntil(lambda: bench.listening.presenter is not None, timeout=LONG_MS)
    qtbot.waitUntil(lambda: bench.audition.playback.loaded, timeout=LONG_MS)
    yield bench
    bench.window.close()


def area_of(bench: Workbench) -> ListenArea:
    area = bench.listening.area
    assert area is not None
    return area


def wait_for_rows(bench: Workbench, qtbot: QtBot, n_rows: int) -> None:
    qtbot.waitUntil(lambda: area_of(bench).table.topLevelItemCount() == 1 + n_rows, timeout=LONG_MS)


def click(area: ListenArea, row: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    item = area.table.topLevelItem(row)
    assert item is not None
    place = area.table.visualItemRect(item).center()
    QTest.mouseClick(area.table.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def press(key: Qt.Key) -> None:
    QTest.keyClick(QApplication.focusWidget(), key)


def test_a_checkpoint_is_heard_and_switched_with_the_original(
    bench: Workbench, job: Job, clip: Path, qtbot: QtBot
) -> None:
    area, playback = area_of(bench), bench.audition.playback
    qtbot.waitUntil(lambda: "first validation" in area._note.text(), timeout=LONG_MS)
    path = tell(job, 300, best=True)
    wait_for_rows(bench, qtbot, 1)
    assert area.table.topLevelItem(1).text(1) == "step 300 · best"
    assert "SDR 7.00 dB" in area.table.topLevelItem(1).text(3)
    qtbot.waitUntil(lambda: bench.audition.codecs.known, timeout=LONG_MS)
    click(area, 1)
    qtbot.waitUntil(lambda: playback.heard.version_id is not None, timeout=LONG_MS)
    codec = NeuralCodec.from_file(path)
    original = read_clip(clip)
    expected = codec.decode(codec.encode(original))
    assert playback.sounding is not None
    np.testing.assert_array_equal(playback.sounding.samples, expected.samples)
    titles = [version.title for version in bench.audition.workspace.versions]
    assert titles == ["speech-24 step 300", "MP3 (LAME) 16", "Opus (libopus) 16"]

    press(Qt.Key.Key_S)
    np.testing.assert_array_equal(playback.sounding.samples, original.samples)
    press(Qt.Key.Key_S)
    np.testing.assert_array_equal(playback.sounding.samples, expected.samples)
    press(Qt.Key.Key_Space)
    assert bench.player.status().playing
    kbps = codec.encode(original).bitrate_kbps
    rate, _, level = area.table.topLevelItem(1).text(4).partition("   ")
    assert rate == f"{kbps:.1f}"
    assert level.endswith("dB lower"), "an untrained coder is far too loud"


def test_new_checkpoints_come_by_themselves_and_few_stay(bench: Workbench, job: Job, qtbot: QtBot) -> None:
    area, workspace = area_of(bench), bench.audition.workspace
    qtbot.waitUntil(lambda: bench.audition.codecs.known, timeout=LONG_MS)
    tell(job, 100)
    wait_for_rows(bench, qtbot, 1)
    area.follow.click()

    def steps() -> list[str]:
        return [version.title for version in workspace.versions if version.checkpoint is not None]

    qtbot.waitUntil(lambda: steps() == ["speech-24 step 100"], timeout=LONG_MS)
    colors = {}
    for step in (200, 300, 400, 500, 600):
        tell(job, step)
        qtbot.waitUntil(lambda step=step: f"speech-24 step {step}" in steps(), timeout=LONG_MS)
        for version in workspace.versions:
            assert colors.setdefault(version.id, version.color) == version.color
    assert steps() == [f"speech-24 step {step}" for step in (300, 400, 500, 600)]
    assert len({version.color for version in workspace.versions}) == len(workspace.versions)
    results = workspace.results
    qtbot.waitUntil(
        lambda: all(workspace.result(v).state is State.READY for v in workspace.versions), timeout=LONG_MS
    )
    assert all(result.state is State.READY for result in results.values())


def test_two_checkpoints_go_into_a_blind_test(bench: Workbench, job: Job, qtbot: QtBot) -> None:
    area = area_of(bench)
    tell(job, 100)
    tell(job, 200)
    wait_for_rows(bench, qtbot, 2)
    click(area, 1)
    assert not area.test.isEnabled()
    click(area, 2, Qt.KeyboardModifier.ControlModifier)
    assert area.test.isEnabled()
    QTest.mouseClick(area.test, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(bench.tests._wizards), timeout=LONG_MS)
    plan = bench.tests._wizards[0].plan
    assert plan.test_type is TestType.AB
    assert plan.name == "speech-24 step 100 against speech-24 step 200"
    assert [one.codec for one in plan.conditions] == ["speech-24-step-100", "speech-24-step-200"]
    assert [item.title for item in plan.items] == ["a clip"]
    assert len(list(own_folder().glob("*.safetensors"))) == 2
    bench.tests._wizards[0]._view.close_now()
    qtbot.waitUntil(lambda: not list(own_folder().glob("*.safetensors")), timeout=LONG_MS)


def test_a_checkpoint_is_published_and_taken_back(bench: Workbench, job: Job, qtbot: QtBot) -> None:
    area = area_of(bench)
    tell(job, 300, best=True)
    wait_for_rows(bench, qtbot, 1)
    click(area, 1)
    QTest.mouseClick(area.publish, Qt.MouseButton.LeftButton)
    bar = area.publish_bar
    assert bar.name.text() == "speech-24-step-300"
    bar.name.setText("opus")
    QTest.keyClick(bar.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bar.problem.text().startswith("A codec named 'opus'"), timeout=LONG_MS)
    bar.name.setText("My coder")
    QTest.keyClick(bar.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "no name for a codec" in bar.problem.text(), timeout=LONG_MS)
    bar.name.setText("my-coder")
    QTest.keyClick(bar.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not bar.isVisible(), timeout=LONG_MS)
    (copy,) = own_folder().glob("*.safetensors")
    info = read_info(copy)
    assert info.name == "my-coder"
    assert "`my-coder`" in info.card
    known = bench.audition.codecs
    qtbot.waitUntil(lambda: "my-coder" in known._infos, timeout=LONG_MS)
    bar.open(str(copy), "step 300", "My coder")
    assert bar.name.text() == "my-coder-2"
    bar.no.click()
    bench.window.notice_bar._action.click()
    qtbot.waitUntil(lambda: "my-coder" not in known._infos, timeout=LONG_MS)
    assert list(own_folder().glob("*.safetensors")) == []


def test_what_was_published_is_not_said_over_the_page_that_lists_it(
    bench: Workbench, job: Job, qtbot: QtBot
) -> None:
    area, bar = area_of(bench), bench.window.notice_bar
    tell(job, 300)
    wait_for_rows(bench, qtbot, 1)
    click(area, 1)
    QTest.mouseClick(area.publish, Qt.MouseButton.LeftButton)
    QTest.mouseClick(area.publish_bar.yes, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bar.text.startswith("Published speech-24-step-300"), timeout=LONG_MS)
    tabs = bench.window._tabs
    place = next(i for i in range(tabs.count()) if tabs.tabText(i) == "Codecs")
    QTest.mouseClick(tabs, Qt.MouseButton.LeftButton, pos=tabs.tabRect(place).center())
    assert bench.window.page == "Codecs"
    assert bar.text == ""
