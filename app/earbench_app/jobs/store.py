"""Jobs on disk: a folder each, and one lock for all that changes them."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from earbench_app.jobs.job import Job, JobError, State, TrainRequest
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUEST, STATE = "request.json", "state.json"
_LOCK_PATIENCE_S = 30.0

_jobs = TypeAdapter(Job)
_requests = TypeAdapter(TrainRequest)


class JobStore:
    """The folder in which every job has its own.

    Parameters
    ----------
    root : Path
        Made where missing.

    Raises
    ------
    JobError
        It cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JobError(f"{root}: cannot be made: {error.strerror}; choose another folder") from error
        self._lock = FileLock(root / ".lock", timeout=_LOCK_PATIENCE_S)
        self._requests: dict[str, TrainRequest] = {}
        self._jobs: dict[str, tuple[tuple[int, int], Job]] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and programs from changing jobs; it ends with its holder.

        Raises
        ------
        JobError
            Another program holds it for too long, or the folder is read-only.
        """
        try:
            self._lock.acquire()
        except OSError as error:
            reason = "another program is changing it" if isinstance(error, TimeoutError) else error.strerror
            raise JobError(f"{self.root}: its jobs cannot be changed: {reason}; try again") from error
        try:
            yield
        finally:
            self._lock.release()

    def ids(self) -> list[str]:
        """Return the jobs' names."""
        found = {path.parent.name for name in (REQUEST, STATE) for path in self.root.glob(f"[!.]*/{name}")}
        return list(found)

    def jobs(self) -> list[Job]:
        """Return all jobs, oldest first; a damaged one is failed and says so."""
        found = []
        for job_id in self.ids():
            with suppress(JobError):  # it was deleted just now
                found.append(self.read(job_id))
        return sorted(found, key=lambda job: (job.created_s, job.id))

    def read(self, job_id: str) -> Job:
        """Return a job as its folder has it.

        Raises
        ------
        JobError
            There is none of that name.
        """
        folder = self.root / job_id
        try:
            stat = (folder / STATE).stat()
            stamp = (stat.st_ino, stat.st_mtime_ns)  # each change is a new file
            known = self._jobs.get(job_id)
            if known is None or known[0] != stamp:
                known = self._jobs[job_id] = (stamp, self._read(job_id))
        except (OSError, ValueError) as error:
            return self._damaged(job_id, error)
        return known[1]

    def make(self, request: TrainRequest, host: str, sweep: str = "") -> Job:
        """Make the folder of a new job, queued.

        Raises
        ------
        JobError
            It cannot be written.
        """
        now_s = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now_s))
        job_id = f"{stamp}-{secrets.token_hex(2)}"
        job = Job(job_id, self.root / job_id, request, created_s=now_s, host=host, sweep=sweep)
        hidden = replace(job, folder=self.root / f".new-{job_id}")  # nobody sees half of it
        try:
            hidden.folder.mkdir()
            write_atomically(hidden.recipe, [request.recipe_toml.encode()])
            write_atomically(hidden.folder / REQUEST, [_requests.dump_json(request, indent=2)])
            self.write(hidden)
            hidden.folder.rename(job.folder)
        except OSError as error:
            shutil.rmtree(hidden.folder, ignore_errors=True)
            raise JobError(
                f"{job.folder}: cannot be written: {error.strerror}; make room, or choose another folder"
            ) from error
        return job

    def delete(self, job: Job) -> None:
        """Delete a job's folder and all that is in it.

        Raises
        ------
        JobError
            It cannot be deleted, or not all of it.
        """
        hidden = self.root / f".deleted-{job.id}"
        try:
            job.folder.rename(hidden)  # gone at once, however long the rest takes
            shutil.rmtree(hidden)
        except OSError as error:
            raise JobError(f"{error.filename or job.folder}: cannot be deleted: {error.strerror}") from error
        self._jobs.pop(job.id, None)
        self._requests.pop(job.id, None)

    def write(self, job: Job) -> None:
        """Write how a job stands, whole or not at all.

        Raises
        ------
        OSError
            The disk is full or the folder read-only.
        """
        content = _jobs.dump_json(job, indent=2, exclude={"id", "folder", "request"})
        write_atomically(job.folder / STATE, [content])

    def _read(self, job_id: str) -> Job:
        folder = self.root / job_id
        request = self._requests.get(job_id)
        if request is None:
            request = _requests.validate_json((folder / REQUEST).read_bytes())
            self._requests[job_id] = request
        state = json.loads((folder / STATE).read_bytes())
        if not isinstance(state, dict):
            raise ValueError(f"{STATE} holds no object")
        state.pop("kind", None)  # which older versions wrote, always the same
        return _jobs.validate_python(state | {"id": job_id, "folder": folder, "request": request})

    def _damaged(self, job_id: str, error: Exception) -> Job:
        """Return a stand-in for a job whose files cannot be read."""
        folder = self.root / job_id
        if not folder.is_dir():
            raise JobError(f"there is no job {job_id!r} in {self.root}; `earbench jobs` lists them")
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        message = f"{folder}: its files are damaged ({reason}); delete it, or begin again with its recipe"
        request = self._requests.get(job_id) or TrainRequest(job_id, "", folder)
        return Job(job_id, folder, request, state=State.FAILED, message=message, created_s=_made_s(folder))


def _made_s(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
