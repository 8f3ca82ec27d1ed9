"""What the audio process counts, without a device."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earbench_app.playback import voice as voice_module
from earbench_app.playback.control import Control, Op
from earbench_app.playback.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 480
RATE_HZ = 48_000


class Device:
    """Calls back as PortAudio does; `now_s` is its clock and the program's."""

    def __init__(self, voice: Voice) -> None:
        self.now_s, self._voice = 0.0, voice

    def call(self, after_s: float, *, underflow: bool = False) -> None:
        self.now_s += after_s
        times = SimpleNamespace(currentTime=self.now_s, outputBufferDacTime=self.now_s)
        flags = SimpleNamespace(output_underflow=underflow)
        self._voice.callback(np.zeros((BLOCK, 2), np.float32), BLOCK, times, flags)  # type: ignore[arg-type]


@pytest.fixture
def control() -> Iterator[Control]:
    control = Control()
    yield control
    control.close()


def test_an_underrun_counts_only_while_something_plays(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Voice(control)
    device = Device(voice)
    monkeypatch.setattr(voice_module.time, "perf_counter", lambda: device.now_s)
    device.call(0.01)
    device.call(0.01, underflow=True)  # while the machine is busy with something else
    device.call(0.5)
    assert control.n_underruns == 0
    voice.playlists.append((1, RATE_HZ, [np.ones((RATE_HZ, 2), np.float32)]))
    control.send(Op.LOAD, 1, 1, 1.0)
    control.send(Op.PLAY)
    device.call(0.01)
    device.call(0.01)
    assert control.n_underruns == 0
    device.call(0.1)
    assert control.n_underruns == 1
