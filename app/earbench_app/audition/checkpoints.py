"""What worker processes do with checkpoints: add one to the user's folder, take one out, put it back."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earbench_codecs.errors import CheckpointError, TrainingStateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES = frozenset({".safetensors", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
"""Of what is taken for a checkpoint; all but the first are refused, with the reason."""
_REMOVED = ".removed"  # after the suffix, so that it is no checkpoint any more


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a checkpoint that was to be added.

    Parameters
    ----------
    name : str
        Its codec's.
    new : bool
        False where it was there before.
    """

    name: str
    new: bool


def is_checkpoint(path: Path) -> bool:
    """Whether a path is to be taken for a checkpoint, by its name alone."""
    return path.suffix.lower() in SUFFIXES


def add_checkpoint(path: Path) -> Added:
    """Check a checkpoint by loading it, which takes torch, and copy it to the user's folder.

    Raises
    ------
    CodecError
        It is none, is damaged, needs a network there is none of, or cannot be copied.
    """
    from earbench_codecs.neural.checkpoint_info import RUN_CODEC, file_sha256
    from earbench_codecs.registry import default_registry, install_checkpoint

    if path.is_dir():
        instead = (
            f"drop the {RUN_CODEC} in it" if (path / RUN_CODEC).is_file() else "drop a checkpoint's file"
        )
        raise CheckpointError(path, f"it is a folder; {instead}")
    try:
        _check_loads(path)
    except TrainingStateError as error:
        codec = error.codec and error.codec.relative_to(path.parent)
        instead = f"drop the {codec} beside it" if codec else "the run has no codec yet"
        raise CheckpointError(path, f"it is what a training run goes on from; {instead}") from error
    sha256, registry = file_sha256(path), default_registry()
    registry.refresh_checkpoints()
    there = next((name for name in registry.checkpoints if registry.info(name).sha256 == sha256), None)
    return Added(there, False) if there is not None else Added(install_checkpoint(path), True)


def remove_checkpoint(path: Path) -> Path:
    """Take a checkpoint of the user's own out of the list; return where it is kept until it is forgotten.

    Raises
    ------
    CheckpointError
        It is not in the user's folder, or cannot be renamed.
    """
    from earbench_codecs.neural.checkpoint_info import own_folder

    if path.parent != own_folder():
        raise CheckpointError(path, "it comes with the program and cannot be removed")
    return _renamed(path, path.with_name(path.name + _REMOVED))


def restore_checkpoint(kept: Path) -> Path:
    """Undo `remove_checkpoint`.

    Raises
    ------
    CheckpointError
        It has gone, or cannot be renamed.
    """
    return _renamed(kept, kept.with_name(kept.name.removesuffix(_REMOVED)))


def forget_removed() -> None:
    """Delete for good what was removed; one that cannot be deleted stays until the next time."""
    for path in _removed():
        with contextlib.suppress(OSError):
            path.unlink()


def _removed() -> Iterator[Path]:
    from earbench_codecs.neural.checkpoint_info import own_folder

    yield from own_folder().glob(f"*{_REMOVED}")


def _renamed(path: Path, target: Path) -> Path:
    try:
        os.replace(path, target)
    except OSError as error:
        raise CheckpointError(path, f"it cannot be renamed: {error.strerror}") from error
    return target


def _check_loads(path: Path) -> None:
    from earbench_codecs.neural.checkpoint_info import read_info

    read_info(path)  # without torch: most of what is wrong is found at once
    from earbench_codecs.neural.checkpoint import load_checkpoint

    load_checkpoint(path)
