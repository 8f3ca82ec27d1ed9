"""A disk that takes no more and a folder that takes nothing: the real limits of the system, no stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from earbench_mushra.errors import StoreError
from earbench_mushra.sittings import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65_534

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from earbench_mushra.errors import StoreError
from earbench_mushra.sittings import open_session

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
session = open_session(Path(sys.argv[1]), "anna")
session.start()
session.playing("A", 0.0)
session.rate("A", 70)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
text = ""
try:
    while len(text) < 10**6:
        text += "a long remark " * 50
        session.set_comment(text)
except StoreError as error:
    print(error)
assert session.comment == text[: -len("a long remark " * 50)], "what is shown is what is stored"
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
session.rate("A", 71)  # there is room again
print("went on")
import os
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_disk_that_takes_no_more_loses_nothing_and_goes_on_with_room(
    study_folder: Callable[..., Path],
) -> None:
    folder = study_folder(n_training=0)
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(folder)], capture_output=True, text=True)
    told, went_on = done.stdout.splitlines()
    assert "study.sqlite" in told
    assert "disk" in told
    assert went_on == "went on"
    with open_session(folder, "anna") as again:
        assert again.scores["A"] == 71
        assert again.comment.startswith("a long remark")


@pytest.fixture
def others_folder(study_folder: Callable[..., Path]) -> Iterator[Path]:
    """A study in a folder that others may read and nobody but its owner may write."""
    with tempfile.TemporaryDirectory(prefix="earbench-test-") as name:
        shutil.copytree(study_folder(), Path(name) / "study")
        for path in (Path(name), *Path(name).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield Path(name) / "study"


def test_a_folder_that_cannot_be_written_says_so_and_stays_as_it_is(others_folder: Path) -> None:
    before = sorted(others_folder.rglob("*"))
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)  # whom rights bind
    else:
        others_folder.chmod(0o555)
    try:
        with pytest.raises(
            StoreError, match=r"cannot be written .*; move the study to a folder you may write"
        ):
            open_session(others_folder, "anna")
    finally:
        if is_root:
            os.seteuid(0)
        else:
            others_folder.chmod(0o755)
    assert sorted(others_folder.rglob("*")) == before
    open_session(others_folder, "anna").close()
