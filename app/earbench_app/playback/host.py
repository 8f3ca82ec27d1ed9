"""Starts the audio process, feeds it samples, listens to it, and starts it again when it dies."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any, cast

from earbench_app.playback.player import DeviceState, OutputDevice
from earbench_app.playback.stimuli import to_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.playback.control import Control
    from earbench_codecs.clip import AudioClip

_PIPE_BYTES = 1 << 20  # where the system lets us choose
_START_AGAIN_AFTER_S, _START_AGAIN_WITHIN_S = 0.1, 10.0
_LIVED_S = 10.0  # a process that dies sooner has a reason that may last
_EXIT_WITHIN_S = 2.0
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


@dataclass(frozen=True, slots=True)
class News:
    """What the audio process last said of its device.

    Parameters
    ----------
    state : DeviceState
    name : str
        Of the output last opened.
    rate_hz : int
    latency_s : float
        Of the open stream; 0 with none.
    asked_latencies_s : dict
        By output, the latency that was asked for after underruns.
    reason : str
        Why it could not be opened, in the system's words.
    key : str or None
        The output that was asked for; None for the default.
    """

    state: DeviceState = DeviceState.OPENING
    name: str = ""
    rate_hz: int = 0
    latency_s: float = 0.0
    asked_latencies_s: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the audio process should have: stimuli at the device's rate, and a device.

    Those `first` take the place of others that may sound: their samples go before the list that names them.
    """

    generation: int = 0
    stimuli: tuple[AudioClip, ...] = ()
    first: frozenset[AudioClip] = frozenset()
    device_key: str | None = None
    n_device_wishes: int = 0


class Host:
    """The audio process as the interface sees it; two threads, and no method waits for them.

    Parameters
    ----------
    control : Control
    restate : callable
        Writes the whole state of the player as commands; called before each start of the process.
    """

    def __init__(self, control: Control, restate: Callable[[], None]) -> None:
        self.news = News()
        self.outputs: list[OutputDevice] = []
        self._control, self._restate = control, restate
        self._wish = _Wish()
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._looking = threading.Lock()

    def start(self) -> None:
        """Start the threads, and with them the process."""
        for run in (self._supervise, self._feed):
            threading.Thread(target=run, name=f"audio {run.__name__}", daemon=True).start()

    def feed(
        self, generation: int, stimuli: Sequence[AudioClip], first: frozenset[AudioClip] = frozenset()
    ) -> None:
        """Have these stimuli brought to the device's rate and sent, some of them before they are listed."""
        with self._changed:
            self._wish = replace(self._wish, generation=generation, stimuli=tuple(stimuli), first=first)
            self._changed.notify_all()

    def set_device(self, key: str | None) -> None:
        """Have another output opened."""
        with self._changed:
            wish = self._wish
            self._wish = replace(wish, device_key=key, n_device_wishes=wish.n_device_wishes + 1)
            self._changed.notify_all()

    def restart(self) -> None:
        """Start the process anew; it has stopped to listen."""
        if self._process is not None:
            self._process.kill()

    def look_for_outputs(self) -> None:
        """List the outputs in a process of its own, for PortAudio cannot look again while it plays."""
        if self._looking.acquire(blocking=False):
            threading.Thread(target=self._look, name="audio outputs", daemon=True).start()

    def close(self) -> None:
        """Let the process fade out and exit; it would do so too if we died."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def _look(self) -> None:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "earbench_app.playback.device"],
                capture_output=True,
                timeout=10,
                creationflags=_NO_WINDOW,
                check=True,
            )
            self._follow_default([OutputDevice(**output) for output in json.loads(done.stdout)])
        except (OSError, subprocess.SubprocessError):
            return  # the list stays as it was
        finally:
            self._looking.release()

    def _follow_default(self, found: list[OutputDevice]) -> None:
        was = [output.key for output in self.outputs if output.is_default]
        now = [output.key for output in found if output.is_default]
        self.outputs = found
        if was != now and self._wish.device_key is None and self.news.state is DeviceState.READY:
            self.set_device(None)  # the system has a new default

    def _supervise(self) -> None:
        pause_s = _START_AGAIN_AFTER_S
        while not self._closing:
            started_s = time.monotonic()
            with tempfile.TemporaryFile() as errors:
                self._run_process(errors)
                state = DeviceState.LOST if self.news.name else DeviceState.MISSING
                self.news = replace(
                    self.news,
                    state=state,
                    rate_hz=0,
                    latency_s=0.0,
                    reason=_last_line(errors),
                    key=self._wish.device_key,
                )
            if time.monotonic() - started_s > _LIVED_S:
                pause_s = _START_AGAIN_AFTER_S
            with self._changed:
                self._changed.wait_for(lambda: self._closing, pause_s)
            pause_s = min(2 * pause_s, _START_AGAIN_WITHIN_S)

    def _run_process(self, errors: IO[bytes]) -> None:
        """Start the process and listen to it until it exits."""
        self._restate()
        learnt = json.dumps(self.news.asked_latencies_s)
        argv = [sys.executable, "-m", "earbench_app.playback.process", self._control.handle, learnt]
        fds = () if self._control.fd is None else (self._control.fd,)
        with subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=fds,
            pipesize=_PIPE_BYTES,
            creationflags=_NO_WINDOW,
        ) as process:
            with self._changed:
                self._process = process
                self._changed.notify_all()
                if self._closing and process.stdin is not None:
                    process.stdin.close()
            with open(cast("IO[bytes]", process.stdout).fileno(), "rb", closefd=False) as news:
                for line in news:
                    self._listen(json.loads(line))
            process.wait()

    def _listen(self, message: dict[str, Any]) -> None:
        outputs = message.pop("outputs")
        if outputs is not None:
            self.outputs = [OutputDevice(**output) for output in outputs]
        message["state"] = DeviceState(message["state"])
        with self._changed:
            self.news = News(**message)
            self._changed.notify_all()

    def _feed(self) -> None:
        feeder = _Feeder()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._has_work(feeder))
                if self._closing:
                    break
                wish, rate_hz, process = self._wish, self.news.rate_hz, self._process
            if process is not None:
                feeder.send(process, wish, rate_hz, partial(self._is_current, wish))
        self._end_process()

    def _is_current(self, wish: _Wish) -> bool:
        return self._wish is wish and not self._closing

    def _has_work(self, feeder: _Feeder) -> bool:
        return self._process is not None and feeder.sent != (
            self._process.pid,
            self._wish,
            self.news.rate_hz,
        )

    def _end_process(self) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(_EXIT_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
        self._control.close()


class _Feeder:
    """Sends what the audio process does not have yet."""

    def __init__(self) -> None:
        self.sent: tuple[int, _Wish, int] | None = None
        self._there: dict[AudioClip, int] = {}  # clips at the present rate, with their numbers
        self._numbers = itertools.count(1)

    def send(
        self, process: subprocess.Popen[bytes], wish: _Wish, rate_hz: int, is_wanted: Callable[[], bool]
    ) -> None:
        """Send device, playlist and missing clips; stop early when something else is wanted."""
        pid, was, was_rate_hz = self.sent or (0, _Wish(), 0)
        if pid != process.pid:
            was = _Wish()
        if (pid, was_rate_hz) != (process.pid, rate_hz):
            self._there = {}
        self.sent = (process.pid, wish, rate_hz)
        try:
            if wish.n_device_wishes != was.n_device_wishes:
                _write(process, {"device": wish.device_key})
            if rate_hz > 0:
                self._send_stimuli(process, wish, rate_hz, is_wanted)
        except (OSError, ValueError):  # a ValueError from a pipe already closed
            return  # it died; the next one gets everything

    def _send_stimuli(
        self, process: subprocess.Popen[bytes], wish: _Wish, rate_hz: int, is_wanted: Callable[[], bool]
    ) -> None:
        there = self._there
        self._there = {clip: there[clip] for clip in wish.stimuli if clip in there}
        numbers = dict(self._there)
        for clip in wish.stimuli:
            numbers.setdefault(clip, next(self._numbers))
        for clip in wish.first:
            if is_wanted():
                self._send_clip(process, clip, numbers[clip], rate_hz)
        if not wish.first <= self._there.keys():
            return  # what sounds has to go on; a newer wish is waiting
        playlist = [numbers[clip] for clip in wish.stimuli]
        _write(process, {"playlist": playlist, "generation": wish.generation, "rate_hz": rate_hz})
        for clip, number in numbers.items():
            if is_wanted():
                self._send_clip(process, clip, number, rate_hz)

    def _send_clip(
        self, process: subprocess.Popen[bytes], clip: AudioClip, number: int, rate_hz: int
    ) -> None:
        if clip not in self._there:
            frames = to_frames(clip, rate_hz)
            _write(process, {"clip": number, "rate_hz": rate_hz, "n_frames": len(frames)}, frames.data)
            self._there[clip] = number


def _write(
    process: subprocess.Popen[bytes], message: dict[str, Any], payload: memoryview | None = None
) -> None:
    if process.stdin is None:
        return
    line = json.dumps(message).encode() + b"\n"
    for part in (memoryview(line), payload):
        rest = part.cast("B") if part is not None else memoryview(b"")
        while rest:
            rest = rest[process.stdin.write(rest) :]


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
