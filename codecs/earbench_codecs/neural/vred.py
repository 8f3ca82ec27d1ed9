"""The network of Rim et al. 2021, "Deep neural networks and end-to-end learning for audio compression"."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import nn

from earbench_codecs.neural.coder import Alphabet, Coder, CoderConfig, CoderOutput
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.quantizers import bernoulli_straight_through

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_VARIANCE = 1e-4
_CLOSEST = 1e-6
"""Probabilities are kept this far from 0 and 1 in logarithms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VredConfig(CoderConfig):
    """Settings of `Vred`; defaults are the paper's.

    Parameters
    ----------
    framing : Framing
        Steps of `stride` samples; its overlap is `kernel - stride`, its length a number of steps plus
        that, and it has no ramps, as the last convolution overlaps by itself. The recurrent state begins
        anew in each frame. The paper trains on 0.02 s, 19 steps; the default is 100 steps.
    n_features, kernel, stride : int
        The row of the paper's table 1 that it continues with.
    n_latents, hidden : int
    features : {"sigmoid", "affine"}
        How features come to lie in (0, 1), which the variance p (1 - p) of eq. 6 implies and the paper
        leaves open.
    raw_bits : bool
        Send each latent as one bit, 128.29 kbps in all. The paper's 1/11 is relative to samples of 32
        bits (eq. 12 reads as 128 bits over 32 features of 32 bits); relative to 16 bits it is 1/5.5.
        Otherwise a static table for each latent.
    """

    sample_rate_hz: int = 44_100
    framing: Framing = field(default_factory=lambda: Framing(44 * 101, 44, "none"))
    n_features: int = 32
    kernel: int = 88
    stride: int = 44
    n_latents: int = 128
    hidden: int = 128
    features: Literal["sigmoid", "affine"] = "sigmoid"
    raw_bits: bool = True


class _Trace(NamedTuple):
    """What the recurrence went through, each [B, P, …]: bits, probabilities, features of the decoder."""

    bits: Tensor
    posterior: Tensor
    prior: Tensor
    features: Tensor


def _layers(*widths: int) -> nn.Sequential:
    """Return linear layers with rectifiers between them."""
    pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    return nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])


class Vred(Coder):
    """Convolutional features, coded by a recurrent encoder and decoder with Bernoulli latents.

    The encoder sees the features and the state of the recurrence; the state is made of what was decoded
    alone (eq. 7), so that the decoder runs by itself and the encoder runs the decoder. Latents are 1
    where their probability is above 1/2. The prior, which the decoder knows too, is not used for entropy
    coding: its floats would have to be equal on every machine. The sign of the second term of eq. 10 is
    a slip; the terms here are the divergence and the negative log-likelihood, both to be made small.

    Trained in three stages: features alone; the recurrent coder of frozen features; everything.
    """

    architecture = "vred"
    config_type = VredConfig
    stages = ("features", "latents", "joint")

    def __init__(self, config: VredConfig) -> None:
        super().__init__(config)
        wide, latents, features = config.hidden, config.n_latents, config.n_features
        self.squash = torch.sigmoid if config.features == "sigmoid" else _affine
        self.sends_raw_codes = config.raw_bits
        self.analysis = nn.Conv1d(1, features, config.kernel, config.stride)
        self.synthesis = nn.ConvTranspose1d(features, 1, config.kernel, config.stride)
        self.of_features = nn.Sequential(nn.Linear(features, wide), nn.ReLU())
        self.of_bits = nn.Sequential(nn.Linear(latents, wide), nn.ReLU())
        self.of_decoded = nn.Sequential(nn.Linear(features, wide), nn.ReLU())
        self.posterior = _layers(2 * wide, wide, wide, latents)
        self.prior = _layers(wide, wide, latents)
        self.generator = _layers(2 * wide, wide, wide, features)
        self.recurrence = nn.LSTMCell(2 * wide, wide)
        self._code_shape = (latents, (config.framing.length - config.kernel) // config.stride + 1)

    @property
    def alphabet(self) -> Alphabet:
        """Bits."""
        return Alphabet(0, 1)

    @property
    def code_shape(self) -> tuple[int, int]:
        """A stream for each latent, a position for each step."""
        return self._code_shape

    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames; in training mode latents are drawn. Terms are sums over a step, meant over steps."""
        features = self._features(frames)
        if self.stage == "features":
            return CoderOutput(self._frames(features), frames.new_zeros(()))
        trace = self._trace(features)
        bits = frames.new_tensor(float(trace.bits[0].numel()))
        terms = {
            "kl": _bernoulli_divergence(trace.posterior, trace.prior).sum(-1).mean(),
            "nll": _negative_log_likelihood(features, trace.features).sum(-1).mean(),
        }
        return CoderOutput(self._frames(trace.features), bits, terms)

    def encode(self, frames: Tensor) -> Tensor:
        """Return the bits [B, S, P] of frames."""
        return self._trace(self._features(frames)).bits.long().transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the frames of bits, from nothing but them."""
        state = self._start(codes.shape[0])
        decoded = []
        for bits in codes.to(self.analysis.weight.dtype).unbind(2):
            features, state = self._step(bits, state)
            decoded.append(features)
        return self._frames(torch.stack(decoded, 1))

    def parameters_of(self, stage: str) -> list[nn.Parameter]:
        """Those of the convolutions, of all else, or all."""
        outer = [*self.analysis.parameters(), *self.synthesis.parameters()]
        if stage == "features":
            return outer
        kept = set(outer) if stage == "latents" else set()
        return [parameter for parameter in self.parameters() if parameter not in kept]

    def _features(self, frames: Tensor) -> Tensor:
        """Return features [B, P, F] in (0, 1) of frames [B, 1, L]."""
        return self.squash(self.analysis(frames).transpose(1, 2))

    def _frames(self, features: Tensor) -> Tensor:
        frames: Tensor = self.synthesis(2 * features.transpose(1, 2) - 1)
        return frames

    def _start(self, batch: int) -> tuple[Tensor, Tensor]:
        zeros = self.analysis.weight.new_zeros(batch, self.recurrence.hidden_size)
        return zeros, zeros

    def _trace(self, features: Tensor) -> _Trace:
        state = self._start(features.shape[0])
        steps = []
        for seen in self.of_features(features).unbind(1):
            posterior = torch.sigmoid(self.posterior(torch.cat([seen, state[0]], -1)))
            prior = torch.sigmoid(self.prior(state[0]))
            bits = bernoulli_straight_through(posterior, sample=self.training)
            decoded, state = self._step(bits, state)
            steps.append((bits, posterior, prior, decoded))
        return _Trace(*(torch.stack(one, 1) for one in zip(*steps, strict=True)))

    def _step(self, bits: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Decode one step from its bits and the state before it (eq. 6, 7): features, and the state."""
        of_bits = self.of_bits(bits)
        decoded = torch.sigmoid(self.generator(torch.cat([of_bits, state[0]], -1)))
        state = self.recurrence(torch.cat([self.of_decoded(decoded), of_bits], -1), state)
        return decoded, state


def _affine(x: Tensor) -> Tensor:
    return (x / 2 + 0.5).clamp(0, 1)


def _bernoulli_divergence(q: Tensor, p: Tensor) -> Tensor:
    """Return KL(q ‖ p) in nats of probabilities of a 1 (eq. 9)."""
    q, p = q.clamp(_CLOSEST, 1 - _CLOSEST), p.clamp(_CLOSEST, 1 - _CLOSEST)
    return q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log()


def _negative_log_likelihood(x: Tensor, p: Tensor) -> Tensor:
    """Return -log N(x; p, p (1 - p)) in nats (eq. 6); the variance is kept from 0."""
    variance = (p * (1 - p)).clamp(min=_LEAST_VARIANCE)
    return ((x - p).square() / variance + (2 * math.pi * variance).log()) / 2
