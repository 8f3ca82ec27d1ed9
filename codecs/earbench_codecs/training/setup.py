"""What a run is made of, and when it stops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from earbench_codecs.training.errors import StopAskedError
from earbench_codecs.training.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from earbench_codecs.metrics.worker import Worker
    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.training.corpus import Corpus, Recording
    from earbench_codecs.training.events import Emit
    from earbench_codecs.training.recipe import Recipe
    from earbench_codecs.training.run_folder import RunFolder
    from earbench_codecs.training.validation import Validated

    Keep = Callable[["Setup", Validated], None]
    Show = Callable[[int, int, NDArray[np.float32]], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop before the recipe is done.

    Parameters
    ----------
    max_steps : int, optional
        Steps of the whole run, those before a resume included.
    max_minutes : float, optional
        From now on.
    asked_to_stop : callable
        Whether a signal came.
    """

    max_steps: int | None = None
    max_minutes: float | None = None
    asked_to_stop: Callable[[], bool] = lambda: False

    def check(self) -> None:
        """Raise `StopAskedError` once a signal came."""
        if self.asked_to_stop():
            raise StopAskedError


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What a run is made of.

    Parameters
    ----------
    recipe : Recipe
    coder : Coder
        On `device`.
    corpus : Corpus
    training, validation : sequence of Recording
    folder : RunFolder
    emit : Emit
    worker : Worker
        Computes metrics.
    device : torch.device
    processes : Processes
    show : callable
        Is told a step, an excerpt's number, and how the excerpt is decoded at that step.
    keep : callable
        Is given this, and what was found, after each validation of the last stage.
    check : callable
        Raises `StopAskedError` to end what takes long: a validation, the export.
    report_s, save_s : float
        Seconds between progress events, and between checkpoints inside an epoch.
    """

    recipe: Recipe
    coder: Coder
    corpus: Corpus
    training: tuple[Recording, ...]
    validation: tuple[Recording, ...]
    folder: RunFolder
    emit: Emit
    worker: Worker
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    processes: Processes = field(default_factory=Processes)
    show: Show = lambda _step, _number, _decoded: None
    keep: Keep = lambda _setup, _validated: None
    check: Callable[[], None] = lambda: None
    report_s: float = 2.0
    save_s: float = 600.0

    def corpus_facts(self) -> dict[str, Any]:
        """Return what was trained and validated on, for events and checkpoints."""
        rate_hz = self.corpus.sample_rate_hz
        return {
            "sha256": self.corpus.sha256,
            "training_s": sum(recording.n_samples for recording in self.training) / rate_hz,
            "validation_s": sum(recording.n_samples for recording in self.validation) / rate_hz,
            "training_files": len(self.training),
            "validation_files": len(self.validation),
        }
