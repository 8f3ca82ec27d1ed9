"""The README names every command and every codec, and shows pictures that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from earbench_app.cli.main import app
from earbench_codecs.neural.checkpoint_info import CheckpointInfo, Comparison, checkpoint_files, read_info
from earbench_codecs.registry import codecs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def _command_names(command: object, prefix: str = "earbench") -> list[str]:
    children = getattr(command, "commands", None)
    if not children:
        return [prefix]
    shown = {name: child for name, child in children.items() if not child.hidden}
    return [path for name, child in shown.items() for path in _command_names(child, f"{prefix} {name}")]


@pytest.mark.parametrize("command", _command_names(typer.main.get_command(app)))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert command in README


@pytest.mark.parametrize("name", [info.name for info in codecs() if info.kind != "plugin"])
def test_every_codec_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


def test_the_two_commands_come_first() -> None:
    assert README.index("make run") < 600
    assert README.index("make test") < 600


FIGURES = {
    "pesq_wb": "PESQ-WB",
    "nmr_db": "NMR (dB, lower is better)",
    "visqol_audio": "ViSQOL",
    "sdr_db": "SDR (dB)",
}


@pytest.mark.parametrize("info", [read_info(path) for path in checkpoint_files()], ids=lambda info: info.name)
def test_figures_of_coders_are_those_of_their_cards(info: CheckpointInfo) -> None:
    """Each line is of a comparison in the checkpoint, and each comparison has one."""
    comparisons = info.comparisons or [info.comparison]
    of_each = [{_line(info.name, one, metric) for metric in FIGURES} for one in comparisons if one]
    lines = {line for line in README.splitlines() if line.startswith(f"| `{info.name}` | ")}
    assert of_each
    assert lines <= set.union(*of_each)
    assert all(lines & own for own in of_each)


def _line(name: str, comparison: Comparison, metric: str) -> str:
    cells = {
        codec.codec: f"{figure.mean:.2f} at {rate.mean:.1f}"
        for codec in comparison.codecs
        if (figure := codec.figures.get(metric)) and (rate := codec.figures["kbps"])
    }
    row = (cells.get(codec, "–") for codec in (name, "mp3", "opus", "aac", "amr-wb"))
    return f"| `{name}` | {FIGURES[metric]} | {' | '.join(row)} |"


def test_every_picture_exists() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    assert [p for p in pictures if not (ROOT / p).is_file()] == []


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", README))
    assert named <= targets


def test_the_changelog_has_this_version() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()
