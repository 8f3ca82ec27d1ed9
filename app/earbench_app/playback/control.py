"""The memory that the interface and the audio process share: commands one way, what is heard the other.

Neither side ever waits for the other. Each counter has one writer, and a command or a block is written before
its counter; numbers and a sum in each slot tell a reader on a machine that reorders writes to look again.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

N_COMMANDS = 4096
N_BLOCKS = 256  # of which each lasts some milliseconds: far more than any output latency
_SLOT = 6  # numbers in a slot of either ring
_SIZE = 8 * (8 + _SLOT * (N_COMMANDS + N_BLOCKS))
_TEST_SUM, _NUMBER = 5, 0


class Op(IntEnum):
    """What the audio process can be asked to do, with up to three numbers."""

    LOAD = 1  # generation, number of stimuli, duration in seconds
    PLAY = 2
    PAUSE = 3
    STOP = 4
    SELECT = 5  # index
    SEEK = 6  # seconds
    SET_LOOP = 7  # start and end in seconds
    CLEAR_LOOP = 8
    SET_GAIN = 9  # linear


@dataclass(frozen=True, slots=True)
class Block:
    """A block of output: from `heard_at_s` on the device plays from `position_s`.

    Parameters
    ----------
    heard_at_s : float
        On the clock of `time.perf_counter`, which all processes of a machine share.
    position_s : float
    advancing, playing : bool
        Whether the playhead moves, and whether it is meant to.
    n_handled : int
        Commands that had been obeyed.
    """

    heard_at_s: float
    position_s: float
    advancing: bool
    playing: bool
    n_handled: int


class Control:
    """One side's view of the shared memory; `Control()` makes it, `Control(handle)` joins it.

    It has no name in the file system and goes away with the last process that has it.
    """

    def __init__(self, handle: str | None = None) -> None:
        self._is_owner = handle is None
        self.handle, self.fd, self._map = _create() if handle is None else _join(handle)
        numbers = np.frombuffer(self._map, np.float64)
        self._counters = np.frombuffer(self._map, np.int64)[:8]
        end = 8 + _SLOT * N_COMMANDS
        self._commands = numbers[8:end].reshape(N_COMMANDS, _SLOT)
        self._blocks = numbers[end:].reshape(N_BLOCKS, _SLOT)

    def close(self) -> None:
        """Let go of the memory."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    @property
    def n_sent(self) -> int:
        """Commands written."""
        return int(self._counters[0])

    @property
    def n_handled(self) -> int:
        """Commands obeyed."""
        return int(self._counters[1])

    @property
    def n_underruns(self) -> int:
        """Times the device ran dry of what was playing."""
        return int(self._counters[3])

    def send(self, op: Op, *arguments: float) -> int | None:
        """Write a command; return its number, or None where the other side has not read for very long."""
        n_sent = self.n_sent
        if n_sent - self.n_handled >= N_COMMANDS:
            return None
        _write(self._commands[n_sent % N_COMMANDS], n_sent + 1, (op, *arguments))
        self._counters[0] = n_sent + 1
        return n_sent + 1

    def receive(self) -> tuple[Op, float, float, float] | None:
        """Take the next command, if there is one."""
        n_handled = self.n_handled
        if n_handled >= self.n_sent:
            return None
        slot = self._commands[n_handled % N_COMMANDS].tolist()
        if not _is_whole(slot, n_handled + 1):
            return None
        self._counters[1] = n_handled + 1
        return Op(int(slot[1])), slot[2], slot[3], slot[4]

    def forget_commands(self) -> None:
        """Drop what was not obeyed; only while no audio process runs."""
        self._counters[1] = self._counters[0]

    def publish(self, block: Block) -> None:
        """Tell what is played next."""
        number = int(self._counters[2]) + 1
        flags = block.advancing + 2 * block.playing
        values = (block.heard_at_s, block.position_s, flags, block.n_handled)
        _write(self._blocks[number % N_BLOCKS], number, values)
        self._counters[2] = number

    def count_underrun(self) -> None:
        """Add one."""
        self._counters[3] += 1

    def heard(self, now_s: float) -> Block | None:
        """Return the block at the device now, or the oldest there is; None before the first."""
        newest = int(self._counters[2])
        found = None
        for number in range(newest, max(0, newest - N_BLOCKS + 8), -1):
            slot = self._blocks[number % N_BLOCKS].tolist()
            if not _is_whole(slot, number):
                continue
            found = Block(slot[1], slot[2], bool(int(slot[3]) & 1), bool(int(slot[3]) & 2), int(slot[4]))
            if found.heard_at_s <= now_s:
                break
        return found


def _write(
    slot: np.ndarray[tuple[int], np.dtype[np.float64]], number: int, values: tuple[float, ...]
) -> None:
    whole = [float(number), *values, *[0.0] * (_SLOT - 2 - len(values))]
    slot[:] = [*whole, sum(whole)]


def _is_whole(slot: list[float], number: int) -> bool:
    return slot[_NUMBER] == number and slot[_TEST_SUM] == sum(slot[:_TEST_SUM])


def _create() -> tuple[str, int | None, mmap.mmap]:
    if sys.platform == "win32":
        name = f"earbench-{os.getpid()}-{os.urandom(8).hex()}"
        return name, None, mmap.mmap(-1, _SIZE, tagname=name)
    with tempfile.TemporaryFile() as file:  # has no name: nothing is left, whoever is killed
        file.truncate(_SIZE)
        fd = os.dup(file.fileno())
    return str(fd), fd, mmap.mmap(fd, _SIZE)


def _join(handle: str) -> tuple[str, int | None, mmap.mmap]:
    if sys.platform == "win32":
        return handle, None, mmap.mmap(-1, _SIZE, tagname=handle)
    return handle, int(handle), mmap.mmap(int(handle), _SIZE)
