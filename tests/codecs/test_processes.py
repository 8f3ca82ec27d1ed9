"""Ending a process ends what it has started; by its group, or as on Windows by its tree."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from earbench_codecs import processes

PARENT = """
import subprocess, sys, time
from earbench_codecs.processes import lead_group
lead_group()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("end", [processes.end_group, processes._end_tree])
def test_a_process_is_ended_with_what_it_has_started(end):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    with parent:
        child = int(parent.stdout.readline())
        assert processes.is_running(child)
        end(parent.pid)
        assert parent.wait(10) < 0
    until_s = time.monotonic() + 10
    while processes.is_running(child):
        assert time.monotonic() < until_s, "what it started goes on"
        time.sleep(0.02)


@pytest.mark.parametrize("end", [processes.end_group, processes._end_tree])
def test_what_has_ended_already_is_no_error(end):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    end(process.pid)
