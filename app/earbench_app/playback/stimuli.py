"""Checks that every player makes of what it is given, and the form in which stimuli are rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earbench_app.playback.player import MIN_LOOP_S
from earbench_codecs.resampling import resampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

_ROUNDING_S = 1e-6  # a region of 500 ms that went through pixels or text is still one


def check_alike(stimuli: Sequence[AudioClip]) -> None:
    """Refuse stimuli that one playhead cannot play.

    Raises
    ------
    ValueError
        They differ in length, rate or channels, or have more than two channels.
    """
    formats = {(clip.n_samples, clip.sample_rate_hz, clip.n_channels) for clip in stimuli}
    if len(formats) > 1:
        listed = "; ".join(f"{n} samples, {rate} Hz, {ch} channels" for n, rate, ch in sorted(formats))
        raise ValueError(f"stimuli must be alike in length, rate and channels; these are: {listed}")
    if any(n_channels > 2 for _, _, n_channels in formats):
        raise ValueError("the player takes mono or stereo; mix the clip down before listening to it")


def check_fits(stimuli: Sequence[AudioClip], loaded: Sequence[AudioClip]) -> None:
    """Refuse an update that is not like what is loaded.

    Raises
    ------
    ValueError
        As `check_alike`, or there is nothing left.
    """
    if loaded and not stimuli:
        raise ValueError("an update cannot remove all stimuli; load an empty list instead")
    check_alike([*loaded[:1], *stimuli])


def checked_index(index: int, n_stimuli: int) -> int:
    """Return the index if there is such a stimulus, else raise IndexError."""
    if not 0 <= index < n_stimuli:
        raise IndexError(f"there is no stimulus {index}; {n_stimuli} are loaded")
    return index


def checked_loop(region_s: tuple[float, float] | None, duration_s: float) -> tuple[float, float] | None:
    """Clamp a loop region to the stimuli.

    Raises
    ------
    ValueError
        What is left is shorter than 500 ms.
    """
    if region_s is None:
        return None
    start_s, end_s = max(0.0, region_s[0]), min(duration_s, region_s[1])
    if end_s - start_s < MIN_LOOP_S - _ROUNDING_S:
        raise ValueError(f"a loop must be at least {1000 * MIN_LOOP_S:.0f} ms long (BS.1534-3)")
    return start_s, end_s


def to_frames(clip: AudioClip, sample_rate_hz: int) -> NDArray[np.float32]:
    """Return a clip's samples as [T, 2] at the device's rate (soxr VHQ), mono on both sides."""
    at_rate = resampled(clip, sample_rate_hz)
    samples = np.broadcast_to(at_rate.samples, (2, at_rate.n_samples))
    return np.ascontiguousarray(samples.T)
