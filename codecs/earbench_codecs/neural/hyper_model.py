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
    latent_numbers,
    latent_table,
)

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

    def __init__(self, prior: HyperPrior) -> None:
        self._prior = prior
        tables = (prior.get_buffer("latent_table"), prior.get_buffer("coefficient_table"))
        self._tables = [table.cpu().numpy().astype(np.float64) for table in tables]

    def passes(self, symbols: Integers) -> Iterator[tuple[Place, Tables]]:
        """Yield block by block: latents, then four passes of coefficients."""
        for place, kind, numbers in self.places(symbols):
            yield place, self._tables[kind][numbers.cpu().numpy()]

    @torch.inference_mode()
    def bits(self, symbols: Integers) -> float:
        """Return what symbols [N, F, S, 16] cost; all blocks at once, as nothing is left to find out."""
        prior = self._prior
        codes = torch.from_numpy(symbols - LIMIT).to(prior.get_buffer("spread").device).float()
        latents, numbers = codes[:, :, 0], codes[:, :, 1:].flatten(2)
        places = prior.all_places(latents, numbers, *prior.steps(latents, earlier(latents, 1)))
        return self._bits(0, latent_numbers(places.means, places.spreads), latents) + self._bits(
            1, coefficient_numbers(places.scales, places.shapes), numbers
        )

    def _bits(self, kind: int, rows: Tensor, codes: Tensor) -> float:
        found = self._tables[kind][rows.cpu().numpy(), codes.long().cpu().numpy() + LIMIT]
        return float((FREQUENCY_BITS - np.log2(found)).sum())

    @torch.inference_mode()
    def places(self, symbols: Integers) -> Iterator[tuple[Place, int, Tensor]]:
        """Yield places in symbols [N, F, S, 16], which table they take (0: of latents), and its rows."""
        prior = self._prior
        device = prior.get_buffer("spread").device
        state = prior.start((len(symbols),))

        def codes(place: Place) -> Tensor:
            return torch.from_numpy(symbols[place] - LIMIT).to(device).flatten(1).float()

        for t in range(symbols.shape[1]):
            yield np.s_[:, t, 0, :], 0, latent_numbers(*prior.latent_places(state))
            latents = codes(np.s_[:, t, 0, :])
            steps, features = prior.steps(latents, state.latents)
            known = prior.known(state, steps, features)
            levels = torch.zeros_like(steps)
            for number, first in enumerate(PASSES):
                near = prior.near(levels, steps)
                rows = coefficient_numbers(*prior.places(number, known, near))
                place = np.s_[:, t, 1:, first::4]
                yield place, 1, rows.view(len(rows), -1, 4)
                levels[:, first::4] = prior.levels(codes(place), steps[:, first::4])
            state = prior.after(state, latents, levels)


def fit_tables(prior: HyperPrior, clips: Iterable[Integers]) -> None:
    """Make a prior's tables follow the symbols [F, S, 16] of training clips."""
    expected = {"latent_table": latent_table(), "coefficient_table": coefficient_table()}
    counts = [np.zeros(table.shape, np.int64) for table in expected.values()]
    for symbols in stacked(clips):
        for place, kind, numbers in HyperModel(prior).places(symbols):
            np.add.at(counts[kind], (numbers.cpu().numpy(), symbols[place]), 1)
    for (name, table), count in zip(expected.items(), counts, strict=True):
        prior.get_buffer(name).copy_(fitted(table, torch.from_numpy(count)))
