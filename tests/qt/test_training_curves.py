"""Curves of runs: drawn, read, exported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter
from PySide6.QtTest import QTest

from earbench_app.views.qt import theme
from earbench_app.views.qt.training_axes import bulk_span, ticks
from earbench_app.views.qt.training_plot import CurvePlot
from earbench_app.views.training_protocols import (
    CurveLine,
    CurveOptions,
    CurvePanel,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from earbench_app.views.qt.training_page import TrainingPage


def panel(key: str = "loss", bands: tuple[tuple[float, float], ...] = (), n: int = 50) -> CurvePanel:
    x = np.arange(n, dtype=float)
    lines = tuple(CurveLine(f"run {i}", i, x, 5 + i + np.sin(x / 9)) for i in range(2))
    return CurvePanel(key, key.title(), "", lines, bands)


def test_curves_are_drawn_and_followed(listed: TrainingPage, qtbot: QtBot) -> None:
    listed.show_curves([panel(), panel("rate", ((4.0, 6.0),))], "step")
    grid = listed.run.curves.grid
    assert list(grid.views) == ["loss", "rate"]
    plot = grid.views["loss"].plot
    before = grid.views["loss"]
    listed.show_curves([panel(n=90), panel("rate", ((4.0, 6.0),), 90)], "step")
    assert grid.views["loss"] is before
    qtbot.waitUntil(lambda: plot.x_range == (0, 89))
    low, high = plot.y_range
    assert low < 4 < 7 < high < 7.5
    assert grid.views["rate"].plot.y_range[0] < 4.0


def luminance(color: QColor) -> float:
    """As WCAG 2 defines it."""
    parts = np.array(color.getRgbF()[:3])
    return float(
        np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    )


def drawn(y: list[float]) -> CurvePlot:
    plot = CurvePlot()
    plot.show_panel(
        CurvePanel("rate", "Rate", "", (CurveLine("run", 0, np.arange(float(len(y))), np.array(y)),))
    )
    return plot


def test_rounding_is_no_spike_of_a_constant_curve(qapp: object) -> None:
    low, high = drawn([1e-3, 1e-3 + 2e-19, 1e-3 - 2e-19]).y_range
    assert low < 0.6e-3 < 1.4e-3 < high < 1e-2
    low, high = drawn([1e-3, 1e-3 + 1e-8]).y_range  # more than rounding
    assert high - low < 2e-8
    assert drawn([0.0, 0.0]).y_range[0] < -0.4


def test_what_stands_at_an_axis_has_room(qapp: object) -> None:
    """The learning rate's ".000995" had lost its zero."""
    plot = drawn([0.0009953, 0.0009957])
    plot.resize(320, 170)
    rect = plot.plot_rect()
    texts = [text for _, text in ticks(plot.y_range, int(rect.height() / 24))]
    metrics = QFontMetricsF(theme.number_font(plot.font()))
    assert max(map(len, texts)) >= 9
    assert max(map(metrics.horizontalAdvance, texts)) < rect.left()
    short = drawn([1.0, 2.0])
    short.resize(320, 170)
    assert short.plot_rect().left() < rect.left()


def test_the_mark_of_the_last_step_is_whole(qapp: object) -> None:
    plot = CurvePlot()
    line = CurveLine("run", 0, np.arange(3.0), np.array([1.0, 2.0, 1.5]), few=True)
    plot.show_panel(CurvePanel("rate", "Rate", "", (line,)))
    plot.resize(320, 170)
    image = plot.grab().toImage()
    rect = plot.plot_rect()
    at_x, at_y = rect.right(), rect.bottom() - (1.5 - plot.y_range[0]) / np.ptp(plot.y_range) * rect.height()
    beside = [image.pixelColor(round(at_x + dx), round(at_y)) for dx in (-2, 1)]
    assert [color.name() for color in beside] == [theme.version_color(0).name()] * 2


def test_the_target_is_named_where_no_curve_is(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(QPainter, "drawText", lambda _painter, *args: told.append(args))
    plot = CurvePlot()
    plot.show_panel(panel("rate", ((4.0, 6.0), (15.55, 16.45))))
    plot.resize(320, 170)
    plot.grab()
    ((place, _, text),) = (args for args in told if str(args[-1]).startswith("target"))
    assert text == "target 5 ± 1, 16 ± 0.45"
    assert place.bottom() <= plot.plot_rect().top()


def test_plots_share_an_x_axis_and_show_nothing_beyond_a_scale(listed: TrainingPage) -> None:
    """A first validation was drawn over steps of its own, and PESQ up to 6."""
    pesq = CurveLine("run 0", 0, np.array([20.0]), np.array([4.2]), few=True)
    panels = [panel(), CurvePanel("metrics/pesq_wb", "PESQ", "", (pesq,), scale=(1.04, 4.64))]
    listed.show_curves(panels, "step")
    loss, metric = (view.plot for view in listed.run.curves.grid.views.values())
    assert loss.x_range == metric.x_range == (0, 49)
    assert metric.y_range[0] < 4.2 < 4.64 < metric.y_range[1] < 4.8
    listed.run.curves.log_x.setChecked(True)
    listed.run.curves.log_y.setChecked(True)
    listed.show_curves(panels, "step")
    assert loss.x_range == metric.x_range == (0, np.log10(49))
    assert metric.y_range[1] < np.log10(4.8)


@pytest.mark.parametrize("span", [(0.001, 0.001 + 1e-9), (1e6, 1e6 + 1), (0.0, 1.0), (-3.0, -2.9999)])
def test_no_two_ticks_say_the_same(span: tuple[float, float]) -> None:
    for log in (False, True):
        texts = [text for _, text in ticks(span if not log or span[0] < 100 else (6.0, 6.0001), 6, log)]
        assert len(set(texts)) == len(texts) > 1


def test_the_tooltip_says_where_the_pointer_is(listed: TrainingPage) -> None:
    for title, told in (("step", "step 30"), ("time of running (min)", "30 min")):
        listed.show_curves([panel()], title)
        view = listed.run.curves.grid.views["loss"]
        view.plot.hovered.emit(30.2)
        assert f"{told}<br>" in view.plot.toolTip().replace(".2", "")


def test_no_colour_is_pale_on_white(qapp: object) -> None:
    with theme.on_paper():
        assert max(luminance(theme.version_color(index)) for index in range(7)) < 0.5


def test_no_plot_is_of_the_selection_before(listed: TrainingPage) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    other = CurveLine("another", 0, np.arange(9.0), np.arange(9.0))
    listed.show_curves([CurvePanel(key, key, "", (other,)) for key in ("loss", "rate")], "step")
    for view in listed.run.curves.grid.views.values():
        assert view.panel is not None
        assert [line.run for line in view.panel.lines] == ["another"]


def test_keys_and_slider_change_how_curves_are_drawn(listed: TrainingPage) -> None:
    told: list[CurveOptions] = []
    listed.options_changed.connect(told.append)
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_T)
    assert told[-1] == CurveOptions("time")
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_Y)
    assert told[-1] == CurveOptions("time", log_y=True)
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_Y, Qt.KeyboardModifier.ShiftModifier)
    assert told[-1].log_x
    listed.run.curves.smoothing.setFocus()
    QTest.keyClick(listed.run.curves.smoothing, Qt.Key.Key_Right)
    assert 0 < told[-1].smoothing < 1


def test_how_curves_were_drawn_last_is_shown_and_tells_nothing(listed: TrainingPage) -> None:
    told: list[CurveOptions] = []
    listed.options_changed.connect(told.append)
    listed.show_options(CurveOptions("time", 0.9, log_y=True))
    curves = listed.run.curves
    assert (curves.axis.currentData(), curves._share.text(), curves.log_x.isChecked()) == (
        "time",
        "0.9",
        False,
    )
    assert told == []
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_Y)
    assert told == [CurveOptions("time", 0.9)]


def test_logarithmic_axes_leave_out_what_they_cannot_show(listed: TrainingPage) -> None:
    curves = listed.run.curves
    curves.log_y.setChecked(True)
    x = np.arange(4.0)
    line = CurveLine("a", 0, x, np.array([-1.0, 0.0, 10.0, 100.0]))
    listed.show_curves([CurvePanel("tau", "τ", "", (line,), ((1.0, 10.0),))], "step")
    plot = curves.grid.views["tau"].plot
    assert plot.x_range == (0, 3)
    np.testing.assert_allclose(plot.y_range, (-0.08, 2.08))  # 1 to 100, and a margin


def test_spikes_do_not_set_the_scale_and_are_not_hidden_silently(listed: TrainingPage, qtbot: QtBot) -> None:
    x = np.arange(400.0)
    y = 3 + np.sin(x / 9)
    y[:3], y[200] = (90, 50, 20), -70
    few = CurveLine("a", 0, x[:9], np.full(9, 6.0), few=True)
    listed.show_curves([CurvePanel("loss", "Loss", "", (CurveLine("a", 0, x, y), few))], "step")
    grid = listed.run.curves.grid
    plot = grid.views["loss"].plot
    low, high = plot.y_range
    assert 1 < low < 2
    assert 6 < high < 7
    assert plot.beyond == (1, 3)
    with qtbot.waitExposed(plot):
        plot.show()
    QTest.mouseDClick(plot, Qt.MouseButton.LeftButton, pos=plot.rect().center())
    assert plot.y_range[0] < -70 < 90 < plot.y_range[1]
    assert plot.beyond == (0, 0)
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_F)
    assert plot.y_range == (low, high)


@pytest.mark.parametrize("y", [np.geomspace(8, 2, 400), np.full(400, 3.0), np.array([90.0, 3.0, 3.0])])
def test_curves_without_outliers_are_seen_whole(y: np.ndarray) -> None:
    low, high = bulk_span([y])
    assert low <= y.min() <= y.max() <= high


def test_a_plot_can_be_hidden(listed: TrainingPage) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    curves = listed.run.curves
    action = next(one for one in curves._panel_menu.actions() if one.text() == "Loss")
    assert curves._panels.text() == "Plots ▾"
    action.trigger()
    assert curves._panels.text() == "1/2 ▾"
    assert not curves.grid.views["loss"].isVisible()
    assert curves.grid.views["rate"].isVisible()


def test_the_pointer_reads_all_curves(listed: TrainingPage) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    grid = listed.run.curves.grid
    grid.views["loss"].plot.hovered.emit(20.2)
    expected = f"{5 + np.sin(20 / 9):.4g}"
    assert expected in grid.views["loss"].values.text()
    assert expected in grid.views["rate"].values.text()


def test_the_pointer_says_that_there_are_more_values_than_fit(listed: TrainingPage) -> None:
    x = np.arange(9.0)
    lines = tuple(CurveLine(f"<{n}>", n, x, np.full(9, 1.2345 * n)) for n in range(40))
    listed.show_curves([CurvePanel("loss", "Loss", "", lines)], "step")
    view = listed.run.curves.grid.views["loss"]
    view.plot.hovered.emit(3.0)
    shown = view.values.text()
    assert 1 <= shown.count("●") < 40
    assert shown.endswith("…")
    assert view.values.sizeHint().width() <= view.values.width()
    assert view.plot.toolTip().count("●") == 40
    assert "&lt;39&gt;" in view.plot.toolTip()
    view.plot.hovered.emit(None)
    assert (view.values.text(), view.plot.toolTip()) == ("", "")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plots_are_exported(listed: TrainingPage, qtbot: QtBot, tmp_path: Path, suffix: str) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    plot = listed.run.curves.grid.views["loss"].plot
    grid = listed.run.curves.grid
    qtbot.waitUntil(lambda: plot.width() > 200 and grid.height() >= grid.sizeHint().height())
    path = tmp_path / f"curves.{suffix}"
    size = grid.size()
    listed.run.curves.exporter.save(path)
    content = path.read_bytes()
    if suffix == "png":
        image = QImage(str(path))
        assert image.size() == size * 2
        colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 5) for y in range(0, 600, 5)}
        assert "#e69f00" in colors  # the first run's line
    elif suffix == "svg":
        assert b"#e69f00" in content.lower()
        assert content.count(b"<polyline") + content.count(b"<path") > 10
    else:
        assert content.startswith(b"%PDF-")
        assert content.count(b"/Type /Page\n") == 1


def test_a_picture_for_a_paper_is_light_and_names_runs_and_units(
    listed: TrainingPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a dark screen it was dark."""
    monkeypatch.setattr(theme, "_active", theme.DARK)
    listed.show_curves([replace(panel(), unit="kbps")], "time of running (min)")
    exporter = listed.run.curves.exporter
    exporter.save(tmp_path / "curves.png")
    image = QImage(str(tmp_path / "curves.png"))
    colors = {image.pixelColor(x, y).name() for x in range(image.width()) for y in (0, image.height() // 2)}
    assert "#ffffff" in colors
    assert not {theme.DARK.surface.lower(), theme.DARK.plot.lower()} & colors
    assert theme.theme() is theme.DARK
    exporter.save(tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "<clipPath" in text  # what lies beyond a plot's range is cut off
    for words in ("run 0", "run 1", "Loss, kbps", "time of running (min)"):
        assert f">{words}<" in text


def test_a_table_asks_for_all_numbers(listed: TrainingPage, tmp_path: Path) -> None:
    told: list[Path] = []
    listed.numbers_requested.connect(told.append)
    listed.run.curves.exporter.save(tmp_path / "numbers.csv")
    assert told == [tmp_path / "numbers.csv"]


def test_an_export_that_fails_is_told(listed: TrainingPage, tmp_path: Path) -> None:
    listed.run.curves.exporter.save(tmp_path / "no" / "folder.pdf")
    assert "folder.pdf" in listed.notice_bar.text
