"""What foreign code can do to its process, and what is left of it here."""

from __future__ import annotations

import ctypes
import math
import os
import threading
import time

import pytest

from earbench_codecs.metrics.measurement import NotApplicableError
from earbench_codecs.metrics.pairs import refuse_silence
from earbench_codecs.metrics.worker import Worker, WorkerError


def test_a_call_returns_from_another_process_which_is_reused() -> None:
    with Worker() as worker:
        pids = {worker.call(30, os.getpid) for _ in range(3)}
        assert worker.call(30, math.hypot, 3.0, 4.0) == 5
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_a_segmentation_fault_is_an_error_and_the_next_call_works() -> None:
    with Worker() as worker:
        with pytest.raises(WorkerError, match="SIGSEGV"):
            worker.call(30, ctypes.string_at, 0)
        assert worker.call(30, math.sqrt, 9.0) == 3


def test_a_hang_in_c_code_that_holds_the_interpreter_is_stopped() -> None:
    with Worker() as worker:
        with pytest.raises(WorkerError, match=r"time limit of 0\.3 s"):
            worker.call(0.3, pow, 7, 10**9)  # one bytecode, hours long, no signal handler gets a turn
        assert worker.call(30, math.sqrt, 9.0) == 3


def test_the_limit_of_one_call_is_not_left_to_the_next() -> None:
    with Worker() as worker:
        worker.call(0.5, math.sqrt, 9.0)
        time.sleep(0.7)
        assert worker.call(30, math.sqrt, 16.0) == 4


def test_errors_come_back_as_what_they_are() -> None:
    import numpy as np

    with Worker() as worker:
        with pytest.raises(WorkerError, match="ValueError: "):
            worker.call(30, math.sqrt, -1.0)
        with pytest.raises(NotApplicableError, match="silent"):
            worker.call(30, refuse_silence, np.zeros(10, dtype=np.float32))
        with pytest.raises(WorkerError, match="exit code 3"):
            worker.call(30, os._exit, 3)


def test_close_ends_a_call_under_way_and_refuses_more() -> None:
    worker = Worker()
    worker.call(30, math.sqrt, 9.0)
    threading.Timer(0.3, worker.close).start()
    with pytest.raises(WorkerError, match="killed"):
        worker.call(60, time.sleep, 50)
    with pytest.raises(WorkerError, match="closed"):
        worker.call(60, math.sqrt, 9.0)


def test_the_environment_is_passed_on() -> None:
    with Worker({"OMP_NUM_THREADS": "1"}) as worker:
        assert worker.call(30, os.getenv, "OMP_NUM_THREADS") == "1"
