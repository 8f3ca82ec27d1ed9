"""The curves and figures that the events of a run come to."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from earbench_app.jobs.history import History, read_history
from earbench_app.jobs.series import N_KEPT, Series


def line(event, time=0.0, **data):
    return json.dumps({"event": event, "time": time, **data}) + "\n"


def progress(step, time=0.0, **data):
    return {"event": "progress", "time": time, "step": step, "loss": 1.0 / (step + 1), "terms": {}} | data


def test_a_curve_of_many_points_keeps_its_shape_in_bounded_memory():
    series = Series(1000)
    x = np.arange(20_000)
    for step in x:
        series.add(step, step / 10, float(np.sin(step / 1000)))
    steps, seconds, values = series.points()
    assert 500 <= len(series) == len(steps) <= 1000
    assert np.all(np.diff(steps) > 0)
    assert steps[-1] == 19_999
    np.testing.assert_allclose(seconds, steps / 10)
    # each is the mean of the steps up to its own
    np.testing.assert_allclose(values, np.sin(steps / 1000), atol=0.04)
    np.testing.assert_allclose(values[:-1].mean(), np.sin(x / 1000).mean(), atol=0.005)


@pytest.mark.parametrize("n_steps", [2 * N_KEPT, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_run_that_tells_much_takes_no_more_memory(n_steps):
    def size_after(first, last):
        for step in range(first, last):
            for event in events_of(step):
                history.add(event)
        return len(pickle.dumps(history))  # all that it holds

    history = History()
    full = size_after(1, N_KEPT)
    assert size_after(N_KEPT, n_steps) == pytest.approx(full, rel=0.02)  # numbers have more digits


def events_of(step):
    yield progress(step, float(step), terms={"mse": 0.5})
    if step % 4 == 0:
        yield {"event": "notice", "time": float(step), "message": f"note {step:6}"}
        yield {"event": "checkpoint", "time": float(step), "step": step, "kind": "last", "path": "l"}
    if step % 100 == 0:
        kept = list(range(step - 400, step + 1, 100))
        yield {"event": "listenable", "time": float(step), "step": step, "path": f"{step:6}", "kept": kept}


def test_figures_without_curves_are_the_same(tmp_path):
    path = tmp_path / "events.jsonl"
    told = [progress(step, float(step), kbps=24.5, terms={"mse": 2.0}) for step in range(50)]
    told.append({"event": "validation", "time": 60.0, "step": 50, "kbps": 24.1, "metrics": {"sdr_db": 3.0}})
    path.write_text("".join(json.dumps(event) + "\n" for event in told))
    brief, full = read_history(path, sparse=True), read_history(path)
    assert (brief.progress, brief.validation, brief.running_s) == (told[-2], told[-1], full.running_s)
    assert brief.series == {}
    assert len(full.series["loss"]) == 50


def test_means_of_a_full_curve_are_exact():
    series = Series(4)
    for step in range(8):
        series.add(step, step, float(step))
    steps, _, values = series.points()
    assert steps.tolist() == [1, 3, 5, 7]
    assert values.tolist() == [0.5, 2.5, 4.5, 6.5]


def test_gaps_stay_gaps():
    series = Series(8)
    for step, value in enumerate([1.0, None, float("nan"), 4.0]):
        series.add(step, step, value)
    np.testing.assert_array_equal(series.points()[2], [1, np.nan, np.nan, 4])


def test_a_run_that_goes_on_from_a_checkpoint_draws_its_steps_once():
    history = History()
    history.add({"event": "started", "time": 100.0, "step": 0})
    for step in range(1, 11):
        history.add(progress(step, 100.0 + step))
    history.add({"event": "failed", "time": 111.0, "message": "full"})
    assert history.ending["message"] == "full"
    history.add({"event": "started", "time": 5000.0, "step": 6})
    assert history.ending == {}
    for step in range(7, 13):
        history.add(progress(step, 5000.0 + step - 6))
    steps, seconds, _ = history.series["loss"].points()
    assert steps.tolist() == list(range(1, 13))
    assert seconds[-1] == pytest.approx(10 + 6)  # the pause does not count
    assert history.running_s == pytest.approx(16)


def test_a_report_that_a_pause_cuts_short_is_no_point_of_its_own():
    """Reports are means over the steps since the one before: the curve is the mean over all steps."""
    history = History()

    def report(step, loss):
        history.add({"event": "progress", "time": step, "step": step, "n_steps": 99, "loss": loss})

    history.add({"event": "started", "time": 0, "step": 0})
    report(20, 8.0)
    report(40, 6.0)
    report(41, 27.0)  # of one step
    history.add({"event": "stopped", "time": 41, "step": 41, "reason": "asked to stop"})
    history.add({"event": "started", "time": 90, "step": 41})
    report(61, 5.0)
    report(69, 4.0)  # the machine is slower now
    report(77, 3.0)
    steps, _, values = history.series["loss"].points()
    assert steps.tolist() == [20, 41, 69, 77]
    np.testing.assert_allclose(values, [8, (20 * 6 + 27) / 21, (20 * 5 + 8 * 4) / 28, 3], rtol=1e-9)


def test_what_the_events_of_a_run_come_to(tmp_path):
    path = tmp_path / "events.jsonl"
    best = {"step": 10, "kbps": 24.1, "target_kbps": 24, "metrics": {"sdr_db": 3.0, "pesq_wb": 2.5}}
    worse = {"step": 20, "kbps": 23.9, "target_kbps": 24, "metrics": {"sdr_db": 3.1, "pesq_wb": None}}
    events = [
        line("decoding", done=3, total=9),
        line("started", step=0, n_steps=20, device="cpu"),
        line("notice", message="no CUDA"),
        json.dumps(progress(10, terms={"mse": 2.0}, kbps=24.5, tau=None)) + "\n",
        line("validation", **best),
        line("checkpoint", step=10, kind="best", path="b"),
        line("checkpoint", step=10, kind="last", path="l"),
        line("validation", **worse),
        line("exported", path="e", name="n", kbps=23.2, measured={}),
        line("finished", step=20, reason="finished"),
        line("never heard of", step=1),
        '{"event": "progress", "time": 1}\n',
        '{"event": "progress"}\n',
    ]
    path.write_text("".join(events))
    history = read_history(path)
    assert history.best["step"] == 10
    assert history.validation["step"] == 20
    assert history.ending["event"] == "finished"
    assert list(history.notices) == ["no CUDA"]
    assert [(c.kind, c.step, c.path) for c in history.checkpoints] == [
        ("best", 10, "b"), ("last", 10, "l"), ("exported", 10, "e"),
    ]  # fmt: skip
    exported = history.checkpoints[-1]
    assert (exported.kbps, exported.file_kbps) == (24.1, 23.2)  # as validated at its step; as measured
    assert dict(exported.metrics) == best["metrics"]
    assert set(history.series) == {
        "loss", "kbps", "terms/mse", "validation/kbps", "metrics/sdr_db", "metrics/pesq_wb",
    }  # fmt: skip
    np.testing.assert_array_equal(history.series["metrics/pesq_wb"].points()[2], [2.5, np.nan])
    assert history.opening is None


def test_codecs_that_are_kept_are_known_however_long_a_run_is():
    history = History()
    history.add({"event": "listenable", "time": 1.0, "step": 100, "path": "a", "kept": [100]})
    for step in range(101, 2000):
        history.add({"event": "checkpoint", "time": float(step), "step": step, "kind": "last", "path": "l"})
    history.add({"event": "listenable", "time": 2001.0, "step": 2000, "path": "b", "kept": [100, 2000]})
    assert [(seen.kind, seen.step) for seen in history.checkpoints] == [
        ("listenable", 100), ("last", 1999), ("listenable", 2000),
    ]  # fmt: skip


def box_events(*minutes_and_reasons):
    """A run that reads for a minute, trains for some, ends for some reason, and measures for five."""
    history, now = History(), 0.0
    for minutes, reason in minutes_and_reasons:
        history.add({"event": "reading", "time": now, "done": 1, "total": 1})
        history.add({"event": "started", "time": now + 60, "step": 0})
        history.add(progress(1, now + 60 + 60 * minutes))
        now += 60 + 60 * minutes
        if reason is not None:
            history.add({"event": "stopped", "time": now + 300, "step": 1, "reason": reason})
            now += 300
    return history


def test_a_time_box_counts_what_was_run_since_it_last_ended_the_run():
    asked, time = "asked to stop", "time limit"
    assert History().box_used_s == 0
    assert box_events((20, asked)).box_used_s == 20 * 60
    assert box_events((20, asked), (5, None)).box_used_s == 25 * 60  # the second was killed
    assert box_events((20, None), (5, None)).box_used_s == 25 * 60
    assert box_events((30, time)).box_used_s == 0
    assert box_events((30, time), (7, asked)).box_used_s == 7 * 60
    assert box_events((30, time), (7, asked), (23, time)).box_used_s == 0
    running = box_events((30, time), (7, asked), (2, None))
    assert running.box_left_s(10, now_s=running.told_s + 30) == pytest.approx(30)
