"""`mdct-hyper`: an MDCT whose steps and distributions come from a small network; one for every rate.

A frame of about a second is cut into blocks by the modified cosine transform. A network sees the spectrum's
envelope and sends some latents for each block; from them the decoder knows the step of each coefficient and,
with what is decoded already, how likely each code is (`hyper_prior`). Dividing a signal by a larger level
makes its codes smaller: the level that is sent with each segment is the knob for the rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.coder import Alphabet, CoderConfig, CoderOutput, TransformCoder
from earbench_codecs.neural.hyper_model import HyperModel, fit_tables
from earbench_codecs.neural.hyper_prior import (
    LIMIT,
    PER_OCTAVE,
    STEP_OF_1,
    HyperPrior,
    coefficient_bits,
    earlier,
    interpolation,
    latent_bits,
    spread_of_zeros,
)
from earbench_codecs.neural.integer_network import rounded
from earbench_codecs.neural.spectral import LappedTransform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from earbench_codecs.neural.entropy_coding import EntropyModel, Integers

_N_NOISE = 1 << 16
_LARGEST_CODE = 2**20 - 1
_LATENT_SLOPE = 8
_LEAST_POWER = 1e-6
_LEAST_NOISE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class MdctHyperConfig(CoderConfig):
    """Settings of `MdctHyper`.

    Parameters
    ----------
    transform : int
        Coefficients of a block; a frame is a whole number of blocks.
    latents : int
        Of a block; 16.
    nodes, features, width, hyper_width : int
        See `HyperPrior`.
    exponent : float
        Where noise counts in proportion to the signal's power to minus this: 0 makes white noise, 1 noise
        at a constant distance below the signal.
    saturate : bool
        Noise grows with the step only up to the power of the signal: what is coded as nothing but zeros is
        replaced by noise of its own power. Without it, it is a twelfth of the step's square throughout.
    lowest_gain, highest_gain : float
        Training examples are amplified by a random factor between these, which makes them examples of rates
        from low to high.
    dead_zone : float
        Coefficients are coded as 0 up to half a step and this.
    fill : float
        Coefficients coded as 0 come back as noise with this share of the amplitude that is expected of them.
        Not trained: noise never makes an error smaller, only the ear and what imitates it prefer it to a
        hole.
    """

    transform: int = 256
    latents: int = 16
    nodes: int = 40
    features: int = 8
    width: int = 32
    hyper_width: int = 64
    exponent: float = 0.4
    saturate: bool = False
    lowest_gain: float = 0.15
    highest_gain: float = 12.0
    dead_zone: float = 0.15
    fill: float = 0.4


class MdctHyper(TransformCoder):
    """The coder; a row of codes is a block: stream 0 has its latents, the others its coefficients.

    Raises
    ------
    SettingError
        Frames are no whole number of blocks, blocks no multiple of 64, or latents not 16.
    """

    architecture = "mdct-hyper"
    config_type = MdctHyperConfig
    alphabet = Alphabet(-LIMIT, LIMIT, escape=True)

    def __init__(self, config: MdctHyperConfig) -> None:
        super().__init__(config)
        size, length = config.transform, config.framing.length
        if length % size or size % 64 or config.latents != 16:
            raise SettingError(
                "blocks are a multiple of 64, frames a whole number of blocks, latents 16: "
                f"not {size}, {length} and {config.latents}"
            )
        self._hyper = config
        self.n_blocks = length // size
        self.transform = LappedTransform(size)
        self.prior = HyperPrior(
            size, config.latents, config.nodes, config.features, config.width, config.hyper_width
        )
        width = config.hyper_width
        self.analysis = nn.Sequential(
            nn.Conv1d(config.nodes, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, config.latents, 1),
        )
        shares = interpolation(size, config.nodes)
        noise = np.random.default_rng(0).uniform(-1, 1, _N_NOISE)
        for name, array in (("means", (shares / shares.sum(1, keepdims=True)).T), ("noise", noise)):
            self.register_buffer(name, torch.from_numpy(array).float(), persistent=False)

    @property
    def code_shape(self) -> tuple[int, int]:
        """Latents, and coefficients by sixteens."""
        return self._hyper.transform // 16 + 1, 16

    @property
    def code_rows(self) -> int:
        """Blocks of a frame."""
        return self.n_blocks

    def entropy_model(self) -> EntropyModel:
        """Return the model that knows the latents."""
        return HyperModel(self.prior)

    def learn_codes(self, clips: Iterable[Integers]) -> None:
        """Make the tables follow the symbols [F, S, 16] of clips."""
        fit_tables(self.prior, clips)

    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames, differentiably in training mode, there with a random gain each."""
        gain = self._gains(len(frames)).to(frames)
        coefficients = self.transform(frames) * gain
        soft, latents = self._latents(coefficients)
        steps, features = self.prior.steps(latents, earlier(latents, 1))
        step = _step(steps)
        values = coefficients / step
        codes = self._codes(values).detach()
        places = self.prior.all_places(latents.detach(), codes, steps.detach(), features)
        if self.training:
            soft = soft + torch.rand_like(soft) - 0.5
            coded = back = values + torch.rand_like(values) - 0.5
        else:
            soft, coded, back = latents, codes, codes + self._filling(codes, places.scales)
        bits = latent_bits(soft, places.means, places.spreads).sum()
        bits = (bits + coefficient_bits(coded, places.scales, places.shapes).sum()) / len(frames)
        power = _smoothed(coefficients.square())
        noise = step.square() / 12 if self.training else (codes * step - coefficients).square()
        if self.training and self._hyper.saturate:
            noise = noise * power / (noise + power + _LEAST_NOISE)
        terms = {"weighted": (noise * (power + _LEAST_NOISE) ** -self._hyper.exponent).mean()}
        return CoderOutput(self.transform.inverse(back * step / gain), bits, terms)

    def quantised(self, coefficients: Tensor) -> Tensor:
        """Return the codes of coefficients."""
        _, latents = self._latents(coefficients)
        steps, _ = self.prior.steps(latents, earlier(latents, 1))
        codes = torch.cat([latents, self._codes(coefficients / _step(steps))], -1)
        return codes.long().reshape(-1, *self.code_shape)

    def dequantised(self, codes: Tensor) -> Tensor:
        """Return the coefficients of codes."""
        latents, numbers = self._parts(codes)
        steps, features = self.prior.steps(latents, earlier(latents, 1))
        scales = self.prior.all_places(latents, numbers, steps, features).scales
        return (numbers + self._filling(numbers, scales)) * _step(steps)

    def stepped(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coefficients of codes without noise in place of holes, and their steps."""
        latents, numbers = self._parts(codes)
        steps = _step(self.prior.steps(latents, earlier(latents, 1))[0])
        return numbers * steps, steps

    def _parts(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents [B, R, 16] and the numbers of coefficients [B, R, M] of codes."""
        rows = codes.reshape(-1, self.n_blocks, self.code_shape[0] * 16).float()
        return rows[..., :16], rows[..., 16:]

    def _gains(self, n: int) -> Tensor:
        if not self.training:
            return torch.ones(n, 1, 1)
        low, high = math.log(self._hyper.lowest_gain), math.log(self._hyper.highest_gain)
        return torch.exp(low + (high - low) * torch.rand(n, 1, 1))

    def _latents(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents [B, R, 16] of coefficients [B, R, M], and the integers they become."""
        nepers = (coefficients.square() @ self.get_buffer("means") + _LEAST_POWER).log() / 2
        soft = self.analysis(nepers.transpose(1, 2)).transpose(1, 2)
        soft = LIMIT * torch.tanh(soft / _LATENT_SLOPE)
        return soft, rounded(soft)

    def _codes(self, values: Tensor) -> Tensor:
        sizes = (values.abs() + 0.5 - self._hyper.dead_zone).floor().clamp(0, _LARGEST_CODE)
        return torch.sign(values) * sizes

    def _filling(self, codes: Tensor, scales: Tensor) -> Tensor:
        """Return noise where codes [B, R, M] are 0; which noise, the others decide."""
        bins = torch.arange(codes.shape[-1], device=codes.device)
        first = (codes.long() * (2 * bins + 1)).sum(-1, keepdim=True)
        noise: Tensor = self.get_buffer("noise")[(first + bins) % _N_NOISE]
        expected = spread_of_zeros(scales.detach(), 0.5 + self._hyper.dead_zone)
        return noise * expected * (self._hyper.fill * math.sqrt(3) * (codes == 0))


def _smoothed(power: Tensor) -> Tensor:
    """Return the power at each coefficient [B, R, M] with that around, in frequency and time."""
    power = nn.functional.avg_pool1d(power, 5, 1, 2, count_include_pad=False)
    later = nn.functional.pad(power[:, 1:], (0, 0, 0, 1))
    return power / 2 + (earlier(power, 1) + later) / 4


def _step(levels: Tensor) -> Tensor:
    return ((levels - STEP_OF_1) / PER_OCTAVE).exp2()
