"""Frequencies that follow the codes: by what is around a symbol, and by what there was before.

Within a frame, positions are coded in four passes, every eighth, then those halfway between, and so on, so
that seven in eight symbols have coded neighbours on both sides; the first pass looks at the frame before.
A stream has a table for each context: the pass, how rare the symbols around are by the static table, as
they are where a signal is loud, and the classes of the two neighbours. Tables begin as they were in training
and learn from each symbol. All of it is counting, so that a decoder elsewhere has the same tables; each
segment begins anew, so that a damaged one costs nothing but itself.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.neural.entropy_coding import FREQUENCY_BITS, frequencies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from earbench_codecs.neural.entropy_coding import Integers, Place

_N_CLASSES = 4
_N_PAIRS = _N_CLASSES * (_N_CLASSES + 1) // 2
_RARITY_BITS = 3
_N_RARITIES = 1 << _RARITY_BITS
_PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))
"""First position and step of each pass."""
N_CONTEXTS = len(_PASSES) * _N_RARITIES * _N_PAIRS
"""Tables of a stream."""
_AROUND = 8
"""So many coded positions, the nearest ones, say how rare symbols are around a place."""
_BEFORE = _AROUND // 2
"""So many of them are before it."""
_STEP = 16
"""What a table learns from one symbol."""
_START_BITS = 15
"""Tables begin with a total of 2^15, which is worth 2048 symbols."""
_MOST = 1 << 17
"""Counts of a table are halved above."""
_TOGETHER = 16
"""So many segments are counted at once; each has tables of its own."""


class ContextModel:
    """The adaptive model.

    Parameters
    ----------
    table : ndarray of int64, shape [S, K]
        Static frequencies.
    contexts : ndarray of int64, shape [S, N_CONTEXTS, K]
        Frequencies in each context, as `context_table` makes them from training clips.
    """

    def __init__(self, table: Integers, contexts: Integers) -> None:
        self._classes = _classes(table)
        self._rarity = _rarity(table)
        self._start = frequencies(contexts, _START_BITS)
        self._streams = np.arange(len(table))[:, np.newaxis]

    def passes(self, symbols: Integers) -> Iterator[tuple[Place, Integers]]:
        """Yield frame by frame, four passes each; of N segments at once if symbols are [F, N, S, P]."""
        *many, n_streams = symbols.shape[1:-1]
        own = np.ix_(*map(np.arange, (*many, n_streams, 1)))[:-1]
        counts = np.broadcast_to(self._start, (*many, *self._start.shape)).copy()
        totals = np.full(counts.shape[:-1], 1 << _START_BITS)
        for frame in range(len(symbols)):
            for place, contexts in self.contexts(symbols, frame):
                yield place, frequencies(counts[(*own, contexts)])
                np.add.at(counts, (*own, contexts, symbols[place]), _STEP)
                np.add.at(totals, (*own, contexts), _STEP)
            full = totals > _MOST
            counts[full] = (counts[full] + 1) >> 1
            totals[full] = counts[full].sum(-1)

    def contexts(self, symbols: Integers, frame: int) -> Iterator[tuple[Place, Integers]]:
        """Yield the places of each pass over a frame, and their contexts [S, n].

        Symbols are [F, S, P]; or [F, N, S, P] of N segments, with contexts [N, S, n].
        """
        for number, (first, step) in enumerate(_PASSES):
            place = (frame, ..., slice(first, None, step))
            n = symbols[place].shape[-1]
            if n == 0:
                continue
            if number > 0:
                context = self._context(symbols[frame, ..., :: 2 * first], n)
            elif frame > 0:
                context = self._context(symbols[frame - 1, ..., ::step], n)
            else:
                context = np.full(symbols[place].shape, _UNKNOWN)
            yield place, context + number * _N_RARITIES * _N_PAIRS

    def _context(self, coded: Integers, n: int) -> Integers:
        """Return contexts [S, n] of the places behind each of the first n of the coded symbols [S, m]."""
        around = _around(n, coded.shape[-1])
        pairs = self._classes[self._streams, coded][..., around[:, _BEFORE - 1 : _BEFORE + 1]]
        rarity = self._rarity[self._streams, coded][..., around].sum(-1) // _AROUND
        contexts: Integers = _PAIRS[pairs[..., 0], pairs[..., 1]] + _N_PAIRS * (
            rarity >> (FREQUENCY_BITS - _RARITY_BITS)
        )
        return contexts


def context_table(table: Integers, clips: Iterable[Integers]) -> Integers:
    """Return frequencies [S, N_CONTEXTS, K] for `ContextModel` from symbols [F, S, P] of training clips.

    A context's table begins with the static one, worth 64 symbols, as rare contexts are rarely seen.
    """
    counts = frequencies(np.repeat(table[:, np.newaxis], N_CONTEXTS, 1)) >> (FREQUENCY_BITS - 6)
    model = ContextModel(table, counts)
    streams = np.arange(len(table))[:, np.newaxis]
    for symbols in stacked(clips):
        for frame in range(len(symbols)):
            for place, contexts in model.contexts(symbols, frame):
                np.add.at(counts, (streams, contexts, symbols[place]), 1)
    return frequencies(counts)


def stacked(clips: Iterable[Integers]) -> Iterator[Integers]:
    """Yield symbols [F, N, S, P] of clips [F, S, P], a few of one length together: numpy likes it so."""
    by_length: dict[int, list[Integers]] = {}
    for symbols in clips:
        by_length.setdefault(len(symbols), []).append(symbols)
    for group in by_length.values():
        for first in range(0, len(group), _TOGETHER):
            yield np.stack(group[first : first + _TOGETHER], 1)


@cache
def _around(n: int, n_coded: int) -> Integers:
    """Return which of the coded symbols lie around the places behind each of the first n, [n, _AROUND]."""
    offsets = np.arange(_AROUND) - (_BEFORE - 1)
    places: Integers = np.clip(np.arange(n)[:, np.newaxis] + offsets, 0, n_coded - 1)
    return places


def _classes(table: Integers) -> Integers:
    """Return the class of each symbol: which quarter of the distribution its middle lies in, [S, K]."""
    middles = 2 * table.cumsum(-1) - table
    return (middles * _N_CLASSES) >> (FREQUENCY_BITS + 1)


def _rarity(table: Integers) -> Integers:
    """Return how much of the distribution is more frequent than a symbol, below 2^FREQUENCY_BITS, [S, K]."""
    order = np.argsort(-table, -1, "stable")
    ordered = np.take_along_axis(table, order, -1)
    rarity = np.empty_like(table)
    np.put_along_axis(rarity, order, ordered.cumsum(-1) - (ordered + 1) // 2, -1)
    return rarity


def _pairs() -> Integers:
    """Return the number of each unordered pair of classes."""
    a, b = np.indices((_N_CLASSES, _N_CLASSES))
    low, high = np.minimum(a, b), np.maximum(a, b)
    pairs: Integers = high * (high + 1) // 2 + low
    return pairs


_PAIRS = _pairs()
_UNKNOWN = int(_PAIRS[_N_CLASSES // 2, _N_CLASSES // 2]) + _N_PAIRS * (_N_RARITIES // 2)
