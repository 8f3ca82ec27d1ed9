"""τ goes where the papers' rules send it, and holds a coder at its target."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from earbench_codecs.training.rate_control import RateControl
from earbench_codecs.training.recipe_tables import RateTable


def control(**options):
    table = RateTable(target_kbps=16, **options)
    return RateControl(table)


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


def plant(elasticity, speed, noise=0.0):
    """A coder whose rate, in the end, falls as τ^-elasticity, and goes there by a share each epoch."""
    rng, log_rate = np.random.default_rng(1), math.log(33.0)

    def epoch(tau):
        nonlocal log_rate
        log_rate += speed * (math.log(21) - elasticity * math.log(tau) - log_rate)
        return math.exp(log_rate + noise * rng.standard_normal())

    return epoch


def rates(rate_control, coder, n_epochs):
    seen = []
    for _ in range(n_epochs):
        seen.append(coder(rate_control.tau))
        rate_control.update(seen[-1])
    return np.array(seen)


@pytest.mark.parametrize("elasticity", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("speed", [0.25, 0.5, 0.9])
def test_the_log_rule_settles(elasticity, speed):
    seen = rates(control(rule="log"), plant(elasticity, speed), 40)
    assert (np.abs(seen[25:] - 16) <= 0.45).all()


def test_the_log_rule_holds_a_noisy_slow_coder_where_the_proportional_one_swings():
    """As a real run did: tolerance 0.45, steps of 0.1, and a rate that answers in some four epochs."""
    swinging = rates(control(rule="proportional", tau_step=0.1), plant(0.5, 0.25, 0.005), 60)[25:]
    settled = rates(control(rule="log"), plant(0.5, 0.25, 0.005), 60)[25:]
    assert np.abs(settled - 16).max() < 0.45 < np.abs(swinging - 16).max()
    assert settled.std() < swinging.std() / 2


def test_the_log_rule_multiplies_by_error_and_trend():
    log = control(rule="log", tau_initial=0.4, gain=0.5, damping=2)
    expected = 0.4 * (20 / 16) ** 0.5
    log.update(20)
    assert log.tau == pytest.approx(expected)
    log.update(18)  # too high yet, but falling fast enough
    assert log.tau == pytest.approx(expected * (18 / 16) ** 0.5 * (18 / 20) ** 2)


def test_the_log_rule_goes_no_further_than_a_factor_of_two_an_epoch_and_a_hundred_in_all():
    log = control(rule="log", tau_initial=0.5)
    log.update(1000)
    assert log.tau == 1
    for _ in range(30):
        log.update(0)
    assert log.tau == pytest.approx(0.005)
    with pytest.raises(ValidationError, match="tau_initial must be above 0"):
        control(rule="log", tau_initial=0)


def test_a_stage_has_its_own_target_and_forgets_the_trend_of_the_one_before():
    log = control(rule="log", damping=1)
    log.update(30)
    log.enter_stage(8, begins=True)
    assert log.target_kbps == 8
    tau = log.tau
    log.update(9)
    assert log.tau == pytest.approx(tau * 9 / 8)
    log.enter_stage(None, begins=True)
    assert log.target_kbps == 16


def test_what_is_stored_goes_on_alike():
    one, other = control(rule="log"), control(rule="log")
    one.update(20)
    other.load(one.state())
    one.update(18)
    other.update(18)
    assert other.tau == one.tau
