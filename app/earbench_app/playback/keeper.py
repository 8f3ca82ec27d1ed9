"""Keeps an output open in the audio process, whatever becomes of devices and sound servers."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import sounddevice as sd

from earbench_app.playback import device
from earbench_app.playback.player import LATENCIES_S, DeviceState
from earbench_app.playback.scheduling import RealtimeKit, lower_priority, raise_priority
from earbench_app.playback.voice import SILENT_FOR_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.playback.process import SampleReader
    from earbench_app.playback.voice import Voice

_TICK_S = 0.05
_RETRY_S = 1.0
_CLOSE_WITHIN_S = 3.0
_PORTAUDIO_PAUSES_S = 0.25


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
        raise_priority()  # the threads that come with the stream inherit it
        self._voice.start(output.sample_rate_hz)
        try:
            self._stream = device.open_stream(
                output,
                self._reader.device_key is None,
                self._latencies_s.get(output.key, LATENCIES_S[0]),
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
        now_s = self._latencies_s.get(self._output.key, LATENCIES_S[0])
        higher = [latency_s for latency_s in LATENCIES_S if latency_s > now_s]
        if higher:
            self._latencies_s[self._output.key] = higher[0]
            self._close()
            self._start(self._output)

    def _is_dead(self) -> bool:
        called_s = self._voice.last_called_s
        silent = called_s > 0 and time.perf_counter() - called_s > SILENT_FOR_S
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
        lower_priority()  # looking for outputs takes time, which another player may need
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
