"""Waveform and spectrogram of an hour of 48 kHz stereo: how fast, how much memory."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

SCRIPT = Path(__file__).with_name("hour_of_views.py")

pytestmark = pytest.mark.bench


def run(*arguments: str, scale: float = 1) -> str:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": f"{scale:g}"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("scale", [1, 2])
def test_an_hour_is_drawn(scale: float) -> None:
    print(run("draw", scale=scale))  # noqa: T201


def test_an_hour_is_opened(tmp_path: Path) -> None:
    minute = runpy.run_path(str(SCRIPT))["minute"]()
    path = tmp_path / "hour.wav"
    with soundfile.SoundFile(path, "w", 48_000, 2, "PCM_16") as file:
        for _ in range(60):
            file.write(minute.T)
    print(run("open", str(path)))  # noqa: T201
