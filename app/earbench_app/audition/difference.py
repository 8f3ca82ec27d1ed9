"""The difference signal: what a codec added and took away, made loud enough to be heard."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from earbench_codecs.clip import AudioClip


@dataclass(frozen=True, slots=True)
class Difference:
    """Version minus original, with gain.

    Parameters
    ----------
    clip : AudioClip
    asked_db : float
        The make-up gain asked for.
    applied_db : float
        What was applied: lower where the peak would have passed full scale.
    """

    clip: AudioClip
    asked_db: float
    applied_db: float

    @property
    def reduced(self) -> bool:
        """Whether full scale forced a lower gain."""
        return self.applied_db < self.asked_db


def difference(original: AudioClip, version: AudioClip, makeup_db: float) -> Difference:
    """Subtract sample by sample, then amplify, never beyond full scale."""
    return amplified(original.with_samples(version.samples - original.samples), makeup_db)


def amplified(noise: AudioClip, makeup_db: float) -> Difference:
    """Amplify a difference signal, never beyond full scale."""
    peak = max(float(noise.samples.max()), -float(noise.samples.min()))
    room_db = -20 * math.log10(peak) if peak > 0 else math.inf
    applied_db = min(makeup_db, room_db)
    scaled = noise.samples * np.float32(10 ** (applied_db / 20))
    np.clip(scaled, -1, 1, out=scaled)  # for the last bit of rounding
    scaled.flags.writeable = False  # an hour of audio need not be copied
    return Difference(noise.with_samples(scaled), makeup_db, applied_db)
