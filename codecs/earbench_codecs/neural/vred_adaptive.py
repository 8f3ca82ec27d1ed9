"""The small VRED: features are a lapped transform, and their bits successive halvings of an adaptive range.

Where the paper's encoder has to learn from nothing what its Bernoulli latents mean, here they begin as the
binary digits of each feature, in a range that follows what was decoded before. The recurrent network then
corrects range and expectation, from zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from earbench_codecs.neural.coder import Alphabet, Coder, CoderConfig, CoderOutput, Level
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.quantizers import bernoulli_straight_through

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_RANGE = 1e-4
_DECAY = 0.8
"""Of the magnitude that ranges follow, from step to step, where training begins."""
_SHARPNESS = 8.0
"""A digit is drawn with the probability sigmoid(8 · distance from the border / half of what it decides)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VredAdaptiveConfig(CoderConfig):
    """Settings of `VredAdaptive`.

    Parameters
    ----------
    framing : Framing
        As for `Vred`.
    level : {"peak", "std", "none"}
    stride : int
        Samples of a step; a feature sees twice as many.
    digits : tuple of int
        Bits of each feature, from the lowest frequency up: 32 features of 128 bits.
    hidden : int
        Of the recurrent network.
    reach : float
        Half the range, in magnitudes that are expected, where training begins.
    """

    sample_rate_hz: int = 44_100
    framing: Framing = field(default_factory=lambda: Framing(44 * 101, 44, "none"))
    level: Level = "peak"
    stride: int = 44
    digits: tuple[int, ...] = (7,) * 2 + (6,) * 6 + (5,) * 4 + (4,) * 5 + (3,) * 8 + (2,) * 7
    hidden: int = 64
    reach: float = 3.5


class _State(NamedTuple):
    """What the recurrence knows of the past, of decoded features alone."""

    hidden: Tensor
    cell: Tensor
    magnitude: Tensor


class VredAdaptive(Coder):
    """Recurrent coder of a lapped transform with Bernoulli latents; a rate of one bit a latent."""

    architecture = "vred-mdct"
    config_type = VredAdaptiveConfig
    sends_raw_codes = True

    def __init__(self, config: VredAdaptiveConfig) -> None:
        super().__init__(config)
        n, wide = len(config.digits), config.hidden
        basis = _lapped_basis(config.stride)[:n].unsqueeze(1)
        self.analysis = nn.Parameter(basis.clone())
        self.synthesis = nn.Parameter(basis.clone())
        self.recurrence = nn.LSTMCell(2 * n, wide)
        self.corrections = nn.Linear(wide, 2 * n)
        for parameter in self.corrections.parameters():
            nn.init.zeros_(parameter)
        self.reach = nn.Parameter(torch.full((n,), math.log(config.reach)))
        self.decay = nn.Parameter(torch.full((n,), math.log(_DECAY / (1 - _DECAY))))
        owner = torch.tensor([i for i, count in enumerate(config.digits) for _ in range(count)])
        place = torch.tensor([j for count in config.digits for j in range(count)])
        self.register_buffer("owner", owner, persistent=False)
        for j in range(max(config.digits)):
            self.register_buffer(f"digit{j}", (place == j).nonzero()[:, 0], persistent=False)
        self.weights = nn.Parameter(0.5 ** (place + 1.0))
        self._digit_counts = config.digits
        self._steps = (config.framing.length - 2 * config.stride) // config.stride + 1

    @property
    def alphabet(self) -> Alphabet:
        """Bits."""
        return Alphabet(0, 1)

    @property
    def code_shape(self) -> tuple[int, int]:
        """A stream for each latent, a position for each step."""
        return len(self.weights), self._steps

    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames; in training mode latents are drawn."""
        _, decoded = self._run(frames)
        return CoderOutput(decoded, frames.new_tensor(float(self.n_codes)))

    def encode(self, frames: Tensor) -> Tensor:
        """Return the bits [B, S, P] of frames."""
        return self._run(frames)[0].long()

    def decode(self, codes: Tensor) -> Tensor:
        """Return the frames of bits, from nothing but them."""
        state, decoded = self._start(codes.shape[0]), []
        for bits in codes.to(self.weights.dtype).unbind(2):
            expected, reach = self._expected(state)
            features = expected + reach * self._sum(bits)
            state = self._next(features, state)
            decoded.append(features)
        return self._frames(decoded)

    def _run(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return bits [B, S, P] and decoded frames."""
        seen = nn.functional.conv1d(frames, self.analysis, stride=self._stride)
        state, all_bits, decoded = self._start(len(frames)), [], []
        for features in seen.unbind(2):
            expected, reach = self._expected(state)
            bits = self._digits((features - expected) / reach)
            decoded.append(expected + reach * self._sum(bits))
            state = self._next(decoded[-1], state)
            all_bits.append(bits)
        return torch.stack(all_bits, 2), self._frames(decoded)

    def _digits(self, rest: Tensor) -> Tensor:
        """Return the bits [B, S] of features [B, F] in their ranges, the highest digit of each first."""
        found = rest.new_zeros(len(rest), len(self.weights))
        for j in range(max(self._digit_counts)):
            at = self.get_buffer(f"digit{j}")
            owner, weight = self.get_buffer("owner")[at], self.weights[at]
            probability = torch.sigmoid(_SHARPNESS * rest[:, owner] / weight)
            bits = bernoulli_straight_through(probability, sample=self.training)
            found = found.index_copy(1, at, bits)
            rest = rest.index_add(1, owner, -weight * (2 * bits - 1))
        return found

    def _sum(self, bits: Tensor) -> Tensor:
        """Return what the bits [B, S] of each feature add up to, within ±1, [B, F]."""
        parts = self.weights * (2 * bits - 1)
        return parts.new_zeros(len(bits), len(self.reach)).index_add(1, self.get_buffer("owner"), parts)

    @property
    def _stride(self) -> int:
        return self.analysis.shape[-1] // 2

    def _start(self, batch: int) -> _State:
        zeros = self.weights.new_zeros(batch, self.recurrence.hidden_size)
        return _State(zeros, zeros, self.weights.new_full((batch, len(self.reach)), 0.05))

    def _expected(self, state: _State) -> tuple[Tensor, Tensor]:
        """Return what features are expected, and half the ranges about that, [B, F]."""
        about, scale = torch.tanh(self.corrections(state.hidden)).chunk(2, 1)
        return about * state.magnitude, (self.reach + scale).exp() * state.magnitude

    def _next(self, decoded: Tensor, state: _State) -> _State:
        decay = torch.sigmoid(self.decay)
        energy = decay * state.magnitude.square() + (1 - decay) * _spread(decoded.square())
        magnitude = (energy + _LEAST_RANGE**2).sqrt()
        seen = torch.cat([decoded / magnitude, magnitude.log() / 5], 1)
        hidden, cell = self.recurrence(seen, (state.hidden, state.cell))
        return _State(hidden, cell, magnitude)

    def _frames(self, decoded: list[Tensor]) -> Tensor:
        return nn.functional.conv_transpose1d(torch.stack(decoded, 2), self.synthesis, stride=self._stride)


def _spread(energy: Tensor) -> Tensor:
    """Return energies [B, F] with a little of their neighbours: where one rises, the next often does."""
    padded = nn.functional.pad(energy.unsqueeze(1), (1, 1), mode="replicate")
    return nn.functional.avg_pool1d(padded, 3, 1).squeeze(1) / 2 + energy / 2


def _lapped_basis(size: int) -> Tensor:
    """Return the modified cosine transform with a sine window as filters [M, 2 M]."""
    n, k = torch.arange(2 * size, dtype=torch.float64), torch.arange(size, dtype=torch.float64)
    window = torch.sin(math.pi / (2 * size) * (n + 0.5))
    phases = math.pi / size * (n + 0.5 + size / 2) * (k[:, None] + 0.5)
    return (math.sqrt(2 / size) * window * torch.cos(phases)).float()
