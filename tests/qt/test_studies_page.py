"""The researcher's pages: studies, wizard, results, with real studies on disk."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from dropping import drop
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from studies import make_small_study

from earbench_app.playback.fake import FakePlayer
from earbench_app.settings import SettingsFile
from earbench_app.test_request import RequestedItem, TestRequest
from earbench_app.views.qt.listening_test_pages import ListeningTestPages
from earbench_app.views.qt.main_window import MainWindow
from earbench_app.views.qt.study_wizard import StudyWizard
from earbench_app.views.qt.thread_bridge import MainThread
from earbench_assets import clip_paths
from earbench_codecs.base import CodecInfo, Setting
from earbench_codecs.clip_files import read_clip
from earbench_codecs.registry import codecs
from earbench_mushra.design import Item, Role, TestType
from earbench_mushra.simulation import simulate
from earbench_mushra.store import Store
from earbench_mushra.study_files import load_study


class Workbench:
    def __init__(self, qtbot, home):
        self.players = []
        self.window = MainWindow()
        qtbot.addWidget(self.window)
        self.window.add_page("Audition", QWidget())
        self.bridge = MainThread()
        self.remembered = SettingsFile(home / "settings.json")
        self.pages = ListeningTestPages(self.window, self.remembered, self.new_player, self.bridge.post)
        self.pages.show_codecs(codecs())
        self.window.resize(1200, 800)
        self.window.show()
        qtbot.waitExposed(self.window)

    def new_player(self):
        self.players.append(FakePlayer())
        return self.players[-1]

    @property
    def studies(self):
        return self.pages.parts.studies_page

    @property
    def results(self):
        return self.pages.parts.results_page


@pytest.fixture
def bench(qtbot, tmp_path):
    bench = Workbench(qtbot, tmp_path)
    yield bench
    bench.pages.close()
    bench.bridge.close()


@pytest.fixture
def folder(tmp_path):
    make_small_study(tmp_path / "pilot")
    return tmp_path / "pilot"


def find(owner, text):
    QApplication.processEvents()  # a page that was only just made is laid out
    return next(b for b in owner.findChildren(QPushButton) if b.text() == text and b.isVisible())


def cell_of(table, row, column):
    return table.visualItemRect(table.item(row, column)).center()


def test_a_study_is_remembered_and_its_design_shown(bench, folder):
    bench.pages.open_study(folder)
    table = bench.studies._design
    assert (table.rowCount(), table.columnCount()) == (3, 4)
    assert table.horizontalHeaderItem(1).text() == "Secret MP3 32 kbps"
    assert SettingsFile(bench.remembered.path).settings.studies == [str(folder)]
    assert bench.window.page == "Studies"


def test_pages_are_made_when_looked_at(bench):
    assert "parts" not in vars(bench.pages)
    assert bench.players == []


def test_each_cell_plays_its_own_stimulus(bench, folder):
    study = load_study(folder)
    bench.pages.open_study(folder)
    table = bench.studies._design
    for row, column in ((1, 1), (1, 3), (2, 0)):
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell_of(table, row, column))
        player = bench.players[0]
        player.advance(0.1)
        status = player.status()
        file = study.stimulus(study.items[row].id, study.conditions[column].id).file
        assert status.playing
        assert player.stimuli[status.stimulus].sha256() == read_clip(folder / "stimuli" / file).sha256()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell_of(table, 2, 0))
    assert not bench.players[0].status().playing


def test_leaving_the_page_stops_the_sound(bench, folder):
    bench.pages.open_study(folder)
    table = bench.studies._design
    table.setCurrentCell(1, 1)
    QTest.keyClick(table, Qt.Key.Key_Space)
    assert bench.players[0].status().playing
    bench.window.show_page("Results")
    assert not bench.players[0].status().playing


def test_a_missing_file_is_shown_in_its_cell(bench, folder):
    study = load_study(folder)
    (folder / "stimuli" / study.stimulus("first", "secret-mp3").file).unlink()
    bench.pages.open_study(folder)
    assert "missing" in bench.studies._design.item(1, 1).text()


def test_sittings_and_their_progress(bench, folder):
    simulate(folder, 3, 1)
    bench.pages.open_study(folder)
    table = bench.studies._sittings
    rows = [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount())]
    assert sorted(row[0] for row in rows) == ["simulated-001", "simulated-002", "simulated-003"]
    assert {tuple(row[1:]) for row in rows} == {("1", "2 of 2", "finished")}


def test_start_opens_the_listeners_window_as_a_program(bench, folder, monkeypatch):
    started = []
    monkeypatch.setattr(
        "earbench_app.listener_process.subprocess.Popen", lambda argv, **_: started.append(argv)
    )
    bench.pages.open_study(folder)
    QTest.mouseClick(find(bench.studies, "Start a sitting"), Qt.MouseButton.LeftButton)
    assert started[0][1:] == ["-m", "earbench_app", "listen", str(folder)]


def test_a_folder_that_is_no_study_is_refused_in_place(bench, tmp_path):
    bench.pages.open_study(tmp_path)
    assert "no study" in bench.studies.notices.text
    assert bench.remembered.settings.studies == []


def test_results_stay_sealed_until_opened(bench, folder):
    simulate(folder, 4, 1)
    bench.pages.open_study(folder)
    bench.window.show_page("Results")
    assert bench.results.figures is None
    with Store(folder, read_only=True) as store:
        assert store.openings() == []
    QTest.mouseClick(find(bench.results, "Open the results for good"), Qt.MouseButton.LeftButton)
    with Store(folder, read_only=True) as store:
        (opening,) = store.openings()
    assert opening.means == "Results page"
    figures = bench.results.figures
    assert [figures.table.item(row, 0).text() for row in range(4)] == [
        "Hidden reference",
        "Secret MP3 32 kbps",
        "Secret Opus 24 kbps",
        "3.5 kHz anchor",
    ]
    assert {figures.table.item(row, 1).text() for row in range(4)} == {"8"}


def test_every_rating_is_a_point_and_figures_are_those_of_the_csv(bench, folder, tmp_path):
    import pyqtgraph as pg

    simulate(folder, 5, 2)
    bench.pages.open_study(folder)
    bench.window.show_page("Results")
    bench.results.open_confirmed.emit()
    bench.results.rule_chosen.emit("none")
    bench.results.export_requested.emit(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = bench.results.figures
    spots = [i for i in figures.plot.plotItem.items if isinstance(i, pg.ScatterPlotItem)]
    drawn = sorted(point.pos().y() for item in spots for point in item.points())
    assert drawn == sorted(float(row["score"]) for row in rows)
    mine = [float(row["score"]) for row in rows if row["condition"] == "secret-mp3"]
    assert figures.table.item(1, 2).text() == f"{sum(mine) / len(mine):.1f}"


@pytest.mark.parametrize("ending", [".svg", ".png"])
def test_the_plot_is_written(bench, folder, tmp_path, ending):
    simulate(folder, 3, 2)
    bench.pages.open_study(folder)
    bench.window.show_page("Results")
    bench.results.open_confirmed.emit()
    bench.results._save_plot(tmp_path / f"plot{ending}")
    content = (tmp_path / f"plot{ending}").read_bytes()
    assert content.startswith(b"\x89PNG" if ending == ".png" else b"<?xml")
    assert len(content) > 5000
    bench.results._save_plot(tmp_path / "nowhere" / f"plot{ending}")
    assert "No such file" in bench.results.notices.text


def test_votes_are_counted_and_tested(bench, tmp_path):
    make_small_study(tmp_path / "pair", TestType.AB, repetitions=3)
    simulate(tmp_path / "pair", 3, 1)
    bench.pages.open_study(tmp_path / "pair")
    bench.window.show_page("Results")
    bench.results.open_confirmed.emit()
    table = bench.results.figures.table
    texts = [table.item(0, column).text() for column in range(table.columnCount())]
    assert texts[0].startswith("preference")
    assert int(texts[2]) + int(texts[4]) + int(texts[5]) == 3 * 2 * 3


def request(n_clips=2):
    items = tuple(RequestedItem(path.stem, path) for path in clip_paths()[:n_clips])
    return TestRequest(items, (("mp3", Setting.of(64)), ("opus", Setting.of(24))), (1.0, 2.0))


def test_the_wizard_makes_a_study_from_the_audition_page(bench, qtbot, tmp_path):
    form = bench.pages.make_test(request())
    form.parent_changed.emit(tmp_path)
    QTest.mouseClick(find(form, "Make the study"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bench.window.page == "Studies", timeout=60_000)
    study = load_study(tmp_path / "my-test")
    assert [c.id for c in study.conditions] == ["reference", "mp3@64", "opus@24", "anchor35", "anchor70"]
    assert {c.role for c in study.conditions} == set(Role)
    excerpt = read_clip(tmp_path / "my-test" / "stimuli" / study.stimuli[0].file)
    assert excerpt.duration_s == pytest.approx(1.0, abs=1e-3)
    assert bench.remembered.settings.studies[0] == str(tmp_path / "my-test")
    qtbot.waitUntil(lambda: not open_forms())
    assert bench.remembered.settings.studies_folder == str(tmp_path)


def test_a_study_is_not_offered_a_place_among_the_clips(bench, tmp_path):
    """Coded clips would be taken for recordings there: by the next training run, for one."""
    bench.remembered.settings.last_folder = str(tmp_path / "recordings")
    form = bench.pages.make_test(request())
    assert str(tmp_path / "recordings") not in "".join(label.text() for label in form.findChildren(QLabel))
    bench.remembered.settings.studies_folder = str(tmp_path / "studies")
    again = bench.pages.make_test(request())
    assert any(str(tmp_path / "studies" / "my-test") in label.text() for label in again.findChildren(QLabel))
    for one in (form, again):
        one.close()
    del form, again


def open_forms():
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, StudyWizard) and w.isVisible()]


@pytest.mark.parametrize("way", ["Cancel", "Esc", "cross"])
def test_the_wizard_closes(bench, qtbot, way):
    form = bench.pages.make_test(request())
    assert form.isVisible()
    if way == "Cancel":
        QTest.mouseClick(find(form, "Cancel"), Qt.MouseButton.LeftButton)
    elif way == "Esc":
        QTest.keyClick(form, Qt.Key.Key_Escape)
    else:
        form.close()
    qtbot.waitUntil(lambda: not open_forms())


def shown_problems(form):
    return {name: label.text() for name, label in form._problems.items() if label.isVisible()}


def test_problems_are_shown_where_they_are_and_block(bench, tmp_path):
    form = bench.pages.make_test(None)
    assert "at least one audio file" in shown_problems(form)["items"]
    assert "at least one codec" in shown_problems(form)["conditions"]
    assert not find(form, "Make the study").isEnabled()
    form.files_dropped.emit(clip_paths()[:1])
    form.condition_added.emit("mp3", 64.0)
    form.parent_changed.emit(tmp_path)
    assert "items" in shown_problems(form)  # BS.1534 wants more, but it is no obstacle
    assert find(form, "Make the study").isEnabled()
    form.condition_added.emit("mp3", 64.0)
    assert "twice" in shown_problems(form)["conditions"]
    assert not find(form, "Make the study").isEnabled()
    form.close_now()


def test_an_edit_reaches_the_plan(bench, tmp_path):
    form = bench.pages.make_test(request())
    presenter = bench.pages._wizards[-1]
    form._name.selectAll()
    QTest.keyClicks(form._name, "Pilot 2")
    assert presenter.plan.name == "Pilot 2"
    assert form._folder.text().endswith("pilot-2")
    form.items._table.cellWidget(0, 1).setValue(0.5)
    assert presenter.plan.items[0].region_s == (0.5, 2.0)
    form.type_changed.emit(TestType.AB)
    assert "prefer" in presenter.plan.instructions
    assert form._tie.isVisible()
    form._tie.setChecked(False)
    assert not presenter.plan.allow_tie
    form.type_changed.emit(TestType.ABX)
    assert "X is either A or B" in presenter.plan.instructions
    assert not form._tie.isVisible()
    assert "ABX trials a pair" in shown_problems(form)["pairs"]
    form._repetitions.setValue(12)
    assert presenter.plan.repetitions == 12
    assert "pairs" not in shown_problems(form)
    form.close_now()


def test_a_cancelled_build_leaves_nothing_and_the_form_open(bench, qtbot, tmp_path):
    form = bench.pages.make_test(request(4))
    parent = tmp_path / "parent"
    parent.mkdir()
    form.parent_changed.emit(parent)
    form.create_requested.emit()
    qtbot.waitUntil(lambda: form._bar.isVisible(), timeout=30_000)
    assert not form._form.isEnabled()
    job = bench.pages._wizards[-1]._job
    form.cancel_requested.emit()
    job.wait(30)
    assert list(parent.iterdir()) == []
    assert form._form.isEnabled()
    assert "nothing was written" in form.notices.text
    form.close_now()


def test_a_checkpoint_dropped_on_the_wizard_is_no_item(bench, tmp_path):
    given = []
    bench.pages.checkpoints_given.connect(given.append)
    form = bench.pages.make_test(None)
    assert drop(form.items, [tmp_path / "coder.safetensors", clip_paths()[0]])
    assert given == [[tmp_path / "coder.safetensors"]]
    assert [item.path for item in form.items.items] == [clip_paths()[0]]
    assert form.notices.text == ""
    form.close_now()


def test_a_wizard_that_is_open_offers_what_is_added(bench):
    form = bench.pages.make_test(None)
    box = form.conditions._codec
    box.setCurrentIndex(box.findData("opus"))
    new = CodecInfo("coder-24", "A coder", "neural", "1", bitrates_kbps=(23.9,), default=Setting(23.9))
    bench.pages.show_codecs([new, *codecs()])
    assert box.currentData() == "opus", "what was chosen stays"
    box.setCurrentIndex(box.findData("coder-24"))
    QTest.mouseClick(find(form.conditions, "Add"), Qt.MouseButton.LeftButton)
    (condition,) = bench.pages._wizards[-1].plan.conditions
    assert (condition.id, condition.title) == ("coder-24@23.9", "coder-24")
    form.close_now()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    bench.pages.show_codecs(codecs())  # a form that has gone is not told


def test_an_unreadable_file_is_named(bench, tmp_path):
    (tmp_path / "notes.wav").write_text("not audio")
    form = bench.pages.make_test(None)
    form.files_dropped.emit([tmp_path / "notes.wav"])
    assert "notes.wav" in form.notices.text
    form.close_now()


def test_every_label_of_a_form_names_what_it_is(bench):
    form = bench.pages.make_test(request())
    texts = {label.text() for label in form.findChildren(QLabel)}
    assert {"Method", "Name", "Items", "Conditions", "Listeners see"} <= texts
    assert Path(form._folder.text()).name == "my-test"
    form.close_now()


def test_long_names_neither_widen_the_window_nor_are_cut_off(bench, qtbot, tmp_path):
    folder = tmp_path / "long"
    title = "Castanets, take 3, a title as long as people really make them " * 2
    items = (Item("warm-up", title, training=True), Item("first", title), Item("second", "B"))
    make_small_study(folder, name="A pilot whose name says all there is to know about it " * 2, items=items)
    simulate(folder, 2, 1)
    bench.window.resize(1024, 700)
    bench.pages.open_study(folder)
    header = bench.studies._design.verticalHeader()
    assert header.width() <= 256
    assert bench.studies._design.verticalHeaderItem(0).toolTip() == items[0].title
    bench.window.show_page("Results")
    QApplication.processEvents()
    for label in (bench.results._seal_title, bench.results._seal_text):
        assert label.height() >= label.heightForWidth(label.width())
    bench.results.open_confirmed.emit()
    QApplication.processEvents()
    assert bench.window.width() == 1024
