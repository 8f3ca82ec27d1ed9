"""Write a file whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Write to a neighbour and rename it, so that a failure leaves an older file as it was.

    Raises
    ------
    OSError
        The folder is missing, full or read-only.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.{id(chunks):x}.part")
    try:
        with partial.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # not the neighbour's name
    finally:
        partial.unlink(missing_ok=True)
