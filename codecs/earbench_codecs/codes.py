"""Which integers a bitstream is made of: the histogram of code values, as in Fig. 3 of Shin et al. (2022)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earbench_codecs.base import EncodedAudio


@dataclass(frozen=True, slots=True, eq=False)
class CodeTable:
    """What an entropy coder expects, all streams pooled.

    Parameters
    ----------
    values : ndarray of int64, shape [K]
        The code values that have a place in the table, rising.
    shares : ndarray of float64, shape [K]
        Their probabilities. They add up to less than 1 where others can be escaped to.
    """

    values: NDArray[np.int64]
    shares: NDArray[np.float64]


@runtime_checkable
class ShowsCodes(Protocol):
    """A codec whose bitstream is integers, such as the quantisation indices of a neural coder."""

    def code_values(self, encoded: EncodedAudio) -> Iterator[NDArray[np.int64]]:
        """Yield the integers as the decoder reads them, in arrays of any shape, one after the other.

        Raises
        ------
        BitstreamError
            The bytes are damaged, or made by another codec or checkpoint.
        """

    def code_table(self) -> CodeTable | None:
        """Return the fixed table of the entropy coder; None where it has none."""


@dataclass(frozen=True, slots=True, eq=False)
class CodeHistogram:
    """How often each code value occurs in a bitstream.

    Parameters
    ----------
    values : ndarray of int64, shape [V]
        Those that occur, rising.
    counts : ndarray of int64, shape [V]
    table : CodeTable, optional
    """

    values: NDArray[np.int64]
    counts: NDArray[np.int64]
    table: CodeTable | None = None

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return int(self.counts.sum())

    @property
    def shares(self) -> NDArray[np.float64]:
        """Probabilities [V] of the values."""
        return np.asarray(self.counts / self.n_codes)

    @property
    def entropy_bits(self) -> float:
        """Entropy of the histogram in bits per code: what a code costs that nothing else is known of."""
        return float(-(self.shares * np.log2(self.shares)).sum()) + 0.0  # no -0.0


def code_histogram(codec: ShowsCodes, encoded: EncodedAudio) -> CodeHistogram:
    """Count the code values of a bitstream, some at a time.

    Raises
    ------
    BitstreamError
        The bytes are damaged, or made by another codec or checkpoint.
    """
    total: Counter[int] = Counter()
    for codes in codec.code_values(encoded):
        found = np.unique(codes, return_counts=True)
        total.update(dict(zip(*(array.tolist() for array in found), strict=True)))
    values = np.array(sorted(total), np.int64)
    counts = np.array([total[value] for value in values.tolist()], np.int64)
    return CodeHistogram(values, counts, codec.code_table())
