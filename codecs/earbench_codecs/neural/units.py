"""Units of a segment, about a quarter of a second each, and what a segment says of them before its codes.

======================  ==========================================================
u16                     level: what the signal was divided by
i8 for each unit        where gains differ: of that unit beyond the level, in sixteenths of an octave
1 bit                   of two channels: whether their sum, or difference, alone was coded
1 bit for each unit     of two channels: whether their sum and difference were coded, or whether it was
                        the difference; whole bytes
u8 n, n times (u8,      where bytes are made constant: units that are stuffed, and with how many
u16)                    bytes of 0, which follow the codes
======================  ==========================================================

All integers are little-endian. What does not occur in a file's setting is not there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.errors import BitstreamError
from earbench_codecs.neural.levels import LEVELS_PER_OCTAVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earbench_codecs.neural.framing import Framing

UNIT_S = 0.25
OFFSETS_PER_OCTAVE = 16
LARGEST_OFFSET = 7 * OFFSETS_PER_OCTAVE
"""Of a unit beyond a segment's level in the middle, up or down, so that offsets fit a byte."""
OFFSETS_PER_COARSER = 20
"""Gain that steps a notch coarser stand for: about as many bits less, so that no rate is left out between."""
_LEVELS_PER_OFFSET = LEVELS_PER_OCTAVE // OFFSETS_PER_OCTAVE
_LEVEL = struct.Struct("<H")
STUFFED = struct.Struct("<BH")
"""A stuffed unit's entry, which counts among its stuffing."""
_MOST_STUFFING = 0xFFFF


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the segments of a file hold beside levels and codes.

    Parameters
    ----------
    n_channels : int
        1, or 2 that are coded together.
    gains, stuffing : bool
    before_3 : bool
        As up to version 2 of the bitstream: with rows of codes beyond the end of the signal, and of two
        channels always both.
    """

    n_channels: int = 1
    gains: bool = False
    stuffing: bool = False
    before_3: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How a segment is coded.

    Parameters
    ----------
    level : int
        The number of a level, see `levels`.
    offsets : tuple of int
        Of each unit's gain, in sixteenths of an octave beyond that level; within ±127.
    mid_side : tuple of bool
        Of each unit, whether the sum and the difference of two channels are coded in their place.
    stuffing : tuple of int
        Bytes of each unit beyond its codes: 0, or 3 and more.
    coarser : tuple of int
        Notches by which each unit's steps are coarser than the coder's own; empty where it has none. The
        codes say so, not the head.
    summed : bool
        Whether the sum of two channels is coded alone, or in units that have `mid_side` the difference.
    """

    level: int
    offsets: tuple[int, ...]
    mid_side: tuple[bool, ...]
    stuffing: tuple[int, ...]
    coarser: tuple[int, ...] = ()
    summed: bool = False

    @classmethod
    def plain(cls, level: int, n_units: int) -> Plan:
        """Return one with a single gain, channels apart and no stuffing."""
        return cls(level, (0,) * n_units, (False,) * n_units, (0,) * n_units)

    def moved(self, level: int, offsets: NDArray[np.int64]) -> Plan:
        """Return one with the offsets given, beyond the level given, which need not be the segment's own."""
        middle = int(offsets.max() + offsets.min()) // 2
        own = max(level - middle * _LEVELS_PER_OFFSET, 0)
        return replace(self, level=own, offsets=tuple((offsets - middle).tolist()))

    def coarsened(self, lowest: int, coarsest: int) -> Plan:
        """Return one that has coarser steps where its gain would be below that of the level `lowest`."""
        offsets = np.array(self.offsets)
        below = (self.level - lowest) / _LEVELS_PER_OFFSET - offsets
        notches = np.clip(np.ceil(below / OFFSETS_PER_COARSER), 0, coarsest).astype(np.int64)
        plan = self.moved(self.level, offsets + OFFSETS_PER_COARSER * notches)
        return replace(plan, coarser=tuple(notches.tolist()))

    def head(self, syntax: Syntax) -> bytes:
        """Return the bytes before the codes."""
        parts = [_LEVEL.pack(self.level)]
        if syntax.gains:
            parts.append(np.array(self.offsets, np.int8).tobytes())
        if syntax.n_channels == 2:
            flags = self.mid_side if syntax.before_3 else (self.summed, *self.mid_side)
            parts.append(np.packbits(flags, bitorder="little").tobytes())
        if syntax.stuffing:
            stuffed = [(unit, n) for unit, n in enumerate(self.stuffing) if n]
            parts += [bytes([len(stuffed)]), *(STUFFED.pack(unit, n) for unit, n in stuffed)]
        return b"".join(parts)

    def tail(self) -> bytes:
        """Return the bytes behind the codes."""
        return bytes(sum(n - STUFFED.size for n in self.stuffing if n))


def head_size(syntax: Syntax, n_units: int) -> int:
    """Return the bytes of a head without stuffing."""
    return len(Plan.plain(0, n_units).head(syntax))


def parsed(segment: bytes, syntax: Syntax, n_units: int) -> tuple[Plan, bytes]:
    """Return the plan of a segment, and the bytes of its codes.

    Raises
    ------
    BitstreamError
        It is cut, or its stuffing makes no sense.
    """
    reader = _Reader(segment)
    (level,) = _LEVEL.unpack(reader.take(_LEVEL.size))
    plan = Plan.plain(level, n_units)
    offsets, mid_side, summed, stuffing = plan.offsets, plan.mid_side, False, [0] * n_units
    if syntax.gains:
        offsets = tuple(np.frombuffer(reader.take(n_units), np.int8).tolist())
    if syntax.n_channels == 2:
        n_before = 0 if syntax.before_3 else 1
        packed = reader.take(-(-(n_before + n_units) // 8))
        flags = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little").astype(bool).tolist()
        summed = any(flags[:n_before])
        mid_side = tuple(flags[n_before : n_before + n_units])
    for _ in range(reader.take(1)[0] if syntax.stuffing else 0):
        unit, n = STUFFED.unpack(reader.take(STUFFED.size))
        if unit >= n_units or n < STUFFED.size:
            raise BitstreamError("a segment is damaged: it is stuffed where it has no unit")
        stuffing[unit] += n
    plan = Plan(level, offsets, mid_side, tuple(stuffing), summed=summed)
    return plan, reader.rest(len(plan.tail()))


def stuffing_for(bits: float) -> int:
    """Return bytes of stuffing that are so many bits or little more."""
    n = -int(-bits // 8)
    return 0 if n <= 0 else min(max(n, STUFFED.size), _MOST_STUFFING)


def unit_of_rows(n_rows: int, row_s: float) -> NDArray[np.int64]:
    """Return the number of the unit that each row of a segment belongs to; they share rows evenly."""
    n_units = max(1, round(n_rows * row_s / UNIT_S))
    return np.arange(n_rows) * n_units // n_rows


def unit_ends(
    units: NDArray[np.int64], framing: Framing, first_frame: int, rows_per_frame: int
) -> Iterator[int]:
    """Yield the sample at which each unit of a segment ends and the next begins.

    Parameters
    ----------
    units : ndarray of int
        What `unit_of_rows` gives.
    framing : Framing
    first_frame : int
        Of the segment.
    rows_per_frame : int
    """
    starts = [*np.flatnonzero(np.diff(units, prepend=-1))[1:].tolist(), len(units)]
    for row in starts:
        frame, within = divmod(row, rows_per_frame)
        start = (first_frame + frame) * framing.hop - framing.overlap
        yield start + within * (framing.length // rows_per_frame)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, n: int) -> bytes:
        found = self._data[self._at : self._at + n]
        if len(found) < n:
            raise BitstreamError("a segment was cut: its level is missing")
        self._at += n
        return found

    def rest(self, without: int) -> bytes:
        if len(self._data) - self._at < without:
            raise BitstreamError("a segment was cut: its stuffing is missing")
        return self._data[self._at : len(self._data) - without]
