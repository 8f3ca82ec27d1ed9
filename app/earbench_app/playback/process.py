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
from typing import TYPE_CHECKING, Any

import numpy as np

from earbench_app.playback.control import Control
from earbench_app.playback.renderer import N_CHANNELS
from earbench_app.playback.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Frames = NDArray[np.float32]

_EXIT_WITHIN_S = 4.0


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
        os._exit(1)  # PortAudio hangs, waiting for a server that does not answer

    def _set_playlist(self, message: dict[str, Any]) -> None:
        self._playlist = (message["generation"], message["rate_hz"], message["playlist"])
        wanted = {(clip, message["rate_hz"]) for clip in message["playlist"]}
        self._frames = {key: frames for key, frames in self._frames.items() if key in wanted}
        self._pass_on()

    def _read_clip(self, clip: int, rate_hz: int, n_frames: int) -> None:
        frames = np.empty((n_frames, N_CHANNELS), np.float32)
        if self._input.readinto(frames.data.cast("B")) == frames.nbytes:
            self._frames[clip, rate_hz] = frames
            self._pass_on()

    def _pass_on(self) -> None:
        generation, rate_hz, clips = self._playlist
        stimuli = [self._frames.get((clip, rate_hz)) for clip in clips]
        self._voice.playlists.append((generation, rate_hz, stimuli))


def main() -> None:
    """Run the process; its arguments: the handle of the shared memory, latencies by output as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the interface
    voice = Voice(Control(sys.argv[1]))
    reader = SampleReader(voice)
    threading.Thread(target=reader.run, daemon=True).start()
    from earbench_app.playback.keeper import Keeper  # only now: PortAudio starts with it, and may hang

    sys.setswitchinterval(0.0005)  # so that the callback need not wait for the other threads
    gc.disable()
    gc.freeze()
    Keeper(voice, reader, json.loads(sys.argv[2])).run()


if __name__ == "__main__":
    main()
