"""Codecs of training runs that stay as long as they are listed: a run deletes its older ones meanwhile."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from earbench_codecs.errors import CheckpointError
from earbench_codecs.processes import is_running

if TYPE_CHECKING:
    from pathlib import Path


def hold_codec(path: Path, target: Path) -> Path | None:
    """Link a run's codec to another place, where its run does not delete it; return that.

    None where the run has deleted it already.

    A hard link costs nothing; where the place is on another disk, it is a copy.

    Raises
    ------
    CheckpointError
        There is no room.
    """
    if not path.exists():
        return None
    draft = target.with_name(f"{target.name}.draft")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        try:
            os.link(path, draft)
        except OSError:
            shutil.copyfile(path, draft)
        target.unlink(missing_ok=True)
        draft.rename(target)
    except OSError as error:
        raise CheckpointError(path, f"it cannot be kept to be heard: {error.strerror}") from error
    return target


def own_folder(root: Path) -> Path:
    """Return this process's folder below one for all."""
    return root / str(os.getpid())


def drop_left_behind(root: Path) -> None:
    """Delete what was held by programs that are there no more."""
    for folder in root.glob("[0-9]*"):
        if not is_running(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)


def let_go(path: Path) -> None:
    """Delete a codec that was held, or all of them where it is their folder."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
