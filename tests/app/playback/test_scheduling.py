"""How the audio process comes to run before everything else, where it has no right to."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from privileges import unprivileged_player
from processes import audio_process
from realtime_kit import missing_for_realtime_kit, realtime_kit

if TYPE_CHECKING:
    from null_sink import NullSink


def policies(pid: int) -> list[int]:
    """Return the scheduling policy of each thread."""
    threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    return [os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK for thread in threads]


@pytest.mark.audio
@pytest.mark.skipif(bool(missing_for_realtime_kit()), reason=missing_for_realtime_kit())
def test_realtime_kit_raises_all_threads_of_a_normal_user(
    null_sink: NullSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    del null_sink
    with realtime_kit() as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        with unprivileged_player() as player:
            give_up_s = time.monotonic() + 15
            while player.status().latency_s == 0 or set(policies(audio_process(os.getpid()))) != {
                os.SCHED_RR
            }:
                assert time.monotonic() < give_up_s, policies(audio_process(os.getpid()))
                time.sleep(0.02)


ASK_TWICE = """
import ctypes
ctypes.CDLL(None).prctl(24, 23, 0, 0, 0)  # root is not to have the right from elsewhere
import os, threading
from earbench_app.playback.scheduling import RealtimeKit
kit = RealtimeKit()
kit.raise_threads()
threading.Thread(target=threading.Event().wait, daemon=True).start()
kit.raise_threads()
print(os.getpid())
"""


@pytest.mark.parametrize(("answer", "n_asked"), [("exit 0", 3), ("exit 1", 1)])
def test_each_thread_is_asked_for_until_the_kit_refuses(tmp_path: Path, answer: str, n_asked: int) -> None:
    """The stand-in raises nothing, so a thread that is asked for once is asked for again."""
    stand_in = tmp_path / "dbus-send"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n{answer}\n', encoding="ascii")
    stand_in.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    pid = subprocess.check_output([sys.executable, "-c", ASK_TWICE], env=env, text=True).strip()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == n_asked
    assert f"MakeThreadRealtimeWithPID uint64:{pid} uint64:{pid} uint32:5" in asked[0]


def test_without_dbus_nothing_is_raised_and_nothing_breaks(tmp_path: Path) -> None:
    env = {**os.environ, "PATH": str(tmp_path)}
    assert subprocess.check_output([sys.executable, "-c", ASK_TWICE], env=env, text=True).strip().isdecimal()
