"""`mdct-hyper`: an MDCT whose steps and distributions come from a small network; one for every rate.

A frame of about a second is cut into blocks by the modified cosine transform. A network sees the spectrum's
envelope and sends some latents for each block; from them the decoder knows the step of each coefficient and,
with what is decoded already, how likely each code is (`hyper_prior`). Dividing a signal by a larger level
makes its codes smaller: the level that is sent with each segment is the knob for the rate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.neural.coder import Alphabet, CoderOutput, TransformCoder
from earbench_codecs.neural.hole_levels import HoleLevels
from earbench_codecs.neural.holes import N_NOISE, HoleNetwork, filled_shares, noise_for
from earbench_codecs.neural.hyper_model import HyperModel, fit_tables
from earbench_codecs.neural.hyper_prior import PER_OCTAVE, STEP_OF_1, HyperPrior, earlier, interpolation
from earbench_codecs.neural.hyper_tables import (
    LIMIT,
    coefficient_bits,
    latent_bits,
    scales_of,
    spread_of_zeros,
)
from earbench_codecs.neural.integer_network import rounded
from earbench_codecs.neural.mdct_hyper_config import MdctHyperConfig
from earbench_codecs.neural.switched_transform import N_PARTS, RISE_DB, SwitchedTransform, attacks
from earbench_codecs.neural.tolerated_noise import ToleratedNoise
from earbench_codecs.psychoacoustics.p862 import PesqDistance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from earbench_codecs.neural.entropy_coding import EntropyModel

_LARGEST_CODE = 2**20 - 1
_LATENT_SLOPE = 8
_LEAST_POWER = 1e-6
_LEAST_NOISE = 1e-4
_COARSER_SHARE = 0.4
"""Of training examples, with coarser steps than the coder's own."""
_RISES_DB = (4.0, 10.0)
"""Of training examples, the rises that are attacks."""
_TOLD_OF_SPLIT = 2.0
"""What the analysis sees of a split block, beside nepers."""


class MdctHyper(TransformCoder):
    """The coder; a row of codes is a block: stream 0 has its latents, the others its coefficients.

    Where levels of holes are sent, they are the last stream.
    """

    architecture = "mdct-hyper"
    config_type = MdctHyperConfig
    alphabet = Alphabet(-LIMIT, LIMIT, escape=True)

    def __init__(self, config: MdctHyperConfig) -> None:
        super().__init__(config)
        size = config.transform
        self._hyper = config
        self.coarsest, self.lowest_gain = config.coarsest, config.lowest_gain
        self.n_blocks = config.framing.length // size
        self.transform = SwitchedTransform(size)
        self.prior = HyperPrior(
            size,
            config.latents,
            config.nodes,
            config.features,
            config.width,
            config.hyper_width,
            notched=config.coarsest > 0,
            hole_levels=_hole_levels(config),
            switched=config.parts > 1,
        )
        self.analysis = _analysis(config)
        self.pesq = PesqDistance(1 / config.crest) if "pesq" in config.terms else None
        self.tolerated = ToleratedNoise(config) if "masked" in config.terms else None
        shares = interpolation(size, config.nodes)
        for name, array in (
            ("means", (shares / shares.sum(1, keepdims=True)).T),
            ("noise", noise_for(config)),
            ("filled", filled_shares(config) * math.sqrt(3)),
        ):
            self.register_buffer(name, torch.from_numpy(array).float(), persistent=False)
        self.holes = self._hole_network(torch.from_numpy(shares).float()) if "holes" in config.terms else None

    @property
    def code_shape(self) -> tuple[int, int]:
        """Latents, coefficients by sixteens, and levels of holes."""
        return self._hyper.transform // 16 + 1 + self._hyper.hole_levels, 16

    @property
    def code_rows(self) -> int:
        """Blocks of a frame."""
        return self.n_blocks

    def rows_for(self, n_samples: int) -> int:
        """Return the blocks that reach into the first samples of a frame."""
        size = self._hyper.transform
        return min(-(-(n_samples + size // 2) // size), self.n_blocks)

    def entropy_model(self) -> EntropyModel:
        """Return the model that knows the latents."""
        return HyperModel(self.prior)

    def learn_codes(self, segments: Iterable[Tensor]) -> None:
        """Make the tables follow the codes of segments, as they are and with coarser steps."""
        codes = self._usual_codes(segments)
        fit_tables(self.prior, (self.alphabet.symbols(some).cpu().numpy() for some in codes))

    def _usual_codes(self, segments: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield codes of segments [F, 1, L] and, of each with another number of notches, coarser ones."""
        for n, frames in enumerate(segments):
            coefficients, split = self.transformed(frames.transpose(0, 1))
            yield self.quantised(coefficients, split)
            if self.coarsest:
                notches = coefficients.new_full((len(coefficients), 1, 1), 1 + n % self.coarsest)
                yield self.quantised(self.lowest_gain * coefficients, split, notches)

    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames, differentiably in training mode, there with a random gain each."""
        gain, notches = self._gains(len(frames)).to(frames), self._notches(len(frames)).to(frames)
        own = notches == 0  # where steps are coarser, only what is expected of codes is learned
        split = self._split(frames)
        coefficients = self.transform(frames, split) * gain
        soft, latents = self._latents(coefficients, notches, split)
        soft = _learned_where(own, soft)
        steps, features = self.prior.steps(latents, earlier(latents, 1))
        steps = _learned_where(own, steps)
        step = _step(steps)
        values = coefficients / step
        codes = self._codes(values).detach()
        places = self.prior.all_places(latents.detach(), codes, steps.detach(), features)
        sizes = self._sizes_of_holes(latents.detach(), codes, step.detach(), places.scales.detach())
        levels = self._levels(coefficients.detach(), codes, sizes.detach() * step.detach(), split)
        back = codes + self._filling(codes, sizes, levels, split)
        if self.training:
            soft = soft + torch.rand_like(soft) - 0.5
            coded = values + torch.rand_like(values) - 0.5
            back = values + (back - values).detach()
        else:
            soft, coded = latents, codes
        bits = latent_bits(soft, places.means, places.spreads).sum((1, 2))
        bits = bits + coefficient_bits(coded, places.scales, places.shapes).sum((1, 2))
        noise = step.square() / 12 if self.training else (codes * step - coefficients).square()
        decoded = self.transform.inverse(back * step / gain, split)
        around = _smoothed(coefficients.square()) + _LEAST_NOISE
        terms = {"weighted": (noise * around**-self._hyper.exponent).mean()}
        if self.tolerated is not None:
            terms["masked"] = (own * noise / self.tolerated(frames, split, gain)).mean()
        if self.holes is not None:
            terms["holes"] = self.holes.loss(values.detach(), codes, sizes)
        if self.pesq is not None:
            distance = self.pesq(frames.squeeze(1), decoded.squeeze(1))
            terms["pesq"] = (distance * bits.detach()).mean() / self.n_codes
        return CoderOutput(decoded, bits.mean(), terms)

    def transformed(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coefficients of frames, and which blocks are split, for an attack in any channel."""
        alone = frames.flatten(0, 1).unsqueeze(1)
        split = self._split(alone).view(*frames.shape[:2], -1).any(0).repeat(len(frames), 1)
        return self.transform(alone, split), split

    def restored(self, coefficients: Tensor, codes: Tensor) -> Tensor:
        """Return the frames of coefficients; codes say which blocks are split."""
        return self.transform.inverse(coefficients, self.prior.split(self._parts(codes)[0]))

    def quantised(
        self,
        coefficients: Tensor,
        split: Tensor,
        coarser: Tensor | None = None,
        sent: Tensor | None = None,
    ) -> Tensor:
        """Return the codes of coefficients; levels of holes are relative to what is told by those sent."""
        there = coefficients.new_ones(len(coefficients), 1, 1) if sent is None else sent
        notches = torch.zeros_like(there) if coarser is None else coarser
        _, latents = self._latents(coefficients, notches, split)
        latents = latents * there
        step = _step(self.prior.step_levels(latents, earlier(latents, 1)))
        numbers = self._codes(coefficients / step) * there
        parts = [latents, numbers]
        if self.prior.hole_levels is not None:
            told = self._sizes_of_holes(latents, numbers, step, None) * step
            parts.append(self._levels(coefficients, numbers, told, split))
        return torch.cat(parts, -1).long().reshape(-1, *self.code_shape)

    def dequantised(self, codes: Tensor, tables: Tensor | None = None) -> Tensor:
        """Return the coefficients of codes; tables say what is expected of them."""
        latents, numbers, levels = self._parts(codes)
        scales = None
        if tables is not None:
            scales = scales_of(self._parts(tables)[1])
        elif self.holes is None:
            scales = self._scales(latents, numbers)
        step = _step(self.prior.step_levels(latents, earlier(latents, 1)))
        sizes = self._sizes_of_holes(latents, numbers, step, scales)
        return (numbers + self._filling(numbers, sizes, levels, self.prior.split(latents))) * step

    def stepped(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coefficients of codes without noise in place of holes, and their steps."""
        latents, numbers, _ = self._parts(codes)
        step = _step(self.prior.step_levels(latents, earlier(latents, 1)))
        return numbers * step, step

    def _scales(self, latents: Tensor, numbers: Tensor) -> Tensor:
        return self.prior.all_places(latents, numbers, *self.prior.steps(latents, earlier(latents, 1))).scales

    def _parts(self, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return latents [B, R, 16], numbers of coefficients [B, R, M], levels [B, R, 16 or 0] of codes."""
        rows = codes.reshape(-1, self.n_blocks, self.code_shape[0] * 16).float()
        end = 16 + self._hyper.transform
        return rows[..., :16], rows[..., 16:end], rows[..., end:]

    def _split(self, frames: Tensor) -> Tensor:
        """Return which blocks [B, R] of frames are split; in training, by a random threshold each."""
        if self._hyper.parts == 1:
            return torch.zeros(len(frames), self.n_blocks, dtype=torch.bool, device=frames.device)
        low, high = _RISES_DB
        rise_db = low + (high - low) * torch.rand(len(frames), 1) if self.training else RISE_DB
        return attacks(frames, self._hyper.transform, rise_db)

    def _gains(self, n: int) -> Tensor:
        if not self.training:
            return torch.ones(n, 1, 1)
        low, high = math.log(self._hyper.lowest_gain), math.log(self._hyper.highest_gain)
        return torch.exp(low + (high - low) * torch.rand(n, 1, 1))

    def _notches(self, n: int) -> Tensor:
        if not (self.training and self.coarsest):
            return torch.zeros(n, 1, 1)
        asked = torch.randint(0, self.coarsest + 1, (n, 1, 1))
        return asked * (torch.rand(n, 1, 1) < _COARSER_SHARE)

    def _latents(self, coefficients: Tensor, notches: Tensor, split: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents [B, R, 16] of coefficients [B, R, M], and the integers they become."""
        nepers = (coefficients.square() @ self.get_buffer("means") + _LEAST_POWER).log() / 2
        if self.prior.switched:
            nepers = torch.cat([nepers, _of_parts(coefficients, split)], -1)
        seen = nepers.transpose(1, 2)
        if not self._hyper.look_ahead:
            seen = nn.functional.pad(seen, (4, 0))  # what two layers of three reach back
        soft = self.analysis(seen).transpose(1, 2)
        soft = LIMIT * torch.tanh(soft / _LATENT_SLOPE)
        if self.coarsest:
            soft = torch.cat([soft[..., :-1], notches.expand(*soft.shape[:2], 1)], -1)
        soft = self.prior.with_split(soft, split)
        return soft, rounded(soft)

    def _codes(self, values: Tensor) -> Tensor:
        sizes = (values.abs() + 0.5 - self._hyper.dead_zone).floor().clamp(0, _LARGEST_CODE)
        return torch.sign(values) * sizes

    def _hole_network(self, shares: Tensor) -> HoleNetwork:
        config = self._hyper
        means = self.get_buffer("means")
        return HoleNetwork(means, shares, config.latents, config.hole_width, self._largest_hole)

    @property
    def _largest_hole(self) -> float:
        return 0.5 + self._hyper.dead_zone

    def _sizes_of_holes(self, latents: Tensor, codes: Tensor, step: Tensor, scales: Tensor | None) -> Tensor:
        """Return the root mean square, in steps, of what was coded as 0 [B, R, M]."""
        if self.holes is not None:
            told: Tensor = self.holes(self.prior.scaled(latents), codes, step)
            return told
        assert scales is not None
        return spread_of_zeros(scales, self._largest_hole)

    def _levels(self, coefficients: Tensor, codes: Tensor, told: Tensor, split: Tensor) -> Tensor:
        """Return the levels of holes [B, R, 16], or none [B, R, 0] where none are sent."""
        if self.prior.hole_levels is None:
            return codes[..., :0]
        return self.prior.hole_levels.found(coefficients, codes, told, split)

    def _filling(self, codes: Tensor, sizes: Tensor, levels: Tensor, split: Tensor) -> Tensor:
        """Return noise where codes [B, R, M] are 0; which noise, the others decide."""
        if self.prior.hole_levels is not None:
            sizes = sizes * self.prior.hole_levels.gains(levels, split)
        bins = torch.arange(codes.shape[-1], device=codes.device)
        first = (codes.long() * (2 * bins + 1)).sum(-1, keepdim=True)
        noise: Tensor = self.get_buffer("noise")[(first + bins) % N_NOISE]
        return noise * sizes * (self.get_buffer("filled") * (codes == 0))


def _learned_where(own: Tensor, x: Tensor) -> Tensor:
    """Return a tensor that gradients go back through only for some examples."""
    return torch.where(own, x, x.detach())


def _analysis(config: MdctHyperConfig) -> nn.Sequential:
    """Return the network from the envelope [B, nodes, R] to latents; it sees two blocks on either side.

    Where blocks may be split, it sees how loud their parts are, too.
    """
    width, around = config.hyper_width, 1 if config.look_ahead else 0
    n_seen = config.nodes + (N_PARTS + 1 if config.parts > 1 else 0)
    return nn.Sequential(
        nn.Conv1d(n_seen, width, 3, padding=around),
        nn.GELU(),
        nn.Conv1d(width, width, 3, padding=around),
        nn.GELU(),
        nn.Conv1d(width, config.latents, 1),
    )


def _hole_levels(config: MdctHyperConfig) -> HoleLevels | None:
    """Return what makes and reads them; None where none are sent."""
    if not config.hole_levels:
        return None
    return HoleLevels(config.transform, config.sample_rate_hz, config.fill_from_hz)


def _of_parts(coefficients: Tensor, split: Tensor) -> Tensor:
    """Return the levels of the four parts of blocks, relative to their mean, and a plane that says which are.

    In nepers, 0 where a block is not split: [B, R, 5].
    """
    power = coefficients.square().reshape(*split.shape, -1, N_PARTS).mean(2)
    nepers = (power + _LEAST_POWER).log() / 2
    relative = nepers - nepers.mean(-1, keepdim=True)
    return split.unsqueeze(-1) * nn.functional.pad(relative, (0, 1), value=_TOLD_OF_SPLIT)


def _smoothed(power: Tensor) -> Tensor:
    """Return the power at each coefficient [B, R, M] with that around, in frequency and time."""
    power = nn.functional.avg_pool1d(power, 5, 1, 2, count_include_pad=False)
    later = nn.functional.pad(power[:, 1:], (0, 0, 0, 1))
    return power / 2 + (earlier(power, 1) + later) / 4


def _step(levels: Tensor) -> Tensor:
    return ((levels - STEP_OF_1) / PER_OCTAVE).exp2()
