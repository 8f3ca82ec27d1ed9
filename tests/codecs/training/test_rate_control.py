"""τ goes where the papers' rules send it, and holds a coder at its target."""

from __future__ import annotations

import pytest

from earbench_codecs.training.rate_control import RateControl
from earbench_codecs.training.recipe import RateTable


def control(**options):
    table = RateTable(target_kbps=16, **options)
    return RateControl(table, table.tau_initial)


def taus(rate_control, rates_kbps):
    seen = []
    for kbps in rates_kbps:
        rate_control.update(kbps)
        seen.append(pytest.approx(rate_control.tau))
    return seen


def test_kankanahalli_steps_only_outside_the_tolerance():
    assert taus(control(), [16.4, 16.46, 40, 15.56, 15.54]) == [0.5, 0.525, 0.55, 0.55, 0.525]


def test_tau_stays_at_its_floor():
    assert taus(control(tau_initial=0.03), [10, 10, 10, 20]) == [0.005, 0, 0, 0.025]


def test_pam_nac_steps_always_and_goes_below_zero():
    pam_nac = control(tau_initial=0.01, tau_step=0.015, rule="always", tau_floor="none")
    assert taus(pam_nac, [15.9, 15.9, 16.1, 16]) == [-0.005, -0.02, -0.005, -0.005]


def test_proportional_steps_grow_with_the_distance_up_to_ten():
    steps = control(tolerance_kbps=0.5, tau_step=0.1, rule="proportional")
    assert taus(steps, [16.4, 17.0, 40, 15.0]) == [0.5, 0.7, 1.7, 1.5]


@pytest.mark.parametrize("rule", ["outside", "proportional"])
def test_a_coder_whose_rate_falls_with_tau_ends_within_the_tolerance(rule):
    rate_control = control(rule=rule)
    for _ in range(400):
        kbps = 30 / (1 + rate_control.tau)
        rate_control.update(kbps)
    assert abs(kbps - 16) <= 0.45


def test_the_upper_bound_is_target_and_tolerance():
    assert control().highest_kbps == pytest.approx(16.45)
