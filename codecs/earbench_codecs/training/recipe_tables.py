"""Tables of a recipe that say how a run goes: optimiser, rate, stages, validation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from earbench_codecs.metrics.measurement import MetricError
from earbench_codecs.metrics.registry import metrics_named

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Table(BaseModel):
    """A table of the file: no key but those named, nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OptimiserTable(Table):
    """`[optimiser]`: how parameters change.

    Parameters
    ----------
    kind : {"adam", "adamw"}
        "adamw" decays weights apart from the gradients (Loshchilov & Hutter 2019).
    learning_rate, final_learning_rate : float
        Ends of one cosine over the whole run; without the second the rate stays.
    weight_decay : float
        0 for none.
    batch : int
        Windows a step, over all processes together.
    steps_per_epoch : int
        An epoch ends with validation and a step of τ.
    clip_norm : float, optional
        Largest norm of all gradients together.
    ema_decay : float, optional
        Validation and the best checkpoint then use a running mean of the parameters.
    precision : {"float32", "tf32", "bfloat16"}
        Of the networks on CUDA: TF32 products, or bfloat16 by autocast. Losses are always float32, and so
        is everything on a CPU.
    compile : bool
        Use `torch.compile` on CUDA: the first step of each stage then takes a minute, later ones less time.
    """

    kind: Literal["adam", "adamw"] = "adam"
    learning_rate: Positive
    final_learning_rate: Positive | None = None
    weight_decay: NotNegative = 0.0
    batch: Count = 128
    steps_per_epoch: Count
    clip_norm: Positive | None = None
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    compile: bool = False


class RateTable(Table):
    """`[rate]`: τ, the weight of the entropy term, is moved until the rate is right.

    Parameters
    ----------
    target_kbps, tolerance_kbps : float
        ±0.45 kbps in Kankanahalli 2018.
    tau_initial, tau_step : float
        0.5 and 0.025 in Kankanahalli's code; 0.015 a step in PAM-NAC's.
    rule : {"outside", "always", "proportional", "log"}
        "outside": one step an epoch, where the rate is outside the tolerance (Kankanahalli). "always": one
        step an epoch towards the target (PAM-NAC). "proportional": as "outside", by a step for each
        tolerance the rate is off, at most ten; it swings where the coder answers slowly. "log": each epoch
        τ is multiplied by (rate / target)^gain · (rate / rate of the epoch before)^damping, a factor of two
        at most; it settles, and needs no step. All but the last need many epochs or a good `tau_initial`.
    gain, damping : float
        Of "log". A gain of 1.5 holds the rate closer where the learning rate falls far.
    tau_floor : float, optional
        Lowest τ; "none" is PAM-NAC's: its τ goes below 0 and then rewards entropy.
    windows : int
        Random training windows from which the static rate is measured each epoch; 20,000 in Kankanahalli
        2018.
    measure : {"static", "context"}
        What the rate is. "static": the entropy of a histogram of codes, as in the papers. "context": what
        held-out excerpts cost by the adaptive context model with tables from training audio, as in files;
        it is lower. Stages before the last, which no file is coded with, and coders that send raw codes
        are measured as "static".
    """

    target_kbps: Positive
    tolerance_kbps: Positive = 0.45
    tau_initial: float = 0.5
    tau_step: Positive = 0.025
    rule: Literal["outside", "always", "proportional", "log"] = "outside"
    gain: Positive = 1.0
    damping: NotNegative = 0.5
    tau_floor: float | Literal["none"] = 0.0
    windows: Count = 2000
    measure: Literal["static", "context"] = "static"

    @model_validator(mode="after")
    def _tau_can_be_multiplied(self) -> RateTable:
        if self.rule == "log" and self.tau_initial <= 0:
            raise ValueError("rule = 'log' multiplies τ, so tau_initial must be above 0")
        return self


class StageTable(Table):
    """`[[stages]]`: a part of the run; they follow each other.

    Parameters
    ----------
    stage : str
        One of the coder's own stages, which decide what is trained and whether it quantises.
    epochs : int
        Of `steps_per_epoch` steps each.
    terms : list of str
        Terms of the objective that count in this stage; empty for all.
    learning_rate, final_learning_rate : float, optional
        In place of the optimiser's, for this stage.
    target_kbps : float, optional
        In place of `[rate]`'s, such as for the first of two modules, which is to leave some for the second.
    prepare_windows : int
        Random training windows shown to the coder before the stage, such as for K-means; 5,000 in
        Kankanahalli's code.
    """

    stage: Annotated[str, Field(min_length=1)]
    epochs: Count
    terms: list[str] = []
    learning_rate: Positive | None = None
    final_learning_rate: Positive | None = None
    target_kbps: Positive | None = None
    prepare_windows: Count = 1000


def _known_metrics(names: list[str]) -> list[str]:
    try:
        metrics_named(names)
    except MetricError as error:
        raise ValueError(str(error)) from error
    return names


class ValidationTable(Table):
    """`[validation]`: what is measured of held-out recordings at the end of each epoch.

    Parameters
    ----------
    metrics : list of str
        As `earbench measure` names them; the last one decides which checkpoint is best. Empty for SDR and
        then PESQ at 16 kHz, NMR at other rates.
    excerpts : int
        Recordings measured, at most.
    seconds : float
        From the middle of each.
    kbps : float, optional
        The rate at which a coder for any rate is measured, so that one step can be compared with another; a
        step that takes over a tenth more counts as best only until one does not. Without it, that is the
        rate its own steps happen to make, and the latest checkpoint counts as the best.
    listenable : int
        Codecs of the coder at single steps that a run keeps, at most, so that it can be listened to while it
        trains: the best and the latest; 0 for none.
    """

    metrics: Annotated[list[str], AfterValidator(_known_metrics)] = []
    excerpts: Count = 8
    seconds: Positive = 6.0
    kbps: Positive | None = None
    listenable: Annotated[int, Field(ge=0)] = 8
