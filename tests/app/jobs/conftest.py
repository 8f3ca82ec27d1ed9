"""A board whose jobs are stand-ins for training runs."""

from __future__ import annotations

import pytest
from job_boards import Boards


@pytest.fixture
def boards(tmp_path):
    (tmp_path / "data").mkdir()
    boards = Boards(tmp_path / "jobs", tmp_path / "data")
    yield boards
    boards.close()


@pytest.fixture
def board(boards):
    return boards.new()
