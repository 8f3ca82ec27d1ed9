"""What the training page's presenters need of its views: out-signals and plain setters, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from psygnal import SignalInstance

    from earbench_app.jobs.job import State
    from earbench_app.notifications import Level, Notice


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure, and how it is called."""

    title: str
    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A line of the list of jobs.

    Parameters
    ----------
    id, name : str
    state : State
    message : str
        Why it failed or waits, or what it is doing; shown as a tooltip.
    device : str
    step, n_steps : int
        0 where unknown.
    eta_s : float, optional
    kbps, target_kbps, tolerance_kbps : float, optional
        The last measured rate, and what the recipe asks for.
    best : Figure, optional
        The best validation figure within the rate; of the metric that decides.
    notes : str
    tags : tuple of str
    created_s : float
        Seconds since 1970.
    color : int, optional
        Index of its colour and line style, while its curves are shown.
    doing : str
        A word for what it does beside training, as when it starts.
    """

    id: str
    name: str
    state: State
    message: str = ""
    device: str = ""
    step: int = 0
    n_steps: int = 0
    eta_s: float | None = None
    kbps: float | None = None
    target_kbps: float | None = None
    tolerance_kbps: float | None = None
    best: Figure | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    created_s: float = 0.0
    color: int | None = None
    doing: str = ""

    @property
    def state_text(self) -> str:
        """What is said of the state: a run that a limit stopped is not simply done."""
        return "stopped" if self.state == "done" and self.message else str(self.state)

    @property
    def fraction(self) -> float:
        """Share of the recipe's steps that is done, 0 to 1."""
        return min(1.0, self.step / self.n_steps) if self.n_steps else 0.0

    @property
    def in_band(self) -> bool | None:
        """Whether the rate is within the tolerance; None where there is no rate or no target."""
        if self.kbps is None or self.target_kbps is None or self.tolerance_kbps is None:
            return None
        return abs(self.kbps - self.target_kbps) <= self.tolerance_kbps


@dataclass(frozen=True, slots=True)
class CurveOptions:
    """How curves are drawn.

    Parameters
    ----------
    x : {"step", "time"}
    smoothing : float
        0 for none, below 1: the share that each point keeps of the mean before it.
    log_x, log_y : bool
    """

    x: Literal["step", "time"] = "step"
    smoothing: float = 0.0
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CurveLine:
    """One run's points in one panel.

    Parameters
    ----------
    run : str
    color : int
    x, y : ndarray, shape [K]
        As they are to be drawn.
    raw_y : ndarray, shape [K], optional
        Before smoothing; drawn faintly.
    few : bool
        A point each epoch, say: drawn with marks.
    """

    run: str
    color: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    raw_y: NDArray[np.float64] | None = None
    few: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CurvePanel:
    """One quantity of all runs that are shown.

    Parameters
    ----------
    key : str
    title, unit : str
    lines : tuple of CurveLine
    bands : tuple of (float, float)
        Where the rate should be.
    note : str
        What is what.
    can_log_y : bool
        Whether its y axis may be logarithmic.
    scale : (float or None, float or None)
        The least and the largest value that there can be.
    """

    key: str
    title: str
    unit: str
    lines: tuple[CurveLine, ...]
    bands: tuple[tuple[float, float], ...] = ()
    note: str = ""
    can_log_y: bool = True
    scale: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log."""

    text: str
    level: Level


@dataclass(frozen=True, slots=True)
class RunDetails:
    """What is shown of the one run in front, beside its curves.

    Parameters
    ----------
    id, name, headline, message : str
    is_error : bool
        Whether the message tells of a failure.
    notes : str
    tags : tuple of str
    facts : tuple of (name, value)
    log : tuple of LogLine
        Its end.
    no_curves : str
        What to say while it has none.
    lacks_data : bool
        Whether it failed for its data folder.
    """

    id: str
    name: str
    headline: str = ""
    message: str = ""
    is_error: bool = False
    notes: str = ""
    tags: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    log: tuple[LogLine, ...] = ()
    no_curves: str = ""
    lacks_data: bool = False


@dataclass(frozen=True, slots=True)
class Actions:
    """What can be done to the runs that are selected."""

    pause: bool = False
    resume: bool = False
    cancel: bool = False
    delete: bool = False
    duplicate: bool = False
    open_folder: bool = False


class TrainingView(Protocol):
    """The page: the list of jobs, and the curves of those that are selected."""

    @property
    def jobs_chosen(self) -> SignalInstance:
        """(tuple of job ids), the one in front first."""

    @property
    def new_requested(self) -> SignalInstance:
        """()."""

    @property
    def pause_requested(self) -> SignalInstance:
        """(tuple of job ids)."""

    @property
    def resume_requested(self) -> SignalInstance:
        """(tuple of job ids)."""

    @property
    def cancel_requested(self) -> SignalInstance:
        """(tuple of job ids)."""

    @property
    def delete_confirmed(self) -> SignalInstance:
        """(tuple of job ids): the user was asked, and means it."""

    @property
    def duplicate_requested(self) -> SignalInstance:
        """(job id)."""

    @property
    def other_data_requested(self) -> SignalInstance:
        """(job id): ask for the same run on another folder of audio."""

    @property
    def folder_requested(self) -> SignalInstance:
        """(job id)."""

    @property
    def tensorboard_requested(self) -> SignalInstance:
        """(tuple of job ids)."""

    @property
    def annotated(self) -> SignalInstance:
        """(job id, notes, tuple of tags)."""

    @property
    def options_changed(self) -> SignalInstance:
        """(CurveOptions)."""

    @property
    def paths_given(self) -> SignalInstance:
        """(list of Path): files or folders dropped on the page."""

    @property
    def numbers_requested(self) -> SignalInstance:
        """(Path): write the numbers behind the curves there."""

    @property
    def notice_acted(self) -> SignalInstance:
        """(action of the notice that is shown)."""

    def show_jobs(self, rows: Sequence[JobRow]) -> None:
        """List the jobs; what is selected stays so."""

    def choose(self, job_ids: Sequence[str]) -> None:
        """Select these."""

    def show_actions(self, actions: Actions) -> None:
        """Enable what can be done."""

    def show_curves(self, panels: Sequence[CurvePanel], x_title: str) -> None:
        """Draw these."""

    def show_details(self, details: RunDetails | None) -> None:
        """Show the run in front; None where none is selected."""

    def show_gpus(self, text: str) -> None:
        """Say how the GPUs do; empty where there are none."""

    def show_options(self, options: CurveOptions) -> None:
        """Show how curves are drawn."""

    def show_form(self, shown: bool) -> None:
        """Show the form of a new run in the place of the curves, or the curves again."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place."""

    def open_folder(self, folder: Path, failed: Callable[[], None]) -> None:
        """Show a folder in the system's file manager; call `failed` where there is none."""

    def copy_text(self, text: str) -> None:
        """Put a text where it can be pasted from."""

    def open_address(self, address: str) -> None:
        """Show a page in the browser."""
