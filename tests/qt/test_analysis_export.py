"""Every view as PNG, SVG and CSV, in files and on the clipboard, from the real window's real data."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from audition_doubles import tone
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from earbench_app.analysis.audible_map import MapPicture
from earbench_app.analysis.levels import Meter, long_term_spectrum
from earbench_app.analysis.noise_plot import Noise, NoisePlot
from earbench_app.notifications import Level, Notice
from earbench_app.views.analysis_protocols import Styled
from earbench_app.views.qt.audible_map_view import AudibleMapPanel
from earbench_app.views.qt.audition_page import AuditionPage
from earbench_app.views.qt.codes_panel import CodesPanel
from earbench_app.views.qt.levels_panel import LevelsPanel
from earbench_app.views.qt.noise_panel import NoisePanel
from earbench_app.views.qt.spectrum_panel import SpectrumPanel
from earbench_app.views.qt.time_axis import TimeAxis
from earbench_codecs.codes import CodeHistogram, CodeTable

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

VERSIONS = [Styled(1, "MP3 64", 0), Styled(2, "Opus, 32", 1)]
HZ = np.arange(257) * 31.25
RNG = np.random.default_rng(0)
LEVELS = {
    name: RNG.uniform(0, 90, 257) for name in ("signal", "mask", "1 line", "1 band", "2 line", "2 band")
}
PICTURE = MapPicture(np.array([0, 1, 3]), np.array([[1, 2], [-3, np.nan], [5, 6.25]], np.float32), 1.0, 2.0)
HISTOGRAMS = [
    CodeHistogram(np.array([-1, 0, 2]), np.array([1, 5, 2]), CodeTable(np.arange(-1, 2), np.full(3, 0.25))),
    CodeHistogram(np.array([0, 1]), np.array([3, 1])),
]
SPECTRA = [(style, long_term_spectrum(tone(1.0, seed=i))) for i, style in enumerate((None, *VERSIONS))]


def noise_panel() -> NoisePanel:
    panel = NoisePanel()
    noises = {key: Noise(LEVELS[f"{key} line"], LEVELS[f"{key} band"], float(key)) for key in (1, 2)}
    panel.show_versions(VERSIONS)
    panel.show_plot(NoisePlot(HZ, LEVELS["signal"], LEVELS["mask"], noises, 0.0, 1.0, 1, 1))
    return panel


def map_panel() -> AudibleMapPanel:
    axis = TimeAxis()
    panel = AudibleMapPanel(axis)
    axis.set_duration(3.0)
    panel.show_versions(VERSIONS)
    panel.show_pictures({2: PICTURE})
    return panel


def spectrum_panel() -> SpectrumPanel:
    panel = SpectrumPanel()
    panel.show_spectra(SPECTRA, "over the clip")
    return panel


def codes_panel() -> CodesPanel:
    panel = CodesPanel()
    panel.show_histograms(list(zip(VERSIONS, HISTOGRAMS, strict=True)))
    return panel


def levels_panel() -> LevelsPanel:
    panel = LevelsPanel()
    panel.show_meter(Meter((-3.0,), (-12.0,)))
    panel.show_loudness([(None, -23.0), (VERSIONS[0], -22.5), (VERSIONS[1], None)])
    return panel


PANELS = [noise_panel, map_panel, spectrum_panel, levels_panel, codes_panel]


@pytest.fixture(params=PANELS)
def panel(request: pytest.FixtureRequest, qtbot: QtBot) -> Any:
    panel: QWidget = request.param()
    qtbot.addWidget(panel)
    panel.resize(600, 400)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def written(panel: Any, path: Path) -> bytes:
    notices: list[Notice] = []
    panel.exporter.told.connect(notices.append)
    panel.exporter.save(path)
    assert [(notice.level, str(path) in notice.text) for notice in notices] == [(Level.INFO, True)]
    return path.read_bytes()


def table(panel: Any, path: Path) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(written(panel, path).decode()))
    return header, rows


def test_png_is_the_view_at_twice_its_size(panel: Any, tmp_path: Path) -> None:
    image = QImage.fromData(written(panel, tmp_path / "view.png"), "PNG")  # type: ignore[arg-type]
    assert image.size() == panel.exporter._widget.size() * 2
    colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, 700, 7)}
    assert len(colors) > 5


def test_svg_holds_shapes_and_text(panel: Any, tmp_path: Path) -> None:
    root = ET.fromstring(written(panel, tmp_path / "view.svg"))
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert names[0] == "svg"
    assert names.count("polyline") >= len(VERSIONS)
    words = " ".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    assert "MP3 64" in words


@pytest.mark.parametrize("make", [noise_panel, spectrum_panel])
def test_curves_stay_curves_in_svg(make: Any, qtbot: QtBot, tmp_path: Path) -> None:
    panel = make()
    qtbot.addWidget(panel)
    panel.resize(600, 400)
    panel.show()
    root = ET.fromstring(written(panel, tmp_path / "view.svg"))
    points = [len(e.get("points", "").split()) for e in root.iter() if e.tag.endswith("polyline")]
    n_points = len(panel.plot._hz)
    assert sum(n >= n_points for n in points) >= len(panel.plot.curves), "each curve has all its points"
    assert not [element for element in root.iter() if element.tag.endswith("image")], "nothing is a bitmap"


@pytest.mark.parametrize(("reading", "which"), [("critical bands", "band"), ("lines", "line")])
def test_csv_of_the_noise_plot_has_its_curves(reading: str, which: str, qtbot: QtBot, tmp_path: Path) -> None:
    panel = noise_panel()
    qtbot.addWidget(panel)
    panel.readings.setCurrentText(reading)
    header, rows = table(panel, tmp_path / "view.csv")
    assert header == [
        "frequency_hz",
        "signal (dB SPL)",
        "mask (dB SPL)",
        f"noise of MP3 64, {reading} (dB SPL)",
        f"noise of Opus, 32, {reading} (dB SPL)",
    ]
    columns = np.array(rows, float).T
    expected = [HZ, LEVELS["signal"], LEVELS["mask"], LEVELS[f"1 {which}"], LEVELS[f"2 {which}"]]
    np.testing.assert_allclose(columns, expected, atol=6e-4)


def test_csv_leaves_hidden_versions_out(qtbot: QtBot, tmp_path: Path) -> None:
    panel = noise_panel()
    qtbot.addWidget(panel)
    panel.hidden_ids = {1}
    panel.show_versions(VERSIONS)
    assert not any("MP3" in name for name in table(panel, tmp_path / "view.csv")[0])


def test_csv_of_the_map_has_a_row_a_column_of_the_picture(qtbot: QtBot, tmp_path: Path) -> None:
    panel = map_panel()
    qtbot.addWidget(panel)
    header, rows = table(panel, tmp_path / "view.csv")
    bands = ["nmr_db_0_to_1_bark", "nmr_db_1_to_2_bark", "nmr_db_3_to_4_bark"]
    assert header == ["version", "time_s", *bands]
    assert rows == [
        ["Opus, 32", "1.25", "1.0", "-3.0", "5.0"],
        ["Opus, 32", "1.75", "2.0", "", "6.25"],
    ]


def test_csv_of_spectra_and_loudness(qtbot: QtBot, tmp_path: Path) -> None:
    spectra, levels = spectrum_panel(), levels_panel()
    for panel in (spectra, levels):
        qtbot.addWidget(panel)
    header, rows = table(spectra, tmp_path / "spectra.csv")
    assert header == ["frequency_hz", "Original (dBFS)", "MP3 64 (dBFS)", "Opus, 32 (dBFS)"]
    expected = [SPECTRA[0][1].frequencies_hz, *(spectrum.db for _, spectrum in SPECTRA)]
    np.testing.assert_allclose(np.array(rows, float).T, expected, atol=6e-4)
    header, rows = table(levels, tmp_path / "levels.csv")
    assert header == ["version", "loudness_lufs"]
    assert rows == [["Original", "-23.0"], ["MP3 64", "-22.5"], ["Opus, 32", ""]]


def test_csv_of_code_values_has_counts_and_probabilities(qtbot: QtBot, tmp_path: Path) -> None:
    panel = codes_panel()
    qtbot.addWidget(panel)
    header, rows = table(panel, tmp_path / "view.csv")
    assert header == ["version", "code_value", "count", "probability", "table_probability"]
    assert rows == [
        ["MP3 64", "-1", "1", "0.125", "0.25"],
        ["MP3 64", "0", "5", "0.625", "0.25"],
        ["MP3 64", "1", "0", "0.0", "0.25"],
        ["MP3 64", "2", "2", "0.25", ""],
        ["Opus, 32", "0", "3", "0.75", ""],
        ["Opus, 32", "1", "1", "0.25", ""],
    ]


def test_picture_and_data_go_to_the_clipboard(panel: Any, tmp_path: Path) -> None:
    panel.exporter.copy_data()
    assert QGuiApplication.clipboard().text().encode() == written(panel, tmp_path / "view.csv")
    panel.exporter.copy_picture()
    copied = QGuiApplication.clipboard().image()
    assert copied.size() == panel.exporter._widget.size() * 2


def test_what_cannot_be_written_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    panel, notices = noise_panel(), []
    qtbot.addWidget(panel)
    panel.exporter.told.connect(notices.append)
    panel.exporter.save(tmp_path / "no" / "such" / "folder.csv")
    assert notices[0].level is Level.ERROR
    assert "folder.csv" in notices[0].text
    assert "another folder" in notices[0].text


def test_the_menus_offer_all_of_it(panel: Any, qtbot: QtBot, tmp_path: Path) -> None:
    """The context menu of the view, by its key or the right mouse button, and the file it writes."""
    view = panel.exporter._widget
    view.customContextMenuRequested.emit(view.rect().center())
    menu = next(child for child in view.children() if isinstance(child, QMenu))
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts == ["Copy picture", "Copy data", "Save as PNG…", "Save as SVG…", "Save as CSV…"]
    menu.setActiveAction(menu.actions()[-1])
    QTest.keyClick(menu, Qt.Key.Key_Return)
    dialog = next(child for child in view.children() if isinstance(child, QFileDialog))
    assert dialog.selectedFiles()[0].endswith(".csv")
    dialog.fileSelected.emit(str(tmp_path / "chosen.csv"))
    panel.exporter.copy_data()
    chosen = (tmp_path / "chosen.csv").read_bytes()
    assert chosen.decode() == QGuiApplication.clipboard().text()
    dialog.close()
    qtbot.waitUntil(lambda: not [c for c in view.children() if isinstance(c, QFileDialog)])


def test_waveform_and_spectrogram_are_exported_like_the_others(qtbot: QtBot) -> None:
    page = AuditionPage()
    qtbot.addWidget(page)
    titles = {exporter._title for exporter in page.analysis.exporters}
    assert titles == {
        "waveform",
        "spectrogram",
        "audible noise",
        "noise against mask",
        "long-term spectrum",
        "levels and loudness",
        "code values",
    }
