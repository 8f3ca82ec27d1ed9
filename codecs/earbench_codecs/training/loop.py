"""The training loop: stages, epochs, validation, rate control, checkpoints, and stopping in good order."""

from __future__ import annotations

import math
import time
from contextlib import closing, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from earbench_codecs.metrics.registry import METRICS
from earbench_codecs.neural.zoo import config_to_json
from earbench_codecs.training.average import RunningAverage
from earbench_codecs.training.coded_rate import coding_at_rate, context_kbps, table_segments
from earbench_codecs.training.dataset import WindowSampler, prefetched
from earbench_codecs.training.errors import RunFolderError, StopAskedError
from earbench_codecs.training.rate_control import RateControl
from earbench_codecs.training.recipe import is_recipe
from earbench_codecs.training.run_folder import Snapshot, load_snapshot
from earbench_codecs.training.schedule import learning_rate
from earbench_codecs.training.step import Stepper, load_optimiser, optimiser_tensors
from earbench_codecs.training.validation import (
    Validated,
    chosen_metrics,
    divisor,
    frames_of,
    measured_kbps,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.training.recipe_tables import StageTable
    from earbench_codecs.training.setup import Limits, Setup

    Coding = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_PREPARE, _RATE = 2**40, 2**41
"""Added to a step's number where windows are drawn for something other than training on them."""


class Trainer:
    """Runs a recipe from its first step, or from a checkpoint on.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._recipe = recipe = setup.recipe
        self._coder = coder = setup.coder
        config = coder.config
        self._windows = WindowSampler(
            setup.corpus, setup.training, config.framing.length, recipe.data.seed, partial(divisor, config)
        )
        self._stepper = Stepper(recipe, coder, setup.device, setup.processes, self._notice)
        decay = recipe.optimiser.ema_decay
        self._average = RunningAverage(coder, decay) if decay is not None else None
        self._rate = RateControl(recipe.rate) if recipe.rate is not None else None
        self._metric = METRICS[chosen_metrics(recipe.validation, config.sample_rate_hz)[-1]]
        self.step = 0
        self.best: tuple[bool, float] | None = None
        """Whether the best checkpoint is within the rate, and its figure, higher is better."""
        self._stage: StageTable | None = None
        self._validation_due = False  # after a stop that came while the last epoch was validated
        self._reported_s = self._saved_s = self._began_s = time.monotonic()
        self._reported_step = self._began_step = 0
        self._trained_before_s = 0.0

    def run(self, limits: Limits) -> str:
        """Train until the recipe or a limit ends it; return ``finished`` or why it stopped.

        The last checkpoint is written in every case. A stop does not wait for a validation: a run that
        goes on begins with it.

        Raises
        ------
        DivergedError
            A loss or parameter is no longer a number.
        RunFolderError
            A checkpoint cannot be written.
        TrainingError
            The GPU's memory is full.
        """
        self._began_s = self._reported_s = time.monotonic()
        ends_at = self._began_s + 60 * (limits.max_minutes or math.inf)
        n_steps = min(self._recipe.n_steps, limits.max_steps or self._recipe.n_steps)
        self._reported_step = self._began_step = self.step
        if self._validation_due:
            self._enter_stage(self.step - 1)
            self._end_epoch()
        if not self._validation_due:
            self._train(range(self.step, n_steps), limits, ends_at)
        self._save_last()
        if limits.asked_to_stop() or self._validation_due:
            return "asked to stop"
        if self.step == self._recipe.n_steps:
            return "finished"
        return "step limit" if self.step == n_steps else "time limit"

    def _train(self, steps: range, limits: Limits, ends_at: float) -> None:
        with closing(prefetched(self._batch, steps)) as batches:
            for frames in batches:
                self._enter_stage(self.step)
                wish = limits.asked_to_stop() or time.monotonic() >= ends_at
                if self._train_on(frames, wish):
                    break

    def resume(self) -> None:
        """Take up the run where its last checkpoint left it.

        Raises
        ------
        RunFolderError
            There is none, it is damaged, or of another recipe or corpus.
        """
        path = self._setup.folder.last
        if not path.is_file():
            raise RunFolderError(f"{path}: there is no such file, so nothing to resume; leave out --resume")
        snapshot = load_snapshot(path)
        facts = snapshot.facts
        same = {"recipe": is_recipe(facts["recipe"], self._recipe)}
        same["corpus"] = facts["corpus"] == self._setup.corpus.sha256
        for what in (what for what, is_same in same.items() if not is_same):
            raise RunFolderError(
                f"{path}: is of another {what}; resume with the one it had, or choose another folder"
            )
        self._coder.load_state_dict(snapshot.part("coder"))
        load_optimiser(self._stepper.optimiser, snapshot.part("optimiser"))
        if self._average is not None:
            self._average.load(snapshot.part("average"), facts["average_updates"])
        if self._rate is not None:
            self._rate.load(facts)
        self.step = facts["step"]
        self._validation_due = facts.get("validation_due", False)  # older runs ended it first
        self._stepper.quantises = facts.get("quantises", False)
        self._trained_before_s = facts.get("trained_s", math.nan)  # older runs did not count
        self.best = (facts["best"][0], facts["best"][1]) if facts["best"] else None

    @property
    def trained_s(self) -> float:
        """Seconds of training and validation so far, those before a resume included."""
        return self._trained_before_s + time.monotonic() - self._began_s

    def _notice(self, message: str) -> None:
        self._setup.emit("notice", message=message)

    def _batch(self, step: int) -> Tensor:
        processes = self._setup.processes
        return self._frames(step, self._recipe.optimiser.batch, processes.rank, processes.count)

    def _frames(self, step: int, size: int, rank: int = 0, count: int = 1) -> Tensor:
        frames = frames_of(self._coder.config, self._windows.batch(step, size, rank, count))
        return frames.pin_memory() if self._setup.device.type == "cuda" else frames

    def _enter_stage(self, step: int) -> None:
        """Begin the stage that a step, the next or the last one, belongs to, if it is not the present one."""
        stage = self._recipe.stage_at(step)
        if stage is self._stage:
            return
        self._stage = stage
        begins = any(steps.start == step == self.step for steps in self._recipe.stage_steps())
        if self._rate is not None:
            self._rate.enter_stage(stage.target_kbps, begins=begins)
        if begins:
            frames = self._frames(_PREPARE + self.step, stage.prepare_windows)
            self._coder.prepare_stage(stage.stage, frames.to(self._setup.device))
            if self._average is not None:
                self._average.restart()
        self._coder.enter_stage(stage.stage)

    def _train_on(self, frames: Tensor, wish: bool) -> bool:
        self._coder.train()
        frames = frames.to(self._setup.device, non_blocking=True)
        tau = self._rate.tau if self._rate is not None else 1.0
        stop = self._stepper.step(frames, self.step, tau, learning_rate(self._recipe, self.step), wish)
        self.step += 1
        if self._average is not None:
            self._average.update()
        if self.step % self._recipe.optimiser.steps_per_epoch == 0:
            stop |= self._end_epoch()
        elif time.monotonic() - self._saved_s > self._setup.save_s:
            self._save_last()
        elif time.monotonic() - self._reported_s > self._setup.report_s:
            self._report()
        return stop

    def _end_epoch(self) -> bool:
        """Validate and save; return whether all processes are to stop, as the first was asked meanwhile."""
        self._report()
        self._coder.eval()
        processes, device = self._setup.processes, self._setup.device
        kbps, due = math.nan, False
        with self._average.in_place() if self._average is not None else nullcontext():
            if processes.is_first:
                try:
                    kbps = self._validate()
                except StopAskedError:
                    due = True
        kbps = processes.from_first(kbps, device)
        self._validation_due = bool(processes.from_first(due, device))
        if self._rate is not None and math.isfinite(kbps):
            self._rate.update(kbps)
        self._save_last()
        self._reported_s = time.monotonic()  # the next report's speed is that of training alone
        return self._validation_due

    def _validate(self) -> float:
        """Measure, tell, keep the coder if it is the best so far; return its rate, NaN without one."""
        setup = self._setup
        kbps, measure, code = self._measured_rate()
        metrics = validate(
            self._coder,
            setup.corpus,
            setup.validation,
            self._recipe.validation,
            setup.worker,
            partial(setup.show, self.step),
            code,
            setup.check,
        )
        setup.emit(
            "validation",
            step=self.step,
            epoch=self.step // self._recipe.optimiser.steps_per_epoch,
            kbps=kbps,
            rate_measure=measure,
            target_kbps=self._rate.target_kbps if self._rate is not None else None,
            tau=self._rate.tau if self._rate is not None else None,
            metrics=metrics,
        )
        if self._coder.stage == self._coder.stages[-1]:
            is_best = self._keep_if_best(kbps, metrics)
            setup.keep(setup, Validated(self.step, kbps, metrics, self.trained_s, is_best))
        return kbps

    def _measured_rate(self) -> tuple[float, str | None, Coding | None]:
        """Return the rate of hard codes, NaN where nothing is quantised, how it was measured, and its coding.

        That is none where the coder's own is measured.
        """
        setup, coder, table = self._setup, self._coder, self._recipe.rate
        if not self._stepper.quantises:
            return math.nan, None, None
        n_windows = table.windows if table is not None else 2000
        as_files = coder.stage == coder.stages[-1] and not coder.sends_raw_codes
        measure = table.measure if table is not None else "static"
        if (coder.entropy_model() is None and measure == "static") or not as_files:
            frames = self._frames(_RATE + self.step, n_windows).to(setup.device)
            return measured_kbps(coder, frames), "static", None
        segments = self._interruptible(
            table_segments(coder, setup.corpus, setup.training, self._recipe.data.seed)
        )
        held_out = setup.validation or setup.training
        asked = self._recipe.validation
        if coder.takes_any_rate and asked.kbps is not None:
            kbps, code = coding_at_rate(
                coder, setup.corpus, held_out, asked, segments, asked.kbps, setup.check
            )
            return kbps, "context", code
        return context_kbps(coder, setup.corpus, held_out, asked, segments), "context", None

    def _interruptible(self, segments: Iterator[Tensor]) -> Iterator[Tensor]:
        for segment in segments:
            self._setup.check()
            yield segment

    def _keep_if_best(self, kbps: float, metrics: dict[str, float | None]) -> bool:
        """Keep the best figure within the rate; until one is within, the lowest rate; tell whether it is."""
        value = metrics[self._metric.name]
        highest_kbps = self._recipe.highest_kbps
        within = math.isinf(highest_kbps) or kbps <= highest_kbps  # NaN is within no rate
        figure = (value if self._metric.higher_is_better else -value) if value is not None else -math.inf
        rank = (within, figure if within else -kbps)
        rates_differ = self._coder.takes_any_rate and self._recipe.validation.kbps is None
        if self.best is not None and rank <= self.best and not rates_differ:
            return False
        self.best = rank
        facts = {
            "architecture": self._coder.architecture,
            "config": config_to_json(self._coder.config),
            "step": self.step,
            "kbps": kbps if math.isfinite(kbps) else None,
            "within_rate": within,
            "trained_s": self.trained_s,
            "metrics": metrics,
        }
        tensors = {f"coder/{name}": tensor for name, tensor in self._coder.state_dict().items()}
        self._save("best", Snapshot(tensors, facts | self._identity()))
        return True

    def _report(self) -> None:
        if self._stepper.sums.n_steps == 0:
            return
        terms = self._stepper.take_means(self.step)
        self._setup.emit("progress", **self._progress(terms))
        self._reported_s, self._reported_step = time.monotonic(), self.step

    def _progress(self, terms: dict[str, float]) -> dict[str, Any]:
        recipe = self._recipe
        passed_s = max(time.monotonic() - self._reported_s, 1e-9)
        steps_per_s = (self.step - self._reported_step) / passed_s
        return {
            "step": self.step,
            "n_steps": recipe.n_steps,
            "epoch": (self.step - 1) // recipe.optimiser.steps_per_epoch + 1,
            "stage": self._coder.stage,
            "loss": terms.pop("loss"),
            "terms": terms,
            "learning_rate": learning_rate(recipe, self.step - 1),
            "tau": self._rate.tau if self._rate is not None else None,
            "kbps": self._coder.kbps(terms["entropy"] * self._coder.n_codes),
            "target_kbps": self._rate.target_kbps if self._rate is not None else None,
            "examples_per_s": steps_per_s * recipe.optimiser.batch,
            "eta_s": self._eta_s(),
        }

    def _eta_s(self) -> float:
        """Return seconds to the end by all steps of the run, validation included.

        Those before it went on count: else there is no validation in what is left until the next one.
        """
        trained_s, n_steps = self.trained_s, self.step
        if math.isnan(trained_s):  # an older run did not count
            trained_s, n_steps = time.monotonic() - self._began_s, self.step - self._began_step
        return (self._recipe.n_steps - self.step) * trained_s / n_steps

    def _save_last(self) -> None:
        """Write all that is needed to go on, after making sure that it is sound."""
        self._report()
        self._saved_s = time.monotonic()
        if not self._setup.processes.is_first:
            return
        tensors = {f"coder/{name}": tensor for name, tensor in self._coder.state_dict().items()}
        tensors |= optimiser_tensors(self._stepper.optimiser)
        facts = self._identity() | {
            "step": self.step,
            "trained_s": self.trained_s,
            "best": self.best,
            "quantises": self._stepper.quantises,
            "validation_due": self._validation_due,
            "average_updates": 0,
        }
        if self._rate is not None:
            facts |= self._rate.state()
        if self._average is not None:
            tensors |= {f"average/{name}": tensor for name, tensor in self._average.mean.items()}
            facts["average_updates"] = self._average.n_updates
        self._save("last", Snapshot(tensors, facts))

    def _save(self, kind: str, snapshot: Snapshot) -> None:
        folder = self._setup.folder
        path = folder.last if kind == "last" else folder.best
        folder.save(path, snapshot)
        self._setup.emit("checkpoint", step=self.step, kind=kind, path=str(path))

    def _identity(self) -> dict[str, Any]:
        """Return what must be the same for a run to go on."""
        return {"recipe": self._recipe.model_dump(mode="json"), "corpus": self._setup.corpus.sha256}
