"""Bundled clips and icons."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def clip_paths() -> list[Path]:
    """Return the bundled audio clips, sorted by name; their sources are in `clips/ATTRIBUTION.md`."""
    return sorted(_folder("clips").glob("*.flac"))


def icon_path(name: str) -> Path:
    """Return a bundled icon's file. Raises FileNotFoundError if there is none of that name."""
    path = _folder("icons") / name
    if not path.is_file():
        raise FileNotFoundError(path)
    return path


def _folder(name: str) -> Path:
    return Path(str(files("earbench_assets"))) / name
