"""The set-up says what it does while it does it, to a log as to a terminal; apt and pip are stand-ins."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "tools" / "setup.sh"
PIP = """#!/bin/sh
echo "$@" >>asked
echo "Collecting torch==2.13.0"
echo "  Downloading torch-2.13.0-cp311.whl.metadata (30 kB)"
echo "Downloading torch-2.13.0-cp311.whl (190.0 MB)"
echo "Requirement already satisfied: numpy"
echo "Installing collected packages: torch, scipy"
exit $PIP_CODE
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree with its virtual environment; all system packages are there."""
    for folder in ("tools", "requirements", ".venv/bin", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(SETUP, tmp_path / "tools")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "requirements" / "lock.txt").write_text("")
    scripts = {".venv/bin/pip": PIP, ".venv/bin/python": "#!/bin/sh\n"}
    scripts["bin/dpkg-query"] = "#!/bin/sh\necho install ok installed\n"
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def set_up(tree: Path, code: int = 0, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{tree / 'bin'}:{os.environ['PATH']}", "PIP_CODE": str(code)}
    command = [str(tree / "tools" / "setup.sh"), "run"]
    return subprocess.run(
        command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )


def test_a_log_gets_a_line_for_each_thing_fetched_or_installed(tree: Path) -> None:
    done = set_up(tree)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "Python packages into .venv" in lines[0]
    assert lines[1:] == [
        "  Downloading torch-2.13.0-cp311.whl (190.0 MB)",
        "  Installing collected packages: torch, scipy",
    ]
    again = set_up(tree)
    assert (again.returncode, again.stdout) == (0, "")
    assert len((tree / "asked").read_text().splitlines()) == 1


def test_a_terminal_gets_all_that_pip_shows(tree: Path) -> None:
    reader, writer = pty.openpty()
    try:
        done = set_up(tree, stdout=writer)
        os.close(writer)
        shown = os.read(reader, 10_000).decode()
    finally:
        os.close(reader)
    assert done.returncode == 0, done.stderr
    assert "Requirement already satisfied" in shown
    asked = (tree / "asked").read_text()
    assert "--progress-bar" not in asked
    assert "--quiet" not in asked


def test_what_failed_is_not_taken_for_installed(tree: Path) -> None:
    assert set_up(tree, code=1).returncode != 0
    assert set_up(tree).returncode == 0
    assert len((tree / "asked").read_text().splitlines()) == 2
