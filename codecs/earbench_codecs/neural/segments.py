"""A signal as segments of bytes, each of which decodes by itself, and back.

A segment is about a second of frames: the file's level in 16 bits, then the codes; so it is never empty.
Frames overlap those of the next segment, so a lost one costs its own time and a fade. The codes of a few
segments are coded side by side, however long the signal is. The network sees each alone and on one thread,
so that what it makes of one depends neither on the others nor on how many processors there are.
"""

from __future__ import annotations

import math
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from earbench_codecs.errors import BitstreamError
from earbench_codecs.neural.context_model import TOGETHER, stacked
from earbench_codecs.neural.entropy_coding import code_bits, decode_segments, encode_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.neural.entropy_coding import Coded, EntropyModel, Integers

    Samples = NDArray[np.float32]

T = TypeVar("T")

_LEVEL = struct.Struct("<H")
_BLOCK = 1 << 20
_MOST_WORKERS = 8
"""Each has the activations of a segment in memory."""
_LEVELS_PER_OCTAVE = 2048
_LEVEL_OF_1 = 24 * _LEVELS_PER_OCTAVE
"""Levels are 2^((n - 49152) / 2048): from 2^-24 to 2^8, 0.003 dB apart."""


class SegmentCoder:
    """Codes signals with a coder and a model of its codes.

    Parameters
    ----------
    coder : Coder
        In evaluation mode, on any device.
    model : EntropyModel
    """

    def __init__(self, coder: Coder, model: EntropyModel) -> None:
        self._coder = coder
        self._model = model
        self._framing = coder.config.framing
        self._device = next(coder.parameters()).device
        self.n_frames = segment_frames(coder)

    def encode(self, signal: Samples, gain: float = 1.0) -> Iterator[Coded]:
        """Yield the segments of a signal [T], with their estimates in bits.

        The coder sees the signal amplified by `gain`; more bits are spent on a louder one.
        """
        number = _level_number(self._level(signal) / gain)
        head = _LEVEL.pack(number)
        for some in _together(self._codes_of(signal, number), len):
            for coded in encode_segments(np.stack(some), self._coder.alphabet, self._model):
                yield coded._replace(data=head + coded.data, bits=8 * len(head) + coded.bits)

    def bits(self, signals: Sequence[Samples], gain: float = 1.0) -> float:
        """Return the sum of the estimates in bits of the segments of signals, without writing them."""
        levels = [_level_number(self._level(signal) / gain) for signal in signals]
        codes = [c for pair in zip(signals, levels, strict=True) for c in self._codes_of(*pair)]
        heads = 8 * _LEVEL.size * len(codes)
        return heads + sum(code_bits(many, self._coder.alphabet, self._model) for many in stacked(codes))

    def decode(self, segments: Sequence[bytes], n_samples: int) -> Samples:
        """Return the signal [n_samples], read-only; a segment without bytes is a lost one, and silent.

        Raises
        ------
        BitstreamError
            Segments are missing or left over, or one is damaged.
        """
        overlap, hop = self._framing.overlap, self._framing.hop
        signal = np.zeros(self._framing.n_frames(n_samples) * hop + overlap, np.float32)
        with _mapper(self._device) as side_by_side:
            for some in _together(self._read(segments, n_samples)):
                for (first, *_), samples in zip(some, side_by_side(self._decoded, some), strict=True):
                    signal[first * hop : first * hop + len(samples)] += samples
        signal.flags.writeable = False  # so that a clip made of it takes it as it is
        return signal[overlap : overlap + n_samples]

    def codes(self, segments: Sequence[bytes], n_samples: int) -> Iterator[Integers]:
        """Yield the codes [F, S, P] of the segments that are not lost.

        Raises
        ------
        BitstreamError
            As for `decode`.
        """
        for _, _, codes in self._read(segments, n_samples):
            yield codes

    def _codes_of(self, signal: Samples, level_number: int) -> Iterator[Integers]:
        """Yield the codes [F, S, P] of each segment of a signal."""

        @torch.inference_mode()
        def codes_at(place: tuple[int, int]) -> Integers:
            frames = self._frames(signal, *place) / _level(level_number)
            codes: Integers = self._coder.encode(frames.unsqueeze(1).to(self._device)).cpu().numpy()
            return codes

        with _mapper(self._device) as side_by_side:
            for places in _together(self._places(len(signal))):
                yield from side_by_side(codes_at, places)

    @torch.inference_mode()
    def _decoded(self, found: tuple[int, float, Integers]) -> Samples:
        """Return the samples of a segment's frames, overlapped and added."""
        _, level, codes = found
        frames = self._coder.decode(torch.from_numpy(codes).to(self._device)).squeeze(1)
        samples: Samples = (self._framing.overlap_add(frames) * level).cpu().numpy()
        return samples

    def _frames(self, signal: Samples, first: int, count: int) -> Tensor:
        """Return frames `first` to `first + count` of those `Framing.split` makes of a signal."""
        start = first * self._framing.hop - self._framing.overlap
        end = (first + count) * self._framing.hop
        samples = np.zeros(end - start, np.float32)
        inside = signal[max(0, start) : end]
        samples[max(0, -start) : max(0, -start) + len(inside)] = inside
        return self._framing.cut(torch.from_numpy(samples))

    def _read(self, segments: Sequence[bytes], n_samples: int) -> Iterator[tuple[int, float, Integers]]:
        """Yield the first frame, the level and the codes of each segment that is not lost."""
        places = self._places_of(segments, n_samples)
        there = [(first, count, one) for (first, count), one in zip(places, segments, strict=True) if one]
        for some in _together(iter(there), lambda place: place[1]):
            shape = (some[0][1] * self._coder.code_rows, *self._coder.code_shape)
            levels, coded = zip(*(_split(segment) for *_, segment in some), strict=True)
            codes = decode_segments(coded, shape, self._coder.alphabet, self._model)
            yield from zip((first for first, *_ in some), levels, codes, strict=True)

    def _places_of(self, segments: Sequence[bytes], n_samples: int) -> list[tuple[int, int]]:
        places = list(self._places(n_samples))
        if len(segments) != len(places):
            raise BitstreamError(f"{len(segments)} segments where {n_samples} samples take {len(places)}")
        return places

    def _places(self, n_samples: int) -> Iterator[tuple[int, int]]:
        """Yield the first frame and the number of frames of each segment."""
        total = self._framing.n_frames(n_samples)
        for first in range(0, total, self.n_frames):
            yield first, min(self.n_frames, total - first)

    def _level(self, signal: Samples) -> float:
        config = self._coder.config
        if config.level == "peak":
            return max(float(signal.max()), -float(signal.min()))
        if config.level == "std":
            return _standard_deviation(signal) * config.crest
        return 1.0


def _together(items: Iterator[T], key: Callable[[T], object] | None = None) -> Iterator[list[T]]:
    """Yield lists of up to `TOGETHER` items that follow each other and have the same key."""
    for _, alike in groupby(items, key or (lambda _: None)):
        while some := list(islice(alike, TOGETHER)):
            yield some


@contextmanager
def _mapper(device: torch.device) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give a `map` that works on segments side by side, each on one thread.

    To share out each of a network's small layers takes longer, many times so where processors are busy.
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1 or device.type != "cpu":
        yield map
        return
    with ThreadPoolExecutor(min(n_threads, _MOST_WORKERS), initializer=_take_one_thread) as pool:
        try:
            yield pool.map
        finally:
            torch.set_num_threads(n_threads)  # which workers set for threads to come, too


def _take_one_thread() -> None:
    torch.get_num_threads()  # else a thread's first operation undoes the next line
    torch.set_num_threads(1)


def _split(segment: bytes) -> tuple[float, bytes]:
    """Return the level of a segment and the bytes of its codes."""
    if len(segment) < _LEVEL.size:
        raise BitstreamError("a segment was cut: its level is missing")
    return _level(_LEVEL.unpack_from(segment)[0]), segment[_LEVEL.size :]


def segment_frames(coder: Coder) -> int:
    """Return how many frames a segment has: about a second's."""
    return max(1, round(coder.config.sample_rate_hz / coder.config.framing.hop))


def _standard_deviation(signal: Samples) -> float:
    """Return it in float64, a block at a time."""
    mean = float(signal.mean(dtype=np.float64))
    blocks = np.array_split(signal, math.ceil(len(signal) / _BLOCK))
    return math.sqrt(
        sum(float(np.square(block - mean).sum(dtype=np.float64)) for block in blocks) / len(signal)
    )


def _level_number(level: float) -> int:
    octaves = math.log2(level) if level > 0 else -math.inf
    return round(min(max(octaves * _LEVELS_PER_OCTAVE, -_LEVEL_OF_1) + _LEVEL_OF_1, 0xFFFF))


def _level(number: int) -> float:
    return float(2.0 ** ((number - _LEVEL_OF_1) / _LEVELS_PER_OCTAVE))
