"""Frequencies that follow the codes: tables chosen by what is known around a symbol.

Within a frame, positions are coded in four passes, every eighth, then those halfway between, and so on, so
that seven in eight symbols have coded neighbours on both sides. From the symbols around, in this frame, the
one before and the streams beside, two things are predicted of each symbol: how many bits it would take by
the static table, which is large where a signal is loud, and its rank, small or large. Each prediction is a
sum of small integers times integer weights, fitted to training clips; level and class of the two choose the
table. So tables follow the signal, a decoder on any machine chooses the same ones, and each segment is
predicted from itself alone, so that a damaged one costs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.neural.entropy_coding import (
    FREQUENCY_BITS,
    bits_by_passes,
    frequencies,
    table_costs,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from earbench_codecs.neural.entropy_coding import Integers, Place

    Small = NDArray[np.int32]

_PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))
"""First position and step of each pass."""
_BEFORE = ((0, 0), (0, -1), (0, 1), (0, -2), (0, 2), (-1, 0), (1, 0))
"""Stream and position, relative to the symbol, of what predicts it from the frame before."""
_BESIDE = ((0, 0), (0, 1), (0, -1), (0, 2), (-1, 0), (-1, 1), (1, 0), (1, 1))
"""Stream and place among the coded ones of this frame: 0 is the last before the symbol, 1 the next."""
_N_PREDICTORS = len(_BEFORE) + len(_BESIDE) + 3
"""Those, the stream's mean in the frame before, its mean in this one so far, and a constant."""
_CONSTANT = 256
_PREDICTED = 2
"""Bits and rank, both 0 to 255."""
_BIT = 16
"""What a bit counts."""
_WEIGHT_BITS = 10
_HEAVIEST = 1 << 13
"""Sums of 18 predictors below 2^8 (or 2^8) times weights up to 2^13 fit into 32 bits."""
_N_LEVELS = 24
_N_CLASSES = 4
N_CONTEXTS = _N_LEVELS * _N_CLASSES
"""Tables of a stream."""
_PRIOR_BITS = 5
"""A context's table begins with the static one, worth 2^5 symbols."""
TOGETHER = 16
"""So many segments are predicted at once: numpy likes it so."""


@dataclass(frozen=True, slots=True, eq=False)
class ContextTables:
    """What training clips taught the model, all of it integers.

    Parameters
    ----------
    frequencies : ndarray of int64, shape [S, N_CONTEXTS, K]
        Of symbols in each context.
    weights : ndarray of int32, shape [4, 2, S, 18]
        Of the predictors in each pass, in 1/1024, for bits and rank.
    parts : ndarray of uint8, shape [2, S, 256]
        What each predicted value adds to the number of the context.
    """

    frequencies: Integers
    weights: Small
    parts: NDArray[np.uint8]

    @property
    def usable(self) -> bool:
        """Whether no sum overflows and every context has a table."""
        last = self.parts.max(-1).astype(np.int64).sum(0)
        return bool((np.abs(self.weights) <= _HEAVIEST).all() and (last < N_CONTEXTS).all())

    @staticmethod
    def shapes(n_streams: int, n_symbols: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each array by name."""
        return {
            "frequencies": (n_streams, N_CONTEXTS, n_symbols),
            "weights": (len(_PASSES), _PREDICTED, n_streams, _N_PREDICTORS),
            "parts": (_PREDICTED, n_streams, 256),
        }


class ContextModel:
    """The adaptive model.

    Parameters
    ----------
    table : ndarray of int64, shape [S, K]
        Static frequencies.
    contexts : ContextTables
        As `context_tables` makes them from training clips.
    """

    is_own = False

    def __init__(self, table: Integers, contexts: ContextTables) -> None:
        self._around = _Around(table)
        self._contexts = contexts
        self.tables = contexts.frequencies.reshape(-1, table.shape[-1]).astype(np.float64)
        self.costs = table_costs(self.tables)
        self._streams = np.arange(len(table))[:, np.newaxis]

    def passes(self, symbols: Integers, *, known: bool = False) -> Iterator[tuple[Place, Integers]]:
        """Yield frame by frame, four passes each; of N segments at once if symbols are [N, F, S, P]."""
        del known  # a frame at a time is quick enough
        for place, contexts in self.contexts(symbols):
            yield place, self._streams * N_CONTEXTS + contexts

    def bits(self, symbols: Integers) -> float:
        """Return what symbols [N, F, S, P] cost."""
        return bits_by_passes(self, symbols)

    def contexts(self, symbols: Integers) -> Iterator[tuple[Place, Integers]]:
        """Yield the places of each pass over each frame, and their contexts [..., S, n]."""
        for number, place, predictors in self._around.walk(symbols):
            values = _predicted(predictors, self._contexts.weights[number])
            yield place, self._numbers(values)

    def _numbers(self, values: Integers) -> Integers:
        bits, rank = (part[self._streams, v] for part, v in zip(self._contexts.parts, values, strict=True))
        numbers: Integers = bits.astype(np.int64) + rank
        return numbers


class _Around:
    """Bits and rank of the symbols around each one."""

    def __init__(self, table: Integers) -> None:
        self._values = np.stack([_bits(table), _ranks(table)])
        self._typical = (self._values * table).sum(-1) >> FREQUENCY_BITS
        self._streams = np.arange(len(table))[:, np.newaxis]

    def of(self, symbols: Integers) -> Small:
        """Return bits and rank of symbols [..., S, P], [2, ..., S, P]."""
        values: Small = self._values[:, self._streams, symbols]
        return values

    def walk(self, symbols: Integers) -> Iterator[tuple[int, Place, Small]]:
        """Yield pass, place and predictors [2, ..., S, n, 18] of symbols [..., F, S, P], in coding order."""
        *many, n_frames, n_streams, n_positions = symbols.shape
        before = np.empty((_PREDICTED, *many, n_streams, n_positions), np.int32)
        before[:] = self._typical.reshape(_PREDICTED, *(1 for _ in many), n_streams, 1)
        for frame in range(n_frames):
            for number, (first, step) in enumerate(_PASSES):
                if first < n_positions:
                    beside = self.of(symbols[..., frame, :, :: 2 * first]) if number else before[..., :0]
                    yield number, np.s_[..., frame, :, first::step], _predictors(number, before, beside)
            before = self.of(symbols[..., frame, :, :])


def context_tables(table: Integers, clips: Iterable[Integers]) -> ContextTables:
    """Return what `ContextModel` needs, from symbols [F, S, P] of training clips.

    Parameters
    ----------
    table : ndarray of int64, shape [S, K]
        Static frequencies.
    clips : iterable of ndarray
    """
    stacks, around = list(stacked(clips)), _Around(table)
    weights = _fitted(table, stacks, around)
    values = [_all_predicted(symbols, around, weights) for symbols in stacks]
    parts = _parts(len(table), values)
    counts = np.repeat(table[:, np.newaxis], N_CONTEXTS, 1)
    streams = np.arange(len(table))[:, np.newaxis]
    for symbols, found in zip(stacks, values, strict=True):
        bits, rank = (part[streams, v] for part, v in zip(parts, found, strict=True))
        np.add.at(
            counts, (streams, bits.astype(np.int64) + rank, symbols), 1 << (FREQUENCY_BITS - _PRIOR_BITS)
        )
    return ContextTables(frequencies(counts), weights, parts)


def stacked(clips: Iterable[Integers]) -> Iterator[Integers]:
    """Yield symbols [N, F, S, P] of clips [F, S, P], a few of one length together."""
    by_length: dict[int, list[Integers]] = {}
    for symbols in clips:
        by_length.setdefault(len(symbols), []).append(symbols)
    for group in by_length.values():
        for first in range(0, len(group), TOGETHER):
            yield np.stack(group[first : first + TOGETHER])


def _fitted(table: Integers, stacks: Sequence[Integers], around: _Around) -> Small:
    """Return the weights of least squares, with a little on the diagonal for predictors that are alike."""
    shape = (len(_PASSES), _PREDICTED, len(table), _N_PREDICTORS)
    squares, products = np.zeros((*shape, _N_PREDICTORS)), np.zeros(shape)
    for symbols in stacks:
        for number, place, predictors in around.walk(symbols):
            x, y = predictors.astype(np.float64), around.of(symbols[place]).astype(np.float64)
            x, y = (np.moveaxis(a, 2, 1).reshape(_PREDICTED, len(table), -1, *a.shape[4:]) for a in (x, y))
            squares[number] += x.swapaxes(-1, -2) @ x
            products[number] += (x.swapaxes(-1, -2) @ y[..., np.newaxis])[..., 0]
    some = 1 + 1e-4 * np.trace(squares, axis1=-2, axis2=-1)[..., np.newaxis, np.newaxis]
    weights = np.linalg.solve(squares + some * np.eye(_N_PREDICTORS), products[..., np.newaxis])[..., 0]
    scaled: Small = np.clip(np.rint(weights * (1 << _WEIGHT_BITS)), -_HEAVIEST, _HEAVIEST).astype(np.int32)
    return scaled


def _all_predicted(symbols: Integers, around: _Around, weights: Small) -> NDArray[np.uint8]:
    """Return what is predicted of all symbols [N, F, S, P], [2, N, F, S, P]."""
    values = np.empty((_PREDICTED, *symbols.shape), np.uint8)
    for number, place, predictors in around.walk(symbols):
        values[place] = _predicted(predictors, weights[number])
    return values


def _parts(n_streams: int, values: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return levels and classes that are equally frequent, as parts of the number of a context."""
    counts = np.ones((_PREDICTED, n_streams, 256), np.int64)
    streams = np.arange(n_streams)[:, np.newaxis]
    for found in values:
        for kind in range(_PREDICTED):
            np.add.at(counts[kind], (streams, found[kind]), 512)
    middles = 2 * counts.cumsum(-1) - counts
    steps = np.array([_N_LEVELS, _N_CLASSES])[:, np.newaxis, np.newaxis]
    parts: NDArray[np.uint8] = (middles * steps // (2 * counts.sum(-1, keepdims=True))).astype(np.uint8)
    parts[0] *= _N_CLASSES
    return parts


def _predicted(predictors: Small, weights: Small) -> Integers:
    """Return values from 0 to 255, [2, ..., S, n]."""
    sums = np.einsum("k...snm,ksm->k...sn", predictors, weights)
    values: Integers = np.clip(sums >> _WEIGHT_BITS, 0, 255).astype(np.int64)
    return values


def _predictors(number: int, before: Small, beside: Small) -> Small:
    """Return the predictors of a pass, [2, ..., S, n, 18], from frames [2, ..., S, P] and [2, ..., S, m]."""
    *many, n_streams, n_positions = before.shape
    n_coded = beside.shape[-1]
    means = [a.sum(-1, dtype=np.int32) // max(1, a.shape[-1]) for a in (before, beside)]
    flat = [before.reshape(*many, -1), beside.reshape(*many, -1), *means, np.full((*many, 1), _CONSTANT)]
    known = np.concatenate(flat, -1, dtype=np.int32)
    predictors: Small = known[..., _indices(number, n_streams, n_positions, n_coded)]
    return predictors


@cache
def _indices(number: int, n_streams: int, n_positions: int, n_coded: int) -> Integers:
    """Return which of the known numbers are the predictors of each place, [S, n, 18]."""
    first, step = _PASSES[number]
    places = np.arange(first, n_positions, step)
    streams = np.arange(n_streams)[:, np.newaxis]
    means = n_streams * (n_positions + n_coded)
    constant = np.array(means + 2 * n_streams)

    def at(offset: tuple[int, int], places: Integers, count: int) -> Integers:
        stream = np.clip(streams + offset[0], 0, n_streams - 1)
        index: Integers = stream * count + np.clip(places + offset[1], 0, count - 1)
        return index

    found = [at(offset, places, n_positions) for offset in _BEFORE]
    if number:
        coded = np.arange(len(places))
        found += [n_streams * n_positions + at(offset, coded, n_coded) for offset in _BESIDE]
        found += [means + streams, means + n_streams + streams, constant]
    else:
        found += [constant] * len(_BESIDE) + [means + streams, constant, constant]
    shape = (n_streams, len(places))
    return np.stack([np.broadcast_to(index, shape) for index in found], -1)


def _bits(table: Integers) -> Small:
    """Return what each symbol takes, about, in 1/16 bits, [S, K]: log2 by straight lines between powers."""
    mantissas, exponents = np.frexp(table.astype(np.float64))  # exact
    fractions = ((2 * mantissas - 1) * _BIT).astype(np.int32)
    bits: Small = (FREQUENCY_BITS + 1 - exponents) * _BIT - fractions
    return np.clip(bits, 0, 12 * _BIT).astype(np.int32)


def _ranks(table: Integers) -> Small:
    """Return where in the distribution the middle of each symbol lies, 0 to 255, [S, K]."""
    return ((2 * table.cumsum(-1) - table) >> (FREQUENCY_BITS - 7)).astype(np.int32)
