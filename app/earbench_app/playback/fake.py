"""A player without a device: a test moves its clock by hand and hears exactly what would be played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earbench_app.playback.player import DeviceState, OutputDevice, PlayerStatus
from earbench_app.playback.renderer import Renderer
from earbench_app.playback.stimuli import check_alike, check_fits, checked_index, checked_loop, to_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

FAKE_DEVICES = [
    OutputDevice("headphones", "Headphones", 48_000, is_default=True),
    OutputDevice("speakers", "Speakers", 48_000, is_default=False),
]


class FakePlayer:
    """Implements `Player` with the real renderer, at the stimuli's own rate and with no latency.

    Examples
    --------
    >>> player.load([reference, coded])
    >>> player.play()
    >>> player.advance(1.5)
    >>> player.status().position_s
    1.5
    """

    def __init__(self) -> None:
        self.closed = False
        self.stimuli: list[AudioClip] = []
        self._rate_hz = 48_000
        self._frames: dict[AudioClip, NDArray[np.float32]] = {}
        self._renderer = Renderer(self._rate_hz)
        self._loop_s: tuple[float, float] | None = None
        self._gain_db = 0.0
        self._device, self._message = DeviceState.READY, ""
        self._device_key: str | None = None

    def advance(self, seconds: float) -> NDArray[np.float32]:
        """Let time pass; return what was heard, [n, 2]. Nothing moves while the device is away."""
        heard = np.zeros((round(seconds * self._rate_hz), 2), np.float32)
        if self._device is DeviceState.READY:
            self._renderer.render(heard)
        return heard

    def set_device_state(self, state: DeviceState, message: str = "") -> None:
        """Take the device away, or bring it back."""
        self._device, self._message = state, message

    def load(self, stimuli: Sequence[AudioClip]) -> None:
        """See `Player.load`."""
        check_alike(stimuli)
        self._rate_hz = stimuli[0].sample_rate_hz if stimuli else 48_000
        self._renderer = Renderer(self._rate_hz, self._gain())
        self._renderer.load(len(stimuli), stimuli[0].n_samples if stimuli else 0)
        self._loop_s = None
        self._attach(stimuli)

    def update(self, stimuli: Sequence[AudioClip]) -> None:
        """See `Player.update`."""
        check_fits(stimuli, self.stimuli)
        if not self.stimuli:
            self.load(stimuli)
        self._attach(stimuli)
        self._renderer.select(max(0, min(self._renderer.index, len(stimuli) - 1)))

    def replace(self, index: int, clip: AudioClip) -> None:
        """See `Player.replace`."""
        place = checked_index(index, len(self.stimuli))
        self.update([clip if i == place else one for i, one in enumerate(self.stimuli)])

    def _attach(self, stimuli: Sequence[AudioClip]) -> None:
        self.stimuli = list(stimuli)
        known = self._frames
        missing = {clip: to_frames(clip, self._rate_hz) for clip in stimuli if clip not in known}
        self._frames = {clip: frames for clip, frames in (known | missing).items() if clip in stimuli}
        self._renderer.attach([self._frames[clip] for clip in stimuli])

    def _gain(self) -> float:
        return float(10 ** (self._gain_db / 20))

    def play(self) -> None:
        """See `Player.play`."""
        self._renderer.play()

    def pause(self) -> None:
        """See `Player.pause`."""
        self._renderer.pause()

    def stop(self) -> None:
        """See `Player.stop`."""
        self._renderer.stop()

    def select(self, index: int) -> None:
        """See `Player.select`. Raises IndexError where there is no such stimulus."""
        self._renderer.select(checked_index(index, len(self.stimuli)))

    def seek(self, position_s: float) -> None:
        """See `Player.seek`."""
        self._renderer.seek(position_s)

    def set_loop(self, region_s: tuple[float, float] | None) -> None:
        """See `Player.set_loop`."""
        self._loop_s = checked_loop(region_s, self.status().duration_s)
        self._renderer.set_loop(self._loop_s)

    def set_gain_db(self, gain_db: float) -> None:
        """See `Player.set_gain_db`."""
        self._gain_db = gain_db
        self._renderer.set_gain(self._gain())

    def devices(self) -> list[OutputDevice]:
        """See `Player.devices`."""
        return list(FAKE_DEVICES)

    def set_device(self, key: str | None) -> None:
        """See `Player.set_device`."""
        self._device_key = key

    def status(self) -> PlayerStatus:
        """See `Player.status`."""
        device = next(d for d in FAKE_DEVICES if d.key == self._device_key or self._device_key is None)
        return PlayerStatus(
            playing=self._renderer.playing,
            position_s=self._renderer.position / self._rate_hz,
            duration_s=self.stimuli[0].duration_s if self.stimuli else 0.0,
            stimulus=self._renderer.index,
            loop_s=self._loop_s,
            gain_db=self._gain_db,
            device=self._device,
            device_name=device.name,
            device_rate_hz=self._rate_hz,
            message=self._message,
        )

    def close(self) -> None:
        """See `Player.close`."""
        self._renderer.pause()
        self.closed = True
