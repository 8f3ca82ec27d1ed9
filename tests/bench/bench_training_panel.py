"""The training page with 50 past and 8 running jobs: how long a frame takes, whether memory grows.

A minute by default; the whole ten with EARBENCH_PANEL_S=600.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("crowd_of_runs.py")

pytestmark = pytest.mark.bench


@pytest.mark.timeout(1500)
def test_a_crowd_of_runs_is_watched() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), os.environ.get("EARBENCH_PANEL_S", "60")],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)  # noqa: T201
