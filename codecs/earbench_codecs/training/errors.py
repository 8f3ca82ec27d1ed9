"""What a training run can fail with; each message says where and what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from earbench_codecs.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StopAskedError(Exception):
    """A signal asks the run to stop: what is under way is left, and done when the run goes on."""


class TrainingError(CodecError):
    """A run cannot start or go on; `kind` says for want of what, see `events`.

    Parameters
    ----------
    message : str
    number : int, optional
        The system's own, where that refused something.
    """

    kind: str = "other"

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        if number in (errno.ENOSPC, errno.EDQUOT):
            self.kind = "disk"


class RecipeError(TrainingError):
    """A recipe that cannot be used; the message names the file and the key.

    Parameters
    ----------
    source : str
        The file, or the bundled name.
    reason : str
    """

    kind = "recipe"

    def __init__(self, source: Path | str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = str(source)
        self.reason = reason


class CorpusError(TrainingError):
    """A folder of audio that cannot be trained on."""

    kind = "corpus"


class RunFolderError(TrainingError):
    """A run's folder cannot be written, or holds another run."""

    kind = "run"


class DivergedError(TrainingError):
    """A loss that is no longer a number."""

    kind = "diverged"


class FullMemoryError(TrainingError):
    """There is no memory left, of the machine or of its GPU."""

    kind = "memory"


@contextmanager
def full_memory_told() -> Iterator[None]:
    """Turn what numpy, torch and the system raise without memory into one error that says what to do.

    Raises
    ------
    FullMemoryError
        Memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not _is_of_memory(error):
            raise
        raise FullMemoryError(
            f"the machine's memory ran out ({_first_line(error)}); close other programs, lower "
            "optimiser.batch or the model's size, and go on with --resume"
        ) from error


def _is_of_memory(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # a plain RuntimeError, of torch's allocator and of `threading`
    words = ("DefaultCPUAllocator", "can't start new thread", "annot allocate memory", "bad_alloc")
    said = str(error)
    is_of_onednn = _first_line(error) == "could not create a primitive"  # "… descriptor" is another fault
    return isinstance(error, MemoryError) or is_of_onednn or any(word in said for word in words)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
