"""Checkpoints in the real window, with its workers and codecs; only the sound device is a double.

The window's own process cannot import torch here: whatever needs it must do its work in another.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from audition_doubles import tone
from dropping import drop
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QWidget
from tiny_checkpoint import KBPS, NAME, tiny_checkpoint, with_facts

from earbench_app.audition.workspace import State
from earbench_app.bootstrap import Workbench
from earbench_app.playback.fake import FakePlayer
from earbench_app.settings import SettingsFile
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_mushra.study_files import load_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from earbench_app.audition.cache import Figures

LONG_MS = 120_000
AT_16 = Setting.of(KBPS)


class NoTorch:
    """Refuses the import; worker processes are others."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "torch":
            raise AssertionError("the window's process imports torch")


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torch", "earbench_codecs.neural.checkpoint", "earbench_codecs.neural.segments"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoTorch(), *sys.meta_path])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clips" / "tone.wav"
    path.parent.mkdir()
    write_wav(path, tone(3.0))
    return path


@pytest.fixture
def workbench(qtbot: QtBot) -> Iterator[Workbench]:
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    workbench = Workbench(FakePlayer(), remembered, n_encoders=1)
    qtbot.addWidget(workbench.window)
    workbench.window.resize(1200, 780)
    workbench.window.show()
    qtbot.waitExposed(workbench.window)
    qtbot.waitUntil(lambda: workbench.audition.codecs.known, timeout=LONG_MS)
    yield workbench
    workbench.window.close()


def notice(workbench: Workbench) -> str:
    return workbench.window.notice_bar.text


def wait_for(qtbot: QtBot, workbench: Workbench, words: str) -> None:
    qtbot.waitUntil(lambda: words in notice(workbench), timeout=LONG_MS)


def names(workbench: Workbench) -> list[str]:
    return [info.name for info in workbench.codecs_page.codecs]


def add(qtbot: QtBot, workbench: Workbench, path: Path) -> None:
    assert drop(workbench.window, [path])
    wait_for(qtbot, workbench, "Added")
    qtbot.waitUntil(lambda: NAME in names(workbench), timeout=LONG_MS)


def figures(workbench: Workbench) -> Figures:
    (result,) = workbench.audition.workspace.results.values()
    assert result.figures is not None
    return result.figures


def make_version(qtbot: QtBot, workbench: Workbench, clip: Path, codec: str = NAME) -> None:
    workbench.open([clip])
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    workbench.audition.add_versions([(codec, AT_16)])
    (version,) = workbench.audition.workspace.versions
    qtbot.waitUntil(lambda: workbench.audition.playback.has(version.id), timeout=LONG_MS)


@pytest.mark.slow
def test_it_can_be_dropped_on_everything_there_is(workbench: Workbench, qtbot: QtBot) -> None:
    given: list[list[Path]] = []
    workbench.audition.checkpoints_given.disconnect(workbench.checkpoints.add)
    workbench.audition.checkpoints_given.connect(given.append)
    workbench.audition_page._stack.setCurrentIndex(1)
    checkpoint = tiny_checkpoint()
    n_places = 0
    for page in ("Audition", "Studies", "Results", "Codecs"):
        workbench.window.show_page(page)
        qtbot.wait(1)
        for place in workbench.window.findChildren(QWidget):
            if place.window() is workbench.window and place.isVisible() and place.width() * place.height():
                given.clear()
                assert drop(place, [checkpoint]), place
                assert [checkpoint] in given, place
                n_places += 1
        assert workbench.window.page == page, "stays where the user is"
    assert n_places > 100


def test_a_dropped_checkpoint_is_listed_at_once(workbench: Workbench, qtbot: QtBot) -> None:
    workbench.window.show_page("Codecs")
    page = workbench.codecs_page
    assert NAME not in names(workbench)
    assert drop(page.card.text, [tiny_checkpoint()])
    wait_for(qtbot, workbench, f"Added {NAME}")
    qtbot.waitUntil(lambda: NAME in names(workbench), timeout=LONG_MS)
    assert page.codecs[page.table.currentRow()].name == NAME
    assert "Opus" in page.card.text.toPlainText()
    picker = workbench.audition_page.picker
    (group,) = [group for group in picker._groups if group.codec == NAME]
    workbench.window.show_page("Audition")
    workbench.audition_page.open_picker()
    assert group.isVisible(), "the list of neural codecs is in front"
    QTest.mouseClick(group.chips[AT_16], Qt.MouseButton.LeftButton)
    assert [codec for codec, _ in picker.choices()] == [NAME]
    picker.close()


@pytest.mark.slow
def test_good_and_bad_and_audio_dropped_together(
    workbench: Workbench, qtbot: QtBot, tmp_path: Path, clip: Path
) -> None:
    pickle = tmp_path / "old.pt"
    pickle.write_bytes(b"PK\x03\x04" + bytes(50))
    folder = tmp_path / "run.safetensors"
    folder.mkdir()
    later = with_facts(tmp_path / "later.safetensors", lambda facts: facts.update(format=42))
    workbench.window.show_page("Codecs")
    assert drop(workbench.codecs_page.table, [pickle, clip, folder, tiny_checkpoint(), later])
    assert workbench.window.page == "Audition", "audio is shown where it is opened"
    wait_for(qtbot, workbench, "Added")
    text = notice(workbench)
    assert f"Added {NAME};" in text
    for path, words in ((pickle, "is a pickle"), (folder, "is a folder"), (later, "format 42")):
        (line,) = [line for line in text.splitlines() if str(path) in line]
        assert words in line
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    assert drop(workbench.audition_page.table, [tiny_checkpoint()])
    wait_for(qtbot, workbench, f"There already: {NAME}")
    assert [one.title for one in workbench.audition.workspace.clips] == ["tone"]


def test_a_neural_version_is_made_shown_and_exported(
    workbench: Workbench, qtbot: QtBot, tmp_path: Path, clip: Path
) -> None:
    add(qtbot, workbench, tiny_checkpoint())
    make_version(qtbot, workbench, clip)
    (version,) = workbench.audition.workspace.versions
    made, page = figures(workbench), workbench.audition_page
    assert made.bitrate_kbps == pytest.approx(8 * made.n_bytes / 3.0 / 1000)
    assert made.entropy_kbps is not None
    model = page.table.model()
    rate = model.index(1, 2)
    assert rate.data() == f"{made.bitrate_kbps:.1f} (est {made.entropy_kbps:.1f})"
    assert page.table.fontMetrics().horizontalAdvance(rate.data()) < page.table.columnWidth(2) - 16
    assert "Estimate of the codec's model" in rate.data(Qt.ItemDataRole.ToolTipRole)
    page.analysis.tabs.setCurrentWidget(page.analysis.codes)
    qtbot.waitUntil(lambda: bool(page.analysis.codes.plot.steps), timeout=LONG_MS)
    (steps,) = page.analysis.codes.plot.steps
    assert steps.name == NAME
    assert steps.histogram.n_codes in (100 * 256, 101 * 256), "3 s in frames of 512 that overlap by 32"
    page.analysis.tabs.setCurrentWidget(page.analysis.noise)
    qtbot.waitUntil(lambda: page.analysis.noise.shown is not None, timeout=LONG_MS)
    page.export_chosen.emit([version.id], tmp_path / "out.wav")
    qtbot.waitUntil(lambda: "Saved" in page.notice_bar.text, timeout=LONG_MS)
    heard = workbench.audition.playback.audio_of(version.id)
    assert heard is not None
    assert (read_clip(tmp_path / "out.wav").samples == heard.samples).all()


@pytest.mark.slow
def test_a_study_with_a_neural_condition_is_made_in_another_process(
    workbench: Workbench, qtbot: QtBot, tmp_path: Path, clip: Path
) -> None:
    add(qtbot, workbench, tiny_checkpoint())
    make_version(qtbot, workbench, clip)
    workbench.remembered.settings.studies_folder = str(tmp_path)
    workbench.audition_page.request_test()
    form = workbench.window.findChild(QWidget, "study_wizard")
    offered = [form.conditions._codec.itemText(i) for i in range(form.conditions._codec.count())]
    assert NAME in offered
    create = next(b for b in form.findChildren(QAbstractButton) if b.text() == "Make the study")
    QTest.mouseClick(create, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workbench.window.page == "Studies", timeout=LONG_MS)
    study = load_study(tmp_path / "my-test")
    assert [c.title for c in study.conditions if c.codec == NAME] == [NAME]
    (stimulus,) = [s for s in study.stimuli if s.condition == f"{NAME}@16" and "--" not in s.item]
    assert stimulus.bitrate_kbps == pytest.approx(figures(workbench).bitrate_kbps, rel=0.02)
    assert (
        study.notes[f"checkpoint of {NAME}@16"] == workbench.audition.workspace.versions[0].checkpoint_sha256
    )


@pytest.mark.slow
def test_encoding_is_cancelled_and_taken_up_again(workbench: Workbench, qtbot: QtBot, clip: Path) -> None:
    add(qtbot, workbench, tiny_checkpoint())
    workbench.open([clip])
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    workbench.audition.add_versions([(NAME, AT_16)])
    results = workbench.audition.workspace.results
    qtbot.waitUntil(lambda: [r.state for r in results.values()] == [State.ENCODING], timeout=LONG_MS)
    workbench.window.ticked.emit()
    line = workbench.window.status_line
    assert "encoding 1 of 1" in line.text
    QTest.mouseClick(line.findChild(QAbstractButton), Qt.MouseButton.LeftButton)
    assert [result.state for result in results.values()] == [State.CANCELLED]
    table = workbench.audition_page.table
    table.activated.emit(table.model().index(1, 7))
    qtbot.waitUntil(lambda: [r.state for r in results.values()] == [State.READY], timeout=LONG_MS)


@pytest.mark.slow
def test_one_of_the_users_own_is_removed_and_put_back(
    workbench: Workbench, qtbot: QtBot, own_home: Path, clip: Path
) -> None:
    add(qtbot, workbench, tiny_checkpoint())
    make_version(qtbot, workbench, clip)
    workbench.window.show_page("Codecs")
    page, folder = workbench.codecs_page, own_home / "checkpoints"
    page.table.setCurrentCell(0, 0)
    assert not page.remove.isEnabled(), "what is built in stays"
    page.table.setCurrentCell(names(workbench).index(NAME), 0)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Delete)
    wait_for(qtbot, workbench, f"Removed {NAME}")
    qtbot.waitUntil(lambda: NAME not in names(workbench), timeout=LONG_MS)
    assert list(folder.glob("*.safetensors")) == []
    assert workbench.audition.workspace.versions == []
    undo = next(b for b in workbench.window.notice_bar.findChildren(QAbstractButton) if b.text() == "Undo")
    QTest.mouseClick(undo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: NAME in names(workbench), timeout=LONG_MS)
    (version,) = workbench.audition.workspace.versions
    qtbot.waitUntil(lambda: workbench.audition.playback.has(version.id), timeout=LONG_MS)
    QTest.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    wait_for(qtbot, workbench, f"Removed {NAME}")
    workbench.window.close()
    assert list(folder.iterdir()) == [], "forgotten when the window closes"


def test_what_lies_in_the_folder_already_is_listed_by_the_first_look(own_home: Path, qtbot: QtBot) -> None:
    folder = own_home / "checkpoints"
    folder.mkdir(parents=True)
    shutil.copy(tiny_checkpoint(), folder / "some name.safetensors")
    (folder / "broken.safetensors").write_bytes(b"\x80no")
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    workbench = Workbench(FakePlayer(), remembered, n_encoders=1)
    qtbot.addWidget(workbench.window)
    workbench.window.show()
    qtbot.waitUntil(lambda: NAME in names(workbench), timeout=LONG_MS)
    page = workbench.codecs_page
    page.table.setCurrentCell(names(workbench).index("broken"), 0)
    assert "is a pickle" in page.card.text.toPlainText()
    assert page.remove.isEnabled(), "what cannot be read can be removed"
    workbench.window.close()
