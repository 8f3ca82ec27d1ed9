"""What a device's callback runs."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from earbench_app.playback.control import Block, Control, Op
from earbench_app.playback.renderer import Renderer

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import sounddevice as sd
    from numpy.typing import NDArray

    Frames = NDArray[np.float32]
    Playlist = tuple[
        int, int, list[Frames | None]
    ]  # generation, rate in Hz, stimuli as far as they are there

SILENT_FOR_S = 1.0  # a running stream whose callback is not called for so long is dead
_SAME_DROPOUT_S = 0.02  # PortAudio tells several callbacks of one
_LATE_S = 0.002  # by how much the clock of a device may jitter


class Voice:
    """Obeys commands, renders, and publishes what is heard."""

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
            if self.unheard_s > 0:  # of silence, nothing was missed
                self._control.count_underrun()
            self.ran_dry = now_s < self._dry_at_s + SILENT_FOR_S  # else the machine slept
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
