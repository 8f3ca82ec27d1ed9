"""Masking thresholds of a whole recording, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from earbench_codecs.psychoacoustics.bark import line_frequencies_hz
from earbench_codecs.psychoacoustics.framing import frame_chunks, frame_count, frame_times_s
from earbench_codecs.psychoacoustics.model1 import Model1, Model1Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DEFAULT_HOP = 256


@dataclass(frozen=True, slots=True, eq=False)
class Masking:
    """Level and masking threshold of a recording, line by line, on one scale.

    Parameters
    ----------
    frequencies_hz : ndarray, shape [K]
    times_s : ndarray, shape [F]
        Middle of each frame.
    level_db_spl, threshold_db_spl : ndarray of float32, shape [F, K]
    """

    frequencies_hz: NDArray[np.float64]
    times_s: NDArray[np.float64]
    level_db_spl: NDArray[np.float32]
    threshold_db_spl: NDArray[np.float32]


@lru_cache(maxsize=8)
def cached_model(settings: Model1Settings) -> Model1:
    """Return the model on the CPU; made once for each setting."""
    return Model1(settings)


def stream_masking(
    samples: NDArray[np.float32], settings: Model1Settings, hop: int = DEFAULT_HOP
) -> Iterator[Masking]:
    """Yield the masking of samples [T], some thousand frames at a time; memory stays bounded."""
    model = cached_model(settings)
    frequencies_hz = line_frequencies_hz(settings.n_fft, settings.sample_rate_hz)
    times_s = frame_times_s(len(samples), settings.n_fft, hop, settings.sample_rate_hz)
    with torch.no_grad():
        for which, frames in frame_chunks(samples, settings.n_fft, hop):
            both = model.signal_and_mask(frames)
            level, threshold = both.level_db_spl.numpy(), both.threshold_db_spl.numpy()
            yield Masking(frequencies_hz, times_s[which], level, threshold)


def masking(samples: NDArray[np.float32], settings: Model1Settings, hop: int = DEFAULT_HOP) -> Masking:
    """Return the masking of samples [T] in one piece; `stream_masking` is for long recordings.

    An hour at 44.1 kHz with an FFT of 512 and a hop of 256 is 1.3 GB.
    """
    n_frames = frame_count(len(samples), settings.n_fft, hop)
    level = np.empty((n_frames, settings.n_fft // 2 + 1), dtype=np.float32)
    threshold = np.empty_like(level)
    done = 0
    for part in stream_masking(samples, settings, hop):
        after = done + len(part.times_s)
        level[done:after], threshold[done:after] = part.level_db_spl, part.threshold_db_spl
        done = after
    times_s = frame_times_s(len(samples), settings.n_fft, hop, settings.sample_rate_hz)
    return Masking(line_frequencies_hz(settings.n_fft, settings.sample_rate_hz), times_s, level, threshold)
