"""`torch.compile` for the forward and backward pass where it helps; without it where it cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch._dynamo.exc import TorchDynamoException as CompilerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from earbench_codecs.neural.coder import Coder, CoderOutput
__all__ = ["CompilerError", "compiled"]

DEVICES = ("cuda",)
"""On a CPU compiling takes minutes, and these small networks gain little."""
BACKEND: str | Callable[..., object] = "inductor"


def compiled(
    coder: Coder, device: torch.device, notice: Callable[[str], None]
) -> Callable[[Tensor], CoderOutput]:
    """Return the coder's forward pass, compiled when it is first called; as it is, with a notice, elsewhere.

    The coder's parameters keep their names.
    """
    if device.type not in DEVICES:
        notice(f"torch.compile is not used on {device.type}: optimiser.compile is for {', '.join(DEVICES)}")
        return coder
    return cast("Callable[[Tensor], CoderOutput]", torch.compile(coder, backend=BACKEND))
