"""What a Slurm cluster says of one's jobs: `squeue` once for all of them, and how its words are read."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from earbench_app.jobs.job import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

Phase = Literal["waiting", "running", "ended", "unknown"]

ANSWER_S = 20.0
"""How long a command may take; when its controller is down, Slurm's own wait for it some 10 s."""
_REFRESH_S = 2.0
_FIRST_PATIENCE_S, _PATIENCE_S = 5.0, 0.5
_FIELDS = "%i|%T|%r|%N|%S"
_SQUEUE = ("squeue", "--me", "--array", "--noheader", "--states=all", f"--format={_FIELDS}")

_RUNNING = frozenset({"RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING"})
_ENDED = {
    "COMPLETED": "",
    "FAILED": "",
    "CANCELLED": "it was cancelled on the cluster, by scancel",
    "TIMEOUT": "the cluster's time limit was over before it could end in good order; ask for more time",
    "NODE_FAIL": "its node failed, and the cluster did not put it back into the queue",
    "BOOT_FAIL": "its node did not start",
    "OUT_OF_MEMORY": "it took more memory than the cluster gives it; lower the batch or the model's size",
    "PREEMPTED": "the cluster needed its node for a job that goes first, and did not put it back",
    "DEADLINE": "its deadline on the cluster was over",
    "REVOKED": "another cluster has taken it",
    "GONE": "the cluster no longer lists it: it was cancelled before it began, or ended long ago",
}
"""How a job ends, and what a user should know where it could not say so itself."""
_REASONS = {
    "Resources": "waits for a free node",
    "Priority": "waits: others come first",
    "BeginTime": "is back in the queue, and may start at {start}",
    "JobArrayTaskLimit": "waits for earlier ones of its array",
    "Dependency": "waits for another job",
    "PartitionDown": "waits: the partition is down",
    "PartitionInactive": "waits: the partition takes no jobs now",
    "JobHeldUser": "is held: `scontrol release {id}` frees it",
    "JobHeldAdmin": "is held by the cluster's administrator",
    "launch failed requeued held": "is held: no node could start it; `scontrol release {id}` frees it",
}
_NODES = "nodes required for job are down"


@dataclass(frozen=True, slots=True)
class Entry:
    """A job as the cluster has it.

    Parameters
    ----------
    id : str
        As ``12``, or ``12_3`` in an array.
    state : str
        Slurm's, in full and in capitals; or GONE where it is no longer listed, or empty where nothing is
        known now.
    reason : str
        Why it waits, as Slurm says it; or why nothing is known.
    node, start : str
        Where it is, and when it started or is to start; may be empty.
    """

    id: str
    state: str
    reason: str = ""
    node: str = ""
    start: str = ""

    @property
    def phase(self) -> Phase:
        """How it stands; what neither runs nor has ended waits, as a job that is put back."""
        if not self.state:
            return "unknown"
        if self.state in _ENDED:
            return "ended"
        return "running" if self.state in _RUNNING else "waiting"

    @property
    def message(self) -> str:
        """What a user should know; empty where it runs, or where it may have said so itself."""
        if self.phase == "ended":
            return _ENDED[self.state]
        if self.phase == "unknown":
            return f"how it goes is not known now: {self.reason}" if self.reason else ""
        return f"cluster job {self.id} {self._why()}" if self.phase == "waiting" else ""

    def _why(self) -> str:
        if self.reason.lower().startswith(_NODES) or self.reason.startswith("ReqNodeNotAvail"):
            return "waits: the nodes that could take it are down, drained or reserved"
        if self.reason in ("", "None"):
            return "waits"
        words = _REASONS.get(self.reason, f"waits: {self.reason}")
        start = self.start.replace("T", " ") if self.start not in ("", "N/A") else "a time not yet known"
        return words.format(id=self.id, start=start)


def parse(text: str) -> dict[str, Entry]:
    """Read what `squeue` printed, by a job's id; lines that are not whole are left out."""
    rows = (line.strip().split("|") for line in text.splitlines())
    return {row[0]: Entry(*row) for row in rows if len(row) == 1 + _FIELDS.count("|")}


def call(*command: str) -> str:
    """Return what a Slurm command prints.

    Raises
    ------
    JobError
        It is not installed, the cluster does not answer, or it refuses; in its own words.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_S, check=False
        )
    except FileNotFoundError:
        raise JobError(no_slurm(command[0])) from None
    except subprocess.TimeoutExpired:
        raise JobError(f"the cluster did not answer {command[0]} within {ANSWER_S:g} s") from None
    said = refusal(done.stderr)
    if done.returncode and (said or "--quiet" not in command):  # scancel: no job is as it was asked for
        raise JobError(said or f"{command[0]} ended with exit code {done.returncode}")
    return done.stdout


def no_slurm(command: str) -> str:
    """Return what to say where there is no Slurm."""
    return f"there is no Slurm here: the command {command} is missing; use a login node of the cluster"


def refusal(stderr: str) -> str:
    """Return what a command complains of, without its prefixes, its last and most telling words first."""
    lines = [re.sub(r"^.*\b(error|fatal): ", "", line).strip() for line in stderr.splitlines()]
    words = "; ".join(dict.fromkeys(line for line in reversed(lines) if line))
    return f"the cluster: {words}" if words else ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cluster at one moment.

    Parameters
    ----------
    entries : mapping of id to Entry
        Those that were seen last, where it does not answer now.
    asked_s : float
        When it was asked, by the monotonic clock.
    problem : str
        Why it does not answer, or empty.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    asked_s: float = float("-inf")
    problem: str = ""


class Queue:
    """Asks the cluster every two seconds at most, on a thread of its own: only the first look waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest = Snapshot()
        self._asking: threading.Thread | None = None
        self._missed_s: dict[str, float] = {}

    def find(self, job_id: str) -> Entry:
        """Return how a job stands that was submitted; at once."""
        now_s = time.monotonic()
        seen = self.look()
        if seen.problem:
            return Entry(job_id, "", seen.problem)
        if job_id in seen.entries:
            return seen.entries[job_id]
        missed_s = self._missed_s.setdefault(job_id, now_s)
        return Entry(job_id, "GONE" if seen.asked_s >= missed_s else "")  # the list may be older than the job

    def look(self) -> Snapshot:
        """Return the cluster as it was last seen, which is some seconds ago at most where it answers."""
        with self._lock:
            is_old = time.monotonic() - self._latest.asked_s > _REFRESH_S
            if is_old and (self._asking is None or not self._asking.is_alive()):
                self._asking = threading.Thread(target=self._ask, name="squeue", daemon=True)
                self._asking.start()
            asking = self._asking
        if asking is not None:
            is_first = self._latest.asked_s == float("-inf")  # a command that looks once wants an answer
            asking.join(_FIRST_PATIENCE_S if is_first else _PATIENCE_S)
        return self._latest

    def _ask(self) -> None:
        asked_s = time.monotonic()
        try:
            self._latest = Snapshot(parse(call(*_SQUEUE)), asked_s)
        except JobError as error:
            self._latest = Snapshot(self._latest.entries, asked_s, str(error))
