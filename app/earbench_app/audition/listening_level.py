"""What is far beyond full scale is played softer: a coder that was hardly trained can be painfully loud."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from earbench_codecs.clip import AudioClip

TOLERATED_DB = 3.0
"""Over full scale: ordinary codecs of loud music get there, and are played as they are."""
_LEAST_DB = 0.05  # that is shown


@dataclass(frozen=True, slots=True, eq=False)
class Playable:
    """Audio as the player gets it.

    Parameters
    ----------
    clip : AudioClip
    over_db : float
        By how much the peak of the audio itself exceeds full scale, 0 where it does not.
    lowered_db : float
        How much softer `clip` is than the audio.
    """

    clip: AudioClip
    over_db: float = 0.0
    lowered_db: float = 0.0

    @property
    def note(self) -> str:
        """What is to be known of it; empty for audio within full scale that is played as it is."""
        over = f"peak {self.over_db:.1f} dB over full scale" if self.over_db >= _LEAST_DB else ""
        if not self.lowered_db:
            return over
        return f"played {self.short_note}: {over or 'so is the original'}"

    @property
    def short_note(self) -> str:
        """How much softer it is played; empty where it is not."""
        return f"{self.lowered_db:.1f} dB lower" if self.lowered_db else ""


def playable(audio: AudioClip, as_original_db: float = 0.0) -> Playable:
    """Return audio as it can be listened to.

    Parameters
    ----------
    audio : AudioClip
    as_original_db : float
        By how much its original is played softer, and it with it. Where its peak is still more than
        `TOLERATED_DB` over full scale, it is brought down to full scale.
    """
    peak = max(float(audio.samples.max()), -float(audio.samples.min()))
    over_db = max(0.0, 20 * math.log10(peak)) if peak > 0 else 0.0
    lowered_db = over_db if over_db - as_original_db > TOLERATED_DB else as_original_db
    if not lowered_db:
        return Playable(audio, over_db)
    lowered = audio.samples * np.float32(10 ** (-lowered_db / 20))
    lowered.flags.writeable = False  # an hour of audio need not be copied
    return Playable(audio.with_samples(lowered), over_db, lowered_db)
