"""Keeps a job's process: outlives the program that started it, and writes how it ended.

`python keeper.py OPTIONS COMMAND...` returns once the command runs; a process in a session of its own stays
with it. OPTIONS is JSON: `folder`, `grace_s`, and `then`, a command for when it has ended. That process

- writes `keeper.json`: who it is and whom it keeps;
- drains stdout and stderr separately: the log goes to `log.txt`, and of the events on stdout, which are in
  `events.jsonl` as well, the one that tells how it went is kept;
- at SIGTERM asks the command to end, and after `grace_s` seconds ends it;
- ends whatever the command leaves behind;
- writes `exit.json`, also where the disk is full: its room is taken at the start;
- runs `then`, such as to start the next job.

Should it be killed itself, the system asks the command to end in good order (Linux). It is run as a file and
needs nothing but the standard library, so that nothing can go wrong with it that is not its business.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

FACTS, EXIT, LOG = "keeper.json", "exit.json", "log.txt"
_ENDINGS = ("failed", "finished", "stopped")
_NICENESS = 10
_ROOM = 65536  # bytes of `exit.json`
_TAIL = 6000  # bytes of the log that go into it
_LONGEST_LOG = 8 << 20
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def process_start(pid: int) -> str:
    """Return when a process was started, so that another one of its number is not taken for it.

    Empty where there is none, or it has ended and nobody has asked how.
    """
    if sys.platform == "win32":
        return ""  # no run has a keeper there
    if not sys.platform.startswith("linux"):
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def oom_kills() -> dict[str, int]:
    """Return how many processes the system has ended for want of memory, by the file that counts them."""
    counts = {}
    for path in [*_memory_counters(), Path("/proc/vmstat")]:
        with contextlib.suppress(OSError):
            lines = (line.split() for line in path.read_text().splitlines())
            counts[str(path)] = sum(int(line[1]) for line in lines if line[0] == "oom_kill")
    return counts


def _memory_counters() -> list[Path]:
    """Return the files that count for this process' control group, of either version."""
    root, found = Path("/sys/fs/cgroup"), []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if "memory" in controllers.split(","):
                found.append(root / "memory" / group.lstrip("/") / "memory.oom_control")
            elif not controllers:
                found.append(root / group.lstrip("/") / "memory.events")
    return found


class Log:
    """The end of what a process says, in a file of limited length and in memory.

    Parameters
    ----------
    path : Path
        Lines are added to it; at its full length it becomes `log.1.txt` and another begins.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tail = b""

    def add(self, text: bytes) -> None:
        """Add text; where the disk is full, to memory alone."""
        with self._lock:
            self._tail = (self._tail + text)[-_TAIL:]
            with contextlib.suppress(OSError):
                if self._path.exists() and self._path.stat().st_size > _LONGEST_LOG:
                    self._path.replace(self._path.with_suffix(".1.txt"))
                with self._path.open("ab", buffering=0) as file:
                    file.write(text)

    @property
    def tail(self) -> str:
        """What was said last."""
        return self._tail.decode(errors="replace")


class Keeper:
    """Runs one command and sees it to its end.

    Parameters
    ----------
    folder : Path
    grace_s : float
        Between SIGTERM and SIGKILL.
    command : list of str
    """

    def __init__(self, folder: Path, grace_s: float, command: list[str]) -> None:
        self._folder = folder
        self._grace_s = grace_s
        self._command = command
        self._log = Log(folder / LOG)
        self._said: dict[str, Any] = {}
        self._oom_kills = oom_kills()
        self._room = (folder / f".{EXIT}.part").open("wb", buffering=0)
        self._room.write(b" " * _ROOM)

    def start(self) -> None:
        """Start the command and write who is who.

        Raises
        ------
        OSError
            It cannot be started, or the folder cannot be written.
        """
        prctl = _prctl()
        prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what the command leaves behind becomes ours
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=lambda: _begin(prctl),
        )
        signal.signal(signal.SIGTERM, self._ask_to_end)
        signal.signal(signal.SIGALRM, lambda *_: self._child.kill())
        me, child = os.getpid(), self._child.pid
        facts = {"host": platform.node(), "pid": me, "start": process_start(me)}
        facts |= {"child": child, "child_start": process_start(child)}
        part = self._folder / f".{FACTS}.part"
        part.write_text(json.dumps(facts))
        part.replace(self._folder / FACTS)

    def keep(self) -> None:
        """Stay until the command has ended, and write how."""
        drains = [
            threading.Thread(target=self._drain_events, args=(self._child.stdout,), daemon=True),
            threading.Thread(target=self._drain_log, args=(self._child.stderr,), daemon=True),
        ]
        for drain in drains:
            drain.start()
        code = self._child.wait()
        ended_s = time.time()
        _end_children()
        for drain in drains:
            drain.join(5.0)
        self._write_exit(code, ended_s)

    def _ask_to_end(self, *_: object) -> None:
        """Hand SIGTERM on, once: a second one would end a run that is writing its checkpoint."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._child.terminate()
        signal.setitimer(signal.ITIMER_REAL, self._grace_s)

    def _drain_events(self, stream: IO[bytes]) -> None:
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                self._log.add(line)
                continue
            if isinstance(event, dict) and event.get("event") in _ENDINGS:
                self._said = event

    def _drain_log(self, stream: IO[bytes]) -> None:
        while text := os.read(stream.fileno(), 65536):
            self._log.add(text)

    def _write_exit(self, code: int, ended_s: float) -> None:
        grown = {name for name, count in oom_kills().items() if count > self._oom_kills.get(name, count)}
        facts = {
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "ended_s": ended_s,
            "cause": "memory" if grown and code else "",
            "said": self._said if len(str(self._said)) < _TAIL else {"event": self._said["event"]},
            "log_tail": self._log.tail,
        }
        content = json.dumps(facts, ensure_ascii=False).encode().ljust(_ROOM)
        self._room.seek(0)
        self._room.write(content)
        os.fsync(self._room.fileno())
        Path(self._room.name).replace(self._folder / EXIT)


def _begin(prctl: Any) -> None:
    """Prepare the process of the command: the window and its sound come first, and the keeper."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.nice(max(0, _NICENESS - os.nice(0)))


def _prctl() -> Any:
    """Return the system's call of that name, or one that does nothing."""
    if not sys.platform.startswith("linux"):
        return lambda *_: 0
    return ctypes.CDLL(None).prctl


def _end_children() -> None:
    """End all that is left of what the command started, and what these leave in turn."""
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


def _children() -> list[int]:
    me, found = str(os.getpid()), []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if stat.read_text().rpartition(")")[2].split()[1] == me:
                found.append(int(stat.parent.name))
    return found


def main(argv: list[str]) -> int:
    """Start a command under a keeper; return once it runs: 0, or 1 where it cannot be kept."""
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        with open(read) as told:
            complaint = told.read()
        sys.stderr.write(complaint)
        return 1 if complaint else 0
    os.setsid()
    os.close(read)
    try:
        options = json.loads(argv[0])
        keeper = Keeper(Path(options["folder"]), options["grace_s"], argv[1:])
        keeper.start()
    except OSError as error:
        os.write(write, str(error).encode())
        return 1
    devnull = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2, write):
        os.dup2(devnull, standard)
    keeper.keep()
    if options["then"]:
        subprocess.run(options["then"], check=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
