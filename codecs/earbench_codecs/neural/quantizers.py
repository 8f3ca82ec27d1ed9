"""Quantisers: differentiable while training, integers for the bitstream.

All take latents [B, S, P]. In training mode `forward` gives what gradients flow through; in evaluation
mode it gives what a decoder would have, so that a validation loss is that of real files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.coder import Alphabet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_EPSILON = 1e-7
_LEAST_SHARE = 1e-12
_LARGEST_CODE = 2**20 - 1
"""Integers beyond are clipped; an escaped one then fits what the entropy coder writes at once."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """What a quantiser makes of latents.

    Parameters
    ----------
    values : Tensor, shape [B, S, P]
        What the decoder network gets.
    bits : Tensor, scalar
        Entropy of all S·P codes of a frame, from histograms over the batch, one a stream; differentiable.
    terms : mapping of name to Tensor, scalar
        Penalties, unweighted.
    """

    values: Tensor
    bits: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict)


class Quantizer(nn.Module, ABC):
    """Maps latents to integers and back."""

    @property
    @abstractmethod
    def alphabet(self) -> Alphabet:
        """The integers."""

    @abstractmethod
    def codes(self, latents: Tensor) -> Tensor:
        """Return the integers, int64, of latents of any shape."""

    @abstractmethod
    def values(self, codes: Tensor) -> Tensor:
        """Return what the decoder network gets for integers of any shape."""

    @abstractmethod
    def soften(self, latents: Tensor) -> Quantized:
        """Quantise latents [B, S, P] so that gradients flow."""

    def forward(self, latents: Tensor) -> Quantized:
        """Quantise latents [B, S, P]: softly in training mode, as files do otherwise."""
        if self.training:
            return self.soften(latents)
        codes = self.codes(latents)
        symbols = self.alphabet.symbols(codes).transpose(0, 1).flatten(1)
        one_hot = nn.functional.one_hot(symbols, self.alphabet.n_symbols)
        histogram = one_hot.sum(1) / symbols.shape[1]
        return Quantized(self.values(codes), latents.shape[2] * entropy_bits(histogram).sum())

    def start(self, latents: Tensor) -> None:
        """Look at latents of any shape before quantisation begins."""


def entropy_bits(histogram: Tensor) -> Tensor:
    """Return the entropy in bits of distributions [..., K], each summing to 1."""
    finite_slope = histogram.clamp(min=_LEAST_SHARE).log2()
    return -(histogram * finite_slope).sum(-1)


def soft_histogram(latents: Tensor, n_bins: int) -> Tensor:
    """Return the shares [S, n_bins] of bins at 0, 1, … in latents [B, S, P], differentiably.

    Each value counts for the two bins around it, by its distance (a linear spline; a hard histogram has
    no gradient). Values outside count for the outermost bin.
    """
    x = latents.transpose(0, 1).flatten(1).clamp(0, n_bins - 1)
    below = x.detach().floor().clamp(max=n_bins - 2)
    above_share = x - below
    empty = x.new_zeros(x.shape[0], n_bins)
    counts = empty.scatter_add(1, below.long(), 1 - above_share)
    return counts.scatter_add(1, below.long() + 1, above_share) / x.shape[1]


class SoftmaxQuantizer(Quantizer):
    """Soft assignment to trained bins, softmax(-sigma |x - bin|) (Kankanahalli 2018, eq. 1 and 2).

    Codes count the bins in rising order, though training leaves them in any.

    Parameters
    ----------
    n_bins : int
    sigma : float
        Where the trained temperature starts: 300 in the papers.
    limit : float
        Bins start evenly from -limit to limit.
    """

    def __init__(self, n_bins: int = 32, sigma: float = 300.0, limit: float = 1.0) -> None:
        super().__init__()
        self.bins = nn.Parameter(torch.linspace(-limit, limit, n_bins))
        self.sigma = nn.Parameter(torch.tensor([float(sigma)]))

    @property
    def alphabet(self) -> Alphabet:
        """Places of the bins in rising order."""
        return Alphabet(0, len(self.bins) - 1)

    def codes(self, latents: Tensor) -> Tensor:
        """Return the place of the nearest bin."""
        bins = self.bins.sort().values
        return torch.bucketize(latents.contiguous(), (bins[1:] + bins[:-1]) / 2)

    def values(self, codes: Tensor) -> Tensor:
        """Return bins."""
        return self.bins.sort().values[codes]

    def assignments(self, latents: Tensor) -> Tensor:
        """Return how much each latent belongs to each bin, [..., n_bins], in the order of `bins`."""
        return torch.softmax(-self.sigma * (latents.unsqueeze(-1) - self.bins).abs(), -1)

    def soften(self, latents: Tensor) -> Quantized:
        """Quantise by assignments; the penalty is 0 for one-hot ones (eq. 5)."""
        soft = self.assignments(latents)
        bits = latents.shape[2] * entropy_bits(soft.mean((0, 2))).sum()
        penalty = (soft + _EPSILON).sqrt().sum(-1).mean() - 1
        return Quantized(soft @ self.bins, bits, {"quantization": penalty})

    @torch.no_grad()
    def start(self, latents: Tensor) -> None:
        """Put the bins where the latents are, by K-means."""
        self.bins.copy_(k_means_1d(latents.flatten(), len(self.bins)))


def k_means_1d(values: Tensor, n_means: int, n_rounds: int = 50) -> Tensor:
    """Return the centres [n_means], rising, of Lloyd's algorithm on values [N].

    It starts halfway between quantiles and an even grid, so that no two centres are the same, and is
    deterministic.

    Raises
    ------
    SettingError
        There are fewer values than means.
    """
    if len(values) < n_means:
        raise SettingError(f"K-means of {n_means} bins needs as many values, not {len(values)}")
    ordered = values.double().sort().values
    at = torch.linspace(0, len(ordered) - 1, n_means).long()
    even = torch.linspace(float(ordered[0]), float(ordered[-1]), n_means, dtype=torch.float64)
    means = (ordered[at] + even.to(ordered.device)) / 2
    sums = nn.functional.pad(ordered.cumsum(0), (1, 0))
    for _ in range(n_rounds):
        inner = torch.searchsorted(ordered, (means[1:] + means[:-1]) / 2)
        ends = nn.functional.pad(inner, (1, 0))
        ends = torch.cat([ends, ends.new_tensor([len(ordered)])])
        counts = ends.diff()
        means = torch.where(counts > 0, sums[ends].diff() / counts.clamp(min=1), means)
    return means.to(values)


class RoundingQuantizer(Quantizer):
    """Round to integers; the gradient passes as if nothing had happened (Theis 2017, Koishekenov 2018).

    Parameters
    ----------
    limit : int
        Integers from -limit to limit have a place in the table, others are escaped.
    """

    def __init__(self, limit: int = 64) -> None:
        super().__init__()
        self.limit = limit

    @property
    def alphabet(self) -> Alphabet:
        """±limit, and an escape."""
        return Alphabet(-self.limit, self.limit, escape=True)

    def codes(self, latents: Tensor) -> Tensor:
        """Return the nearest integers."""
        return latents.round().clamp(-_LARGEST_CODE, _LARGEST_CODE).long()

    def values(self, codes: Tensor) -> Tensor:
        """Return the integers as floats."""
        return codes.to(torch.get_default_dtype())

    def soften(self, latents: Tensor) -> Quantized:
        """Round with the identity for a gradient; the rate is that of a soft histogram."""
        values = latents + (latents.round() - latents).detach()
        histogram = soft_histogram(latents + self.limit, 2 * self.limit + 1)
        return Quantized(values, latents.shape[2] * entropy_bits(histogram).sum())


class CompandingQuantizer(Quantizer):
    """Compress with tanh, quantise uniformly, expand (Shin 2022, eq. 1); training adds uniform noise.

    The paper prints a step of 1/32 for 32 levels, but tanh spans 2, so that 32 levels take a step of
    1/16; it prints rounding of ±1 to the nearest integer, which leaves three values; its a and b are not
    published. Here code = floor(x / step), clipped, is decoded as (code + 1/2) step, and noise is uniform
    in ±step/2. As printed, b is in the expansion alone: what is decoded is a little nearer to 0 than what
    was coded, and the decoder network has to make up for it.

    Parameters
    ----------
    n_levels : int
        Even; the step is 2 / n_levels.
    slope : float
        The paper's a.
    margin : float
        The paper's b, which keeps atanh finite under noise: below 1 / (1 + step / 2).
    train_slope : bool
        Whether a is a parameter of the network.

    Raises
    ------
    SettingError
        The margin is too large.
    """

    def __init__(
        self, n_levels: int = 32, slope: float = 1.0, margin: float = 0.96, *, train_slope: bool = False
    ) -> None:
        super().__init__()
        self.n_levels = n_levels
        self.step = 2 / n_levels
        self.margin = margin
        if not 0 < margin < 1 / (1 + self.step / 2):
            raise SettingError(f"margin must be below {1 / (1 + self.step / 2):.4f}, not {margin}")
        a = torch.tensor([float(slope)])
        if train_slope:
            self.slope = nn.Parameter(a)
        else:
            self.register_buffer("slope", a)

    @property
    def alphabet(self) -> Alphabet:
        """Cells of the compressed range."""
        return Alphabet(-self.n_levels // 2, self.n_levels // 2 - 1)

    def codes(self, latents: Tensor) -> Tensor:
        """Return cells of the compressed latents."""
        levels = (self.compress(latents) / self.step).floor()
        return levels.clamp(self.alphabet.low, self.alphabet.high).long()

    def values(self, codes: Tensor) -> Tensor:
        """Return expanded middles of cells."""
        return self.expand((codes + 0.5) * self.step)

    def soften(self, latents: Tensor) -> Quantized:
        """Add noise between compression and expansion."""
        compressed = self.compress(latents)
        noisy = compressed + self.step * (torch.rand_like(compressed) - 0.5)
        bins = noisy / self.step - 0.5 - self.alphabet.low
        bits = latents.shape[2] * entropy_bits(soft_histogram(bins, self.n_levels)).sum()
        return Quantized(self.expand(noisy), bits)

    def compress(self, latents: Tensor) -> Tensor:
        """Return tanh(a x), within ±1."""
        return torch.tanh(self.slope * latents)

    def expand(self, compressed: Tensor) -> Tensor:
        """Return atanh(b x) / a."""
        return torch.atanh(self.margin * compressed) / self.slope


def bernoulli_straight_through(probability: Tensor, *, sample: bool) -> Tensor:
    """Return bits, 0.0 or 1.0, whose gradient is that of their probability (Raiko 2014; Rim 2021, 3.2.1).

    Parameters
    ----------
    probability : Tensor
        Of a 1.
    sample : bool
        Draw the bits, as in training; otherwise they are 1 where the probability is above 1/2.
    """
    bits = torch.bernoulli(probability.detach()) if sample else (probability > 0.5).to(probability)
    return probability + (bits - probability).detach()
