"""Which step a run keeps as its best."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from earbench_codecs.metrics.registry import METRICS
from earbench_codecs.training import loop
from earbench_codecs.training.loop import Trainer
from earbench_codecs.training.recipe import read_recipe


@pytest.fixture
def bests(monkeypatch):
    """Return what is kept of steps, each (kbps, figure), of a coder for any rate."""
    monkeypatch.setattr(loop, "config_to_json", lambda _: {})

    def bests(recipe, steps):
        trainer, kept = object.__new__(Trainer), []
        trainer._recipe, trainer._metric, trainer.best = recipe, METRICS["pesq_wb"], None
        trainer._rate, trainer._trained_before_s, trainer._began_s, trainer.step = None, 0.0, 0.0, 1
        trainer._coder = SimpleNamespace(
            takes_any_rate=True, architecture="a", config=None, state_dict=lambda: {}
        )
        trainer._setup = SimpleNamespace(corpus=SimpleNamespace(sha256=""))
        trainer._save = lambda _, snapshot: kept.append(snapshot.facts["kbps"])
        for kbps, figure in steps:
            trainer._keep_if_best(kbps, {"pesq_wb": figure})
        return kept

    return bests


def test_a_step_that_spends_twice_the_rate_is_not_the_best(bests):
    recipe = read_recipe("mdct-hyper-16k")  # steps are compared at 12 kbps, where they reach it
    assert recipe.validation.kbps == 12
    assert bests(recipe, [(24.0, 4.4), (12.1, 3.1), (24.0, 4.5), (12.0, 3.0), (12.2, 3.2)]) == [
        24.0,
        12.1,
        12.2,
    ]


def test_until_one_is_within_the_rate_the_lowest_is_kept(bests):
    recipe = read_recipe("mdct-hyper-16k")
    assert bests(recipe, [(30.0, 4.4), (40.0, 4.5), (20.0, 2.0)]) == [30.0, 20.0]
