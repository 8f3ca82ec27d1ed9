"""What is expected of the codes of an MDCT with a hyper-latent, from what is decoded already.

Every number here is an integer (see `integer_network`), so that encoder and decoder agree on any machine. Of
a block, the latents come first, predicted from the two blocks before. They and the latents before say where
the steps of the quantiser lie and what the spectrum is like. Coefficients follow in four passes; each sees
how large its neighbours were in the blocks before, on average over a longer past, and in this block so far.
Behind them are the levels of what was coded as 0 (`hole_levels`), where they are sent.
Levels are logarithms, in eighths of an octave: of the step, and of what a code stands for.

What a pass needs is kept together: coefficients [..., M] in phases are [4, ..., M / 4], first every fourth
from the first on. Edged levels have what is taken for known beyond both ends, one place of each phase.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from torch import nn

from earbench_codecs.neural.hyper_tables import (
    LIMIT,
    MEANS_PER_STEP,
    N_MEANS,
    N_SCALES,
    N_SHAPES,
    N_SPREADS,
    SCALE_OF_HALF,
    coefficient_table,
    latent_table,
)
from earbench_codecs.neural.integer_network import LARGEST, IntegerNetwork, rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.neural.hole_levels import HoleLevels

PASSES = (0, 2, 1, 3)
"""First coefficient of each pass; every fourth from there belongs to it."""
_KNOWN = ((0, 0, 0, 0, 0, 0), (0, 1, 0, 0, 1, 0), (1, 0, 1, 1, 0, 1), (1, 1, 1, 1, 1, 1))
"""Which of the neighbours at `_NEAR` each pass knows."""
_NEAR = (-3, -2, -1, 1, 2, 3)
_SEEN = ((-2, -1, 0, 1, 2), (-1, 0, 1), (-1, 0, 1))
"""Neighbours seen of the block before, of the one before that, and of the longer past."""
_MIDDLE = 96
"""Levels are seen relative to steps, from 6 octaves below to 10 above, as integers from 0 to 255."""
_UNKNOWN = -1000.0
"""A level below all others."""
_COLUMNS = 4096
"""Networks see so many coefficients at a time: more do not stay in a processor's cache."""
PER_OCTAVE = 8
"""Levels in an octave."""
STEP_OF_1 = 128
"""The level of a step of 1."""
_LEVELS_PER_NOTCH = 2
_TOLD_PER_NOTCH = 8
"""What networks see of a notch: of the integers from 0 to 255, the middle for none."""
_TOLD_PER_LATENT = 8
"""Likewise of a latent."""
_NO_LATENT = 128
_SPLIT = -2
"""Where blocks may be split, the latent that is 1 for those that are and 0 for others."""


class State(NamedTuple):
    """What is known of the blocks before each of B: edged levels [4, B, M / 4 + 2], latents [..., L]."""

    before: Tensor
    before_that: Tensor
    past: Tensor
    latents: Tensor
    latents_before: Tensor

    def of(self, blocks: slice) -> State:
        """Return the part that is known before some of the B blocks; the latents remain all."""
        before, before_that, past = (levels[:, blocks] for levels in self[:3])
        return State(before, before_that, past, self.latents, self.latents_before)


class Places(NamedTuple):
    """Numbers of mean and spread of latents [B, R, L], of scale and shape of coefficients [B, R, M]."""

    means: Tensor
    spreads: Tensor
    scales: Tensor
    shapes: Tensor


class HyperPrior(nn.Module):
    """Networks and tables that say how likely each code is.

    Parameters
    ----------
    size : int
        Coefficients of a block, M; a multiple of 16.
    n_latents, n_nodes, n_features, width, hyper_width : int
        Latents of a block; places between which steps and features are interpolated; features of a place;
        hidden units of the networks for coefficients, and of those for steps and latents.
    notched : bool
        Whether the last latent says by how many notches, quarters of an octave, all steps of a block are
        coarser than the others say.
    hole_levels : HoleLevels, optional
        Where levels of holes are sent behind a block's coefficients.
    switched : bool
        Whether the last latent but one says which blocks are split into four parts, interleaved. There, a
        pass is a part, and the other latents say how much coarser or finer all steps of each part are.
    """

    def __init__(
        self,
        size: int,
        n_latents: int,
        n_nodes: int,
        n_features: int,
        width: int,
        hyper_width: int,
        *,
        notched: bool = False,
        hole_levels: HoleLevels | None = None,
        switched: bool = False,
    ) -> None:
        super().__init__()
        self.notched, self.hole_levels, self.switched = notched, hole_levels, switched
        self.size, self.n_latents, self.n_nodes, self.n_features = size, n_latents, n_nodes, n_features
        self._told_sizes = [n_nodes, n_nodes * n_features, len(PASSES) * switched]
        n_outputs = sum(self._told_sizes)
        self.synthesis = IntegerNetwork(2 * n_latents, hyper_width, hyper_width, n_outputs, last_gain=0.2)
        self.latent_network = IntegerNetwork(2 * n_latents, hyper_width, 2 * n_latents)
        n_planes = 2 + n_features + notched + 2 * switched + sum(map(len, _SEEN)) + len(_NEAR)
        self.networks = nn.ModuleList(IntegerNetwork(n_planes, width, width, 2) for _ in PASSES)
        self.register_buffer("coefficient_table", coefficient_table())
        self.register_buffer("latent_table", latent_table())
        k = np.arange(size)
        places = np.round([LARGEST * k / size, LARGEST * np.log2(1 + k) / math.log2(1 + size)])
        spread = torch.from_numpy(interpolation(size, n_nodes)).float()
        told = torch.full((n_latents,), float(_TOLD_PER_LATENT))
        if switched:
            told[_SPLIT] = LARGEST - _NO_LATENT
        for name, tensor in (
            ("spread", spread),
            ("spread_in_phases", in_phases(spread).transpose(0, 1).flatten(1)),
            ("bins", in_phases(torch.from_numpy(places).float())),
            ("sizes", torch.from_numpy(code_levels()).float()),
            ("told_per_latent", told),
        ):
            self.register_buffer(name, tensor, persistent=False)

    def frozen(self) -> HyperPrior:
        """Return a copy to code with, which does not follow further training."""
        prior = copy.deepcopy(self)
        for network in (prior.synthesis, prior.latent_network, *prior.networks):
            network.freeze()
        return prior

    def start(self, n: int) -> State:
        """Return what is known before the first block of n segments: nothing."""
        device = self.get_buffer("spread").device
        silent = torch.zeros(len(PASSES), n, self.size // 4 + 2, device=device)
        none = torch.zeros(n, self.n_latents, device=device)
        return State(silent, silent, silent, none, none)

    def latent_places(self, state: State) -> tuple[Tensor, Tensor]:
        """Return numbers of mean and spread of each latent to come, both [..., L]."""
        seen = self._latent_inputs(state.latents, state.latents_before)
        means, spreads = self.latent_network(seen).split(self.n_latents, -1)
        centre = (N_MEANS - 1) // 2 + MEANS_PER_STEP * state.latents
        return _number(means, 16, centre, N_MEANS), _number(spreads, 32, N_SPREADS // 2, N_SPREADS)

    def steps(self, latents: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Return the levels of the steps [..., M] of B blocks, given latents [..., L], and their features.

        Features [4, C, B, M / 4] are in phases.
        """
        told = self._told(latents, before)
        return self._step_levels(told, latents), self._features(told, latents, before)

    def split(self, latents: Tensor) -> Tensor:
        """Return which blocks [...] are split, as latents [..., L] say."""
        flags: Tensor = latents[..., _SPLIT] > 0
        return flags if self.switched else torch.zeros_like(flags)

    def with_split(self, latents: Tensor, split: Tensor) -> Tensor:
        """Return latents [..., L] that say which blocks [...] are split; as they are where none can be."""
        if not self.switched:
            return latents
        flags = split.unsqueeze(-1).to(latents)
        return torch.cat([latents[..., :_SPLIT], flags, latents[..., _SPLIT + 1 :]], -1)

    def step_levels(self, latents: Tensor, before: Tensor) -> Tensor:
        """Return the levels alone."""
        return self._step_levels(self._told(latents, before), latents)

    def _told(self, latents: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what latents tell of nodes' steps, of their features, and of the steps of parts."""
        if self.notched:
            latents, before = _without_notches(latents), _without_notches(before)
        steps, features, parts = self.synthesis(self._latent_inputs(latents, before)).split(
            self._told_sizes, -1
        )
        return steps, features, parts

    def scaled(self, latents: Tensor) -> Tensor:
        """Return latents [..., L] as networks see them, around 0: the flag of split blocks as 0 or 127."""
        return latents * self.get_buffer("told_per_latent")

    def _latent_inputs(self, latents: Tensor, before: Tensor) -> Tensor:
        return torch.cat([self.scaled(latents), self.scaled(before)], -1) + _NO_LATENT

    def _step_levels(self, told: tuple[Tensor, Tensor, Tensor], latents: Tensor) -> Tensor:
        steps, _, parts = told
        levels = rounded(rounded(steps / 4) @ self.get_buffer("spread")) + STEP_OF_1
        if self.switched:
            own = self.split(latents).unsqueeze(-1) * rounded(parts / 4)
            levels = levels + own.tile(self.size // len(PASSES))
        levels = levels.clamp(0, LARGEST)
        if self.notched:
            levels = (levels + _LEVELS_PER_NOTCH * latents[..., -1:]).clamp(0, LARGEST)
        return levels

    def _features(self, told: tuple[Tensor, Tensor, Tensor], latents: Tensor, before: Tensor) -> Tensor:
        nodes = told[1].reshape(-1, self.n_features, self.n_nodes).transpose(0, 1)
        features = rounded(nodes.clamp(0, LARGEST) @ self.get_buffer("spread_in_phases"))
        features = features.reshape(self.n_features, -1, len(PASSES), self.size // 4).movedim(2, 0)
        of_blocks = [LARGEST // 2 + _TOLD_PER_NOTCH * latents[..., -1]] if self.notched else []
        if self.switched:
            of_blocks += [LARGEST * self.split(which).to(told[1]) for which in (latents, before)]
        planes = [x.reshape(1, 1, -1, 1).expand_as(features[:, :1]) for x in of_blocks]
        return torch.cat([features, *planes], 1)

    def levels(self, codes: Tensor, steps: Tensor) -> Tensor:
        """Return the levels of codes coded with steps of these levels."""
        found: Tensor = self.get_buffer("sizes")[codes.abs().clamp(max=LIMIT + 1).long()] + steps
        return found

    def places(
        self, number: int, state: State, inside: Tensor, steps: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return numbers of scale and shape of a pass's coefficients in B blocks, both [B, M / 4].

        Parameters
        ----------
        number : int
            Of the pass.
        state : State
        inside : Tensor
            Edged levels of these blocks; those that the pass does not know are not looked at.
        steps, features : Tensor
            In phases, [4, B, M / 4] and [4, C, B, M / 4].
        """
        planes = self._planes(number, state, inside, steps[PASSES[number]], features[PASSES[number]])
        network = cast("IntegerNetwork", self.networks[number])
        scales, shapes = network.columns(planes.flatten(1)).reshape(2, *planes.shape[1:])
        return _number(scales, 6, SCALE_OF_HALF, N_SCALES), _number(shapes, 64, N_SHAPES // 2, N_SHAPES)

    def all_places(self, latents: Tensor, codes: Tensor, steps: Tensor, features: Tensor) -> Places:
        """Return the places of all codes [B, R, M] and latents [B, R, L], once all are known."""
        levels = self.levels(codes, steps)
        state = self.over_time(latents, levels)
        inside = nn.functional.pad(in_phases(levels.flatten(0, 1)), (1, 1))
        steps_in_phases = in_phases(steps.flatten(0, 1))

        def part(blocks: slice) -> Tensor:
            known = state.of(blocks), inside[:, blocks], steps_in_phases[:, blocks], features[:, :, blocks]
            found = [torch.stack(self.places(PASSES.index(first), *known)) for first in range(len(PASSES))]
            return torch.stack(found, -1).flatten(-2)

        many = inside.shape[1] if torch.is_grad_enabled() else max(1, len(PASSES) * _COLUMNS // self.size)
        parts = [part(slice(n, n + many)) for n in range(0, inside.shape[1], many)]
        return Places(*self.latent_places(state), *torch.cat(parts, 1).reshape(2, *codes.shape))

    def begun(self, n: int) -> Tensor:
        """Return the edged levels of a block of n segments of which nothing is known yet."""
        inside = torch.full((len(PASSES), n, self.size // 4), _UNKNOWN, device=self.get_buffer("bins").device)
        return nn.functional.pad(inside, (1, 1))

    def after(self, state: State, latents: Tensor, inside: Tensor) -> State:
        """Return what is known when a block's latents [B, L] and levels, edged, are."""
        levels = _edged(inside[..., 1:-1])
        return State(levels, state.before, _moved_on(state.past, levels), latents, state.latents)

    def over_time(self, latents: Tensor, levels: Tensor) -> State:
        """Return what is known before each block of [B, R, L] and [B, R, M]."""
        edged = _edged(in_phases(levels.flatten(0, 1))).reshape(-1, levels.shape[1], self.size // 4 + 2)
        past = torch.zeros_like(edged)
        for t in range(1, levels.shape[1]):
            past[:, t] = _moved_on(past[:, t - 1], edged[:, t - 1])
        shape = (len(PASSES), -1, edged.shape[-1])
        before, before_that, past = (x.view(shape) for x in (earlier(edged, 1), earlier(edged, 2), past))
        return State(before, before_that, past, earlier(latents, 1), earlier(latents, 2))

    def _planes(self, number: int, state: State, inside: Tensor, steps: Tensor, features: Tensor) -> Tensor:
        """Return what a pass sees of its coefficients, planes [n + 1, B, M / 4]; the last is 1."""
        first = PASSES[number]
        unknown = steps.new_tensor(_UNKNOWN).expand_as(steps)
        seen = [_beside(levels, first + k) for levels, ks in zip(state[:3], _SEEN, strict=True) for k in ks]
        seen += [
            _beside(inside, first + k) if known else unknown
            for k, known in zip(_NEAR, _KNOWN[number], strict=True)
        ]
        planes = steps.new_empty(2 + len(features) + len(seen) + 1, *steps.shape)
        relative = planes[2 + len(features) : -1]
        torch.stack(seen, out=relative)
        torch.add(_MIDDLE - 2 * steps, relative, alpha=2, out=relative).clamp_(0, LARGEST)
        planes[:2] = self.get_buffer("bins")[first].unsqueeze(1)
        planes[2 : 2 + len(features)] = features
        planes[-1] = 1
        return planes


def in_phases(x: Tensor) -> Tensor:
    """Return [4, ..., M / 4] of [..., M]."""
    return x.reshape(*x.shape[:-1], -1, len(PASSES)).movedim(-1, 0)


def interpolation(size: int, n: int) -> NDArray[np.float64]:
    """Return shares [n, size] of n nodes at each of `size` places, in 16ths; nodes are denser below."""
    octaves = np.linspace(0, math.log2(1 + 8), n)
    at = np.maximum((np.exp2(octaves) - 1) / 8 * (size - 1), np.arange(n))
    number = np.interp(np.arange(size), at, np.arange(n))
    low = np.minimum(number.astype(int), n - 2)
    upper = np.round((number - low) * 16) / 16
    shares = np.zeros((n, size))
    shares[low, np.arange(size)] = 1 - upper
    shares[low + 1, np.arange(size)] += upper
    return shares


def code_levels() -> NDArray[np.float64]:
    """Return the level of magnitudes 0 to LIMIT + 1 in steps; 0 counts as a quarter."""
    return np.array([-2 * PER_OCTAVE, *(round(PER_OCTAVE * math.log2(n)) for n in range(1, LIMIT + 2))])


def _number(out: Tensor, divisor: int, middle: Tensor | int, count: int) -> Tensor:
    return (rounded(out / divisor) + middle).clamp(0, count - 1)


def _without_notches(latents: Tensor) -> Tensor:
    """Return latents with 0 for the last: a network that saw notches could take them back."""
    return nn.functional.pad(latents[..., :-1], (0, 1))


def _edged(levels: Tensor) -> Tensor:
    """Return levels in phases [4, B, M / 4] with the lowest coefficient's below, the highest one's above."""
    ends = (levels[:1, :, :1], levels[-1:, :, -1:])
    lowest, highest = (end.expand(len(levels), -1, -1) for end in ends)
    return torch.cat([lowest, levels, highest], -1)


def _beside(edged: Tensor, offset: int) -> Tensor:
    """Return what lies so many coefficients from those of the first phase."""
    places, phase = divmod(offset, len(PASSES))
    return edged[phase, :, 1 + places : edged.shape[-1] - 1 + places]


def earlier(x: Tensor, n: int) -> Tensor:
    """Return [B, R, M] moved on by n blocks, zeros first."""
    return nn.functional.pad(x[:, :-n], (0, 0, n, 0)) if x.shape[1] > n else torch.zeros_like(x)


def _moved_on(past: Tensor, levels: Tensor) -> Tensor:
    """Return the longer past with a block more: a running mean, of integers again."""
    return past + ((levels - past) / 4).floor()
