"""What the form wants to know beforehand: what a folder holds, how long a run will take."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from psygnal import Signal

from earbench_app.counting import counted, duration_text
from earbench_app.jobs.estimate import estimate
from earbench_app.jobs.job import JobError
from earbench_app.jobs.scan import Scan, scan
from earbench_app.notifications import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from earbench_app.background.pool import Post
    from earbench_app.jobs.child import Child
    from earbench_app.jobs.estimate import Estimate, Trial
    from earbench_app.jobs.job import TrainRequest
    from earbench_codecs.training.recipe import DataTable, Recipe

T = TypeVar("T")
_N_NAMED = 20
_STALE = "The estimate was for other settings."
_ENDED = "The settings have changed: trying them was ended."


class Trials:
    """Runs one scan and one dry run at a time; a newer one ends the older.

    Parameters
    ----------
    post : callable
        Runs a function on the interface's thread.

    Attributes
    ----------
    scanned : Signal
        (text, level, what cannot be read: a line a file).
    read : Signal
        (Scan) as far as it has got, or (str) why the folder cannot be read.
    estimated : Signal
        (text, whether it is being found out, level).
    """

    scanned = Signal(str, object, str)
    read = Signal(object)
    estimated = Signal(str, bool, object)

    def __init__(self, post: Post) -> None:
        self._post = post
        self._scan: Child[Scan] | None = None
        self._trial: Child[Trial] | None = None
        self._requests: Sequence[TrainRequest] = ()
        self._found: Estimate | None = None  # of these requests

    def scan(self, folder: Path | None, data: DataTable | None) -> None:
        """Read a folder; None is none."""
        if self._scan is not None:
            self._scan.cancel()
            self._scan = None
        if folder is None or not folder.is_dir():
            self.scanned.emit("", Level.INFO, "")
            return
        self.scanned.emit("Reading the folder…", Level.INFO, "")
        self._scan = child = scan(folder, data)
        self._follow(child, lambda: self._scan is child, self._show_scan, self._scan_failed)

    def estimate(self, requests: Sequence[TrainRequest]) -> None:
        """Try the first of these runs; or end the trial that is under way."""
        if self._trial is not None:
            self._end_trial()
            self.estimated.emit("", False, Level.INFO)
            return
        self._requests, self._found = requests, None
        self._trial = child = estimate(requests[0])
        self.estimated.emit("Trying a few steps: loading the program", True, Level.INFO)
        self._follow(child, lambda: self._trial is child, self._show_trial, self._trial_failed)

    def renew(self, requests: Sequence[TrainRequest]) -> None:
        """Something has been changed: compare the estimate with it, or say that it is of other settings."""
        if self._trial is None and self._found is None:
            return
        if requests and _tried(requests[0]) == _tried(self._requests[0]):
            self._requests = requests
            self._show_estimate()
            return
        text = _STALE if self._trial is None else _ENDED
        self._end_trial()
        self._found = None
        self.estimated.emit(text, False, Level.INFO)

    def cancel(self) -> None:
        """End what is under way, and say nothing of it any more."""
        if self._scan is not None:
            self._scan.cancel()
            self._scan = None
            self.scanned.emit("", Level.INFO, "")
        if self._found is None:
            self.forget()

    def forget(self) -> None:
        """Another run is asked for: no estimate is of it."""
        self._end_trial()
        self._found = None
        self.estimated.emit("", False, Level.INFO)

    def _end_trial(self) -> None:
        if self._trial is not None:
            self._trial.cancel()
            self._trial = None

    def _follow(
        self,
        child: Child[T],
        wanted: Callable[[], bool],
        told: Callable[[T], None],
        failed: Callable[[str], None],
    ) -> None:
        """Hand on what a process tells, on a thread of its own, as long as it is wanted."""

        def tell(show: Callable[[], None]) -> None:
            self._post(lambda: show() if wanted() else None)

        def run() -> None:
            try:
                for value in child:
                    tell(lambda value=value: told(value))  # type: ignore[misc]  # of each turn its own
            except JobError as error:
                message = str(error)
                tell(lambda: failed(message))

        threading.Thread(target=run, name="training trial", daemon=True).start()

    def _show_scan(self, found: Scan) -> None:
        if found.coder_rates_hz is not None:
            self._scan = None
        level = Level.WARNING if found.unreadable else Level.INFO
        lines = [f"{path}: {reason}" for path, reason in found.unreadable[:_N_NAMED]]
        if len(found.unreadable) > _N_NAMED:
            lines.append(f"and {len(found.unreadable) - _N_NAMED} more")
        self.scanned.emit(scan_text(found), level, "\n".join(lines))
        self.read.emit(found)

    def _scan_failed(self, message: str) -> None:
        self._scan = None
        self.scanned.emit(message, Level.ERROR, "")
        self.read.emit(message)

    def _show_trial(self, trial: Trial) -> None:
        if trial.estimate is None:
            self.estimated.emit(f"Trying a few steps: {trial.text}", True, Level.INFO)
            return
        self._trial, self._found = None, trial.estimate
        self._show_estimate()

    def _show_estimate(self) -> None:
        if self._found is not None:
            short = box_text(self._found, self._requests[0].max_minutes)
            text = f"{short} {estimate_text(self._found, len(self._requests))}".strip()
            self.estimated.emit(text, False, Level.WARNING if short else Level.INFO)

    def _trial_failed(self, message: str) -> None:
        self._trial = None
        self.estimated.emit(f"It could not be tried: {message}", False, Level.ERROR)


def scan_text(found: Scan) -> str:
    """Return what a folder holds, in one line."""
    files = counted(found.n_found, "file")
    if found.n_chosen != found.n_found:
        files = f"{found.n_chosen:,} of {files}"
    if not found.is_done:
        return f"Reading {found.n_read:,} of {files}…"
    parts = [files, duration_text(found.duration_s), *_kinds(found)]
    if found.n_speakers is not None:
        parts.append(_speakers(found.n_speakers, found.n_untold))
    if found.unreadable:
        first, reason = found.unreadable[0]
        more = f", and {len(found.unreadable) - 1:,} more" if len(found.unreadable) > 1 else ""
        parts.append(f"left out: {first} ({reason}){more}")
    return "  ·  ".join(parts)


def folder_fault(found: Scan | str, data: DataTable) -> str | None:
    """Return why a folder cannot be trained on; empty where it can, None while that is not known yet.

    Training holds whole files or speakers out, so it needs two: as soon as these are found, the rest of the
    scan decides nothing.
    """
    if isinstance(found, str):
        return found
    n_readable = found.n_read - len(found.unreadable)
    by_speaker = data.split_by == "speaker" and found.n_speakers is not None
    n_groups = (found.n_speakers or 0) + found.n_untold if by_speaker else n_readable
    if n_groups > (1 if data.validation_share else 0):
        return ""
    if not found.is_done:
        return None
    if not n_readable:
        path, reason = found.unreadable[0]
        return f"Nothing in it can be read, as {path}: {reason}. Choose another folder"
    return (
        f"All audio is of one {data.split_by}, so none can be held out: add another, or hold out a share of 0"
    )


def resampling_note(recipe: Recipe | None, found: Scan | str | None) -> tuple[str, Level]:
    """Return that files are not at the coder's rate; a warning where they have not all that it codes."""
    if recipe is None or not isinstance(found, Scan) or not found.rates_hz or not found.coder_rates_hz:
        return "", Level.INFO
    at_hz = recipe.model.options.get("sample_rate_hz", found.coder_rates_hz.get(recipe.model.size))
    others = {rate: n for rate, n in sorted(found.rates_hz.items()) if rate != at_hz}
    if not isinstance(at_hz, int) or not others:
        return "", Level.INFO
    files = "" if len(others) == len(found.rates_hz) else f" ({counted(sum(others.values()), 'file')})"
    text = f"{_khz(others)}{files}, resampled to this coder's {_khz([at_hz])}"
    lowest = min(others)
    if lowest > at_hz:
        return text, Level.INFO
    return f"{text}; {_khz([lowest])} has nothing above {_khz([lowest / 2])}", Level.WARNING


def estimate_text(found: Estimate, n_runs: int) -> str:
    """Return what a run will take, in a few words."""
    parts = [f"About {duration_text(found.total_s)} on {found.device}"]
    if found.high_s - found.low_s > 0.1 * found.total_s:
        parts[0] += f" ({duration_text(found.low_s)} to {duration_text(found.high_s)})"
    if n_runs > 1:
        parts.append(f"{duration_text(n_runs * found.total_s)} for {n_runs} runs one after another")
    parts.append(f"{found.memory_mb / 1024:.1f} GiB of memory")
    if found.gpu_memory_mb is not None:
        parts.append(f"{found.gpu_memory_mb / 1024:.1f} GiB of the GPU's")
    return f"{', '.join(parts)}. Measured on {found.n_steps} steps; {'; '.join(found.notes)}."


def box_text(found: Estimate, max_minutes: float | None) -> str:
    """Return where a time box ends a run that takes longer; nothing where it is long enough."""
    if max_minutes is None or 60 * max_minutes >= found.total_s:
        return ""
    steps_s = found.total_s - found.preparation_s
    share = max(0.0, 60 * max_minutes - found.preparation_s) / steps_s
    n_steps = round(found.training_s / found.step_s)
    if not share:
        return "The time box is too short: it is over before the first stage is prepared."
    place = f"about step {round(share * n_steps):,} of {n_steps:,} ({100 * share:.0f} %)"
    return f"The time box is too short: it stops the run at {place}."


def _tried(request: TrainRequest) -> TrainRequest:
    """Return what an estimate depends on."""
    return replace(request, name="", max_minutes=None)


def _speakers(n_speakers: int, n_untold: int) -> str:
    named = f"{n_speakers:,} speaker{'' if n_speakers == 1 else 's'}"
    if not n_untold:
        return named
    some = (
        f"{named}, and {counted(n_untold, 'file')} whose names tell none"
        if n_speakers
        else "names tell no speakers"
    )
    return f"{some}: each file is taken for one"


def _kinds(found: Scan) -> list[str]:
    kinds = []
    if found.rates_hz:
        kinds.append(_khz(sorted(found.rates_hz)))
    if found.channels:
        names = {1: "mono", 2: "stereo"}
        kinds.append(", ".join(names.get(n, f"{n} channels") for n in sorted(found.channels)))
    return kinds


def _khz(rates_hz: Iterable[float]) -> str:
    return ", ".join(f"{rate / 1000:g} kHz" for rate in rates_hz)
