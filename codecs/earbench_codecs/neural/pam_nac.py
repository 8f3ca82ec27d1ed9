"""The network of Zhen et al. 2020, "Psychoacoustic calibration of loss functions …" (PAM-NAC)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn

from earbench_codecs.neural.blocks import Residual, SubPixel1d, same_conv
from earbench_codecs.neural.coder import Alphabet, Coder, CoderConfig, CoderOutput, Level
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.quantizers import SoftmaxQuantizer

if TYPE_CHECKING:
    from torch import Tensor

    from earbench_codecs.neural.quantizers import Quantized

_SLOPE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class PamNacConfig(CoderConfig):
    """Settings of `PamNac`; defaults are the paper's low rate, 32 kHz with one module.

    Parameters
    ----------
    framing : Framing
        Ramps at synthesis alone, as in the code; it uses the symmetric Hann window, ``hann-symmetric``.
    level, crest : str, float
        The code divides a file by its standard deviation times 13.86 at 32 kHz, 13.79 at 44.1 kHz.
    n_modules : int
        1 is the "0.45 M" model, 2 the "0.9 M" one.
    channels, narrow, kernel : int
        Widths outside and inside bottlenecks.
    first_kernel : int
        55 in the published code; the table of CMRL reads 9, and both round to 0.45 M parameters.
    residual_scale : float
        What a later module's input, the residual, is multiplied by, and its output divided by: 5 in
        pam-nac's code, 1 in its successor NSC.
    n_bins : int
    sigma : float
    """

    sample_rate_hz: int = 32_000
    framing: Framing = field(default_factory=lambda: Framing(side="synthesis"))
    level: Level = "std"
    crest: float = 13.86
    n_modules: int = 1
    channels: int = 100
    narrow: int = 20
    kernel: int = 9
    first_kernel: int = 55
    residual_scale: float = 5.0
    n_bins: int = 32
    sigma: float = 300.0


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(same_conv(c_in, c_out, kernel, stride=stride), nn.LeakyReLU(_SLOPE))


def bottleneck(c_in: int, width: int, narrow: int, kernel: int, dilation: int) -> Residual:
    """Return a block that is narrow inside; its second convolution is dilated."""
    branch = nn.Sequential(
        _conv(c_in, narrow, kernel),
        same_conv(narrow, narrow, kernel, dilation=dilation),
        nn.LeakyReLU(_SLOPE),
        same_conv(narrow, width, kernel),
    )
    return Residual(branch)  # a shortcut of one channel is added to all


def _pair(c_in: int, width: int, narrow: int, kernel: int) -> nn.Sequential:
    first = bottleneck(c_in, width, narrow, kernel, dilation=1)
    return nn.Sequential(first, nn.LeakyReLU(_SLOPE), bottleneck(width, width, narrow, kernel, dilation=2))


def _start_as_tensorflow(module: nn.Module) -> None:
    """Draw weights as the published code does: torch's own are so small that all codes begin in one bin."""
    if isinstance(module, nn.Conv1d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class PamNacModule(nn.Module):
    """One autoencoder: 255,561 parameters encode, 195,591 decode, 33 quantise; 451,185 in all."""

    def __init__(self, config: PamNacConfig) -> None:
        super().__init__()
        width, narrow, kernel = config.channels, config.narrow, config.kernel
        self.encoder = nn.Sequential(
            _conv(1, width, config.first_kernel),
            _pair(width, width, narrow, kernel),
            _conv(width, width, kernel, stride=2),
            _pair(width, width, narrow, kernel),
            same_conv(width, 1, kernel),
            nn.Tanh(),
        )
        self.decoder = nn.Sequential(
            _pair(1, width, narrow, kernel),
            _conv(width, width, kernel),
            SubPixel1d(),
            _pair(width // 2, width // 2, narrow, kernel),
            same_conv(width // 2, 1, kernel),
        )
        self.quantizer = SoftmaxQuantizer(config.n_bins, config.sigma)
        self.apply(_start_as_tensorflow)

    def forward(self, frames: Tensor) -> tuple[Tensor, Quantized]:
        """Return frames as decoded, and what the quantiser says."""
        quantized = self.quantizer(self.encoder(frames))
        return self.decoder(quantized.values), quantized

    def encode(self, frames: Tensor) -> Tensor:
        """Return codes [B, 1, L / 2] of frames [B, 1, L]."""
        return self.quantizer.codes(self.encoder(frames))

    def decode(self, codes: Tensor) -> Tensor:
        """Return frames of codes."""
        frames: Tensor = self.decoder(self.quantizer.values(codes))
        return frames


class PamNac(Coder):
    """Music at 32 or 44.1 kHz; a second module codes what the first leaves (CMRL; Zhen et al. 2020).

    With two modules the first is trained alone, then the second with the first frozen, then both.
    The paper's rates divide by 1024; a bit a code is 17.067 kbps at 32 kHz, 23.52 kbps at 44.1 kHz.
    """

    architecture = "pam-nac"
    config_type = PamNacConfig

    def __init__(self, config: PamNacConfig) -> None:
        super().__init__(config)
        self.coding = nn.ModuleList(PamNacModule(config) for _ in range(config.n_modules))
        self.scales = [1.0] + [config.residual_scale] * (config.n_modules - 1)
        if config.n_modules > 1:
            self.stages = (*(f"module{i + 1}" for i in range(config.n_modules)), "joint")

    @property
    def alphabet(self) -> Alphabet:
        """Bins of each module's quantiser."""
        return self._modules_used("joint")[0].quantizer.alphabet

    @property
    def code_shape(self) -> tuple[int, int]:
        """A stream for each module."""
        return len(self.coding), self.config.framing.length // 2

    def forward(self, frames: Tensor) -> CoderOutput:
        """Code frames with the modules there are at the present stage."""
        decoded = torch.zeros_like(frames)
        bits, penalty = frames.new_zeros(()), frames.new_zeros(())
        for module, scale in zip(self._modules_used(self.stage), self.scales, strict=False):
            part, quantized = module(scale * (frames - decoded))
            decoded = decoded + part / scale
            bits = bits + quantized.bits
            penalty = penalty + quantized.terms.get("quantization", 0)
        return CoderOutput(decoded, bits, {"quantization": penalty})

    def encode(self, frames: Tensor) -> Tensor:
        """Return the codes of frames; each module codes what those before it leave."""
        codes, decoded = [], torch.zeros_like(frames)
        for module, scale in zip(self._modules_used("joint"), self.scales, strict=True):
            codes.append(module.encode(scale * (frames - decoded)))
            decoded = decoded + module.decode(codes[-1]) / scale
        return torch.cat(codes, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the sum of what the modules decode."""
        streams = zip(self._modules_used("joint"), codes.unsqueeze(2).unbind(1), self.scales, strict=True)
        return torch.stack([module.decode(code) / scale for module, code, scale in streams]).sum(0)

    def parameters_of(self, stage: str) -> list[nn.Parameter]:
        """Return the newest module's, or all in the stage ``joint``."""
        used = self._modules_used(stage)
        return [p for module in (used if stage == "joint" else used[-1:]) for p in module.parameters()]

    def _modules_used(self, stage: str) -> list[PamNacModule]:
        n = len(self.coding) if stage == "joint" else int(stage.removeprefix("module"))
        return [module for module in self.coding if isinstance(module, PamNacModule)][:n]
