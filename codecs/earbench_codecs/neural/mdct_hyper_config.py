"""Settings of the MDCT with a hyper-latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.coder import CoderConfig
from earbench_codecs.neural.hyper_tables import LIMIT
from earbench_codecs.psychoacoustics.p862 import SAMPLE_RATE_HZ as PESQ_RATE_HZ


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
    hole_width : int
        Hidden units of the `HoleNetwork`.
    look_ahead : bool
        Latents are chosen by two blocks to come as well. Without it, nothing is waited for but the transform:
        the delay is two blocks.
    exponent : float
        Of the term ``weighted``: noise counts in proportion to the signal's power to minus this; 0 makes
        white noise, 1 noise at a constant distance below the signal.
    terms : tuple of {"masked", "holes", "pesq"}
        What a recipe may train with besides. ``masked``: noise counts in proportion to the inverse of the
        masking threshold within a block, see `ToleratedNoise`.
        ``holes``: what tells how loud zeros were, see `HoleNetwork`; it is there only with this term.
        ``pesq``: the distance that PESQ sees between what is coded and what is decoded, times what it costs,
        so that the same share of the bits buys as much at any rate; at 16 kHz.
    coarsest : int
        Notches by which steps can be made coarser than a network says, within 0 to 15; see `HyperPrior`. A
        network that knows what rate is asked for does not make its steps that much coarser by itself: noise
        counts by the step, so that what is coded as zeros asks for smaller ones.
    lowest_gain, highest_gain : float
        Training examples are amplified by a random factor between these, which makes them examples of rates
        from low to high. Where there are notches, they take the place of lower gains.
    dead_zone : float
        Coefficients are coded as 0 up to half a step and this.
    fill : float
        Coefficients coded as 0 come back as noise with this share of the amplitude that is told, or else
        expected, of them. Not trained: noise never makes an error smaller, only the ear and what imitates
        it prefer it to a hole.
    fill_from_hz : float
        Below it, holes remain.
    full_from_hz : float or None
        From there on, noise is as loud as is told; from `fill_from_hz` to there, its share rises.
    hole_levels : bool
        What is told is corrected by levels that are sent, see `HoleLevels`; only with what tells it, the term
        ``holes``. Not trained.
    parts : {1, 4}
        With 4, blocks with an attack are split into as many, see `SwitchedTransform`; the last latent but one
        says which. Attacks are looked for up to an eighth into the next block.

    Raises
    ------
    SettingError
        Frames are no whole number of blocks, blocks no multiple of 64, latents not 16, notches not what a
        latent can say, nothing tells what levels of holes are relative to, or blocks are to be split without
        looking ahead.
    """

    transform: int = 256
    latents: int = 16
    nodes: int = 40
    features: int = 8
    width: int = 32
    hyper_width: int = 64
    hole_width: int = 96
    look_ahead: bool = True
    exponent: float = 0.4
    terms: tuple[Literal["masked", "holes", "pesq"], ...] = ()
    coarsest: int = 0
    lowest_gain: float = 0.15
    highest_gain: float = 12.0
    dead_zone: float = 0.15
    fill: float = 0.4
    fill_from_hz: float = 0.0
    full_from_hz: float | None = None
    hole_levels: bool = False
    parts: Literal[1, 4] = 1

    def __post_init__(self) -> None:
        size, length = self.transform, self.framing.length
        if length % size or size % 64 or self.latents != 16:
            raise SettingError(
                "blocks are a multiple of 64, frames a whole number of blocks, latents 16: "
                f"not {size}, {length} and {self.latents}"
            )
        if not 0 <= self.coarsest <= LIMIT:
            raise SettingError(f"steps get 0 to {LIMIT} notches coarser, not {self.coarsest}")
        if "pesq" in self.terms and self.sample_rate_hz != PESQ_RATE_HZ:
            raise SettingError(f"PESQ is of {PESQ_RATE_HZ} Hz: no term of a coder of {self.sample_rate_hz}")
        if self.hole_levels and "holes" not in self.terms:
            raise SettingError("levels of holes are relative to what the term holes tells, which is missing")
        if self.parts > 1 and not self.look_ahead:
            raise SettingError("a block is split for what is in the next one, too: not without looking ahead")
