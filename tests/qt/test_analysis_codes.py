"""The histogram of code values: how it is drawn, and that its counts are those of a real bitstream."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from audition_doubles import HandPool, tone
from psygnal import SignalInstance
from PySide6.QtCore import QPointF
from PySide6.QtGui import QGuiApplication

from earbench_app.audition.making import ClipInfo
from earbench_app.audition.workspace import Clip, Version, Workspace
from earbench_app.background.pool import ProcessPool
from earbench_app.background.progress import Batch
from earbench_app.presenters.analysis_codes import CANCELLED, COUNTING, CodesPresenter
from earbench_app.presenters.audition_versions import VersionMaker
from earbench_app.views.analysis_protocols import Styled
from earbench_app.views.qt.codes_panel import CodesPanel
from earbench_app.views.qt.histogram_plot import round_step
from earbench_app.views.qt.thread_bridge import MainThread
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.codes import CodeHistogram, CodeTable

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

LONG_MS = 90_000
COUNTED = CodeHistogram(
    np.array([3, 4, 5, 9, 400]), np.array([10, 80, 9, 1, 28]), CodeTable(np.arange(16), np.full(16, 0.05))
)


@pytest.fixture
def panel(qtbot: QtBot) -> CodesPanel:
    panel = CodesPanel()
    qtbot.addWidget(panel)
    panel.resize(560, 400)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def test_without_code_values_it_teaches_and_while_counting_it_says_so(panel: CodesPanel) -> None:
    assert panel.stack.currentWidget() is panel.empty
    panel.show_state("Counting codes…")
    assert panel.stack.currentWidget() is not panel.empty
    assert panel.plot._message == "Counting codes…"
    panel.show_histograms([(Styled(1, "Coder 16", 0), COUNTED)])
    panel.show_state("")
    assert panel.plot._message == ""
    panel.show_histograms([])
    assert panel.stack.currentWidget() is panel.empty


@pytest.mark.parametrize(
    ("scale", "heights"), [("linear", {4: 0.952, 3: 0.119}), ("log", {4: 0.932, 3: 0.631})]
)
def test_bars_are_as_high_as_the_probabilities(
    panel: CodesPanel, scale: str, heights: dict[int, float]
) -> None:
    """Linear to 1.05 of the highest, 80 of 128; log from 0.001 to 1, which are 1/128 and more."""
    panel.scales.setCurrentText(scale)
    panel.show_histograms([(Styled(1, "Coder 16", 0), COUNTED)])
    plot, steps = panel.plot, panel.plot.steps[0]
    rect = plot.plot_rect()
    assert (plot._low, plot._high) == (3, 9), "a value that was escaped to is not drawn, it is told"
    for value, height in heights.items():
        share = steps.shares(value, value)[0]
        assert (rect.bottom() - plot.y_of(share, rect)) / rect.height() == pytest.approx(height, abs=2e-3)
    image = plot.grab().toImage()
    rect = plot.plot_rect()
    inside = QPointF(plot.x_of(4.3, rect), plot.y_of(0.5, rect)).toPoint()
    beside = QPointF(plot.x_of(5.3, rect), plot.y_of(0.5, rect)).toPoint()
    assert image.pixelColor(inside) != image.pixelColor(beside)


def test_the_legend_has_entropy_and_number_of_codes(panel: CodesPanel) -> None:
    """Of 10, 80, 9, 1 and 28 in 128, by hand 0.287 + 0.424 + 0.269 + 0.055 + 0.480 bit."""
    panel.show_histograms([(Styled(1, "Coder 16", 0), COUNTED)])
    assert panel.plot.steps[0].detail == "1.515 bit/code, 128 codes"
    many = CodeHistogram(np.array([0, 1]), np.array([6000, 6000]))
    panel.show_histograms([(Styled(1, "Coder 16", 0), many)])
    assert panel.plot.steps[0].detail == "1.000 bit/code, 12\N{NARROW NO-BREAK SPACE}000 codes"


def test_the_pointer_reads_out_a_value(panel: CodesPanel) -> None:
    panel.show_histograms([(Styled(1, "Coder 16", 0), COUNTED)])
    rect = panel.plot.plot_rect()
    assert panel.plot._value_at(panel.plot.x_of(5, rect), rect) == 5
    assert panel.plot.read_out(4) == "code value 4\nCoder 16  0.625, table 0.05"


@pytest.mark.parametrize(("extent", "n", "step"), [(1.0, 5, 0.2), (0.66, 5, 0.2), (32, 10, 5), (256, 10, 50)])
def test_steps_of_the_axes_are_round(extent: float, n: int, step: float) -> None:
    assert round_step(extent, n) == pytest.approx(step)


# ------------------------------------------------------------------ counted from a real bitstream


class FakeScene:
    """The state the presenter looks at: one clip, a checkpoint's version and another."""

    def __init__(self, path: Path) -> None:
        self.changed, self.revised = SignalInstance(()), SignalInstance((int,))
        self.workspace = Workspace()
        self.partly: set[int] = set()  # versions that are at a new bitrate in part only
        info = ClipInfo(read_clip(path).sha256(), 2.0, 16_000, 1)
        self.workspace.clips.append(Clip(1, path, "tones", info))
        self.workspace.versions.append(Version(2, "tiny", "Tiny 16", Setting.of(16), 0))
        self.workspace.versions.append(Version(3, "mp3", "MP3 64", Setting.of(64), 1))
        self.clip_id = 1

    def versions(self) -> list[Styled]:
        return [Styled(one.id, one.title, one.color) for one in self.workspace.versions]

    def part(self, version_id: int) -> object | None:
        return object() if version_id in self.partly else None


def made_and_counted(checkpoint: Path, clip: Path) -> tuple[list[int], list[int]]:
    """Make a small coder without training; count the symbols of its bitstream with the entropy coder alone.

    In a process of its own, as this one must not import torch.
    """
    argv = [sys.executable, "-c", _MAKE_AND_COUNT, str(checkpoint), str(clip)]
    done = subprocess.run(argv, check=True, timeout=180, stdout=subprocess.PIPE)
    values, counts = json.loads(done.stdout)
    return values, counts


_MAKE_AND_COUNT = """
import json, pathlib, sys, numpy as np, torch
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip
from earbench_codecs.neural.checkpoint import entropy_tables, load_checkpoint, save_checkpoint
from earbench_codecs.neural.checkpoint_info import CheckpointInfo
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.entropy_coding import decode_codes
from earbench_codecs.neural.zoo import SIZES, build_from_json, config_to_json

torch.manual_seed(5)
path, clip = pathlib.Path(sys.argv[1]), read_clip(pathlib.Path(sys.argv[2]))
options = {"channels": 6, "dilations": [1]}
coder = build_from_json("kankanahalli", config_to_json(SIZES["kankanahalli"][1]) | options).eval()
frames = coder.config.framing.split(torch.rand(16000) * 2 - 1).unsqueeze(1)
info = CheckpointInfo(
    name="tiny", title="Tiny", architecture="kankanahalli", config=config_to_json(coder.config),
    sample_rate_hz=16000, n_parameters=sum(p.numel() for p in coder.parameters()), kbps=16,
)
save_checkpoint(path, info, coder, entropy_tables(coder, [frames]))
encoded, model = NeuralCodec.from_file(path).encode(clip), load_checkpoint(path).tables.model("context")
left, at_once, codes = coder.config.framing.n_frames(clip.n_samples), round(16000 / 480), []
for segment in encoded.segments:
    shape = (min(at_once, left), *coder.code_shape)
    codes.append(decode_codes(segment[2:], shape, coder.alphabet, model).ravel())
    left -= at_once
values, counts = np.unique(np.concatenate(codes), return_counts=True)
json.dump([values.tolist(), counts.tolist()], sys.stdout)
"""


@pytest.mark.slow
def test_what_is_shown_and_exported_are_the_counts_of_the_symbols_in_the_bytes(
    panel: CodesPanel, own_home: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip, folder = tmp_path / "tones.wav", own_home / "checkpoints"
    folder.mkdir(parents=True)
    write_wav(clip, tone(2.0))
    values, counts = made_and_counted(folder / "tiny.safetensors", clip)
    scene, batch, bridge = FakeScene(clip), Batch("measuring"), MainThread()
    workers = ProcessPool(1, bridge.post, niceness=0)
    maker = VersionMaker(scene.workspace, HandPool(), HandPool(), tmp_path, 0)  # type: ignore[arg-type]
    panel.hide()
    presenter = CodesPresenter(panel, scene, maker, workers, batch)  # type: ignore[arg-type]
    scene.changed.emit()
    assert batch.progress() is None, "nothing is counted before it can be seen"
    panel.show()
    assert panel.plot._message == COUNTING
    assert batch.progress() is not None
    qtbot.waitUntil(lambda: not panel._state, timeout=LONG_MS)
    presenter.cancel()  # of what is over, nothing
    workers.close()
    bridge.close()
    (steps,) = panel.plot.steps
    assert (steps.name, batch.progress()) == ("Tiny 16", None)
    assert steps.histogram.values.tolist() == values
    assert steps.histogram.counts.tolist() == counts
    assert len(values) > 1
    assert steps.histogram.n_codes == sum(counts) == -(-32_000 // 480) * 256
    assert steps.histogram.table is not None
    assert steps.histogram.table.shares.sum() == pytest.approx(1)
    assert clipboard_counts(panel) == dict(zip(values, counts, strict=True))


def clipboard_counts(panel: CodesPanel) -> dict[int, int]:
    panel.exporter.copy_data()
    rows = list(csv.DictReader(io.StringIO(QGuiApplication.clipboard().text())))
    assert sum(float(row["probability"]) for row in rows) == pytest.approx(1)
    return {int(row["code_value"]): int(row["count"]) for row in rows if row["count"] != "0"}


@pytest.fixture
def presented(panel: CodesPanel, tmp_path: Path) -> tuple[CodesPresenter, FakeScene, HandPool, Batch]:
    write_wav(tmp_path / "tones.wav", tone(0.2))
    scene, pool, batch = FakeScene(tmp_path / "tones.wav"), HandPool(), Batch("measuring")
    maker = VersionMaker(scene.workspace, pool, pool, tmp_path, 0)  # type: ignore[arg-type]
    presenter = CodesPresenter(panel, scene, maker, pool, batch)  # type: ignore[arg-type]
    scene.changed.emit()
    return presenter, scene, pool, batch


def test_counted_once_and_dropped_with_its_version(panel: CodesPanel, presented: Any) -> None:
    _, scene, pool, batch = presented
    assert [task.arguments[0].codec for task in pool.tasks] == ["tiny", "mp3"]
    scene.changed.emit()
    assert len(pool.tasks) == 2
    pool.finish(pool.tasks[0], COUNTED)
    assert [one.name for one in panel.plot.steps] == ["Tiny 16"]
    del scene.workspace.versions[1]
    scene.changed.emit()
    assert (pool.waiting(), batch.progress(), panel._state) == ([], None, "")
    del scene.workspace.versions[0]
    scene.changed.emit()
    assert panel.stack.currentWidget() is panel.empty


def test_cancelled_until_it_is_chosen_again_and_a_failure_is_told(panel: CodesPanel, presented: Any) -> None:
    presenter, scene, pool, batch = presented
    presenter.cancel()
    scene.changed.emit()
    assert (pool.waiting(), batch.progress(), panel.plot._message) == ([], None, CANCELLED)
    panel.hide()
    panel.show()
    first, second = pool.waiting()
    pool.fail(first, "tones.wav has changed since it was opened")
    pool.finish(second, None)
    assert "has changed" in panel.plot._message
    assert batch.progress() is None


def test_at_a_new_bitrate_it_is_counted_anew_once_the_whole_clip_is_coded(
    panel: CodesPanel, presented: Any
) -> None:
    _, scene, pool, batch = presented
    for task in pool.waiting():
        pool.finish(task, COUNTED)
    scene.revised.emit(2)
    scene.partly.add(2)
    scene.changed.emit()
    assert [one.name for one in panel.plot.steps] == ["MP3 64"]
    assert (pool.waiting(), batch.progress()) == ([], None)
    scene.partly.clear()
    scene.changed.emit()
    (task,) = pool.waiting()
    assert task.arguments[0].codec == "tiny"
