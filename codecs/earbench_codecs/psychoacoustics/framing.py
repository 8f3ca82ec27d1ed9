"""Cut samples into overlapping frames, a bounded number at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

FRAMES_AT_ONCE = 2048


def frame_count(n_samples: int, n_fft: int, hop: int) -> int:
    """Return how many frames cover the samples, the last one filled up with zeros; at least 1."""
    return 1 + max(0, -(-(n_samples - n_fft) // hop))


def frame_times_s(n_samples: int, n_fft: int, hop: int, sample_rate_hz: float) -> NDArray[np.float64]:
    """Return the middle of each frame in seconds; the first frame starts with the first sample."""
    starts = np.arange(frame_count(n_samples, n_fft, hop)) * hop
    return np.asarray((starts + n_fft / 2) / sample_rate_hz)


def frame_chunks(samples: NDArray[np.float32], n_fft: int, hop: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield (which frames, frames [F, n_fft]) for samples [T], at most `FRAMES_AT_ONCE` at a time."""
    count = frame_count(len(samples), n_fft, hop)
    for first in range(0, count, FRAMES_AT_ONCE):
        after = min(count, first + FRAMES_AT_ONCE)
        piece = torch.tensor(samples[first * hop : (after - 1) * hop + n_fft])
        missing = (after - 1 - first) * hop + n_fft - len(piece)
        yield slice(first, after), torch.nn.functional.pad(piece, (0, missing)).unfold(0, n_fft, hop)
