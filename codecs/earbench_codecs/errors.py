"""Errors that carry data; the message says what failed, on what, and what to do next."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that names what is spelt most like `name`, empty where nothing is."""
    near = get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else ""


class CodecError(Exception):
    """Anything a codec, its files or its settings can fail with."""


class AudioFileError(CodecError):
    """An audio file cannot be read or written.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        What failed and what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class InvalidAudioError(CodecError, ValueError):
    """Samples no codec accepts: NaN, infinity, no samples, a wrong shape."""


class SettingError(CodecError, ValueError):
    """A setting the codec does not have, or a value outside its range."""


class UnknownCodecError(CodecError, KeyError):
    """No codec of that name; the message lists the names there are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.name = name
        self.known = tuple(known)

    def __str__(self) -> str:
        question = did_you_mean(self.name, self.known)
        there = f"{question} There are" if question else "there are"
        return f"no codec named {self.name!r}; {there}: {', '.join(self.known)}"


class CodecUnavailableError(CodecError):
    """A codec whose system library is missing; `reason` holds the install command."""

    def __init__(self, codec: str, reason: str) -> None:
        super().__init__(f"{codec} is not available: {reason}")
        self.codec = codec
        self.reason = reason


class BitstreamError(CodecError):
    """A damaged, cut or foreign bitstream; the message says which."""


class CheckpointError(CodecError):
    """A file of trained parameters that cannot be used.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        What is wrong and what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class TrainingStateError(CheckpointError):
    """What a training run goes on from, given where a codec is wanted.

    Parameters
    ----------
    path : Path
        The file.
    codec : Path, optional
        That of the same run, or of its latest step that has one; None while there is none.
    """

    def __init__(self, path: Path, codec: Path | None) -> None:
        where = f"the run's codec is {codec}" if codec else "the run has no codec yet"
        super().__init__(
            path,
            "it is the state of a training run, which goes on from it with `earbench train … --resume`; "
            + where,
        )
        self.codec = codec


class CommandFailedError(CodecError):
    """A command-line codec that failed, with what it was and what it printed."""

    def __init__(self, argv: Sequence[str], reason: str, stderr: str = "") -> None:
        tail = stderr.strip()[-2000:]
        super().__init__(f"{argv[0]}: {reason}" + (f"\n{tail}" if tail else ""))
        self.argv = tuple(argv)
        self.reason = reason
        self.stderr = stderr


class PluginError(CodecError):
    """A plug-in that cannot be loaded; the message names its file or entry point."""
