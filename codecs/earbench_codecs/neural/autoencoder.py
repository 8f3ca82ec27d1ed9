"""Coders of one encoder, one quantiser and one decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.neural.coder import Alphabet, Coder, CoderConfig, CoderOutput

if TYPE_CHECKING:
    from torch import Tensor

    from earbench_codecs.neural.quantizers import Quantizer


class Autoencoder(Coder):
    """Frames [B, 1, L] → encoder → latents [B, S, P] → quantiser → decoder → frames.

    A subclass with a stage named ``unquantized`` trains without the quantiser in it; before the next
    stage the quantiser sees the latents.

    Parameters
    ----------
    config : CoderConfig
    encoder, decoder : nn.Module
    quantizer : Quantizer
    code_shape : tuple of int
        (S, P).
    """

    def __init__(
        self,
        config: CoderConfig,
        encoder: nn.Module,
        decoder: nn.Module,
        quantizer: Quantizer,
        code_shape: tuple[int, int],
    ) -> None:
        super().__init__(config)
        self.encoder = encoder
        self.decoder = decoder
        self.quantizer = quantizer
        self._code_shape = code_shape

    @property
    def alphabet(self) -> Alphabet:
        """The quantiser's."""
        return self.quantizer.alphabet

    @property
    def code_shape(self) -> tuple[int, int]:
        """Streams and positions."""
        return self._code_shape

    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames, in the stage ``unquantized`` without a quantiser."""
        latents = self.encoder(frames)
        if self.stage == "unquantized":
            return CoderOutput(self.decoder(latents), latents.new_zeros(()))
        quantized = self.quantizer(latents)
        return CoderOutput(self.decoder(quantized.values), quantized.bits, quantized.terms)

    def encode(self, frames: Tensor) -> Tensor:
        """Return the codes of frames."""
        return self.quantizer.codes(self.encoder(frames))

    def decode(self, codes: Tensor) -> Tensor:
        """Return the frames of codes."""
        frames: Tensor = self.decoder(self.quantizer.values(codes))
        return frames

    def parameters_of(self, stage: str) -> list[nn.Parameter]:
        """All, but the quantiser's where it is not used."""
        unused = set(self.quantizer.parameters()) if stage == "unquantized" else set()
        return [parameter for parameter in self.parameters() if parameter not in unused]

    @torch.no_grad()
    def prepare_stage(self, stage: str, frames: Tensor) -> None:
        """Show the latents of frames to the quantiser, when quantisation begins."""
        before = self.stages[self.stages.index(stage) - 1] if stage != self.stages[0] else None
        if before == "unquantized":
            self.quantizer.start(self.encoder(frames))
