"""A run that dies of something from outside: the page says which, and resumes it once that is mended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from faulty_runs import FAULTS, watched_run
from true_runs import checkpoint_step

from earbench_app.jobs.history import read_history

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", FAULTS)
def test_the_page_says_which_and_resumes_it_when_mended(
    name: str, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, words = FAULTS[name]
    with watched_run(qtbot, tmp_path, monkeypatch) as run:
        with fault(run):
            run.until_it_has_died()
            row = run.row
            assert row is not None
            assert words.format(data=run.data) in row.message
            run.page.choose((run.id,))
            run.until(lambda: row.message in run.page.run.log.text.toPlainText())
        step = checkpoint_step(run.job)
        assert re.search(r"resume goes on from step (\d+)$", row.message)[1] == str(step)
        run.press("resume")
        run.until_it_trains()
        assert read_history(run.job.events).started["step"] == step > 0
