"""Beginning and resuming a sitting."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from earbench_mushra.blinding import plan_sitting
from earbench_mushra.checks import check_design
from earbench_mushra.clock import Clock, SystemClock
from earbench_mushra.design import Study
from earbench_mushra.errors import DesignError, SessionError, SittingInUseError, StoreError
from earbench_mushra.records import Phase, Sitting
from earbench_mushra.session import Session
from earbench_mushra.store import Store
from earbench_mushra.study_files import DATABASE_FILE, load_study, verify_stimuli

if TYPE_CHECKING:
    from pathlib import Path

LOCKS_FOLDER = ".locks"


def open_session(
    folder: Path,
    listener: str,
    *,
    clock: Clock | None = None,
    simulation: str = "",
    busy_timeout_s: float = 5.0,
) -> Session:
    """Begin a sitting, or resume the listener's unfinished one at the same trial, order, labels and scores.

    A listener whose sittings are all finished begins a new one, in another order.

    Parameters
    ----------
    folder : Path
        The study's.
    listener : str
        Any text that is not blank.
    clock : Clock, optional
    simulation : str
        Not empty in a simulation: what names it. The sitting says so, its id follows from it, and no time
        is spent on surviving a power cut.
    busy_timeout_s : float
        How long to wait for another program that writes to the database.

    Raises
    ------
    StudyFileError, DesignError
        The study cannot be read, cannot be run, or was changed since its first sitting.
    StimulusError
        A stimulus is missing or is not the file of the design.
    SittingInUseError
        The listener's sitting is open in another window.
    StoreError
    """
    listener = listener.strip()
    if not listener:
        raise SessionError("a listener needs a name or a number")
    study = load_study(folder)
    check_design(study)
    verify_stimuli(study, folder)
    lock = _locked(folder, listener)
    try:
        store = Store(folder, busy_timeout_s=busy_timeout_s, durable=not simulation)
        try:
            return _opened(folder, study, store, listener, simulation, lock, clock or SystemClock())
        except BaseException:
            store.close()
            raise
    except BaseException:
        lock.release()
        raise


def _locked(folder: Path, listener: str) -> FileLock:
    """Take the listener's lock; the system releases it when the process ends, however it ends."""
    name = hashlib.sha256(listener.encode()).hexdigest()[:16]
    try:
        (folder / LOCKS_FOLDER).mkdir(exist_ok=True)
        lock = FileLock(folder / LOCKS_FOLDER / f"{name}.lock")
        lock.acquire(blocking=False)
    except Timeout as error:
        reason = f"the sitting of {listener!r} is open in another window; close that one or go on there"
        raise SittingInUseError(folder / DATABASE_FILE, reason) from error
    except OSError as error:
        reason = f"cannot be written ({error.strerror}); move the study to a folder you may write to"
        raise StoreError(folder / DATABASE_FILE, reason) from error
    return lock


def _opened(
    folder: Path,
    study: Study,
    store: Store,
    listener: str,
    simulation: str,
    lock: FileLock,
    clock: Clock,
) -> Session:
    _refuse_changed(study, store)
    earlier = store.sittings(listener)
    sitting = next((s for s in earlier if s.phase is not Phase.FINISHED), None)
    if sitting is None:
        sitting = _begun(study, store, listener, len(earlier) + 1, simulation, clock)
    session = Session(folder, study, store, sitting, lock, clock)
    session.report_opened()
    return session


def _refuse_changed(study: Study, store: Store) -> None:
    for design in store.designs():
        changed = [f.name for f in fields(Study) if getattr(design, f.name) != getattr(study, f.name)]
        if changed:
            raise DesignError(
                [
                    f"study.toml was changed after the first sitting ({', '.join(changed)}); "
                    "restore it, or make a new study"
                ]
            )


def _begun(study: Study, store: Store, listener: str, number: int, simulation: str, clock: Clock) -> Sitting:
    sitting = Sitting(
        id=str(
            uuid.uuid5(uuid.NAMESPACE_OID, f"{simulation}/{listener}/{number}")
            if simulation
            else uuid.uuid4()
        ),
        listener=listener,
        number=number,
        seed=study.seed,
        phase=Phase.INSTRUCTIONS,
        started_at=clock.now(),
        software=_software() + (f", simulation {simulation}" if simulation else ""),
    )
    store.add_sitting(study, sitting, plan_sitting(study, listener, number))
    return sitting


def _software() -> str:
    try:
        return f"earbench {version('earbench')}"
    except PackageNotFoundError:  # run from a source tree
        return "earbench, version unknown"
