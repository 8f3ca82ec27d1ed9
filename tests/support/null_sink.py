"""A sound server of the tests' own, whose only output records what a real device would have played.

The sink runs at float32 and at the rate of the material, so what is recorded is what was written, bit by bit.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTLE_S = 0.2
_SOUND_CARD_PRIORITY = 20  # above all players
ASOUND_CONF = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"


@dataclass(frozen=True)
class Recording:
    """What the sink played.

    Parameters
    ----------
    samples : ndarray of float32, shape [T, 2]
    chunks : ndarray of float64, shape [N, 2]
        When a piece arrived, on the clock of `time.perf_counter`, and the index of its first sample.
    sample_rate_hz : int
    """

    samples: np.ndarray
    chunks: np.ndarray
    sample_rate_hz: int


def make_punctual(pid: int) -> None:
    """Let a process run first, where that is allowed: no load on a machine makes a sound card late."""
    with suppress(PermissionError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(_SOUND_CARD_PRIORITY))


class Recorder:
    """A running `parec`; `recording` is complete once the `with` block of `record` has ended."""

    recording: Recording
    _begun_s = 0.0

    def __init__(self, argv: list[str], env: dict[str, str], folder: Path, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._samples, self._times = folder / "samples", folder / "times"
        for path in (self._samples, self._times):
            path.unlink(missing_ok=True)
        stamp = [sys.executable, "-I", "-S", Path(__file__).with_name("stamped_recorder.py")]
        self._source = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE)
        self._stamper = subprocess.Popen([*stamp, self._samples, self._times], stdin=self._source.stdout)
        self._source.stdout.close()
        for process in (self._source, self._stamper):
            make_punctual(process.pid)

    def wait_for_sound(self, timeout_s: float = 10) -> None:
        """Wait until samples come, and come regularly; what came before is no part of the recording."""
        give_up_s = time.monotonic() + timeout_s
        while not (self._samples.exists() and self._samples.stat().st_size):
            assert time.monotonic() < give_up_s, "the null sink's monitor gives nothing"
            time.sleep(0.01)
        time.sleep(_SETTLE_S)
        self._begun_s = time.perf_counter()

    def stop(self) -> None:
        """End the recording."""
        self._source.terminate()
        self._source.wait(timeout=10)
        self._stamper.wait(timeout=10)
        times = np.fromfile(self._times, np.dtype([("arrived_s", float), ("n_bytes", np.int64)]))
        starts = np.concatenate([[0], np.cumsum(times["n_bytes"])[:-1]]) // 8
        samples = np.fromfile(self._samples, np.float32).reshape(-1, 2)
        kept = times["arrived_s"] > self._begun_s
        begin = starts[kept][0]
        chunks = np.column_stack([times["arrived_s"], starts - begin])[kept]
        self.recording = Recording(samples[begin:], chunks, self._sample_rate_hz)


class NullSink:
    """A private PulseAudio daemon with one null sink, `out`."""

    def __init__(self, sample_rate_hz: int = 48_000) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.folder = Path(tempfile.mkdtemp(prefix="earbench-pulse-"))
        (self.folder / "asound.conf").write_text(ASOUND_CONF, encoding="ascii")
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to play here."""
        return {
            "XDG_RUNTIME_DIR": str(self.folder),
            "PULSE_RUNTIME_PATH": str(self.folder / "pulse"),
            "PULSE_SERVER": f"unix:{self.folder / 'native'}",
            "PULSE_COOKIE": str(self.folder / "cookie"),
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
        }

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        sink = f"sink_name=out format=float32le rate={self.sample_rate_hz} channels=2 norewinds=1"
        protocol = f"module-native-protocol-unix socket={self.folder / 'native'} auth-anonymous=1"
        options = ["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"]
        with (self.folder / "log").open("ab") as log:
            argv = ["pulseaudio", "-n", *options, "-L", protocol, "-L", f"module-null-sink {sink}"]
            self._daemon = subprocess.Popen(argv, env=self._env(), stdout=log, stderr=log)
        give_up_s = time.monotonic() + 20
        while "out" not in self.pactl("get-default-sink", check=False):
            assert time.monotonic() < give_up_s, (self.folder / "log").read_text(errors="replace")
            time.sleep(0.05)
        make_punctual(self._daemon.pid)

    def kill(self) -> None:
        """Kill the daemon, as a crash would."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def hang(self) -> None:
        """Let the daemon neither answer nor go."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """Kill the daemon and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pactl(self, *arguments: str, check: bool = True) -> str:
        """Ask the daemon."""
        done = subprocess.run(
            ["pactl", *arguments], env=self._env(), capture_output=True, text=True, timeout=10, check=check
        )
        return done.stdout

    @contextmanager
    def record(self, latency_ms: int = 20) -> Iterator[Recorder]:
        """Record the monitor for as long as the block runs."""
        argv = ["parec", "--raw", "-d", "out.monitor", "--format=float32le", "--channels=2"]
        argv += [f"--rate={self.sample_rate_hz}", f"--latency-msec={latency_ms}"]
        recorder = Recorder(argv, self._env(), self.folder, self.sample_rate_hz)
        try:
            recorder.wait_for_sound()
            yield recorder
        finally:
            recorder.stop()

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "LC_ALL": "C"}


@pytest.fixture(scope="session")
def _null_sink_of_the_session() -> Iterator[NullSink]:
    missing = [program for program in ("pulseaudio", "pactl", "parec") if shutil.which(program) is None]
    if missing:
        pytest.fail(
            f"{', '.join(missing)} missing: apt-get install pulseaudio pulseaudio-utils libasound2-plugins"
        )
    sink = NullSink()
    sink.start()
    yield sink
    sink.close()


@pytest.fixture
def null_sink(_null_sink_of_the_session: NullSink, monkeypatch: pytest.MonkeyPatch) -> NullSink:
    """A sink at 48 kHz; what the test starts plays there."""
    for name, value in _null_sink_of_the_session.environment.items():
        monkeypatch.setenv(name, value)
    return _null_sink_of_the_session


@pytest.fixture
def own_null_sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSink]:
    """A sink that no other test uses, not yet started, to be killed and restarted; at 44.1 kHz."""
    sink = NullSink(44_100)
    for name, value in sink.environment.items():
        monkeypatch.setenv(name, value)
    yield sink
    sink.close()
