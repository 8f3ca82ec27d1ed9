"""Write integer codes as bytes and read them back, on any machine alike.

Probabilities are integers throughout: frequencies that sum to 2^16, from counts. The range coder,
`constriction`, takes them as float64 and turns cumulative sums c into its 24 bits as
floor(c · (2^24 - K) / 2^16) + symbol; sums, quotient and products fit into 53 bits, so nothing is rounded
and nothing depends on the machine.

A model has tables, and says in which order symbols [F, S, P] of a segment are coded and with which of them;
writer and reader walk through the same generator, so the reader cannot be asked for what it does not know
yet. Segments know nothing of each other, so that many, [N, F, S, P], are coded side by side: one step of
numpy for all.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple, Protocol

import constriction
import numpy as np

from earbench_codecs.errors import BitstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import EllipsisType

    from numpy.typing import NDArray

    from earbench_codecs.neural.coder import Alphabet

    Integers = NDArray[np.int64]
    Tables = NDArray[np.float64]
    Place = tuple[int | slice | EllipsisType, ...]

FREQUENCY_BITS = 16
"""Frequencies of a table sum to 2 to this power."""
_LENGTH_BITS = 5
"""An escaped integer's excess begins with its length in so many bits."""
_CATEGORICAL = constriction.stream.model.Categorical
_UNIFORM = constriction.stream.model.Uniform


class EntropyModel(Protocol):
    """What symbols are coded with."""

    @property
    def tables(self) -> Tables:
        """Frequencies [R, K]."""

    @property
    def costs(self) -> Tables:
        """What each symbol of a table costs, in bits, [R, K]."""

    @property
    def is_own(self) -> bool:
        """Whether it is a coder's own: which table a code took tells the decoder more than the code."""

    def passes(self, symbols: Integers, *, known: bool = False) -> Iterator[tuple[Place, Integers]]:
        """Yield places in symbols [..., F, S, P] and the number of each one's table, or that of all.

        They depend on symbols of the places yielded before, and on no others. Where all symbols are `known`
        already, it may work them out in another order.
        """

    def bits(self, symbols: Integers) -> float:
        """Return what symbols [N, F, S, P] of N segments cost, escapes at their own price."""


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

    is_own = False

    def __init__(self, table: Integers) -> None:
        self.tables = table.astype(np.float64)
        self.costs = table_costs(self.tables)

    def passes(self, symbols: Integers, *, known: bool = False) -> Iterator[tuple[Place, Integers]]:
        """Yield one stream after the other."""
        del symbols, known  # what they are does not matter
        for stream in range(len(self.tables)):
            yield np.s_[..., stream, :], np.array(stream)

    def bits(self, symbols: Integers) -> float:
        """Return what symbols cost."""
        return bits_by_passes(self, symbols)


def bits_by_passes(model: EntropyModel, symbols: Integers) -> float:
    """Return what symbols [N, F, S, P] cost by the frequencies a model gives pass by pass."""
    passes = model.passes(symbols, known=True)
    return float(sum(costs_of(model, numbers, symbols[place]).sum() for place, numbers in passes))


def table_costs(tables: Tables) -> Tables:
    """Return what each symbol of tables [R, K] costs, in bits."""
    costs: Tables = FREQUENCY_BITS - np.log2(tables)
    return costs


class Coded(NamedTuple):
    """Codes as bytes, and what they cost by the model: its own entropy estimate, in bits."""

    data: bytes
    bits: float


class Decoded(NamedTuple):
    """Codes, and the number of the table that each was read with, both [N, F, S, P]."""

    codes: Integers
    tables: Integers


def costs_of(model: EntropyModel, numbers: Integers, symbols: Integers) -> Tables:
    """Return what each of some symbols costs, in bits, by the number of its table."""
    found: Tables = model.costs.take(numbers * model.costs.shape[-1] + symbols)  # indexing takes far longer
    return found


def encode_codes(codes: Integers, alphabet: Alphabet, model: EntropyModel) -> Coded:
    """Write codes [F, S, P]."""
    return encode_segments(codes[np.newaxis], alphabet, model)[0]


def encode_segments(codes: Integers, alphabet: Alphabet, model: EntropyModel) -> list[Coded]:
    """Write codes [N, F, S, P] of N segments; each is what `encode_codes` makes of it alone."""
    symbols = _symbols(codes, alphabet)
    encoders = [constriction.stream.queue.RangeEncoder() for _ in codes]
    bits = np.zeros(len(codes))
    for place, numbers in model.passes(symbols, known=True):
        now = symbols[place]
        each = _each(model.tables, numbers, len(now))
        for encoder, values, own in zip(encoders, now.astype(np.int32), each, strict=True):
            encoder.encode(values.ravel(), *own)
        bits += costs_of(model, numbers, now).reshape(len(now), -1).sum(-1)
    if alphabet.escape:
        escaped = symbols == alphabet.n_symbols - 1
        bits += [
            _encode_escaped(e, c[out], alphabet) for e, c, out in zip(encoders, codes, escaped, strict=True)
        ]
    return [
        Coded(encoder.get_compressed().astype("<u4").tobytes(), float(own))
        for encoder, own in zip(encoders, bits, strict=True)
    ]


def code_bits(codes: Integers, alphabet: Alphabet, model: EntropyModel) -> float:
    """Return what codes [N, F, S, P] of N segments cost, without writing them.

    The sum of the `bits` that `encode_codes` gives for each segment.
    """
    symbols = _symbols(codes, alphabet)
    bits = model.bits(symbols)
    if alphabet.escape:
        bits += _escaped_bits(_excess(codes[symbols == alphabet.n_symbols - 1], alphabet)[1])
    return bits


def row_bits(codes: Integers, alphabet: Alphabet, model: EntropyModel) -> Tables:
    """Return what each row of codes [N, F, S, P] costs, [N, F]; together they are `code_bits`."""
    symbols = _symbols(codes, alphabet)
    n, rows = codes.shape[:2]
    number = np.broadcast_to(np.arange(n * rows).reshape(n, rows, 1, 1), codes.shape)
    bits = np.zeros(n * rows)
    for place, numbers in model.passes(symbols, known=True):
        own = costs_of(model, numbers, symbols[place])
        bits += np.bincount(number[place].ravel(), own.ravel(), n * rows)
    if alphabet.escape:
        escaped = symbols == alphabet.n_symbols - 1
        excess = 1 + _LENGTH_BITS + _excess(codes[escaped], alphabet)[1]
        bits += np.bincount(number[escaped], excess, n * rows)
    return bits.reshape(n, rows)


def decode_codes(
    data: bytes, shape: tuple[int, int, int], alphabet: Alphabet, model: EntropyModel
) -> Integers:
    """Read codes of the shape [F, S, P].

    Raises
    ------
    BitstreamError
        The bytes are more, fewer or others than were written, as far as this can be told without a CRC.
    """
    codes: Integers = decode_segments([data], shape, alphabet, model).codes[0]
    return codes


def decode_segments(
    data: Sequence[bytes], shape: tuple[int, ...], alphabet: Alphabet, model: EntropyModel
) -> Decoded:
    """Read codes [N, F, S, P] of N segments of the shape [F, S, P] each.

    Raises
    ------
    BitstreamError
        As for `decode_codes`.
    """
    if any(len(segment) % 4 for segment in data):
        raise BitstreamError("a segment was cut: its codes are not whole words")
    decoders = [
        constriction.stream.queue.RangeDecoder(np.frombuffer(segment, "<u4").astype(np.uint32))
        for segment in data
    ]
    try:
        decoded = _read(decoders, shape, alphabet, model)
    except (ValueError, AssertionError) as error:  # constriction's word for words no encoder writes
        raise BitstreamError("a segment is damaged: its codes cannot be read") from error
    if not all(decoder.maybe_exhausted() for decoder in decoders):
        raise BitstreamError("a segment is damaged: codes are left over")
    return decoded


def _symbols(codes: Integers, alphabet: Alphabet) -> Integers:
    """Return places in tables; codes outside become the last one, the escape."""
    symbols = codes.astype(np.int64) - alphabet.low
    inside = (symbols >= 0) & (codes <= alphabet.high)
    if not alphabet.escape and not inside.all():
        raise ValueError(f"codes outside {alphabet.low} to {alphabet.high}")
    return np.where(inside, symbols, alphabet.n_symbols - 1)


def _read(
    decoders: Sequence[constriction.stream.queue.RangeDecoder],
    shape: tuple[int, ...],
    alphabet: Alphabet,
    model: EntropyModel,
) -> Decoded:
    symbols = np.zeros((len(decoders), *shape), np.int64)
    tables = np.empty(symbols.shape, np.int64)
    for place, numbers in model.passes(symbols):
        there, tables[place] = symbols[place], numbers
        for decoder, values, own in zip(
            decoders, there, _each(model.tables, numbers, len(there)), strict=True
        ):
            found = decoder.decode(*own) if numbers.ndim else decoder.decode(*own, values.size)
            values[...] = found.reshape(values.shape)
    codes = symbols + alphabet.low
    if alphabet.escape:
        escaped = symbols == alphabet.n_symbols - 1
        for decoder, own_codes, out in zip(decoders, codes, escaped, strict=True):
            own_codes[out] = _decode_escaped(decoder, int(out.sum()), alphabet)
    return Decoded(codes, tables)


def _each(tables: Tables, numbers: Integers, n: int) -> Iterator[tuple[object, ...]]:
    """Yield what the range coder takes for each of n segments: a model, and its rows if it has several."""
    own = tables.take(numbers, 0)  # indexing takes three times as long
    if numbers.ndim == 0:
        yield from repeat((_CATEGORICAL(own, perfect=False),), n)
    else:
        model = _CATEGORICAL(perfect=False)
        yield from ((model, rows) for rows in own.reshape(n, -1, own.shape[-1]))


def _escaped_bits(lengths: Integers) -> float:
    return float((1 + _LENGTH_BITS + lengths).sum())


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
