"""What a job is: what was asked for, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        # failed: it cannot be started; pausing, cancelling: it is on a cluster's queue, or just leaving it
        State.QUEUED: frozenset(
            {State.RUNNING, State.PAUSING, State.PAUSED, State.CANCELLING, State.CANCELLED, State.FAILED}
        ),
        # paused: somebody else stopped it in good order; queued: the cluster took it back into its queue
        State.RUNNING: frozenset(
            {State.PAUSING, State.CANCELLING, State.DONE, State.FAILED, State.PAUSED, State.QUEUED}
        ),
        State.PAUSING: frozenset({State.PAUSED, State.CANCELLING, State.DONE, State.FAILED}),
        State.PAUSED: frozenset({State.QUEUED, State.CANCELLED}),
        State.CANCELLING: frozenset({State.CANCELLED, State.DONE}),
        State.CANCELLED: frozenset({State.QUEUED}),
        State.FAILED: frozenset({State.QUEUED}),
        # where a time box ended it, it can go on
        State.DONE: frozenset({State.QUEUED}),
    }
)
"""What may follow each state; nothing else in the program decides this."""

ACTIVE = frozenset({State.RUNNING, State.PAUSING, State.CANCELLING})
"""States in which a process is there."""


_DONE_TO_IT = {State.PAUSING: State.PAUSED, State.CANCELLING: State.CANCELLED}


class JobError(Exception):
    """Something that cannot be done to a job; the message says why and what to do."""


def check_transition(before: State, after: State) -> None:
    """Refuse what the table does not have.

    Raises
    ------
    JobError
        Names both states.
    """
    if after not in TRANSITIONS[before]:
        word = _DONE_TO_IT.get(after, after)
        already = before in (after, word)
        raise JobError(f"it is {word} already" if already else f"a job that is {before} cannot be {word}")


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """What is asked of a cluster.

    Parameters
    ----------
    partition, account : str
        Empty for the cluster's defaults.
    gpus : int
    time_min : int
        Minutes after which the cluster stops the job; it is then put back into the queue and goes on.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    partition: str = ""
    gpus: int = 0
    time_min: int = 60
    account: str = ""


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """A run to train: what a user asks for.

    Parameters
    ----------
    name : str
        Of the recipe; a checkpoint is called after it.
    recipe_toml : str
        The whole recipe.
    data : Path
        Folder of the corpus.
    device : str
        "auto", "cpu", "cuda", or one GPU, as "cuda:1".
    n_processes : int
        With several, each has a GPU of its own.
    max_minutes : float, optional
        From each start on.
    max_steps : int, optional
        Of the whole run.
    executor : {"local", "slurm"}
    slurm : SlurmOptions, optional
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    recipe_toml: str
    data: Path
    device: str = "auto"
    n_processes: int = 1
    max_minutes: float | None = None
    max_steps: int | None = None
    executor: Literal["local", "slurm"] = "local"
    slurm: SlurmOptions | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    Parameters
    ----------
    id : str
        Name of its folder; begins with the time it was made at.
    folder : Path
        Where the run keeps all it makes, and the job its own files.
    request : TrainRequest
    state : State
    message : str
        What became of it, or what a user should know now; fit to be shown.
    created_s, started_s, ended_s : float
        Seconds since 1970; of the last start and end.
    stop_asked_s : float, optional
        When it was last asked to pause or to be cancelled.
    host : str
        Name of the machine it was handed to; a local job is started and looked after on that one alone.
    device : str
        What it runs on, as "cpu", "cuda:1" or "cuda:0,2".
    executor_id : str
        Its name on a cluster; empty before it is there.
    pid : int, optional
        Of the process that keeps it on `host`.
    notes : str
    tags : tuple of str
    sweep : str
        The same for all jobs of one sweep; empty for others.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str
    folder: Path
    request: TrainRequest
    state: State = State.QUEUED
    message: str = ""
    created_s: float = 0.0
    started_s: float | None = None
    ended_s: float | None = None
    stop_asked_s: float | None = None
    host: str = ""
    device: str = ""
    executor_id: str = ""
    pid: int | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    sweep: str = ""

    @property
    def events(self) -> Path:
        """One JSON event a line; see `earbench_codecs.training.events`."""
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        """What its processes wrote to stderr."""
        return self.folder / "log.txt"

    @property
    def recipe(self) -> Path:
        """The recipe as it was asked for."""
        return self.folder / "recipe.toml"

    @property
    def last_checkpoint(self) -> Path:
        """What it goes on from; missing before the first checkpoint."""
        return self.folder / "last.safetensors"
