"""The curves of runs as they are drawn: their x axis and its unit."""

from __future__ import annotations

import numpy as np
import pytest
from training_runs import BEGAN_S, events, history_of

from earbench_app.jobs.history import History
from earbench_app.presenters.training_curves import N_POINTS, Run, panels, smoothed, thinned, x_title
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


def test_what_is_in_db_stays_linear_and_says_so() -> None:
    runs = [Run("a", 0, history_of(400))]
    found = {panel.key: panel for panel in panels(runs, CurveOptions(log_y=True))}
    assert not found["metrics/sdr_db"].can_log_y
    assert found["metrics/sdr_db"].note == "y stays linear: dB is a logarithm already"
    assert found["loss"].can_log_y
    assert found["loss"].note == ""
    plain = {panel.key: panel for panel in panels(runs, CurveOptions())}
    assert plain["metrics/sdr_db"].note == ""


def test_each_quantity_has_its_panel_and_the_rate_its_band() -> None:
    runs = [
        Run("a", 0, history_of(400), 0.45),
        Run("b", 1, history_of(400, kbps=16), 0.45),
    ]
    found = {panel.key: panel for panel in panels(runs, CurveOptions())}
    assert list(found)[:2] == ["loss", "rate"]
    assert set(found) == {
        "loss",
        "rate",
        "metrics/sdr_db",
        "metrics/pesq_wb",
        "terms/shaped",
        "terms/mel",
        "terms/entropy",
        "learning_rate",
        "tau",
        "examples_per_s",
    }
    assert found["rate"].bands == ((23.55, 24.45), (15.55, 16.45))
    assert [(line.run, line.few) for line in found["rate"].lines] == [
        ("a", False),
        ("a", True),
        ("b", False),
        ("b", True),
    ]
    assert found["metrics/sdr_db"].unit == "dB"


def test_curves_are_what_was_told() -> None:
    told = [event for event in events(400) if event["event"] == "progress"]
    (loss,) = panels([Run("a", 0, history_of(400))], CurveOptions())[0].lines
    np.testing.assert_array_equal(loss.x, [event["step"] for event in told])
    np.testing.assert_allclose(loss.y, [event["loss"] for event in told])
    (timed,) = panels([Run("a", 0, history_of(400))], CurveOptions(x="time"))[0].lines
    np.testing.assert_allclose(timed.x, [event["time"] - BEGAN_S for event in told])


def test_long_curves_are_thinned_to_means() -> None:
    x, y = np.arange(6000.0), np.sin(np.arange(6000) / 50)
    y[100] = np.nan
    few_x, few_y = thinned(x, y)
    assert len(few_x) == len(few_y) == N_POINTS
    np.testing.assert_allclose(np.interp(few_x, x, np.sin(x / 50)), few_y, atol=0.01)
    assert np.isfinite(few_y).all()


def test_smoothing_is_a_weighted_mean_of_what_came_before() -> None:
    y, share = np.array([3.0, 1.0, 4.0, 1.0, 5.0]), 0.6
    weights = [np.array([share ** (k - i) for i in range(k + 1)]) for k in range(len(y))]
    expected = [float(np.average(y[: k + 1], weights=w)) for k, w in enumerate(weights)]
    np.testing.assert_allclose(smoothed(y, share), expected)
    (line,) = panels([Run("a", 0, history_of(400))], CurveOptions(smoothing=share))[0].lines
    assert line.raw_y is not None
    assert np.ptp(line.y[-20:]) < np.ptp(line.raw_y[-20:])


def test_what_a_run_sets_is_not_smoothed() -> None:
    runs = [Run("a", 0, history_of(400))]
    found = {panel.key: panel.lines[0] for panel in panels(runs, CurveOptions(smoothing=0.9))}
    plain = {panel.key: panel.lines[0] for panel in panels(runs, CurveOptions())}
    for key in ("learning_rate", "tau"):
        np.testing.assert_array_equal(found[key].y, plain[key].y)
        assert found[key].raw_y is None
    assert found["loss"].raw_y is not None


def test_a_metric_has_its_scale() -> None:
    found = {panel.key: panel.scale for panel in panels([Run("a", 0, history_of(400))], CurveOptions())}
    assert found["metrics/pesq_wb"] == (1.04, 4.64)
    assert found["metrics/sdr_db"] == found["loss"] == (None, None)
