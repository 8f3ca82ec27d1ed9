"""Waveform and spectrogram by real mouse and key events; levels against plain transforms."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from picture_scene import RATE_HZ, frame_db, noise, sine
from picture_stage import Stage, brightness, choose, hover, level_of, place_of
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from earbench_app.settings import Settings, SpectrogramSettings

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


NYQUIST_HZ = RATE_HZ / 2


@pytest.fixture
def stage(qtbot: QtBot) -> Stage:
    stage = Stage()
    qtbot.addWidget(stage)
    stage.show()
    qtbot.waitExposed(stage)
    return stage


# Read-outs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ("hann", np.hanning(1025)[:-1]),
        ("hamming", np.hamming(1025)[:-1]),
        ("boxcar", np.ones(1024)),
        (
            "blackmanharris",
            sum(
                a * np.cos(2 * np.pi * k * np.arange(1024) / 1024)
                for k, a in enumerate((0.35875, -0.48829, 0.14128, -0.01168))
            ),
        ),
    ],
)
def test_the_read_out_is_the_level_of_the_plain_transform_there(
    stage: Stage, shape: str, window: np.ndarray
) -> None:
    clip = noise()
    choose(stage, scale="linear", window=shape, n_fft=1024, hops_a_window=2)
    stage.load(clip)
    stage.axis.zoom(1.3, 1.0)
    view, plot = stage.spectrogram, stage.spectrogram.plot_rect()
    picture = view.picture
    assert picture is not None
    n_rows, n_columns = picture.db.shape
    hop = round(picture.hop_s * RATE_HZ)
    for x, y in ((90, 40), (300, 111), (500, 250)):
        text = hover(view, QPoint(round(plot.left()) + x, round(plot.top()) + y))
        edges = (
            np.array([x, x + 1]) / n_columns * view.axis.span_s + view.axis.start_s
        ) * RATE_HZ / hop - 0.5
        row = n_rows - 1 - y
        bins = np.arange(512 + 1)
        inside = (bins >= row / n_rows * 512) & (bins < (row + 1) / n_rows * 512)
        columns = range(math.ceil(edges[0]), math.ceil(edges[1]))
        spectra = [frame_db(clip, int((k + 0.5) * hop), window) for k in columns]
        assert inside.any()
        if spectra:
            expected = max(float(db[inside].max()) for db in spectra)
            assert level_of(text) == pytest.approx(expected, abs=0.06)
        else:  # between two transforms
            low, high = (
                frame_db(clip, int((k + 0.5) * hop), window)[inside].max()
                for k in (math.ceil(edges[0]) - 1, math.ceil(edges[0]))
            )
            assert min(low, high) - 0.06 <= level_of(text) <= max(low, high) + 0.06


@pytest.mark.parametrize("shape", ["hann", "hamming", "blackmanharris", "boxcar"])
def test_a_full_scale_sine_reads_0_dbfs(stage: Stage, shape: str) -> None:
    stage.load(sine(1000))
    for n_fft, hops, within_db in ((256, 8, 0.5), (2048, 1, 0.05), (2048, 8, 0.05), (16384, 4, 0.05)):
        choose(stage, window=shape, n_fft=n_fft, hops_a_window=hops, scale="linear")
        text = hover(stage.spectrogram, place_of(stage.spectrogram, 2.0, 1000))
        # with 256 samples bins lie further apart than rows: the middle of a row is beside the bin
        assert level_of(text) == pytest.approx(0, abs=within_db)


def test_the_read_out_tells_time_and_frequency_of_the_pointer(stage: Stage) -> None:
    stage.load(noise())
    text = hover(stage.spectrogram, place_of(stage.spectrogram, 3.0, 2000))
    time, hz = re.findall(r"0:([\d.]+)  (\d+) Hz", text)[0]
    assert float(time) == pytest.approx(3.0, abs=4 / stage.spectrogram.plot_rect().width())
    assert float(hz) == pytest.approx(2000, rel=0.02)


def test_the_waveforms_read_out_is_the_peak_of_the_pixel(stage: Stage) -> None:
    samples = np.full((2, 4 * RATE_HZ), 0.001, np.float32)
    samples[0, 2 * RATE_HZ :], samples[1, 2 * RATE_HZ :] = 0.5, -0.25
    stage.load(noise().with_samples(samples))
    wave = stage.waveform
    before, after = (hover(wave, QPoint(round(wave.x_of(time_s)), 20)) for time_s in (1.0, 3.0))
    assert before.endswith("−60.0 dBFS  −60.0 dBFS")
    assert after.endswith("−6.0 dBFS  −12.0 dBFS")


def test_the_read_out_leaves_with_the_pointer(stage: Stage) -> None:
    stage.load(noise())
    wave = stage.waveform
    bare = wave.grab().toImage()
    hover(wave, QPoint(300, 40))
    assert wave.grab().toImage() != bare
    QApplication.sendEvent(wave, QEvent(QEvent.Type.Leave))
    assert wave.grab().toImage() == bare


# Axes, colours, range --------------------------------------------------------------------------------


def zwicker_bark(hz: float) -> float:
    return 13 * math.atan(0.00076 * hz) + 3.5 * math.atan((hz / 7500) ** 2)


POSITIONS = {
    "linear": 1000 / NYQUIST_HZ,
    "log": math.log(1000 / 20) / math.log(NYQUIST_HZ / 20),
    "mel": math.log10(1 + 1000 / 700) / math.log10(1 + NYQUIST_HZ / 700),
    "Bark": zwicker_bark(1000) / zwicker_bark(NYQUIST_HZ),
}


@pytest.mark.parametrize("scale", POSITIONS)
def test_a_tone_stands_at_its_row_on_every_axis(stage: Stage, scale: str) -> None:
    stage.load(sine(1000))
    stage.panel.scales.setCurrentText(scale)
    view, plot = stage.spectrogram, stage.spectrogram.plot_rect()
    stage.axis.move_playhead(0.01)
    image = view.grab().toImage()
    rows = range(round(plot.top()) + 1, round(plot.bottom()) - 1)
    levels = [brightness(image, plot.center().x(), y) for y in rows]
    bright = np.flatnonzero(np.array(levels) >= max(levels) - 1) + rows.start
    expected = plot.bottom() - POSITIONS[scale] * plot.height()
    assert bright.mean() == pytest.approx(expected, abs=1.5)
    assert stage.settings.spectrogram.scale == scale.lower()


def test_colours_and_range_are_those_chosen(stage: Stage) -> None:
    from earbench_app.analysis.colormaps import colormap

    stage.load(sine(1250, level=0.1))  # between the lines of the axis
    view = stage.spectrogram
    for name in ("viridis", "grey"):
        for low_db, high_db in ((-100, 0), (-40, 0)):
            choose(stage, colormap=name, low_db=low_db, high_db=high_db, scale="linear")
            place = place_of(view, 2.0, 1250)
            stage.axis.move_playhead(0.01)
            level = (-20 - low_db) / (high_db - low_db) * 255
            shown = view.grab().toImage().pixelColor(place.x(), place.y())
            red, green, blue, _ = shown.getRgb()
            expected = colormap(name)[round(level)].astype(int)
            assert np.abs(np.array([red, green, blue]) - expected).max() <= 4


def test_the_options_change_the_settings_by_hand(stage: Stage) -> None:
    stage.load(noise())
    options = stage.panel.options
    QTest.mouseClick(stage.panel._more, Qt.MouseButton.LeftButton)
    assert options.isVisible()
    QTest.keyClick(options.window_shape, Qt.Key.Key_Down)
    assert stage.settings.spectrogram.window == "hamming"
    QTest.keyClick(options.length, Qt.Key.Key_Down)
    assert stage.settings.spectrogram.n_fft == 4096
    QTest.keyClick(options.overlap, Qt.Key.Key_Up)
    assert stage.settings.spectrogram.hops_a_window == 2
    options.low.setValue(-5)
    assert stage.settings.spectrogram.low_db == -10, "the range became too narrow"
    assert stage.spectrogram.picture is not None
    assert stage.spectrogram.picture.hop_s * RATE_HZ % 2048 == 0
    QTest.mouseClick(options.reset, Qt.MouseButton.LeftButton)
    assert stage.settings.spectrogram == SpectrogramSettings()
    QTest.keyClick(options, Qt.Key.Key_Escape)
    assert not options.isVisible()


def test_what_was_chosen_is_there_again(qtbot: QtBot) -> None:
    wanted = SpectrogramSettings(scale="mel", window="boxcar", n_fft=512, colormap="cividis", low_db=-70)
    text = Settings(spectrogram=wanted).model_dump_json()
    stage = Stage(settings=Settings.model_validate_json(text))
    qtbot.addWidget(stage)
    assert stage.panel.scales.currentText() == "mel"
    assert stage.panel.options.length.currentData() == 512
    assert stage.panel.options.colors.currentData() == "cividis"
    assert stage.panel.options.low.value() == -70
