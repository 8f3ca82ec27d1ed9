"""The listener's window killed within a trial, again and again: it comes back as it was."""

from __future__ import annotations

import random
import time

import pytest
from studies import make_small_study

from earbench_mushra.records import Phase
from earbench_mushra.store import Store

pytestmark = [pytest.mark.e2e, pytest.mark.audio, pytest.mark.timeout(400)]
N_KILLS = 5


def stored(folder):
    """Read where the sitting stands: trial, labels with their files, scores."""
    with Store(folder) as store:
        (sitting,) = store.sittings()
        trial = next(one for one in store.trials(sitting.id) if not one.finished)
        return trial.id, trial.files, store.trial_state(trial.id).scores


def shown_scores(program):
    widgets = program.widgets()
    texts = {name[-1]: entry["text"] for name, entry in widgets.items() if name.startswith("readout_")}
    return {label: float(text) for label, text in texts.items() if text.isdecimal()}


def test_a_window_killed_within_a_trial_comes_back_as_it_was(open_window, null_sink, tmp_path):
    folder, chance = tmp_path / "study", random.Random(4)
    make_small_study(folder)
    acknowledged, before = {}, None
    for kill in range(N_KILLS + 1):
        program = open_window(folder)
        if kill == 0:
            program.click("instructions_accept")
        program.wait_for(lambda program=program: "readout_A" in program.widgets(), "the trial is shown")
        trial, files, scores = stored(folder)
        assert program.text("place").startswith("Training 1 of 1")
        assert shown_scores(program) == scores
        assert before in (None, (trial, files))  # the same trial, order and labels
        assert {label: scores.get(label) for label in acknowledged} == acknowledged
        before, label = (trial, files), "ABCD"[kill % 4]
        program.desktop.key(label.lower())
        program.wait_for(lambda p=program, label=label: p.enabled(f"score_{label}"), "it plays")
        acknowledged = scores | {label: float(11 + kill)}
        program.desktop.type(f"{11 + kill}")
        program.wait_for(
            lambda p=program, wanted=acknowledged: shown_scores(p) == wanted, "the score is shown"
        )
        program.desktop.key(*chance.choices(["Up", "Down", "space", "r", "Page_Up"], k=3))
        time.sleep(chance.uniform(0, 0.1))  # somewhere within what these keys do
        program.kill()
        del acknowledged[label]  # the arrows may have moved it; whatever is stored is what will be shown
    with Store(folder) as store:
        assert store.integrity() == "ok"
        assert [sitting.phase for sitting in store.sittings()] == [Phase.TRAINING]
