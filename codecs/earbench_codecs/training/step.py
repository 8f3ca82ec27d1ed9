"""One step of training: from a batch of frames to changed parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from earbench_codecs.training.compilation import CompilerError, compiled
from earbench_codecs.training.errors import DivergedError, FullMemoryError
from earbench_codecs.training.losses import Objective

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from earbench_codecs.neural.coder import Coder, CoderOutput
    from earbench_codecs.training.processes import Processes
    from earbench_codecs.training.recipe import Recipe


@dataclass(slots=True)
class Sums:
    """Losses since the last report, kept on the device so that no step waits for it.

    Parameters
    ----------
    terms : mapping of name to Tensor
    n_steps : int
    """

    terms: dict[str, Tensor] = field(default_factory=dict)
    n_steps: int = 0

    def add(self, terms: dict[str, Tensor]) -> None:
        """Count a step's losses in."""
        for name, term in terms.items():
            self.terms[name] = self.terms.get(name, 0) + term.detach()
        self.n_steps += 1

    def means(self) -> dict[str, float]:
        """Return the mean of each."""
        return {name: float(term) / self.n_steps for name, term in self.terms.items()}


class Stepper:
    """Changes a coder's parameters, a batch at a time.

    Parameters
    ----------
    recipe : Recipe
    coder : Coder
    device : torch.device
    processes : Processes
    notice : callable
        Is told what the recipe asks for and cannot be had.
    """

    def __init__(
        self,
        recipe: Recipe,
        coder: Coder,
        device: torch.device,
        processes: Processes,
        notice: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._recipe = recipe
        self._coder = coder
        self._device = device
        self._processes = processes
        config = coder.config
        self.objective = Objective(recipe.objective, config.framing.length, config.sample_rate_hz).to(device)
        self.optimiser = _optimiser(recipe, coder)
        self._notice = notice
        self._forward = compiled(coder, device, notice) if recipe.optimiser.compile else coder
        self.sums = Sums()
        self.quantises = False

    def step(self, frames: Tensor, number: int, tau: float, learning_rate: float, stop: bool) -> bool:
        """Train on frames [B, 1, L]; return whether any process wants to stop.

        Random numbers depend on the seed, the step's number and the process alone, so a run that goes on
        after a stop draws what it would have drawn.

        Raises
        ------
        FullMemoryError
            The GPU's memory is full.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        try:
            terms = self._gradients(frames, number, tau)
        except torch.OutOfMemoryError as error:
            raise FullMemoryError(
                f"the memory of {self._device} is full at a batch of {self._recipe.optimiser.batch} windows; "
                "lower optimiser.batch or the model's size, and go on with --resume"
            ) from error
        self.sums.add(terms)
        stop = self._processes.average_gradients(self._coder.parameters(), stop)
        if self._recipe.optimiser.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._coder.parameters(), self._recipe.optimiser.clip_norm)
        self.optimiser.step()
        return stop

    def take_means(self, number: int) -> dict[str, float]:
        """Return the mean losses by term since the last call, with ``loss``, their weighted sum.

        Raises
        ------
        DivergedError
            One is no longer a number.
        """
        means, self.sums = self.sums.means(), Sums()
        bad = [name for name, value in means.items() if not np.isfinite(value)]
        if bad or not all(bool(p.isfinite().all()) for p in self._coder.parameters()):
            what = ", ".join(bad) or "parameters"
            raise DivergedError(
                f"{what} no longer a number by step {number}; the last checkpoint is intact: lower the "
                "learning rate or set optimiser.clip_norm, and begin a new run"
            )
        return means

    def _gradients(self, frames: Tensor, number: int, tau: float) -> dict[str, Tensor]:
        """Put gradients into the parameters; return the losses. If compiling fails, do without for good."""
        torch.manual_seed(_seed(self._recipe.data.seed, number, self._processes.rank))
        self.optimiser.zero_grad(set_to_none=True)
        try:
            terms = self._losses(frames, number, tau)
            terms["loss"].backward()  # type: ignore[no-untyped-call]
        except CompilerError as error:
            if self._forward is self._coder:
                raise
            reason = " ".join(str(error).split("\n\n")[0].split())
            self._notice(f"torch.compile failed, the run goes on without it: {reason}")
            self._forward = self._coder
            return self._gradients(frames, number, tau)
        return terms

    def _losses(self, frames: Tensor, number: int, tau: float) -> dict[str, Tensor]:
        """Return the losses by term, and ``loss``, their weighted sum."""
        bfloat16 = self._recipe.optimiser.precision == "bfloat16" and self._device.type == "cuda"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=bfloat16):
            output = self._forward(frames)
        self.quantises = output.rate_bits.requires_grad or float(output.rate_bits) > 0
        terms = self._terms(frames, output)
        weights = self._weights(number, tau)
        loss = torch.stack([weights[name] * term for name, term in terms.items() if name in weights]).sum()
        return {**terms, "loss": loss}

    def _terms(self, frames: Tensor, output: CoderOutput) -> dict[str, Tensor]:
        own = {name: term.float() for name, term in output.terms.items()}
        rate = output.rate_bits.float() / self._coder.n_codes
        return {**self.objective(frames, output.decoded.float()), **own, "entropy": rate}

    def _weights(self, number: int, tau: float) -> dict[str, float]:
        """Return the weight of each term that counts in this step's stage."""
        objective = self._recipe.objective
        weights = {name: term.weight for name, term in objective.terms.items()} | objective.coder
        if "entropy" in weights:
            weights["entropy"] *= tau
        chosen = self._recipe.stage_at(number).terms
        return {name: weight for name, weight in weights.items() if not chosen or name in chosen}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's state by name, for a checkpoint."""
    state = optimiser.state_dict()["state"]
    return {
        f"optimiser/{index}/{key}": tensor for index, entry in state.items() for key, tensor in entry.items()
    }


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Go on from a stored state, its names without ``optimiser/``."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _optimiser(recipe: Recipe, coder: Coder) -> torch.optim.Optimizer:
    table = recipe.optimiser
    kind: type[torch.optim.Adam] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[table.kind]
    return kind(coder.parameters(), lr=table.learning_rate, weight_decay=table.weight_decay)
