"""What a metric compares: two clips of one shape and rate, taken apart alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.metrics.measurement import MetricError, NotApplicableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

BLOCK_SAMPLES = 1 << 18
BLOCK_FRAMES = 512


def check_pair(reference: AudioClip, test: AudioClip) -> None:
    """Refuse clips that differ in rate, channels or length.

    Raises
    ------
    MetricError
        Says what differs. Nothing is resampled, cut or shifted to make clips fit: a figure must not
        hide a misalignment.
    """
    for what, one, other in (
        ("sample rate (Hz)", reference.sample_rate_hz, test.sample_rate_hz),
        ("number of channels", reference.n_channels, test.n_channels),
        ("length (samples)", reference.n_samples, test.n_samples),
    ):
        if one != other:
            raise MetricError(
                f"the {what} differs: reference {one}, test {other}; "
                "bring the test to the reference's format, aligned to the sample"
            )


def refuse_silence(reference: NDArray[np.float32]) -> None:
    """Raise NotApplicableError for a silent reference: packages score it, with meaningless numbers."""
    if not reference.any():
        raise NotApplicableError("the reference is silent")


def float64_blocks(
    reference: AudioClip, test: AudioClip
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield both clips' samples [C, B] in double precision, a block at a time, to bound memory."""
    for start in range(0, reference.n_samples, BLOCK_SAMPLES):
        block = np.s_[:, start : start + BLOCK_SAMPLES]
        yield reference.samples[block].astype(np.float64), test.samples[block].astype(np.float64)


def float64_frames(
    reference: AudioClip, test: AudioClip, n_frame: int, hop: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield both clips' whole frames [C, F, n_frame] in double precision, some hundreds at a time.

    Raises
    ------
    NotApplicableError
        The clips are shorter than a frame.
    """
    if reference.n_samples < n_frame:
        raise NotApplicableError(f"the clip is shorter than one frame of {n_frame} samples")
    windows = [
        np.lib.stride_tricks.sliding_window_view(clip.samples, n_frame, axis=1)[:, ::hop]
        for clip in (reference, test)
    ]
    for start in range(0, windows[0].shape[1], BLOCK_FRAMES):
        block = np.s_[:, start : start + BLOCK_FRAMES]
        yield windows[0][block].astype(np.float64), windows[1][block].astype(np.float64)
