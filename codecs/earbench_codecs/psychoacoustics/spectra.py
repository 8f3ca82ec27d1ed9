"""What the noise-versus-mask plot shows, and the part of the noise that lies above the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from earbench_codecs.psychoacoustics.bark import line_frequencies_hz
from earbench_codecs.psychoacoustics.framing import frame_chunks
from earbench_codecs.psychoacoustics.model1 import level_db
from earbench_codecs.psychoacoustics.nmr import check_alike, noise_to_mask_db
from earbench_codecs.psychoacoustics.recording import DEFAULT_HOP, cached_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.psychoacoustics.model1 import Model1, Model1Settings


@dataclass(frozen=True, slots=True, eq=False)
class NoiseVersusMask:
    """Signal, masking threshold and the noise of several versions, averaged in power over some frames.

    Parameters
    ----------
    frequencies_hz : ndarray, shape [K]
    level_db_spl, threshold_db_spl : ndarray, shape [K]
    noise_db_spl : mapping of a version's name to ndarray, shape [K]
    """

    frequencies_hz: NDArray[np.float64]
    level_db_spl: NDArray[np.float64]
    threshold_db_spl: NDArray[np.float64]
    noise_db_spl: Mapping[str, NDArray[np.float64]]


def noise_versus_mask(
    reference: NDArray[np.float32],
    versions: Mapping[str, NDArray[np.float32]],
    settings: Model1Settings,
    start: int,
    stop: int,
    hop: int = DEFAULT_HOP,
) -> NoiseVersusMask:
    """Return the spectra of samples [start, stop) of signals [T] of one length.

    A range shorter than a frame (`start == stop` at the playhead) gives the one frame around its middle.

    Raises
    ------
    InvalidAudioError
        A version differs from the reference in length.
    """
    start, stop = _at_least_a_frame(start, stop, settings.n_fft)
    for version in versions.values():
        check_alike(reference, version)
    signal = _cut(reference, start, stop)
    noises = [_cut(version, start, stop) - signal for version in versions.values()]
    with torch.no_grad():
        level, threshold, *noise = level_db(_mean_powers(cached_model(settings), signal, noises, hop)).numpy()
    frequencies_hz = line_frequencies_hz(settings.n_fft, settings.sample_rate_hz)
    return NoiseVersusMask(frequencies_hz, level, threshold, dict(zip(versions, noise, strict=True)))


def audible_noise(
    reference: NDArray[np.float32], test: NDArray[np.float32], settings: Model1Settings
) -> NDArray[np.float32]:
    """Return the noise [T] with all lines removed that do not exceed the masking threshold.

    Frames overlap by half; what is above the mask everywhere comes back unchanged.

    Raises
    ------
    InvalidAudioError
        The two differ in length.
    """
    check_alike(reference, test)
    half = settings.n_fft // 2
    padding = (half, half + -len(reference) % half)  # so that every sample lies in two frames
    signal, noise = (np.pad(x, padding) for x in (reference, test - reference))
    window = torch.hann_window(settings.n_fft, periodic=True)
    heard = np.zeros_like(noise)
    pairs = zip(
        frame_chunks(signal, settings.n_fft, half), frame_chunks(noise, settings.n_fft, half), strict=True
    )
    with torch.no_grad():
        for (which, frames), (_, noise_frames) in pairs:
            audible = noise_to_mask_db(cached_model(settings), frames, noise_frames) > 0
            lines = torch.fft.rfft(noise_frames * window) * audible
            first, second = (
                torch.fft.irfft(lines, n=settings.n_fft).numpy().reshape(-1, 2, half).swapaxes(0, 1)
            )
            begin, length = which.start * half, first.size
            heard[begin : begin + length] += first.ravel()
            heard[begin + half : begin + half + length] += second.ravel()
    return heard[half : half + len(reference)]


def _mean_powers(
    model: Model1, signal: NDArray[np.float32], noises: list[NDArray[np.float32]], hop: int
) -> Tensor:
    """Mean power [2 + noises, K] over the frames: signal, threshold, each noise."""
    total = torch.zeros(2 + len(noises), model.n_lines, dtype=torch.float64)
    count = 0
    chunks = (frame_chunks(samples, model.settings.n_fft, hop) for samples in (signal, *noises))
    for (_, frames), *noise_parts in zip(*chunks, strict=True):
        mask = model.signal_and_mask(frames)
        gain = 10 ** (mask.gain_db / 10)
        powers = [10 ** (mask.level_db_spl / 10), 10 ** (mask.threshold_db_spl / 10)]
        powers += [model.power(part) * gain for _, part in noise_parts]
        total += torch.stack([power.sum(dim=0, dtype=torch.float64) for power in powers])
        count += len(frames)
    return total / count


def _at_least_a_frame(start: int, stop: int, n_fft: int) -> tuple[int, int]:
    missing = max(0, n_fft - (stop - start))
    return start - missing // 2, stop + missing - missing // 2


def _cut(samples: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Return samples [start, stop), silent where they are none."""
    inside = samples[max(0, start) : max(0, stop)]
    before = min(max(0, -start), stop - start)
    return np.pad(inside, (before, stop - start - before - len(inside)))
