"""Write integer codes as bytes and read them back, on any machine alike.

Probabilities are integers throughout: frequencies that sum to 2^16, from counts. The range coder,
`constriction`, takes them as float64 and turns cumulative sums c into its 24 bits as
floor(c · (2^24 - K) / 2^16) + symbol; sums, quotient and products fit into 53 bits, so nothing is rounded
and nothing depends on the machine.

A model says in which order symbols [F, S, P] of a segment are coded and with which frequencies; writer and
reader walk through the same generator, so the reader cannot be asked for what it does not know yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import constriction
import numpy as np

from earbench_codecs.errors import BitstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import EllipsisType

    from numpy.typing import NDArray

    from earbench_codecs.neural.coder import Alphabet

    Integers = NDArray[np.int64]
    Place = tuple[int | slice | EllipsisType, ...]

FREQUENCY_BITS = 16
"""Frequencies of a table sum to 2 to this power."""
_LENGTH_BITS = 5
"""An escaped integer's excess begins with its length in so many bits."""
_CATEGORICAL = constriction.stream.model.Categorical
_UNIFORM = constriction.stream.model.Uniform


class EntropyModel(Protocol):
    """What symbols are coded with."""

    def passes(self, symbols: Integers) -> Iterator[tuple[Place, Integers]]:
        """Yield places in symbols [F, S, P] and their frequencies, one table [K] or one each [..., K].

        Between yields it may look at symbols of the places yielded so far, and at no others.
        """


def frequencies(counts: Integers, total_bits: int = FREQUENCY_BITS) -> Integers:
    """Return integers in proportion to counts [..., K], each at least 1, summing to 2^total_bits.

    What integer division leaves goes to the most frequent symbol. Counts of 0 alone make even tables.
    """
    total, n_symbols = 1 << total_bits, counts.shape[-1]
    if n_symbols > total // 2:
        raise ValueError(f"{n_symbols} symbols do not fit a table of {total}")
    counts = np.where(counts.sum(-1, keepdims=True) > 0, counts, 1).astype(np.int64)
    shares: Integers = 1 + counts * (total - n_symbols) // counts.sum(-1, keepdims=True)
    rows = shares.reshape(-1, n_symbols)
    rows[np.arange(len(rows)), rows.argmax(-1)] += total - rows.sum(-1)
    return rows.reshape(shares.shape)


class StaticModel:
    """One fixed table for each stream.

    Parameters
    ----------
    table : ndarray of int64, shape [S, K]
        Frequencies.
    """

    def __init__(self, table: Integers) -> None:
        self.table = table

    def passes(self, symbols: Integers) -> Iterator[tuple[Place, Integers]]:
        """Yield one stream after the other."""
        for stream, table in enumerate(self.table):
            yield np.s_[..., stream, :], table


class Coded(NamedTuple):
    """Codes as bytes, and what they cost by the model: its own entropy estimate, in bits."""

    data: bytes
    bits: float


def encode_codes(codes: Integers, alphabet: Alphabet, model: EntropyModel) -> Coded:
    """Write codes [F, S, P]."""
    symbols = _symbols(codes, alphabet)
    encoder = constriction.stream.queue.RangeEncoder()
    bits = 0.0
    for place, tables in model.passes(symbols):
        now = symbols[place].ravel().astype(np.int32)
        if tables.ndim == 1:
            encoder.encode(now, _CATEGORICAL(tables.astype(np.float64), perfect=False))
        else:
            encoder.encode(now, _CATEGORICAL(perfect=False), _rows(tables))
        bits += _table_bits(symbols[place], tables)
    if alphabet.escape:
        bits += _encode_escaped(encoder, codes[symbols == alphabet.n_symbols - 1], alphabet)
    return Coded(encoder.get_compressed().astype("<u4").tobytes(), bits)


def code_bits(codes: Integers, alphabet: Alphabet, model: EntropyModel) -> float:
    """Return what codes [F, S, P], or [F, N, S, P] of N segments, cost, without writing them.

    The sum of the `bits` that `encode_codes` gives for each segment.
    """
    symbols = _symbols(codes, alphabet)
    bits = sum(_table_bits(symbols[place], tables) for place, tables in model.passes(symbols))
    if alphabet.escape:
        bits += _escaped_bits(_excess(codes[symbols == alphabet.n_symbols - 1], alphabet)[1])
    return bits


def decode_codes(
    data: bytes, shape: tuple[int, int, int], alphabet: Alphabet, model: EntropyModel
) -> Integers:
    """Read codes of the shape [F, S, P].

    Raises
    ------
    BitstreamError
        The bytes are more, fewer or others than were written, as far as this can be told without a CRC.
    """
    if len(data) % 4:
        raise BitstreamError("a segment was cut: its codes are not whole words")
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))
    try:
        codes = _read(decoder, shape, alphabet, model)
    except (ValueError, AssertionError) as error:  # constriction's word for words no encoder writes
        raise BitstreamError("a segment is damaged: its codes cannot be read") from error
    if not decoder.maybe_exhausted():
        raise BitstreamError("a segment is damaged: codes are left over")
    return codes


def _symbols(codes: Integers, alphabet: Alphabet) -> Integers:
    """Return places in tables; codes outside become the last one, the escape."""
    symbols = codes.astype(np.int64) - alphabet.low
    inside = (symbols >= 0) & (codes <= alphabet.high)
    if not alphabet.escape and not inside.all():
        raise ValueError(f"codes outside {alphabet.low} to {alphabet.high}")
    return np.where(inside, symbols, alphabet.n_symbols - 1)


def _read(
    decoder: constriction.stream.queue.RangeDecoder,
    shape: tuple[int, int, int],
    alphabet: Alphabet,
    model: EntropyModel,
) -> Integers:
    symbols = np.zeros(shape, np.int64)
    for place, tables in model.passes(symbols):
        there = symbols[place]
        if tables.ndim == 1:
            model_now = _CATEGORICAL(tables.astype(np.float64), perfect=False)
            found = decoder.decode(model_now, there.size)
        else:
            found = decoder.decode(_CATEGORICAL(perfect=False), _rows(tables))
        symbols[place] = found.reshape(there.shape)
    codes = symbols + alphabet.low
    if alphabet.escape:
        escaped = symbols == alphabet.n_symbols - 1
        codes[escaped] = _decode_escaped(decoder, int(escaped.sum()), alphabet)
    return codes


def _table_bits(symbols: Integers, tables: Integers) -> float:
    """Return what symbols cost by one table [K], or by one each [..., K]."""
    shared = tables.ndim == 1
    own = tables[symbols] if shared else np.take_along_axis(tables, symbols[..., np.newaxis], -1)
    return float((FREQUENCY_BITS - np.log2(own)).sum())


def _escaped_bits(lengths: Integers) -> float:
    return float((1 + _LENGTH_BITS + lengths).sum())


def _rows(tables: Integers) -> NDArray[np.float64]:
    return np.ascontiguousarray(tables.reshape(-1, tables.shape[-1]), np.float64)


def _excess(codes: Integers, alphabet: Alphabet) -> tuple[Integers, Integers, Integers]:
    """Return sides (1 above), and excess over the nearest end, from 1, as 2^length + mantissa."""
    above = (codes > alphabet.high).astype(np.int64)
    excess = np.where(above == 1, codes - alphabet.high, alphabet.low - codes)
    lengths = np.frexp(excess.astype(np.float64))[1].astype(np.int64) - 1
    return above, lengths, excess - (1 << lengths)


def _encode_escaped(
    encoder: constriction.stream.queue.RangeEncoder, codes: Integers, alphabet: Alphabet
) -> float:
    """Write codes outside the alphabet; return their bits."""
    above, lengths, mantissas = _excess(codes, alphabet)
    encoder.encode(above.astype(np.int32), _UNIFORM(2))
    encoder.encode(lengths.astype(np.int32), _UNIFORM(1 << _LENGTH_BITS))
    long = lengths > 0
    sizes = (1 << lengths[long]).astype(np.int32)
    encoder.encode(mantissas[long].astype(np.int32), _UNIFORM(), sizes)
    return _escaped_bits(lengths)


def _decode_escaped(decoder: constriction.stream.queue.RangeDecoder, n: int, alphabet: Alphabet) -> Integers:
    above = decoder.decode(_UNIFORM(2), n)
    lengths = decoder.decode(_UNIFORM(1 << _LENGTH_BITS), n).astype(np.int64)
    long = lengths > 0
    if lengths.max(initial=0) > _LARGEST_LENGTH:
        raise BitstreamError("a segment is damaged: it holds integers no quantiser makes")
    excess: Integers = 1 << lengths
    excess[long] += decoder.decode(_UNIFORM(), (1 << lengths[long]).astype(np.int32))
    found: Integers = np.where(above == 1, alphabet.high + excess, alphabet.low - excess)
    return found


_LARGEST_LENGTH = 20
"""Of an excess; codes are below 2^20 (`quantizers`)."""
