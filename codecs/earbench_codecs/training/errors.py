"""What a training run can fail with; each message says where and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_codecs.errors import CodecError

if TYPE_CHECKING:
    from pathlib import Path


class TrainingError(CodecError):
    """A run cannot start or go on."""


class RecipeError(TrainingError):
    """A recipe that cannot be used; the message names the file and the key.

    Parameters
    ----------
    source : str
        The file, or the bundled name.
    reason : str
    """

    def __init__(self, source: Path | str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = str(source)
        self.reason = reason


class CorpusError(TrainingError):
    """A folder of audio that cannot be trained on."""


class RunFolderError(TrainingError):
    """A run's folder cannot be written, or holds another run."""


class DivergedError(TrainingError):
    """A loss that is no longer a number."""
