"""The analysis' panels under mouse and keys; what they show is given by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from audition_doubles import HandPool, tone
from psygnal import SignalInstance
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTabWidget, QToolButton, QWidget

from earbench_app.analysis.audible_map import MapPicture
from earbench_app.analysis.levels import Meter
from earbench_app.analysis.noise_plot import Noise, NoisePlot
from earbench_app.presenters.analysis_noise import NoisePresenter
from earbench_app.views.analysis_protocols import Extent, MetricColumn, Styled
from earbench_app.views.protocols import Heard
from earbench_app.views.qt.audible_map_view import AudibleMapPanel
from earbench_app.views.qt.levels_panel import LevelsPanel
from earbench_app.views.qt.measure_button import MeasureButton
from earbench_app.views.qt.noise_panel import NoisePanel
from earbench_app.views.qt.time_axis import TimeAxis
from earbench_app.views.qt.version_table import VersionTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

VERSIONS = [Styled(1, "MP3 64", 0), Styled(2, "Opus 32", 1), Styled(3, "AAC 48", 2)]
LEFT = Qt.MouseButton.LeftButton


def plot_of(nmr_db: dict[int, float], n_frames: int = 1, n_covering: int = 1) -> NoisePlot:
    hz = np.arange(257) * 8000 / 256
    noises = {
        key: Noise(np.full(257, 10.0 * key), np.full(257, 12.0 * key), db) for key, db in nmr_db.items()
    }
    return NoisePlot(hz, np.full(257, 60.0), np.full(257, 25.0), noises, 1.0, 1.032, n_frames, n_covering)


def shown(qtbot: QtBot, widget: QWidget, width: int = 500, height: int = 400) -> Any:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def panel(qtbot: QtBot) -> NoisePanel:
    panel: NoisePanel = shown(qtbot, NoisePanel())
    panel.show_versions(VERSIONS)
    panel.show_plot(plot_of({1: 1.25, 2: -3.5, 3: -np.inf}))
    panel.grab()  # the legend is laid out as it is painted
    return panel


def legend_place(panel: NoisePanel, key: int) -> QPoint:
    return next(row.center().toPoint() for row, item in panel.plot.legend.rows if item.key == key)


def details(panel: NoisePanel) -> dict[str, str]:
    return {curve.name: curve.detail for curve in panel.plot.curves}


# --------------------------------------------------------------------------- noise against mask


def test_the_legend_has_each_version_s_nmr(panel: NoisePanel) -> None:
    assert details(panel) == {
        "signal": "",
        "mask": "",
        "MP3 64": "+1.2 dB",
        "Opus 32": "−3.5 dB",
        "AAC 48": "no noise",
    }


def test_a_click_in_the_legend_hides_a_version_and_another_shows_it(panel: NoisePanel, qtbot: QtBot) -> None:
    asked: list[set[int]] = []
    panel.asked.connect(lambda: asked.append(set(panel.hidden_ids)))
    for hidden in ({2}, set()):
        QTest.mouseClick(panel.plot, LEFT, pos=legend_place(panel, 2))
        panel.show_plot(plot_of(dict.fromkeys({1, 2, 3} - hidden, 0.0)))
        assert panel.hidden_ids == hidden
        curve = next(curve for curve in panel.plot.curves if curve.name == "Opus 32")
        assert (curve.db is None) == bool(hidden)
        panel.grab()
    assert asked == [{2}, set()]
    QTest.mouseClick(panel.plot, LEFT, pos=panel.plot.rect().center())
    assert len(asked) == 2, "a click beside the legend does nothing"


def test_the_menu_hides_a_version_too(panel: NoisePanel) -> None:
    panel._choose.actions()[0].trigger()
    assert panel.hidden_ids == {1}
    assert [action.isChecked() for action in panel._choose.actions()] == [False, True, True]


def test_bands_or_lines_are_drawn_and_shaded_where_they_exceed_the_mask(panel: NoisePanel) -> None:
    def level(key: int) -> float:
        curve = next(curve for curve in panel.plot.curves if curve.key == key)
        assert curve.db is not None
        assert curve.above is not None
        np.testing.assert_array_equal(curve.above, 25)
        return float(curve.db[0])

    assert [level(key) for key in (1, 2, 3)] == [12, 24, 36]
    QTest.keyClick(panel.readings, Qt.Key.Key_Down)
    assert [level(key) for key in (1, 2, 3)] == [10, 20, 30]
    panel.hidden_ids = {1, 2}
    panel.show_versions(VERSIONS)
    with_shade = panel.plot.grab().toImage()
    panel.show_plot(plot_of({3: 0.0}))
    panel.shown.noises[3].line_db_spl[:] = 20.0  # type: ignore[union-attr]
    panel._draw()
    plot = panel.plot._plot_rect()
    between = QPointF(plot.center().x() + 3, float(panel.plot._y_of(27.5, plot))).toPoint()
    assert with_shade.pixelColor(between) != panel.plot.grab().toImage().pixelColor(between)


def test_the_heard_version_stands_out(panel: NoisePanel) -> None:
    panel.show_heard(2)
    widths = {curve.name: curve.pen.widthF() for curve in panel.plot.curves if curve.key is not None}
    assert widths["Opus 32"] > widths["MP3 64"] == widths["AAC 48"]
    panel.show_heard(None)
    assert len({curve.pen.widthF() for curve in panel.plot.curves if curve.key is not None}) == 1


@pytest.mark.parametrize(
    ("extent", "plot", "note"),
    [
        (0, plot_of({}), "1.02 s"),
        (1, plot_of({}), "nothing selected: 1.02 s"),
        (1, plot_of({}, 40, 40), "1.00 to 1.03 s, mean of 40 frames"),
        (2, plot_of({}, 2048, 5000), "1.00 to 1.03 s, mean of 2048 of 5000 frames"),
    ],
)
def test_the_plot_says_what_it_is_of(panel: NoisePanel, extent: int, plot: NoisePlot, note: str) -> None:
    panel.extents.setCurrentIndex(extent)
    panel.show_plot(plot)
    assert panel.plot._note == note


def test_the_axis_puts_frequencies_where_its_scale_has_them(panel: NoisePanel) -> None:
    """1 kHz of 8: 0.125 linear; log2(50) of log2(400) octaves from 20 Hz; 8.511 of 21.3 Bark."""
    found = {}
    for index, name in enumerate(("Bark", "log", "Hz")):
        panel.scales.setCurrentIndex(index)
        found[name] = float(panel.plot.axis.position(1000.0))
    assert found == pytest.approx({"Bark": 8.511 / 21.27, "log": 5.644 / 8.644, "Hz": 0.125}, abs=2e-3)


# -------------------------------------------------------------------------------- following


class FakeScene:
    """The state a presenter looks at."""

    def __init__(self) -> None:
        self.changed, self.region_changed, self.heard_changed = (SignalInstance(()) for _ in range(3))
        self.revised = SignalInstance((int,))
        self.clip_id, self.original = 1, tone(3.0)
        self.region_s: tuple[float, float] | None = None
        self.playback = SimpleNamespace(heard=Heard())

    def versions(self) -> list[Styled]:
        return VERSIONS[:2]

    def audio(self) -> dict[int, Any]:
        return {key: tone(3.0, seed=key) for key in (1, 2)}


@pytest.fixture
def followed(qtbot: QtBot) -> Iterator[tuple[NoisePanel, FakeScene, HandPool, NoisePresenter]]:
    """A panel on the second tab of two, its presenter, and a pool that the test works off."""
    tabs, panel, scene, pool = QTabWidget(), NoisePanel(), FakeScene(), HandPool()
    tabs.addTab(QWidget(), "other")
    tabs.addTab(panel, "noise")
    presenter = NoisePresenter(panel, scene, pool)  # type: ignore[arg-type]
    shown(qtbot, tabs)
    scene.changed.emit()
    yield panel, scene, pool, presenter
    tabs.close()  # the tabs live until here


def show_tab(panel: NoisePanel, index: int) -> None:
    tabs = panel.window()
    assert isinstance(tabs, QTabWidget)
    QTest.mouseClick(tabs.tabBar(), LEFT, pos=tabs.tabBar().tabRect(index).center())


def test_nothing_is_computed_while_the_tab_is_hidden(followed: Any) -> None:
    panel, _, pool, presenter = followed
    for position_s in (0.5, 1.0, 1.5):
        presenter.follow(position_s)
    assert pool.tasks == []
    show_tab(panel, 1)
    assert len(pool.tasks) == 1
    assert pool.tasks[0].arguments[0].start_s == pytest.approx(1.5 - 256 / 16000)
    pool.finish(pool.tasks[0], plot_of({1: 0.0, 2: 0.0}))
    show_tab(panel, 0)
    presenter.follow(2.0)
    assert pool.tasks == []


def test_one_request_is_under_way_and_the_next_is_of_the_newest_moment(followed: Any) -> None:
    panel, _, pool, presenter = followed
    show_tab(panel, 1)
    for position_s in (0.5, 1.0, 1.5, 2.0):
        presenter.follow(position_s)
    assert len(pool.tasks) == 1
    pool.finish(pool.tasks[0], plot_of({1: 0.0, 2: 0.0}))
    assert [task.arguments[0].start_s for task in pool.tasks] == [pytest.approx(2.0 - 256 / 16000)]
    pool.finish(pool.tasks[0], plot_of({1: 0.0, 2: 0.0}))
    presenter.follow(2.0)
    assert pool.tasks == [], "the same moment is not computed twice"


def test_selection_clip_and_hidden_versions_decide_what_is_computed(followed: Any) -> None:
    panel, scene, pool, _ = followed
    show_tab(panel, 1)
    pool.finish(pool.tasks[0], plot_of({1: 0.0, 2: 0.0}))
    panel.extents.setCurrentText(Extent.CLIP.value)
    assert pool.tasks[0].arguments[0].n_covering == 1 + -(-(48000 - 512) // 256)
    pool.finish(pool.tasks[0], plot_of({1: 0.0, 2: 0.0}, 187, 187))
    panel.extents.setCurrentText(Extent.SELECTION.value)
    pool.finish(pool.tasks[0], plot_of({1: 0.0, 2: 0.0}))
    scene.region_s = (1.0, 1.5)
    scene.region_changed.emit()
    assert (pool.tasks[0].arguments[0].start_s, pool.tasks[0].arguments[0].n_covering) == (1.0, 31)
    pool.finish(pool.tasks[0], plot_of({1: 0.0, 2: 0.0}, 31, 31))
    panel.grab()
    QTest.mouseClick(panel.plot, LEFT, pos=legend_place(panel, 1))
    assert list(pool.tasks[0].arguments[0].versions) == [2]


def test_while_the_first_plot_is_computed_it_says_so_and_a_failure_says_why(followed: Any) -> None:
    panel, _, pool, presenter = followed
    show_tab(panel, 1)
    assert "Computing" in panel.plot._message
    pool.fail(pool.tasks[0], "model 1 takes sample rates of 8000 to 192000 Hz, not 4000")
    assert "4000" in panel.plot._message
    presenter.follow(1.0)
    pool.finish(pool.tasks[0], plot_of({1: 0.0}))
    assert panel.plot._message == ""


# ------------------------------------------------------------------------------ audible noise


@pytest.fixture
def map_panel(qtbot: QtBot) -> AudibleMapPanel:
    axis = TimeAxis()
    axis.set_duration(10.0)
    panel: AudibleMapPanel = shown(qtbot, AudibleMapPanel(axis), 700, 200)
    panel.show_versions(VERSIONS[:2])
    nmr_db = np.full((20, 100), -5.0, np.float32)
    nmr_db[3, 50:] = 7.25
    nmr_db[:, 90:] = np.nan
    panel.show_pictures({2: MapPicture(np.arange(20), nmr_db, 0.0, 10.0)})
    return panel


def lane_place(panel: AudibleMapPanel, lane: int, time_s: float, band: float) -> QPoint:
    rect = panel.map._lanes(panel.map.plot_rect())[lane]
    y_px = rect.bottom() - (band + 0.5) / 20 * rect.height()
    return QPointF(panel.map.x_of(time_s), y_px).toPoint()


def test_a_click_on_a_lane_chooses_version_and_moment(map_panel: AudibleMapPanel) -> None:
    chosen: list[tuple[int, float]] = []
    map_panel.spot_chosen.connect(lambda key, time_s: chosen.append((key, time_s)))
    for lane, time_s in ((0, 2.0), (1, 7.5)):
        QTest.mouseClick(map_panel.map, LEFT, pos=lane_place(map_panel, lane, time_s, 10))
    assert [key for key, _ in chosen] == [1, 2]
    assert [time_s for _, time_s in chosen] == pytest.approx([2.0, 7.5], abs=0.02)


def test_a_drag_over_the_map_selects(map_panel: AudibleMapPanel) -> None:
    selected: list[tuple[float, float]] = []
    map_panel.map.region_selected.connect(selected.append)
    QTest.mousePress(map_panel.map, LEFT, pos=lane_place(map_panel, 0, 2.0, 5))
    QTest.mouseMove(map_panel.map, lane_place(map_panel, 0, 4.0, 5))
    QTest.mouseRelease(map_panel.map, LEFT, pos=lane_place(map_panel, 0, 4.0, 5))
    assert selected == [pytest.approx((2.0, 4.0), abs=0.02)]


def test_the_map_is_read_out_under_the_pointer(map_panel: AudibleMapPanel) -> None:
    def text(*place: Any) -> str:
        return map_panel.map.read_out(QPointF(lane_place(map_panel, *place)))

    assert text(1, 6.02, 3) == "Opus 32  6.02 s  3–4 Bark  NMR +7.2 dB"
    assert text(1, 6.02, 4).endswith("4–5 Bark  NMR −5.0 dB")
    assert text(1, 9.5, 4).endswith("…")
    assert text(0, 6.0, 3) == "", "nothing is known of this version yet"


def test_only_audible_noise_has_a_colour(map_panel: AudibleMapPanel) -> None:
    image = map_panel.map.grab().toImage()
    empty, heard, masked = (
        image.pixelColor(lane_place(map_panel, 1, time_s, band))
        for time_s, band in ((9.5, 10), (7.0, 3), (7.0, 10))
    )
    assert heard != masked == empty


def test_in_low_lanes_no_audible_band_is_lost(map_panel: AudibleMapPanel) -> None:
    map_panel.resize(700, 70)
    map_panel.show_versions([Styled(key, f"version {key}", key) for key in range(2, 12)])
    image = map_panel.map.grab().toImage()
    rect = map_panel.map._lanes(map_panel.map.plot_rect())[0]
    assert rect.height() < 10
    x_px = round(map_panel.map.x_of(7.0))
    column = {image.pixelColor(x_px, y).name() for y in range(round(rect.top()), round(rect.bottom()))}
    assert len(column) > 1


def test_the_buttons_ask_and_the_presenter_decides(map_panel: AudibleMapPanel) -> None:
    asked: list[str] = []
    map_panel.worst_requested.connect(lambda: asked.append("worst"))
    map_panel.audible_requested.connect(lambda: asked.append("audible"))
    for button in (map_panel.worst, map_panel.audible):
        QTest.mouseClick(button, LEFT)
    assert asked == ["worst", "audible"]
    assert not map_panel.audible.isChecked()
    map_panel.show_audible(True)
    assert map_panel.audible.isChecked()
    map_panel.show_versions([])
    assert not map_panel.worst.isEnabled()


# ---------------------------------------------------------------------------- levels, metrics


def test_many_versions_can_be_scrolled_to_in_levels(qtbot: QtBot) -> None:
    panel: LevelsPanel = shown(qtbot, LevelsPanel(), 400, 200)
    panel.show_meter(Meter((-1.0, -2.0), (-10.0, -12.0)))
    panel.show_loudness([(None, -23.0), *((Styled(k, f"version {k}", k), -20.0 - k) for k in range(12))])
    assert panel.picture.minimumHeight() > panel.height()
    before = panel.picture.grab().toImage()
    panel.show_meter(Meter((-30.0, -2.0), (-40.0, -12.0)))
    assert panel.picture.grab().toImage() != before


def test_the_menu_asks_for_metrics(qtbot: QtBot) -> None:
    table = VersionTable()
    qtbot.addWidget(table)
    button: QToolButton = shown(qtbot, MeasureButton(table), 100, 40)
    asked: list[list[str]] = []
    button.measure_requested.connect(asked.append)  # type: ignore[attr-defined]
    menu = button.menu()
    menu.popup(button.mapToGlobal(QPoint(0, 0)))
    pesq = next(action for action in menu.actions() if action.text() == "PESQ-WB")
    QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(pesq).center())
    assert asked == [["pesq_wb"]]
    assert "P.862.2" in pesq.toolTip()
    menu.actions()[-1].trigger()
    assert {"pesq_wb", "stoi", "visqol_audio", "si_sdr_db"} <= set(asked[-1])
    assert "nmr_db" not in asked[-1], "it is there unasked"


def test_the_state_stays_the_last_column(qtbot: QtBot) -> None:
    table: VersionTable = shown(qtbot, VersionTable(), 900, 200)
    columns = [MetricColumn(name, name, "what it is", 1) for name in ("nmr_db", "stoi")]
    for some in (columns[:1], columns, columns[:1]):
        table.show_columns(some)
        header = table.horizontalHeader()
        last = header.logicalIndex(header.count() - 1)
        assert table.model().headerData(last, Qt.Orientation.Horizontal) == ""
