"""What became of a job, from how its process ended and what it said last."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from earbench_app.jobs.event_tail import last_events
from earbench_app.jobs.job import State

if TYPE_CHECKING:
    from earbench_app.jobs.executors import Exit
    from earbench_app.jobs.job import Job

_MEMORY = "memory ran out; close other programs, or lower optimiser.batch or the model's size"
_GPU = "the GPU's memory ran out; end what else runs on it, or lower optimiser.batch or the model's size"
_DISK = "the disk is full; make room"
_IN_LOG = (
    (r"CUDA out of memory|torch\.OutOfMemoryError", _GPU),
    (
        r"MemoryError|bad_alloc|[Cc]annot allocate memory|can't allocate memory|can't start new thread|"
        r"failed to map segment|could not create a primitive(?! desc)",  # as oneDNN says it
        _MEMORY,
    ),
    (r"No space left on device|[Dd]isk quota exceeded", _DISK),
)
"""What a process' last words tell, where it could not say it in good order."""
_SIGNALS = {
    "SIGKILL": "ended by SIGKILL, which somebody or another program sent",
    "SIGBUS": "ended by SIGBUS: a file that it reads was cut, as its decoded corpus in the cache, or a "
    "disk failed",
    "SIGSEGV": "ended by SIGSEGV: a library crashed",
    "SIGABRT": "ended by SIGABRT: a library gave up",
}

_LIMITS = {"step limit": "step limit", "time limit": "time box"}


def outcome(job: Job, end: Exit) -> tuple[State, str]:
    """Return the state a job ends in, and what a user should know of it; nothing where all went well."""
    said, reason = end.said.get("event"), end.said.get("reason")
    if said == "finished":
        return State.DONE, ""
    if job.state is State.CANCELLING:
        return State.CANCELLED, ""
    if said == "stopped" and reason in _LIMITS:
        place, more = _place(job, end), _more(job, reason)
        return State.DONE, f"stopped at its {_LIMITS[reason]}{place}; resume goes on from there{more}"
    stopped = said == "stopped" or end.signal == signal.SIGTERM
    if job.state is State.PAUSING and (stopped or _name(end.signal) == "SIGKILL"):
        return State.PAUSED, "" if stopped else f"did not end in time; {_resume(job)}"
    if stopped:
        return State.PAUSED, f"was asked to stop by somebody; {_resume(job)}"
    return State.FAILED, f"{_why(end)}; {_resume(job)}"


def _place(job: Job, end: Exit) -> str:
    """Return at which step of how many a run stopped, as far as it told."""
    totals = [event["n_steps"] for event in last_events(job.events) if event.get("n_steps")]
    step = end.said.get("step")
    return "" if step is None else f", at step {step:,}" + (f" of {totals[-1]:,}" if totals else "")


def _more(job: Job, reason: str) -> str:
    """Return for how long it would go on after its time box."""
    minutes = job.request.max_minutes
    return f" for {minutes:g} min more" if reason == "time limit" and minutes is not None else ""


def _why(end: Exit) -> str:
    if end.said.get("event") == "failed":
        return _for_a_window(str(end.said.get("message", "it does not say why")))
    if end.cause == "memory":
        return f"ended by the system: {_MEMORY}"
    if end.cause == "lost":
        return "nobody saw its end: the machine was restarted, or its keeper was ended with it"
    complaint = re.search(r"^earbench: (.+)$", end.log_tail, re.MULTILINE)  # of one of several processes
    if complaint is not None:
        return _for_a_window(complaint[1])
    for pattern, words in _IN_LOG:
        if re.search(pattern, end.log_tail):
            return words
    if end.signal is not None:
        return _by_signal(end.signal)
    told = [int(one) for one in re.findall(r"Signal (\d+) \(SIG\w+\) received by PID", end.log_tail)]
    if told:  # by torchrun, which ends the others by SIGTERM, and may tell of these first
        return "one of its processes was " + _by_signal(min(told, key=lambda one: one == signal.SIGTERM))
    lines = [line for line in end.log_tail.splitlines() if re.search(r"\w", line)]
    return f"ended with exit code {end.code}: {(lines or ['nothing in its log'])[-1]}"


def _for_a_window(message: str) -> str:
    """Return a message without what is said for the command line alone."""
    return re.sub(r"(;|,? and) go on with --resume", "", message)


def _resume(job: Job) -> str:
    """Return what resuming it would do."""
    saved = [e for e in last_events(job.events) if e.get("event") == "checkpoint" and e.get("kind") == "last"]
    if saved:
        return f"resume goes on from step {saved[-1].get('step')}"
    if job.last_checkpoint.is_file():
        return "resume goes on from its last checkpoint"
    return "resume begins anew, as there is no checkpoint yet"


def _by_signal(number: int) -> str:
    return _SIGNALS.get(_name(number), f"ended by signal {number}")


def _name(number: int | None) -> str:
    """Return the name of a signal; not every system has all of them."""
    return signal.Signals(number).name if number in set(signal.Signals) else ""
