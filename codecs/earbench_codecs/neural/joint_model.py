"""Two channels of a segment in one piece: each is expected as if it were alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earbench_codecs.neural.entropy_coding import EntropyModel, Integers, Place, Tables


class JointModel:
    """The entropy model of symbols [N, C, F, S, P], place by place, all channels of each.

    Parameters
    ----------
    model : EntropyModel
        Of symbols [N, F, S, P].
    """

    def __init__(self, model: EntropyModel) -> None:
        self._model = model

    @property
    def tables(self) -> Tables:
        """Those of the model of one channel."""
        return self._model.tables

    @property
    def costs(self) -> Tables:
        """Those of the model of one channel."""
        return self._model.costs

    @property
    def is_own(self) -> bool:
        """As the model of one channel."""
        return self._model.is_own

    def passes(self, symbols: Integers, *, known: bool = False) -> Iterator[tuple[Place, Integers]]:
        """Yield what the model does; symbols must be contiguous, as they are read while they are written."""
        n, n_channels = symbols.shape[:2]
        for place, numbers in self._model.passes(_apart(symbols), known=known):
            if place[0] is not Ellipsis:
                place = (*np.s_[:, :], *place[1:])
            yield place, numbers.reshape(n, n_channels, *numbers.shape[1:]) if numbers.ndim else numbers

    def bits(self, symbols: Integers) -> float:
        """Return what symbols cost."""
        return self._model.bits(_apart(symbols))


def _apart(symbols: Integers) -> Integers:
    """Return a view of symbols [N, C, F, S, P] as those of N · C segments."""
    return np.reshape(symbols, (-1, *symbols.shape[2:]), copy=False)
