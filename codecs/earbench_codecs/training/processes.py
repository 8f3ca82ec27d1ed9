"""Several processes that train one coder, each on its share of every batch."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import distributed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import nn


@dataclass(frozen=True, slots=True)
class Processes:
    """Place of this process among all.

    Parameters
    ----------
    rank, count : int
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one validates, writes files and tells events."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter], stop: bool) -> bool:
        """Replace gradients by their mean over all processes; return whether any of these wants to stop.

        One transfer a step: the coders here are a few megabytes, so overlapping it with the backward pass
        would gain little.
        """
        if self.count == 1:
            return stop
        gradients = [p.grad for p in parameters if p.grad is not None]
        wish = gradients[0].new_tensor([float(stop)])
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), wish])
        distributed.all_reduce(flat)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, torch.split(flat[:-1] / self.count, sizes), strict=True):
            gradient.copy_(mean.view_as(gradient))
        return bool(flat[-1] > 0)

    def from_first(self, value: float, device: torch.device) -> float:
        """Return the first process' value in all of them."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.broadcast(shared, 0)
        return float(shared)


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started together; alone, be the only one."""
    if "WORLD_SIZE" not in os.environ:
        yield Processes()
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
