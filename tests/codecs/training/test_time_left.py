"""How long a run has to go."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace

import pytest

from earbench_codecs.training.loop import Trainer


@pytest.mark.parametrize(("before_s", "left_s"), [(600.0, 1820.0), (math.nan, 1800.0)])
def test_a_run_that_goes_on_counts_the_validations_it_had(before_s, left_s):
    """Of 1,210 steps 300 took 600 s with what was validated; the next 10, which took 20 s, had none yet."""
    trainer = object.__new__(Trainer)
    trainer._recipe = SimpleNamespace(n_steps=1210)
    trainer._trained_before_s, trainer._began_s = before_s, time.monotonic() - 20.0
    trainer.step, trainer._began_step = 310, 300
    assert trainer._eta_s() == pytest.approx(left_s, rel=0.02)
