"""Points and bands of rate-distortion curves, and the figures drawn of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from earbench_codecs.metrics.evaluation_csv import LEADING
from earbench_codecs.metrics.measurement import MetricError
from earbench_codecs.metrics.rate_distortion import plot, rate_points

if TYPE_CHECKING:
    from pathlib import Path


def row(file: str, codec: str, setting: str, kbps: str, pesq: str) -> dict[str, str]:
    leading = dict.fromkeys(LEADING, "")
    return leading | {"file": file, "codec": codec, "bitrate_kbps": kbps, "setting": setting, "pesq_wb": pesq}


ROWS = [
    row("a", "mp3", "64", "64.2", "4.1"),
    row("a", "mp3", "32", "32.1", "3.0"),
    row("b", "mp3", "64", "64.4", "4.3"),
    row("b", "mp3", "32", "32.3", "3.6"),
    row("c", "mp3", "32", "32.5", ""),
    row("a", "anchor35", "", "1411.2", "2.0"),
    row("a", "opus", "6", "", ""),
]


def test_points_are_means_over_files_with_t_intervals() -> None:
    points = rate_points(ROWS, "pesq_wb")
    assert [(p.codec, p.setting, p.n, p.n_missing) for p in points] == [
        ("mp3", "32", 2, 1),
        ("mp3", "64", 2, 0),
        ("anchor35", "", 1, 0),
    ]
    low, high = stats.t.interval(0.95, 1, loc=3.3, scale=stats.sem([3.0, 3.6]))
    assert points[0].mean == pytest.approx(3.3)
    assert points[0].ci95 == pytest.approx((high - low) / 2)
    assert points[0].bitrate_kbps == pytest.approx(np.mean([32.1, 32.3]))
    assert points[2].ci95 is None


def write(path: Path) -> Path:
    lines = [",".join(ROWS[0])] + [",".join(row.values()) for row in ROWS]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_a_figure_is_written_in_each_format(tmp_path: Path, suffix: str, magic: bytes) -> None:
    out = tmp_path / f"figure{suffix}"
    warnings = plot(write(tmp_path / "e.csv"), out)
    assert out.read_bytes().startswith(magic)
    assert warnings == ["pesq_wb, mp3 32: mean of 2 files, 1 without a figure"]


def test_the_svg_names_axes_and_codecs_and_is_the_same_each_time(tmp_path: Path) -> None:
    source, out = write(tmp_path / "e.csv"), tmp_path / "figure.svg"
    plot(source, out)
    first = out.read_bytes()
    texts = " ".join(
        t.text or "" for t in ElementTree.fromstring(first).iter("{http://www.w3.org/2000/svg}text")
    )
    for word in ("PESQ-WB (MOS-LQO)", "bitrate (kbps, measured)", "mp3", "anchor35", "higher is better"):
        assert word in texts
    plot(source, out)
    assert out.read_bytes() == first


def test_what_cannot_be_plotted_is_said(tmp_path: Path) -> None:
    source = write(tmp_path / "e.csv")
    with pytest.raises(MetricError, match=r"no figures of stoi; there are: pesq_wb"):
        plot(source, tmp_path / "f.png", ["stoi"])
    with pytest.raises(MetricError, match=r"\.png, \.svg, \.pdf"):
        plot(source, tmp_path / "f.bmp")


NAMES = ["kankanahalli-small-24", "kankanahalli-small-9-1a2b3c4d", "koishekenov-small-64", "opus"]


@pytest.mark.parametrize("names", [NAMES, ["a" * 90, "opus"]], ids=["several", "one too long"])
def test_the_whole_legend_is_within_the_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    drawn: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        save(figure, *args, **kwargs)
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    rows = [row(file, name, "64", "64.0", pesq) for name in names for file, pesq in (("a", "3"), ("b", "4"))]
    source = tmp_path / "long.csv"
    source.write_text("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n")
    plot(source, tmp_path / "f.png")
    (legend,) = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == names
    inside = legend.get_window_extent()
    assert inside.x0 >= -1e-6
    assert inside.x1 <= drawn[0].bbox.x1 + 1e-6
    assert inside.y1 <= drawn[0].axes[0].get_window_extent().y0
