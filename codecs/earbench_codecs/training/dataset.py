"""What a training step sees of a corpus: its split, and random frames that are the same each time."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from earbench_codecs.training.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from earbench_codecs.training.corpus import Corpus, Recording
    from earbench_codecs.training.recipe import DataTable

T = TypeVar("T")


def split(
    recordings: Sequence[Recording], data: DataTable
) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
    """Return the recordings for training and those for validation.

    Files, or all files of a speaker, stay together. Groups are taken for validation in an order that
    depends on the seed and their own name alone, until they reach `validation_share` of all samples; so a
    file more in the corpus moves few others.

    Raises
    ------
    CorpusError
        There is one group only, so nothing can be held out.
    """
    if data.validation_share == 0:
        return tuple(recordings), ()
    names = [_group(recording.path, data) for recording in recordings]
    if len(set(names)) == 1:
        raise CorpusError(
            f"nothing can be held out for validation: all audio is of one {data.split_by} ({names[0]}); "
            "add another, or set data.validation_share to 0"
        )
    held_out = _held_out(recordings, names, data)
    training = tuple(r for r, name in zip(recordings, names, strict=True) if name not in held_out)
    return training, tuple(r for r, name in zip(recordings, names, strict=True) if name in held_out)


def _group(path: str, data: DataTable) -> str:
    return speaker_of(path, data) if data.split_by == "speaker" else path


def speaker_of(path: str, data: DataTable) -> str:
    """Return the speaker of a file; one whose path does not tell is a speaker of its own."""
    match = re.search(data.speaker_pattern or "(?!)", path)
    if match is None:
        return path
    return match[1] if match.re.groups else match[0]


def _held_out(recordings: Sequence[Recording], names: Sequence[str], data: DataTable) -> set[str]:
    sizes: dict[str, int] = {}
    for recording, name in zip(recordings, names, strict=True):
        sizes[name] = sizes.get(name, 0) + recording.n_samples
    order = sorted(sizes, key=lambda name: hashlib.sha256(f"{data.seed}:{name}".encode()).digest())
    wanted = data.validation_share * sum(sizes.values())
    chosen: set[str] = set()
    for name in order[:-1]:  # something is left to train on
        chosen.add(name)
        if sum(sizes[name] for name in chosen) >= wanted:
            break
    return chosen


class WindowSampler:
    """Draws windows at random from recordings, each place in each of them equally likely.

    What it draws depends on seed and step alone: a run that goes on after a stop sees what it would have
    seen, and n processes see together what one would.

    Parameters
    ----------
    corpus : Corpus
    recordings : sequence of Recording
        Of that corpus; those shorter than a window are never drawn from.
    length : int
        Samples of a window.
    seed : int
    divisor : callable
        What a recording's samples are divided by.

    Raises
    ------
    CorpusError
        No recording is as long as a window.
    """

    def __init__(
        self,
        corpus: Corpus,
        recordings: Sequence[Recording],
        length: int,
        seed: int,
        divisor: Callable[[Recording], float] = lambda _recording: 1.0,
    ) -> None:
        usable = [recording for recording in recordings if recording.n_samples >= length]
        if not usable:
            raise CorpusError(
                f"no recording has {length} samples or more at {corpus.sample_rate_hz} Hz, the length of "
                "one training example; add longer audio"
            )
        self.length = length
        self.seed = seed
        samples = np.asarray(corpus.samples)  # still mapped, but numpy is quicker with it than with a memmap
        self._windows = np.lib.stride_tricks.sliding_window_view(samples, length)
        counts = [recording.n_samples - length + 1 for recording in usable]
        self._ends = np.cumsum(counts)
        starts = np.array([recording.start for recording in usable])
        self._offsets = starts - (self._ends - counts)
        """What turns the number of a window among all into its place."""
        scale = [recording.peak / 32767 / divisor(recording) for recording in usable]
        self._scale = np.array(scale, dtype=np.float32)

    def batch(self, step: int, size: int, rank: int = 0, n_ranks: int = 1) -> NDArray[np.float32]:
        """Return the windows [size / n_ranks, length] that a process draws in a step."""
        draws = np.random.default_rng([self.seed, step]).integers(self._ends[-1], size=size)[rank::n_ranks]
        which = np.searchsorted(self._ends, draws, side="right")
        drawn: NDArray[np.float32] = self._windows[self._offsets[which] + draws].astype(np.float32)
        drawn *= self._scale[which, np.newaxis]
        return drawn


def prefetched(make: Callable[[int], T], steps: range, depth: int = 4) -> Generator[T]:
    """Yield `make(step)` for each step, made up to `depth` steps ahead by a thread of its own."""
    with ThreadPoolExecutor(1, "windows") as maker:
        ahead: deque[Future[T]] = deque()
        for step in steps:
            ahead.append(maker.submit(make, step))
            if len(ahead) > depth:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
