"""A screen for the real program; what a test starts on it ends with the test."""

from __future__ import annotations

import shutil

import pytest
from desktop import Desktop, Program


@pytest.fixture(scope="session")
def desktop():
    if shutil.which("xdotool") is None:
        pytest.skip("needs xdotool: apt-get install xdotool xvfb")
    desktop = Desktop()
    yield desktop
    desktop.close()


@pytest.fixture
def open_window(desktop, null_sink, tmp_path):
    """A function that starts the listener's window on a study."""
    programs = []

    def start(folder, listener="L07"):
        arguments = ["listen", str(folder), "--listener", listener]
        programs.append(Program(desktop, arguments, tmp_path, null_sink.environment))
        return programs[-1]

    yield start
    for program in programs:
        program.close()
