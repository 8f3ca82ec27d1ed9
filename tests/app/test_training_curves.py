"""The curves of runs as they are drawn: their x axis and its unit."""

from __future__ import annotations

import numpy as np
import pytest
from training_runs import BEGAN_S

from earbench_app.jobs.history import History
from earbench_app.presenters.training_curves import Run, panels, x_title
from earbench_app.views.training_protocols import CurveOptions


def run_of(seconds: float) -> Run:
    """A run that told of itself at the beginning, in the middle, and at the end."""
    history = History()
    history.add({"event": "started", "time": BEGAN_S, "step": 0, "n_steps": 9})
    for step in (1, 2):
        history.add({"event": "progress", "time": BEGAN_S + seconds * step / 2, "step": step, "loss": 1.0})
    return Run(f"{seconds} s", 0, history)


@pytest.mark.parametrize(
    ("seconds", "title", "last"),
    [
        (90, "time of running (s)", 90),
        (600, "time of running (min)", 10),
        (7000, "time of running (min)", 7000 / 60),
        (36_000, "time of running (h)", 10),
    ],
)
def test_the_time_axis_has_a_unit_that_fits(seconds: float, title: str, last: float) -> None:
    options, runs = CurveOptions("time"), [run_of(60), run_of(seconds)]
    assert x_title(options, [run.history for run in runs]) == title
    assert x_title(CurveOptions(), [run.history for run in runs]) == "step"
    (panel,) = panels(runs, options)
    np.testing.assert_allclose(panel.lines[1].x, [last / 2, last])
    np.testing.assert_allclose(panel.lines[0].x, np.array([30, 60]) * last / seconds)
