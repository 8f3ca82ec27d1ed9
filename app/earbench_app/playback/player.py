"""What presenters ask of a player: `engine.py` drives a device, `fake.py` a clock that a test controls."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.clip import AudioClip

MIN_LOOP_S = 0.5
FADE_S = 0.005
LATENCIES_S = (0.02, 0.04, 0.08, 0.12)  # asked of a device: the first, and after an underrun the next


class DeviceState(StrEnum):
    """Whether sound can come out."""

    OPENING = "opening"
    READY = "ready"
    MISSING = "missing"  # no device at all
    LOST = "lost"  # it went away; the player keeps its position and tries again


@dataclass(frozen=True, slots=True)
class OutputDevice:
    """An output to choose. `key` is stable across restarts and may be stored in settings."""

    key: str
    name: str
    sample_rate_hz: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class PlayerStatus:
    """A snapshot, cheap enough to take at every repaint.

    Parameters
    ----------
    playing : bool
    position_s : float
        Of the sound now at the device (output latency taken off), within the stimuli.
    duration_s : float
        Of the loaded stimuli; 0 with none.
    stimulus : int
        Index of the stimulus heard, or being faded to.
    loop_s : (float, float) or None
    gain_db : float
    device : DeviceState
    device_name : str
    device_rate_hz : int
    latency_s : float
        From the playhead to the ear, as far as the system knows; 0 while there is no device. It grows with
        underruns, up to a bound.
    n_underruns : int
        Since start.
    message : str
        For a banner when the device is not ready; empty otherwise.
    """

    playing: bool = False
    position_s: float = 0.0
    duration_s: float = 0.0
    stimulus: int = 0
    loop_s: tuple[float, float] | None = None
    gain_db: float = 0.0
    device: DeviceState = DeviceState.OPENING
    device_name: str = ""
    device_rate_hz: int = 0
    latency_s: float = 0.0
    n_underruns: int = 0
    message: str = ""


class Player(Protocol):
    """One playhead over several equal-length stimuli; every method returns at once.

    Switching stimuli, looping and seeking while playing fade out for 5 ms and then in for 5 ms with
    raised-cosine ramps, never a cross-fade (BS.1534-3); the playhead goes on meanwhile.
    """

    def load(self, stimuli: Sequence[AudioClip]) -> None:
        """Replace the stimuli: all of one length, rate and channel count (mono goes to both ears).

        Stops, clears the loop and goes to the start. Raises ValueError where they differ.
        """

    def update(self, stimuli: Sequence[AudioClip]) -> None:
        """Add to or change the list while playing goes on: same length, rate and channels as those loaded."""

    def replace(self, index: int, clip: AudioClip) -> None:
        """Give a stimulus other samples, also while it sounds: the old ones sound until the new are there.

        Then it is a switch like any other. Raises IndexError where there is no such stimulus.
        """

    def play(self) -> None:
        """Start at the playhead; from the start, if it stands at the end."""

    def pause(self) -> None:
        """Fade out and hold the position."""

    def stop(self) -> None:
        """Fade out and go to the loop's start, or to 0."""

    def select(self, index: int) -> None:
        """Switch to another stimulus, at the same position."""

    def seek(self, position_s: float) -> None:
        """Move the playhead, clamped to the stimuli."""

    def set_loop(self, region_s: tuple[float, float] | None) -> None:
        """Loop a region of at least 500 ms, or none. Raises ValueError on a shorter one."""

    def set_gain_db(self, gain_db: float) -> None:
        """Set the output gain, ramped without a click; the same for all stimuli."""

    def devices(self) -> list[OutputDevice]:
        """List the outputs there are now."""

    def set_device(self, key: str | None) -> None:
        """Choose an output; None follows the system's default."""

    def status(self) -> PlayerStatus:
        """Return a snapshot."""

    def close(self) -> None:
        """Release the device and all memory."""
