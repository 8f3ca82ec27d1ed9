"""Small coders: the papers' blocks and quantisers around a lapped transform and a coarse envelope.

The papers' networks learn a transform from nothing, which takes days of a GPU. On two processor cores an
hour suffices where the network begins as a good transform coder: the frame's modified cosine transform,
each coefficient divided by a step that follows the square root of the spectrum's envelope, and the envelope
sent as a stream of its own. Networks of the paper's blocks then correct envelope, step and coefficients;
they begin by correcting nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.coder import Coder, CoderConfig, CoderOutput
from earbench_codecs.neural.quantizers import entropy_bits, soft_histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from earbench_codecs.neural.coder import Alphabet
    from earbench_codecs.neural.quantizers import Quantizer

N_BANDS = 16
"""Of the envelope; a stream of coefficients is as many neighbours."""
_BAND_SHARES = (1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 4, 6, 6, 8, 12)
"""Widths of the envelope's bands in 64ths of the spectrum."""
_GROUP = 8
"""Neighbouring coefficients that are channels of one place for the networks."""
_LEAST_POWER = 1e-7
_N_NOISE = 1 << 16
_MIDDLE, _STEP = -2.5, 0.4
"""Of the envelope, in nepers of amplitude: what the middle number stands for, and the step (3.5 dB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralConfig(CoderConfig):
    """Settings of `SpectralCoder`.

    Parameters
    ----------
    transform : int
        Coefficients of a block; a frame is a whole number of blocks.
    channels, kernel : int
        Of the networks.
    shaping : float
        The step follows the envelope of amplitudes to this power, where training begins.
    step : float
        Where the envelope is 1, and training begins.
    knee : float
        Coefficients of so many steps and more are compressed, by the inverse hyperbolic sine: few bins
        then reach far.
    fill : float
        Coefficients coded as 0 come back as noise, uniform within ± this many steps. Not trained: noise
        never makes an error smaller, only the ear and what imitates it prefer it to a hole.
    unit, middle : float
        What a step is to the quantiser, and where it has a value for 0: an even number of levels may have
        one on either side of it instead.
    """

    transform: int = 256
    channels: int = 48
    kernel: int = 5
    shaping: float = 0.5
    step: float = 0.12
    knee: float = 6.0
    fill: float = 0.2
    unit: float = 1 / 16
    middle: float = 0.0


class LappedTransform(nn.Module):
    """The modified cosine transform within frames: orthonormal, with sine windows between blocks.

    At both ends of a frame nothing overlaps, so that a frame stands alone; it is faded there already.

    Parameters
    ----------
    size : int
        Coefficients of a block, M.
    overlap : int, optional
        Samples around each border over which blocks fade into each other; M where left out.
    """

    def __init__(self, size: int, overlap: int | None = None) -> None:
        super().__init__()
        k = torch.arange(size // 2, dtype=torch.float64)
        turned = torch.polar((2 / size) ** 0.25 * torch.ones_like(k), -math.pi / size * (k + 1 / 8))
        width = size if overlap is None else overlap
        k = k[: width // 2]
        window = torch.sin(math.pi / (2 * width) * (width / 2 + k + 0.5))
        mirrored = torch.sin(math.pi / (2 * width) * (width / 2 - k - 0.5))
        for name, tensor in (("window", window), ("mirrored", mirrored)):
            self.register_buffer(name, tensor.float(), persistent=False)
        self.register_buffer("turned", turned.to(torch.complex64), persistent=False)
        self.size = size

    def forward(self, frames: Tensor) -> Tensor:
        """Return coefficients [B, R, M] of frames [B, 1, R·M]."""
        return self.cosine(self.folded(frames.reshape(len(frames), -1, self.size)))

    def inverse(self, coefficients: Tensor) -> Tensor:
        """Return frames [B, 1, R·M] of coefficients [B, R, M]."""
        blocks = self.folded(self.cosine(coefficients), -1)
        return blocks.reshape(len(blocks), 1, -1)

    def cosine(self, blocks: Tensor) -> Tensor:
        """Return the orthonormal cosine transform IV of blocks [B, R, M], which is its own inverse.

        Even places and, backwards, odd ones are the parts of half as many complex numbers; between two turns
        of these is a Fourier transform.
        """
        turned = self.get_buffer("turned")
        pairs = torch.complex(blocks[..., ::2], blocks[..., 1::2].flip(-1))
        found = torch.view_as_real(torch.fft.fft(pairs * turned) * turned)
        return torch.stack([found[..., 0], -found[..., 1].flip(-1)], -1).flatten(-2)

    def folded(self, blocks: Tensor, direction: int = 1) -> Tensor:
        """Fold blocks [B, R, M] at the borders between them, or unfold them, with direction -1."""
        window, mirrored = self.get_buffer("window"), direction * self.get_buffer("mirrored")
        half = len(window)
        before, after = blocks[:, :-1, self.size - half :].flip(-1), blocks[:, 1:, :half]
        ends = (window * before - mirrored * after).flip(-1)
        starts = window * after + mirrored * before
        starts = torch.cat([blocks[:, :1, :half], starts], 1)
        ends = torch.cat([ends, blocks[:, -1:, self.size - half :]], 1)
        return torch.cat([starts, blocks[..., half : self.size - half], ends], 2)


class Along(nn.Module):
    """Run a block for [N, C, T] along one axis of [B, C, R, K].

    Parameters
    ----------
    block : nn.Module
    axis : {"time", "frequency"}
    """

    def __init__(self, block: nn.Module, axis: Literal["time", "frequency"]) -> None:
        super().__init__()
        self.block = block
        self.along_time = axis == "time"

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output in the place of its input."""
        lines = x.permute(0, 3, 1, 2) if self.along_time else x.transpose(1, 2)
        out: Tensor = self.block(lines.flatten(0, 1)).view(lines.shape)
        return out.permute(0, 2, 3, 1) if self.along_time else out.transpose(1, 2)


class Correction(nn.Module):
    """A network over planes [B, I, R, K] that begins by returning zeros [B, O, R, K], and stays within ±1.

    Parameters
    ----------
    n_in, n_out, width : int
    n_places : int
        K; each place has a bias of its own, as frequencies differ.
    block : callable
        Makes a block of the paper's network for [N, width, T].
    """

    def __init__(
        self, n_in: int, n_out: int, width: int, n_places: int, block: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, width, 1)
        self.place = nn.Parameter(torch.zeros(width, 1, n_places))
        self.blocks = nn.Sequential(
            *(Along(block(), axis) for axis in ("frequency", "time", "frequency", "time"))
        )
        self.last = nn.Conv2d(width, n_out, 1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return the correction."""
        out: Tensor = self.last(self.blocks(self.first(x) + self.place))
        return torch.tanh(out)


class SpectralCoder(Coder):
    """A coder of coefficients and their envelope. Stream 0 is the envelope, the others are bands.

    Parameters
    ----------
    config : SpectralConfig
    quantizer : Quantizer
        The paper's, for coefficients; the envelope is rounded.
    block : callable
        Makes a block of the paper's network for [N, channels, T].

    Raises
    ------
    SettingError
        Frames are no whole number of blocks, or blocks no multiple of 64.
    """

    def __init__(self, config: SpectralConfig, quantizer: Quantizer, block: Callable[[], nn.Module]) -> None:
        super().__init__(config)
        size, length = config.transform, config.framing.length
        if length % size or size % 64:
            raise SettingError(
                f"blocks are a multiple of 64, frames a whole number of blocks: not {size} and {length}"
            )
        self.n_blocks = length // size
        self._spectral = config
        self.transform = LappedTransform(size)
        shape = (config.channels, size // _GROUP, block)
        self.analysis = Correction(_GROUP + 1, 1, *shape)
        self.synthesis = Correction(_GROUP + 1, 2 * _GROUP, *shape)
        self.quantizer = quantizer
        self.envelope_step = nn.Parameter(torch.full((N_BANDS,), _STEP).log())
        self.shaping = nn.Parameter(torch.full((size,), config.shaping))
        self.step = nn.Parameter(torch.full((size,), config.step).log())
        means, spread = _bands(size)
        noise = np.random.default_rng(0).uniform(-1, 1, _N_NOISE)
        self.register_buffer("noise", torch.from_numpy(noise).float(), persistent=False)
        self.register_buffer("means", means, persistent=False)
        self.register_buffer("spread", spread, persistent=False)

    @property
    def alphabet(self) -> Alphabet:
        """The quantiser's; the envelope's steps use it too."""
        return self.quantizer.alphabet

    @property
    def code_shape(self) -> tuple[int, int]:
        """Envelope and bands of 16 coefficients, for each block."""
        return self._spectral.transform // N_BANDS + 1, N_BANDS

    @property
    def code_rows(self) -> int:
        """Blocks of a frame."""
        return self.n_blocks

    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames, differentiably in training mode."""
        envelope, numbers, latents = self._analysed(frames)
        quantized = self.quantizer(self._streams(latents))
        places = self._changes(numbers).flatten(1).unsqueeze(1) - self.alphabet.low
        histogram = soft_histogram(places, self._n_numbers)
        bits = quantized.bits + N_BANDS * self.n_blocks * entropy_bits(histogram).sum()
        return CoderOutput(self._synthesised(envelope, self._blocks(quantized.values)), bits, quantized.terms)

    def encode(self, frames: Tensor) -> Tensor:
        """Return the codes of frames."""
        _, numbers, latents = self._analysed(frames)
        codes = _split(self.quantizer.codes(latents), N_BANDS)
        changes = self._wrapped(self._changes(numbers.round().long()))
        return torch.cat([changes.unsqueeze(2), codes], 2).flatten(0, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the frames of codes."""
        codes = codes.reshape(-1, self.n_blocks, *self.code_shape)
        values = self.quantizer.values(codes[:, :, 1:].flatten(2))
        numbers = self._wrapped((codes[:, :, 0] - self._middle).cumsum(1) + self._middle)
        return self._synthesised(self._envelope(numbers.to(values)), values)

    def _analysed(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the envelope as decoded [B, R, M], its numbers [B, R, N_BANDS], latents [B, R, M]."""
        coefficients = self.transform(frames)
        nepers = (coefficients.square() @ self.get_buffer("means") + _LEAST_POWER).log() / 2
        correction = self.analysis(self._planes(coefficients, nepers @ self.get_buffer("spread")))
        more = correction[:, 0].repeat_interleave(_GROUP, -1) @ self.get_buffer("means")
        numbers = self._numbers(nepers + more)
        envelope = self._envelope(numbers)
        return envelope, numbers, self._compressed(coefficients * self._gain(envelope))

    def _synthesised(self, envelope: Tensor, latents: Tensor) -> Tensor:
        """Return frames of the envelope and the quantised latents, both [B, R, M]."""
        gain = self._gain(envelope)
        steps = self._expanded(latents)
        correction = self.synthesis(self._planes(steps / gain, envelope))
        factor, more = _ungrouped(correction[:, :_GROUP]), _ungrouped(correction[:, _GROUP:])
        return self.transform.inverse((steps * (1 + factor) + more + self._filling(steps)) / gain)

    def _filling(self, steps: Tensor) -> Tensor:
        """Return noise where coefficients [B, R, M] are 0; which noise, the others decide."""
        places = torch.arange(steps.shape[-1], device=steps.device)
        first = ((16 * steps.detach()).round().long() * (2 * places + 1)).sum(-1, keepdim=True)
        at = (first + places) % _N_NOISE
        noise: Tensor = self.get_buffer("noise")[at]
        return noise * (self._spectral.fill * (steps.detach().abs() < 0.5))

    def _compressed(self, steps: Tensor) -> Tensor:
        knee = self._spectral.knee
        return torch.asinh(steps / knee) * (knee * self._spectral.unit) + self._spectral.middle

    def _expanded(self, latents: Tensor) -> Tensor:
        knee = self._spectral.knee
        return torch.sinh((latents - self._spectral.middle) / (knee * self._spectral.unit)) * knee

    def _numbers(self, nepers: Tensor) -> Tensor:
        """Round the envelope to numbers of the alphabet, with the identity for a gradient."""
        low, high = self.alphabet.low, self.alphabet.high
        numbers = (nepers - _MIDDLE) / self.envelope_step.exp() + self._middle
        return numbers + (numbers.round().clamp(low, high) - numbers).detach()

    @property
    def _n_numbers(self) -> int:
        return self.alphabet.high - self.alphabet.low + 1

    @property
    def _middle(self) -> int:
        """Stands for an envelope of `_MIDDLE`, and for no change."""
        return (self.alphabet.low + self.alphabet.high + 1) // 2

    def _changes(self, numbers: Tensor) -> Tensor:
        """Return changes of numbers [B, R, N_BANDS] from block to block; of the first, from the middle."""
        before = nn.functional.pad(numbers[:, :-1], (0, 0, 1, 0), value=self._middle)
        return numbers - before + self._middle

    def _wrapped(self, numbers: Tensor) -> Tensor:
        """Return numbers modulo the size of the alphabet, within it: sums of wrapped changes come back."""
        return (numbers - self.alphabet.low) % self._n_numbers + self.alphabet.low

    def _envelope(self, numbers: Tensor) -> Tensor:
        """Return the envelope [B, R, M] in nepers."""
        nepers = _MIDDLE + (numbers - self._middle) * self.envelope_step.exp()
        return nepers @ self.get_buffer("spread")

    def _gain(self, envelope: Tensor) -> Tensor:
        """Return what coefficients are multiplied by to be in steps."""
        return (-self.step - self.shaping * envelope).exp()

    def _planes(self, coefficients: Tensor, envelope: Tensor) -> Tensor:
        """Return what the networks see, [B, _GROUP + 1, R, K]: flat coefficients, and the envelope."""
        flat = _split(coefficients * (-envelope).exp(), _GROUP)
        level = _split(envelope, _GROUP).mean(-1, keepdim=True) - _MIDDLE
        return torch.cat([flat, level], -1).permute(0, 3, 1, 2)

    def _streams(self, blocks: Tensor) -> Tensor:
        """Return [B, S, R·N_BANDS] of blocks [B, R, M]."""
        return _split(blocks, N_BANDS).transpose(1, 2).flatten(2)

    def _blocks(self, streams: Tensor) -> Tensor:
        """Undo `_streams`."""
        return streams.view(*streams.shape[:2], -1, N_BANDS).transpose(1, 2).flatten(2)


def _split(x: Tensor, size: int) -> Tensor:
    """Return [..., n, size] of [..., n · size]."""
    return x.reshape(*x.shape[:-1], -1, size)


def _ungrouped(planes: Tensor) -> Tensor:
    """Return blocks [B, R, M] of planes [B, _GROUP, R, K]."""
    return planes.permute(0, 2, 3, 1).flatten(2)


def _bands(size: int) -> tuple[Tensor, Tensor]:
    """Return matrices [M, N_BANDS] that average bands, and [N_BANDS, M] that interpolate between them."""
    edges = torch.tensor((0, *_BAND_SHARES)).cumsum(0) * (size // 64)
    k = torch.arange(size)
    inside = (k[:, None] >= edges[:-1]) & (k[:, None] < edges[1:])
    means = inside / inside.sum(0)
    centres = (edges[1:] + edges[:-1] - 1) / 2
    places = np.interp(k, centres, np.arange(N_BANDS))
    distance = (torch.from_numpy(places)[None, :] - torch.arange(N_BANDS)[:, None]).abs()
    return means, (1 - distance).clamp(min=0).float()
