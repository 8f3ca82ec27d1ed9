"""What a trainable coder is: the agreement between networks, the training loop and the bitstream.

A coder turns frames [B, 1, L], cut by `CoderConfig.framing` from a signal at `CoderConfig.sample_rate_hz`,
into codes, which are integers [B, S, P] (S streams with their own statistics, P positions in each), and
codes into frames. Where a frame has several rows of codes in time, there are B · `code_rows` of them.
`Coder.forward` is what training differentiates; `Coder.encode` and `Coder.decode` are what files are made
with.

Training goes through `Coder.stages` in order: `enter_stage` freezes and thaws what the paper freezes and
turns quantisation on; before a stage, `prepare_stage` sees frames of the corpus (K-means start of bins).
Afterwards the codes of the training set become the tables of the entropy coder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from pydantic import ConfigDict
from torch import nn

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.framing import Framing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from earbench_codecs.neural.entropy_coding import EntropyModel

Level = Literal["peak", "std", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoderConfig:
    """What every coder's configuration holds; it is stored in checkpoints as JSON.

    Parameters
    ----------
    sample_rate_hz : int
        The rate of the frames.
    framing : Framing
        How a signal becomes frames.
    level : {"peak", "std", "none"}
        What a file is divided by before framing: its largest magnitude, its standard deviation times
        `crest`, or 1. The divisor is sent as side information.
    crest : float
        Only for "std".
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    sample_rate_hz: int
    framing: Framing = field(default_factory=Framing)
    level: Level = "none"
    crest: float = 1.0


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The integers codes are made of, `low` to `high`; with `escape`, others too, at a price.

    Parameters
    ----------
    low, high : int
        Both inclusive; each has its own place in the entropy coder's table.
    escape : bool
        Whether integers outside occur; the table then has one more symbol, the last, to announce them.
    """

    low: int
    high: int
    escape: bool = False

    @property
    def n_symbols(self) -> int:
        """Number of symbols in a table."""
        return self.high - self.low + 1 + self.escape

    def symbols(self, codes: Tensor) -> Tensor:
        """Return places in the table, 0 to n_symbols - 1, of codes of any shape."""
        symbols = codes - self.low
        if not self.escape:
            return symbols
        outside = (codes < self.low) | (codes > self.high)
        return torch.where(outside, self.n_symbols - 1, symbols)


@dataclass(frozen=True, slots=True)
class CoderOutput:
    """What a training step needs.

    Parameters
    ----------
    decoded : Tensor, shape [B, 1, L]
        The frames as they come back.
    rate_bits : Tensor, scalar
        Differentiable estimate of the bits a frame takes; `Coder.kbps` turns it into a rate.
        0 while quantisation is off.
    terms : mapping of name to Tensor, scalar
        Further terms of the coder's objective, unweighted, such as "quantization".
    """

    decoded: Tensor
    rate_bits: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict)


class Coder(nn.Module, ABC):
    """Encoder, quantiser and decoder, trained together.

    Parameters
    ----------
    config : CoderConfig
        Everything that is needed to build the coder again, save its parameters.
    """

    architecture: ClassVar[str]
    """Name in checkpoints and recipes, such as ``kankanahalli``."""
    config_type: ClassVar[type[CoderConfig]]
    """What `config` is an instance of."""
    stages: tuple[str, ...] = ("joint",)
    """Stages of training, in order; the last one is how the coder is used."""
    sends_raw_codes: bool = False
    """Whether codes are sent as they are, with even tables and no context model."""

    takes_any_rate: bool = False
    """Whether it codes a louder signal with more bits, so that a gain before it is a knob for the rate."""

    def __init__(self, config: CoderConfig) -> None:
        super().__init__()
        self.config = config
        self.stage = self.stages[-1]

    @property
    @abstractmethod
    def alphabet(self) -> Alphabet:
        """What the codes are made of."""

    @property
    @abstractmethod
    def code_shape(self) -> tuple[int, int]:
        """Streams and positions (S, P) of the codes of a frame, or of a row of them."""

    @property
    def code_rows(self) -> int:
        """Rows of codes a frame has, one after the other in time."""
        return 1

    def rows_for(self, n_samples: int) -> int:
        """Return how many rows of codes the first so many samples of a frame are made of."""
        del n_samples  # for coders that have several
        return self.code_rows

    @property
    def n_codes(self) -> int:
        """Codes of a frame."""
        streams, positions = self.code_shape
        return self.code_rows * streams * positions

    @abstractmethod
    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames [B, 1, L] as the present stage does, differentiably."""

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Return the codes, int64 [B · code_rows, S, P], of frames [B, 1, L]."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Return the frames [B, 1, L] of codes [B · code_rows, S, P]."""

    def enter_stage(self, stage: str) -> None:
        """Train what this stage trains from now on.

        Raises
        ------
        SettingError
            There is no such stage.
        """
        if stage not in self.stages:
            raise SettingError(f"{self.architecture} has no stage {stage!r}; it has {', '.join(self.stages)}")
        self.stage = stage
        trained = set(map(id, self.parameters_of(stage)))
        for parameter in self.parameters():
            parameter.requires_grad_(id(parameter) in trained)

    def parameters_of(self, stage: str) -> list[nn.Parameter]:
        """Return what a stage trains."""
        del stage  # for coders that freeze parts
        return list(self.parameters())

    def prepare_stage(self, stage: str, frames: Tensor) -> None:
        """Look at frames [B, 1, L] of the corpus just before a stage begins."""

    def entropy_model(self) -> EntropyModel | None:
        """Return the coder's own model of its codes; None for the one that fits any codes."""
        return None

    def learn_codes(self, segments: Iterable[Tensor]) -> None:
        """Make tables of that model follow the codes of segments of training clips, each frames [F, 1, L]."""

    def kbps(self, bits_per_frame: float) -> float:
        """Turn bits a frame into kbit/s."""
        return bits_per_frame * self.config.sample_rate_hz / self.config.framing.hop / 1000


class TransformCoder(Coder):
    """A coder of coefficients, R = `code_rows` rows of a frame; larger ones take more bits.

    Whoever multiplies coefficients before they are quantised, or adds those of two channels, and undoes it
    behind, steers the rate, or joins channels, from row to row.
    """

    takes_any_rate = True
    coarsest = 0
    """Notches by which steps can be made coarser than the coder's own."""
    lowest_gain = 0.0
    """Below which steps are made coarser instead."""

    @abstractmethod
    def transformed(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coefficients [C · n, R, M] of frames [C, n, L] of channels that may be joined.

        And which rows [C · n, R] are split, the same in all channels.
        """

    @abstractmethod
    def restored(self, coefficients: Tensor, codes: Tensor) -> Tensor:
        """Return the frames [B, 1, L] of coefficients [B, R, M]; codes say which rows are split."""

    @abstractmethod
    def quantised(
        self,
        coefficients: Tensor,
        split: Tensor,
        coarser: Tensor | None = None,
        sent: Tensor | None = None,
    ) -> Tensor:
        """Return the codes [B · R, S, P] of coefficients [B, R, M].

        Parameters
        ----------
        coefficients : Tensor
        split : Tensor, shape [B, R]
            Which rows are split.
        coarser : Tensor, shape [B, R, 1], optional
            Notches by which their steps are coarser.
        sent : Tensor, shape [B, R, 1], optional
            1 for rows that a decoder has, 0 for others.
        """

    @abstractmethod
    def dequantised(self, codes: Tensor, tables: Tensor | None = None) -> Tensor:
        """Return the coefficients [B, R, M] of codes [B · R, S, P].

        Numbers of the tables that the coder's own entropy model had for them, as many, need not be found out
        again.
        """

    @abstractmethod
    def stepped(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return coefficients [B, R, M] without noise in place of holes, and their steps, as many."""

    def encode(self, frames: Tensor) -> Tensor:
        """Return the codes of frames."""
        return self.quantised(*self.transformed(frames.transpose(0, 1)))

    def decode(self, codes: Tensor) -> Tensor:
        """Return the frames of codes."""
        return self.restored(self.dequantised(codes), codes)
