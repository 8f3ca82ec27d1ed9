"""What is expected of the codes of an MDCT with a hyper-latent, from what is decoded already.

Every number here is an integer (see `integer_network`), so that encoder and decoder agree on any machine. Of
a block, the latents come first, predicted from the two blocks before. They and the latents before say where
the steps of the quantiser lie and what the spectrum is like. Coefficients follow in four passes; each sees
how large its neighbours were in the blocks before, on average over a longer past, and in this block so far.
Levels are logarithms, in eighths of an octave: of the step, and of what a code stands for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from earbench_codecs.neural.entropy_coding import frequencies
from earbench_codecs.neural.integer_network import LARGEST, IntegerNetwork, rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

LIMIT = 15
"""Larger codes are escaped; latents never are."""
PASSES = (0, 2, 1, 3)
"""First coefficient of each pass; every fourth from there belongs to it."""
_KNOWN = ((0, 0, 0, 0, 0, 0), (0, 1, 0, 0, 1, 0), (1, 0, 1, 1, 0, 1), (1, 1, 1, 1, 1, 1))
"""Which of the neighbours at `_NEAR` each pass knows."""
_NEAR = (-3, -2, -1, 1, 2, 3)
_BEFORE, _BEFORE_THAT, _PAST = (-2, -1, 0, 1, 2), (-1, 0, 1), (-1, 0, 1)
"""Neighbours seen of the block before, of the one before that, and of the longer past."""
PER_OCTAVE = 8
"""Levels in an octave."""
STEP_OF_1 = 128
"""The level of a step of 1."""
_N_SCALES, _N_SHAPES = 64, 4
_SCALES_PER_OCTAVE = 5
_SCALE_OF_HALF = 26
_N_MEANS, _MEANS_PER_STEP = 121, 4
_N_SPREADS = 12
_PRIOR_SYMBOLS = 64
"""A table fitted to codes begins with the expected one, worth so many."""


class State(NamedTuple):
    """What is known of the blocks before: levels [..., M] of codes, and latents [..., L]."""

    before: Tensor
    before_that: Tensor
    past: Tensor
    latents: Tensor
    latents_before: Tensor


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
    """

    def __init__(
        self, size: int, n_latents: int, n_nodes: int, n_features: int, width: int, hyper_width: int
    ) -> None:
        super().__init__()
        self.size, self.n_latents, self.n_nodes, self.n_features = size, n_latents, n_nodes, n_features
        n_outputs = n_nodes * (1 + n_features)
        self.synthesis = IntegerNetwork(2 * n_latents, hyper_width, hyper_width, n_outputs, last_gain=0.2)
        self.latent_network = IntegerNetwork(2 * n_latents, hyper_width, 2 * n_latents)
        n_planes = 2 + n_features + len(_BEFORE) + len(_BEFORE_THAT) + len(_PAST) + len(_NEAR)
        self.networks = nn.ModuleList(IntegerNetwork(n_planes, width, width, 2) for _ in PASSES)
        self.register_buffer("coefficient_table", coefficient_table())
        self.register_buffer("latent_table", latent_table())
        k = np.arange(size)
        places = np.round([LARGEST * k / size, LARGEST * np.log2(1 + k) / math.log2(1 + size)])
        for name, array in (
            ("spread", interpolation(size, n_nodes)),
            ("bins", places.T),
            ("visible", np.array(_KNOWN)),
            ("sizes", code_levels()),
        ):
            self.register_buffer(name, torch.from_numpy(array).float(), persistent=False)

    def start(self, shape: tuple[int, ...]) -> State:
        """Return what is known before the first block: nothing."""
        device = self.get_buffer("spread").device
        silent = torch.zeros(*shape, self.size, device=device)
        none = torch.zeros(*shape, self.n_latents, device=device)
        return State(silent, silent, silent, none, none)

    def latent_places(self, state: State) -> tuple[Tensor, Tensor]:
        """Return numbers of mean and spread of each latent to come, both [..., L]."""
        seen = _latent_inputs(state.latents, state.latents_before)
        means, spreads = self.latent_network(seen).split(self.n_latents, -1)
        centre = (_N_MEANS - 1) // 2 + _MEANS_PER_STEP * state.latents
        return _number(means, 16, centre, _N_MEANS), _number(spreads, 32, _N_SPREADS // 2, _N_SPREADS)

    def steps(self, latents: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Return the levels of the steps [..., M] and features [..., M, C], given latents [..., L]."""
        out = self.synthesis(_latent_inputs(latents, before))
        spread = self.get_buffer("spread")
        steps = rounded(rounded(out[..., : self.n_nodes] / 4) @ spread) + STEP_OF_1
        features = out[..., self.n_nodes :].unflatten(-1, (self.n_features, self.n_nodes)).clamp(0, LARGEST)
        return steps.clamp(0, LARGEST), rounded(features @ spread).transpose(-1, -2)

    def levels(self, codes: Tensor, steps: Tensor) -> Tensor:
        """Return the levels of codes [..., M] coded with steps of these levels."""
        found: Tensor = self.get_buffer("sizes")[codes.abs().clamp(max=LIMIT + 1).long()] + steps
        return found

    def known(self, state: State, steps: Tensor, features: Tensor) -> Tensor:
        """Return what all passes of a block know, planes [..., M, n]."""
        seen = _neighbours(state.before, _BEFORE) + _neighbours(state.before_that, _BEFORE_THAT)
        seen += _neighbours(state.past, _PAST)
        planes = torch.stack([_relative(levels, steps) for levels in seen], -1)
        places = self.get_buffer("bins").expand(*steps.shape, 2)
        return torch.cat([places, features, planes], -1)

    def near(self, levels: Tensor, steps: Tensor) -> Tensor:
        """Return what a block itself gives to know, planes [..., M, 6]; passes see a part of each."""
        reach = max(_NEAR)
        inside = nn.functional.pad(levels, (reach, reach))  # the last coefficient is not known beside it
        shifted = [inside[..., reach + offset : reach + offset + self.size] for offset in _NEAR]
        return torch.stack([_relative(near, steps) for near in shifted], -1)

    def places(self, number: int, known: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
        """Return numbers of scale and shape of a pass's coefficients, both [..., M / 4]."""
        first = PASSES[number]
        near = near[..., first::4, :] * self.get_buffer("visible")[number]
        out = self.networks[number](torch.cat([known[..., first::4, :], near], -1))
        scales, shapes = out.unbind(-1)
        return (
            _number(scales, 6, torch.tensor(_SCALE_OF_HALF), _N_SCALES),
            _number(shapes, 64, _N_SHAPES // 2, _N_SHAPES),
        )

    def all_places(self, latents: Tensor, codes: Tensor, steps: Tensor, features: Tensor) -> Places:
        """Return the places of all codes [B, R, M] and latents [B, R, L], once all are known."""
        levels = self.levels(codes, steps)
        state = self.over_time(latents, levels)
        known, near = self.known(state, steps, features), self.near(levels, steps)
        found = [self.places(number, known, near) for number in range(len(PASSES))]
        scales, shapes = (
            torch.stack([found[PASSES.index(first)][kind] for first in range(4)], -1).flatten(-2)
            for kind in range(2)
        )
        return Places(*self.latent_places(state), scales, shapes)

    def after(self, state: State, latents: Tensor, levels: Tensor) -> State:
        """Return what is known when a block's latents [..., L] and levels [..., M] are."""
        past = _moved_on(state.past, levels)
        return State(levels, state.before, past, latents, state.latents)

    def over_time(self, latents: Tensor, levels: Tensor) -> State:
        """Return what is known before each block of [B, R, L] and [B, R, M]."""
        past, all_past = torch.zeros_like(levels[:, 0]), []
        for level in levels.unbind(1):
            all_past.append(past)
            past = _moved_on(past, level)
        return State(
            earlier(levels, 1),
            earlier(levels, 2),
            torch.stack(all_past, 1),
            earlier(latents, 1),
            earlier(latents, 2),
        )


def coefficient_bits(values: Tensor, scales: Tensor, shapes: Tensor) -> Tensor:
    """Return what coefficients cost, in bits: a mixture of two Laplace densities over a step's width.

    Parameters
    ----------
    values : Tensor
        In steps; of any fraction, so that it can be differentiated.
    scales, shapes : Tensor
        Numbers of the smaller density's scale and of the share of the larger one.
    """
    scale = _laplace_scale(scales)
    share = 0.02 + 0.15 * shapes
    mass = (1 - share) * _laplace(values, scale) + share * _laplace(values, 3 * scale)
    return -mass.clamp(min=1e-9).log2()


def latent_bits(values: Tensor, means: Tensor, spreads: Tensor) -> Tensor:
    """Return what latents cost, in bits: a logistic density over a step's width, by numbers of its place."""
    spread = ((spreads - _N_SPREADS // 2) / 2).exp2() / 2
    off = values - (means - (_N_MEANS - 1) // 2) / _MEANS_PER_STEP
    sigmoid = nn.functional.logsigmoid
    nats = sigmoid((off + 0.5) / spread) + sigmoid((0.5 - off) / spread)
    return -(nats + torch.log(-torch.expm1(-1 / spread))) / math.log(2)


def spread_of_zeros(scales: Tensor, limit: float) -> Tensor:
    """Return the root mean square of Laplace densities within ± `limit` steps, by numbers of their scales."""
    scale = _laplace_scale(scales)
    beyond = torch.exp(-limit / scale)
    tail = beyond * (limit**2 + 2 * limit * scale + 2 * scale.square())
    return ((2 * scale.square() - tail) / (1 - beyond)).clamp(min=0).sqrt()


def coefficient_numbers(scales: Tensor, shapes: Tensor) -> Tensor:
    """Return rows of the table of coefficients."""
    return (scales * _N_SHAPES + shapes).long()


def latent_numbers(means: Tensor, spreads: Tensor) -> Tensor:
    """Return rows of the table of latents."""
    return (means * _N_SPREADS + spreads).long()


def coefficient_table() -> Tensor:
    """Return frequencies, int32 [256, 2·LIMIT + 2], as the densities have them; the last is the escape."""
    numbers = torch.arange(_N_SCALES * _N_SHAPES)[:, None]
    codes = torch.arange(-LIMIT, LIMIT + 1, dtype=torch.float64)
    bits = coefficient_bits(codes, numbers // _N_SHAPES, (numbers % _N_SHAPES).double())
    return _frequencies(bits)


def latent_table() -> Tensor:
    """Return frequencies, int32 [1452, 2·LIMIT + 2]; the escape does not occur."""
    numbers = torch.arange(_N_MEANS * _N_SPREADS)[:, None]
    codes = torch.arange(-LIMIT, LIMIT + 1, dtype=torch.float64)
    return _frequencies(latent_bits(codes, numbers // _N_SPREADS, (numbers % _N_SPREADS).double()))


def fitted(table: Tensor, counts: Tensor) -> Tensor:
    """Return a table [n, K] that begins with one and follows counts [n, K] of the same symbols."""
    expected = table.double() / table.double().sum(-1, keepdim=True)
    return _integers(expected * _PRIOR_SYMBOLS + counts)


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


def _latent_inputs(latents: Tensor, before: Tensor) -> Tensor:
    return torch.cat([latents, before], -1) * 8 + 128


def _relative(levels: Tensor, steps: Tensor) -> Tensor:
    """Return levels relative to steps as integers from 0 to 255: from 6 octaves below to 10 above."""
    return (2 * (levels - steps) + 96).clamp(0, LARGEST)


def _neighbours(levels: Tensor, offsets: tuple[int, ...]) -> list[Tensor]:
    reach, size = max(map(abs, offsets)), levels.shape[-1]
    ends = [levels[..., :1].expand(*levels.shape[:-1], reach), levels[..., -1:]]
    padded = torch.cat([ends[0], levels, ends[1].expand_as(ends[0])], -1)
    return [padded[..., reach + offset : reach + offset + size] for offset in offsets]


def earlier(x: Tensor, n: int) -> Tensor:
    """Return [B, R, M] moved on by n blocks, zeros first."""
    return nn.functional.pad(x[:, :-n], (0, 0, n, 0)) if x.shape[1] > n else torch.zeros_like(x)


def _moved_on(past: Tensor, levels: Tensor) -> Tensor:
    """Return the longer past with a block more: a running mean, of integers again."""
    return past + ((levels - past) / 4).floor()


def _laplace_scale(scales: Tensor) -> Tensor:
    """Return the scales, in steps, that numbers stand for."""
    return ((scales - _SCALE_OF_HALF) / _SCALES_PER_OCTAVE).exp2() / 2


def _laplace(values: Tensor, scale: Tensor) -> Tensor:
    size = values.abs()
    far, close = torch.exp(-(size + 0.5) / scale), torch.exp(-(size - 0.5).abs() / scale)
    return torch.where(size >= 0.5, (close - far) / 2, 1 - (far + close) / 2)


def _frequencies(bits: Tensor) -> Tensor:
    mass = torch.exp2(-bits.double())
    rest = (1 - mass.sum(-1, keepdim=True)).clamp(min=0)
    return _integers(torch.cat([mass, rest], -1))


def _integers(weights: Tensor) -> Tensor:
    counts = (weights / weights.sum(-1, keepdim=True) * 2**30).round().long()
    return torch.from_numpy(frequencies(counts.numpy())).int()
