"""Signals that end a run in good order, against the real ones of this process."""

from __future__ import annotations

import signal

import pytest

from earbench_codecs.training.signals import StopSignals


def test_the_echo_of_a_signal_does_not_end_a_run_that_writes_its_checkpoint():
    before = signal.getsignal(signal.SIGINT)
    with StopSignals() as stop:
        assert not stop()
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert stop()
        assert stop.number == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before


def test_a_later_one_ends_it():
    told = []
    with StopSignals(lambda: told.append("stopping"), echo_s=-1.0):
        signal.raise_signal(signal.SIGINT)
        assert told == ["stopping"]  # before anything else is done
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
