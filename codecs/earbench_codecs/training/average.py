"""A running mean of parameters, which is often better than the parameters themselves."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn


class RunningAverage:
    """Exponential moving average of a module's parameters.

    Parameters
    ----------
    module : nn.Module
    decay : float
        Share of the old mean that is kept in each step; lower in the first steps, so that the random
        start is forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._module = module
        self._decay = decay
        self.n_updates = 0
        self.mean: dict[str, Tensor] = {}
        self.restart()

    @torch.no_grad()
    def restart(self) -> None:
        """Take the parameters as they are, such as after the quantiser's bins were placed."""
        self.mean = {name: p.detach().clone() for name, p in self._module.named_parameters()}
        self.n_updates = 0

    def load(self, mean: Mapping[str, Tensor], n_updates: int) -> None:
        """Go on from a stored mean."""
        for name, tensor in mean.items():
            self.mean[name].copy_(tensor)
        self.n_updates = n_updates

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters after a step into the mean."""
        decay = min(self._decay, (1 + self.n_updates) / (10 + self.n_updates))
        for name, parameter in self._module.named_parameters():
            self.mean[name].lerp_(parameter, 1 - decay)
        self.n_updates += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the module have the mean for its parameters, for a while."""
        own = {name: p.detach().clone() for name, p in self._module.named_parameters()}
        self._set(self.mean)
        try:
            yield
        finally:
            self._set(own)

    @torch.no_grad()
    def _set(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._module.named_parameters():
            parameter.copy_(values[name])
