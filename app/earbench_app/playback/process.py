"""The audio process: a device's callback, with nothing beside it that could make it late.

It is started by `engine.EnginePlayer`, lives as long as its standard input is open, and imports numpy and
PortAudio and nothing else. Commands come through shared memory and are obeyed at the start of a block.
Samples come through standard input, news about the device go to standard output, as lines of JSON; that of
a clip is followed by its samples.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import sounddevice as sd

from earbench_app.playback import device
from earbench_app.playback.control import Block, Control, Op
from earbench_app.playback.player import DeviceState
from earbench_app.playback.renderer import Renderer
from earbench_app.playback.scheduling import RealtimeKit, raise_priority

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Frames = NDArray[np.float32]
    Playlist = tuple[
        int, int, list[Frames | None]
    ]  # generation, rate in Hz, stimuli as far as they are there

_TICK_S = 0.05
_RETRY_S = 1.0
_SILENT_FOR_S = 1.0  # a running stream whose callback is not called for so long is dead
_CLOSE_WITHIN_S = 3.0
_EXIT_WITHIN_S = 4.0
_SAME_DROPOUT_S = 0.02  # PortAudio tells several callbacks of one
_LATE_S = 0.002  # by how much the clock of a device may jitter
_PORTAUDIO_PAUSES_S = 0.25


class Voice:
    """What the callback runs: obeys commands, renders, and publishes what is heard."""

    def __init__(self, control: Control) -> None:
        self.renderer = Renderer(48_000)
        self.playlists: deque[Playlist] = deque()  # appended to by the reader of samples
        self.last_called_s = 0.0
        self.unheard_s = 0.0  # how much of what was rendered the device had yet to play
        self.ran_dry = False  # since the stream's start, for so short a time that more latency would help
        self._control = control
        self._generation = 0
        self._dry_at_s = float("inf")
        self._dropped_out_s = float("-inf")
        self._handlers: dict[Op, Callable[..., None]] = {
            Op.LOAD: self._load,
            Op.PLAY: lambda *_: self.renderer.play(),
            Op.PAUSE: lambda *_: self.renderer.pause(),
            Op.STOP: lambda *_: self.renderer.stop(),
            Op.SELECT: lambda index, *_: self.renderer.select(int(index)),
            Op.SEEK: lambda position_s, *_: self.renderer.seek(position_s),
            Op.SET_LOOP: lambda start_s, end_s, _: self.renderer.set_loop((start_s, end_s)),
            Op.CLEAR_LOOP: lambda *_: self.renderer.set_loop(None),
            Op.SET_GAIN: lambda gain, *_: self.renderer.set_gain(gain),
        }

    def start(self, sample_rate_hz: int) -> None:
        """Get ready for a stream; nothing calls back yet."""
        if sample_rate_hz != self.renderer.sample_rate_hz:
            self.renderer.retune(sample_rate_hz)
        self.last_called_s = 0.0
        self._dry_at_s = float("inf")
        self.ran_dry = False

    def halt(self) -> None:
        """Go back to what was last heard; the stream is gone."""
        self.renderer.rewind(round(self.unheard_s * self.renderer.sample_rate_hz))
        self.unheard_s = self.last_called_s = 0.0

    def callback(self, out: Frames, n_frames: int, time_info: Any, flags: sd.CallbackFlags) -> None:
        """Fill one block; PortAudio's thread."""
        now_s = time.perf_counter()
        self.last_called_s = now_s
        block_s = n_frames / self.renderer.sample_rate_hz
        buffered_s = time_info.outputBufferDacTime - time_info.currentTime
        ran_dry = now_s > self._dry_at_s + _LATE_S and buffered_s < block_s
        if (flags.output_underflow or ran_dry) and now_s > self._dropped_out_s + _SAME_DROPOUT_S:
            self._dropped_out_s = now_s
            self._control.count_underrun()
            self.ran_dry = now_s < self._dry_at_s + _SILENT_FOR_S  # else the machine slept
        self._dry_at_s = now_s + buffered_s + block_s
        self._obey()
        block = self._next_block(now_s + buffered_s)
        self.renderer.render(out)
        self.unheard_s = buffered_s + block_s if block.advancing else 0.0
        self._control.publish(block)

    def idle(self) -> None:
        """Obey commands while there is no stream to call back."""
        self._obey()
        self._control.publish(self._next_block(time.perf_counter()))

    def _next_block(self, heard_at_s: float) -> Block:
        renderer = self.renderer
        return Block(
            heard_at_s,
            renderer.position / renderer.sample_rate_hz,
            renderer.advancing and self.last_called_s > 0,
            renderer.playing,
            self._control.n_handled,
        )

    def _obey(self) -> None:
        while (command := self._control.receive()) is not None:
            op, *arguments = command
            self._handlers[op](*arguments)
        while self.playlists:
            generation, rate_hz, stimuli = self.playlists.popleft()
            if generation == self._generation and rate_hz == self.renderer.sample_rate_hz:
                self.renderer.attach(stimuli)

    def _load(self, generation: float, n_stimuli: float, duration_s: float) -> None:
        self._generation = int(generation)
        self.renderer.load(int(n_stimuli), round(duration_s * self.renderer.sample_rate_hz))


class SampleReader:
    """Takes in samples and wishes from standard input; its thread sleeps unless something arrives."""

    def __init__(self, voice: Voice) -> None:
        self.device_key: str | None = None
        self.device_asked_at = 0  # counts the wishes
        self.open = True
        self._voice = voice
        self._input = io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
        self._frames: dict[tuple[int, int], Frames] = {}  # by clip and rate
        self._playlist: tuple[int, int, Sequence[int]] = (0, 0, ())

    def run(self) -> None:
        """Read until the other side closes, or dies."""
        while line := self._input.readline():
            message = json.loads(line)
            if "device" in message:
                self.device_key = message["device"]
                self.device_asked_at += 1
            elif "playlist" in message:
                self._set_playlist(message)
            else:
                self._read_clip(message["clip"], message["rate_hz"], message["n_frames"])
        self.open = False
        time.sleep(_EXIT_WITHIN_S)
        os._exit(1)  # the keeper hangs in PortAudio, which waits for a dead server

    def _set_playlist(self, message: dict[str, Any]) -> None:
        self._playlist = (message["generation"], message["rate_hz"], message["playlist"])
        wanted = {(clip, message["rate_hz"]) for clip in message["playlist"]}
        self._frames = {key: frames for key, frames in self._frames.items() if key in wanted}
        self._pass_on()

    def _read_clip(self, clip: int, rate_hz: int, n_frames: int) -> None:
        frames = np.empty((n_frames, device.N_CHANNELS), np.float32)
        if self._input.readinto(frames.data.cast("B")) == frames.nbytes:
            self._frames[clip, rate_hz] = frames
            self._pass_on()

    def _pass_on(self) -> None:
        generation, rate_hz, clips = self._playlist
        stimuli = [self._frames.get((clip, rate_hz)) for clip in clips]
        self._voice.playlists.append((generation, rate_hz, stimuli))


class Keeper:
    """Keeps a stream open: chooses the output, notices when it dies, and tries again.

    A stream that runs dry is opened anew with more latency: where the system does not let audio run before
    everything else, that is what keeps a busy machine from being heard.

    Parameters
    ----------
    voice : Voice
    reader : SampleReader
    latencies_s : dict
        By output, the latency found necessary by a process before this one.
    """

    def __init__(self, voice: Voice, reader: SampleReader, latencies_s: dict[str, float]) -> None:
        self._voice, self._reader, self._latencies_s = voice, reader, latencies_s
        self._stream: sd.OutputStream | None = None
        self._output: device.Output | None = None  # last opened
        self._realtime_kit = RealtimeKit()
        self._obeyed_wish = 0
        self._retry_at_s = 0.0
        self._was_open = False
        self._finished = threading.Event()
        self._parent = os.getppid()

    def run(self) -> None:
        """Go on until the interface closes standard input or is gone."""
        while self._reader.open and os.getppid() == self._parent:
            if self._stream is None:
                self._voice.idle()
                if time.perf_counter() >= self._retry_at_s:
                    self._open()
            elif self._is_dead():
                self._close()
                self._retry_at_s = 0.0
                self._report(DeviceState.LOST)
            elif self._obeyed_wish != self._reader.device_asked_at:
                self._close()
                self._retry_at_s, self._was_open = 0.0, False
            elif self._voice.ran_dry:
                self._voice.ran_dry = False
                self._add_latency()
            time.sleep(_TICK_S)
        self._say_goodbye()

    def _open(self) -> None:
        self._obeyed_wish = self._reader.device_asked_at
        self._retry_at_s = time.perf_counter() + _RETRY_S
        key = self._reader.device_key
        device.rescan()
        found = device.outputs()
        output = device.chosen(found, key)
        if output is None:
            self._report(DeviceState.LOST if self._was_open else DeviceState.MISSING, found=found)
            return
        self._start(output, found)

    def _start(self, output: device.Output, found: Sequence[device.Output] | None = None) -> None:
        self._finished.clear()
        self._voice.start(output.sample_rate_hz)
        try:
            self._stream = device.open_stream(
                output,
                self._reader.device_key is None,
                self._latencies_s.get(output.key, device.LATENCIES_S[0]),
                self._voice.callback,
                self._finished.set,
            )
            self._stream.start()
        except sd.PortAudioError as error:
            self._close()
            self._report(DeviceState.LOST if self._was_open else DeviceState.MISSING, str(error), found)
            return
        self._output, self._was_open = output, True
        self._report(DeviceState.READY, found=found)
        self._realtime_kit.raise_threads()

    def _add_latency(self) -> None:
        """Open the stream anew with the next higher latency, from what was last heard."""
        if self._output is None:
            return
        now_s = self._latencies_s.get(self._output.key, device.LATENCIES_S[0])
        higher = [latency_s for latency_s in device.LATENCIES_S if latency_s > now_s]
        if higher:
            self._latencies_s[self._output.key] = higher[0]
            self._close()
            self._start(self._output)

    def _is_dead(self) -> bool:
        called_s = self._voice.last_called_s
        silent = called_s > 0 and time.perf_counter() - called_s > _SILENT_FOR_S
        return silent or self._finished.is_set()

    def _close(self) -> None:
        """Close the stream. PortAudio may hang on a dead server: then a new process is the way out."""
        if self._stream is not None:
            hung = threading.Timer(_CLOSE_WITHIN_S, os._exit, [1])
            hung.daemon = True
            hung.start()
            self._stream.close(ignore_errors=True)
            hung.cancel()
            self._stream = None
        self._voice.halt()

    def _report(
        self, state: DeviceState, reason: str = "", found: Sequence[device.Output] | None = None
    ) -> None:
        news = {
            "state": state,
            "name": self._output.name if self._output else "",
            "rate_hz": self._voice.renderer.sample_rate_hz,
            "latency_s": self._stream.latency if self._stream else 0.0,
            "asked_latencies_s": self._latencies_s,
            "reason": reason,
            "key": self._reader.device_key,
            "outputs": None if found is None else [output.as_json() for output in found],
        }
        sys.stdout.write(json.dumps(news) + "\n")
        sys.stdout.flush()

    def _say_goodbye(self) -> None:
        self._voice.renderer.pause()
        time.sleep(_PORTAUDIO_PAUSES_S if self._stream else 0)
        self._close()


def main() -> None:
    """Run the process; its arguments: the handle of the shared memory, latencies by output as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the interface
    raise_priority()
    voice = Voice(Control(sys.argv[1]))
    reader = SampleReader(voice)
    threading.Thread(target=reader.run, daemon=True).start()
    sys.setswitchinterval(0.0005)  # so that the callback need not wait for the other threads
    gc.disable()
    gc.freeze()
    Keeper(voice, reader, json.loads(sys.argv[2])).run()


if __name__ == "__main__":
    main()
