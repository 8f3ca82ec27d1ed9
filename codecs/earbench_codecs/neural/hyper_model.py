"""Codes of an MDCT with a hyper-latent, in the order they are sent, with the frequencies of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from earbench_codecs.neural.context_model import stacked
from earbench_codecs.neural.entropy_coding import FREQUENCY_BITS
from earbench_codecs.neural.hyper_prior import (
    LIMIT,
    PASSES,
    coefficient_numbers,
    coefficient_table,
    earlier,
    fitted,
    in_phases,
    latent_numbers,
    latent_table,
)
from earbench_codecs.neural.side_by_side import on_one_thread_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from earbench_codecs.neural.entropy_coding import Integers, Place, Tables
    from earbench_codecs.neural.hyper_prior import HyperPrior


class HyperModel:
    """The entropy model that a `HyperPrior` is.

    Parameters
    ----------
    prior : HyperPrior
        Not changed any more.
    """

    is_network = True

    def __init__(self, prior: HyperPrior) -> None:
        self._prior = prior.frozen()
        tables = (prior.get_buffer("latent_table"), prior.get_buffer("coefficient_table"))
        self._tables = [table.cpu().numpy().astype(np.float64) for table in tables]
        self._costs = [FREQUENCY_BITS - np.log2(table) for table in self._tables]

    def passes(self, symbols: Integers, *, known: bool = False) -> Iterator[tuple[Place, Tables]]:
        """Yield block by block: latents, then four passes of coefficients."""
        for place, kind, numbers in self.known_places(symbols) if known else self.places(symbols):
            yield place, self._tables[kind].take(numbers, 0)  # indexing takes three times as long

    def bits(self, symbols: Integers) -> float:
        """Return what symbols [N, F, S, 16] cost."""
        latents, coefficients = self._rows(symbols)
        of_coefficients = symbols[:, :, 1:].reshape(coefficients.shape)
        bits = self._costs[0][latents, symbols[:, :, 0]].sum()
        return float(bits + self._costs[1][coefficients, of_coefficients].sum())

    def known_places(self, symbols: Integers) -> Iterator[tuple[Place, int, Integers]]:
        """Yield what `places` yields, worked out at once, as nothing is left to find out."""
        latents, coefficients = self._rows(symbols)
        coefficients = coefficients.reshape(*coefficients.shape[:2], -1, 16)
        for t in range(symbols.shape[1]):
            yield np.s_[:, t, 0, :], 0, latents[:, t]
            for first in PASSES:
                yield np.s_[:, t, 1:, first::4], 1, coefficients[:, t, :, first::4]

    def _rows(self, symbols: Integers) -> tuple[Integers, Integers]:
        """Return rows of the tables for all latents [N, F, 16] and coefficients [N, F, M]."""
        with on_one_thread_each(self._prior.get_buffer("spread").device) as side_by_side:
            latents, coefficients = zip(*side_by_side(self._rows_of_one, symbols), strict=True)
        return np.stack(latents), np.stack(coefficients)

    @torch.inference_mode()
    def _rows_of_one(self, symbols: Integers) -> tuple[Integers, Integers]:
        """Return rows for symbols [F, S, 16]."""
        prior = self._prior
        codes = torch.from_numpy(symbols[np.newaxis] - LIMIT).to(prior.get_buffer("spread").device).float()
        latents, numbers = codes[:, :, 0], codes[:, :, 1:].flatten(2)
        places = prior.all_places(latents, numbers, *prior.steps(latents, earlier(latents, 1)))
        return (
            latent_numbers(places.means, places.spreads)[0].cpu().numpy(),
            coefficient_numbers(places.scales, places.shapes)[0].cpu().numpy(),
        )

    @torch.inference_mode()
    def places(self, symbols: Integers) -> Iterator[tuple[Place, int, Integers]]:
        """Yield places in symbols [N, F, S, 16], which table they take (0: of latents), and its rows."""
        prior = self._prior
        device = prior.get_buffer("spread").device
        state = prior.start(len(symbols))

        def codes(place: Place) -> Tensor:
            return torch.from_numpy(symbols[place] - LIMIT).to(device).flatten(1).float()

        for t in range(symbols.shape[1]):
            yield np.s_[:, t, 0, :], 0, latent_numbers(*prior.latent_places(state)).cpu().numpy()
            latents = codes(np.s_[:, t, 0, :])
            steps, features = prior.steps(latents, state.latents)
            steps, inside = in_phases(steps), prior.begun(len(symbols))
            for number, first in enumerate(PASSES):
                rows = coefficient_numbers(*prior.places(number, state, inside, steps, features))
                place = np.s_[:, t, 1:, first::4]
                yield place, 1, rows.view(len(rows), -1, 4).cpu().numpy()
                inside[first, :, 1:-1] = prior.levels(codes(place), steps[first])
            state = prior.after(state, latents, inside)


def fit_tables(prior: HyperPrior, clips: Iterable[Integers]) -> None:
    """Make a prior's tables follow the symbols [F, S, 16] of training clips."""
    expected = {"latent_table": latent_table(), "coefficient_table": coefficient_table()}
    counts = [np.zeros(table.shape, np.int64) for table in expected.values()]
    for symbols in stacked(clips):
        for place, kind, numbers in HyperModel(prior).known_places(symbols):
            np.add.at(counts[kind], (numbers, symbols[place]), 1)
    for (name, table), count in zip(expected.items(), counts, strict=True):
        prior.get_buffer(name).copy_(fitted(table, torch.from_numpy(count)))
