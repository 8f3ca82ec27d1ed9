"""Codes of an MDCT with a hyper-latent, in the order they are sent, with the frequencies of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from earbench_codecs.neural.context_model import stacked
from earbench_codecs.neural.entropy_coding import costs_of, table_costs
from earbench_codecs.neural.hole_levels import level_table
from earbench_codecs.neural.hyper_prior import PASSES, earlier, in_phases
from earbench_codecs.neural.hyper_tables import (
    LIMIT,
    coefficient_numbers,
    coefficient_table,
    fitted,
    latent_numbers,
    latent_table,
)
from earbench_codecs.neural.side_by_side import on_one_thread_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from earbench_codecs.neural.entropy_coding import Integers, Place
    from earbench_codecs.neural.hyper_prior import HyperPrior


class HyperModel:
    """The entropy model that a `HyperPrior` is.

    Parameters
    ----------
    prior : HyperPrior
        Not changed any more.
    """

    is_own = True

    def __init__(self, prior: HyperPrior) -> None:
        self._prior = prior.frozen()
        self.tables = np.concatenate([table.cpu().numpy() for table in _tables(prior)]).astype(np.float64)
        self._end = 1 + prior.size // 16
        """Of the streams of coefficients."""
        self._first_of_levels = sum(map(len, _tables(prior)[:2]))
        self.costs = table_costs(self.tables)

    def passes(self, symbols: Integers, *, known: bool = False) -> Iterator[tuple[Place, Integers]]:
        """Yield block by block: latents, four passes of coefficients, and the levels of holes, if any."""
        return self._known_passes(symbols) if known else self._unknown_passes(symbols)

    def bits(self, symbols: Integers) -> float:
        """Return what symbols [N, F, S, 16] cost."""
        return float(costs_of(self, self._numbers(symbols), symbols).sum())

    def _notches(self, latents: Tensor) -> Tensor:
        """Return by how many notches steps are coarser [..., 1], as latents [..., 16] say."""
        return latents[..., -1:] if self._prior.notched else torch.zeros_like(latents[..., -1:])

    def _known_passes(self, symbols: Integers) -> Iterator[tuple[Place, Integers]]:
        """Work numbers out at once, as nothing is left to find out."""
        numbers, end = self._numbers(symbols), self._end
        for t in range(symbols.shape[1]):
            yield np.s_[:, t, 0, :], numbers[:, t, 0, :]
            for first in PASSES:
                yield np.s_[:, t, 1:end, first::4], numbers[:, t, 1:end, first::4]
            if end < symbols.shape[2]:
                yield np.s_[:, t, end, :], numbers[:, t, end, :]

    def _numbers(self, symbols: Integers) -> Integers:
        """Return numbers of the tables of symbols [N, F, S, 16]."""
        with on_one_thread_each(self._prior.get_buffer("spread").device) as side_by_side:
            return np.stack(list(side_by_side(self._numbers_of_one, symbols)))

    @torch.inference_mode()
    def _numbers_of_one(self, symbols: Integers) -> Integers:
        """Return numbers for symbols [F, S, 16]."""
        prior = self._prior
        codes = torch.from_numpy(symbols[np.newaxis] - LIMIT).to(prior.get_buffer("spread").device).float()
        latents, coefficients = codes[:, :, 0], codes[:, :, 1 : self._end].flatten(2)
        places = prior.all_places(latents, coefficients, *prior.steps(latents, earlier(latents, 1)))
        numbers = [
            latent_numbers(places.means, places.spreads),
            coefficient_numbers(places.scales, places.shapes),
        ]
        if prior.hole_levels is not None:
            split = prior.split(latents[0])
            levels, sent = codes[0, :, self._end], prior.hole_levels.sent(coefficients[0], split)
            own = prior.hole_levels.all_numbers(levels, sent, self._notches(latents[0]))
            numbers.append(self._first_of_levels + own[None])
        found: Integers = torch.cat(numbers, -1).view(symbols.shape).cpu().numpy()
        return found

    @torch.inference_mode()
    def _unknown_passes(self, symbols: Integers) -> Iterator[tuple[Place, Integers]]:
        """Work numbers out from symbols as they become known."""
        prior = self._prior
        device = prior.get_buffer("spread").device
        state, levels = prior.start(len(symbols)), torch.zeros(len(symbols), 16, device=device)

        def codes(place: Place) -> Tensor:
            return torch.from_numpy(symbols[place] - LIMIT).to(device).flatten(1).float()

        for t in range(symbols.shape[1]):
            yield np.s_[:, t, 0, :], latent_numbers(*prior.latent_places(state)).cpu().numpy()
            latents = codes(np.s_[:, t, 0, :])
            steps, features = prior.steps(latents, state.latents)
            steps, inside = in_phases(steps), prior.begun(len(symbols))
            for number, first in enumerate(PASSES):
                numbers = coefficient_numbers(*prior.places(number, state, inside, steps, features))
                place = np.s_[:, t, 1 : self._end, first::4]
                yield place, numbers.view(len(numbers), -1, 4).cpu().numpy()
                inside[first, :, 1:-1] = prior.levels(codes(place), steps[first])
            if prior.hole_levels is not None:
                sent = prior.hole_levels.sent(codes(np.s_[:, t, 1 : self._end]), prior.split(latents))
                numbers = prior.hole_levels.numbers(levels, sent, self._notches(latents))
                yield np.s_[:, t, self._end, :], (self._first_of_levels + numbers).cpu().numpy()
                levels = torch.where(sent, codes(np.s_[:, t, self._end]), levels)
            state = prior.after(state, latents, inside)


def fit_tables(prior: HyperPrior, clips: Iterable[Integers]) -> None:
    """Make a prior's tables follow the symbols [F, S, 16] of training clips."""
    expected, model = [latent_table(), coefficient_table(), level_table()], HyperModel(prior)
    counts = np.zeros(model.tables.shape, np.int64)
    for symbols in stacked(clips):
        for place, numbers in model.passes(symbols, known=True):
            np.add.at(counts, (numbers, symbols[place]), 1)
    tables = _tables(prior)
    of_each = torch.split(torch.from_numpy(counts), [len(table) for table in tables])
    for table, begun, own in zip(tables, expected, of_each, strict=False):
        table.copy_(fitted(begun, own))


def _tables(prior: HyperPrior) -> list[Tensor]:
    """Return the tables of latents, of coefficients and, where they are sent, of levels of holes."""
    tables = [prior.get_buffer(name) for name in ("latent_table", "coefficient_table")]
    return tables if prior.hole_levels is None else [*tables, prior.hole_levels.get_buffer("table")]
