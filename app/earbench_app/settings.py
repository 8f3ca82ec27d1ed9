"""What is remembered between runs: one versioned JSON file, repaired rather than fatal when damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earbench_codecs.files import write_atomically

CURRENT_VERSION = 1


def config_dir() -> Path:
    """Folder of the settings; `$EARBENCH_HOME/config` where that is set."""
    return _home("config") or user_config_path("earbench", appauthor=False)


def cache_dir() -> Path:
    """Folder of what can be made again; `$EARBENCH_HOME/cache` where that is set."""
    return _home("cache") or user_cache_path("earbench", appauthor=False)


def data_dir() -> Path:
    """Folder of what the user makes, such as the demo study; `$EARBENCH_HOME/data` where that is set."""
    return _home("data") or user_data_path("earbench", appauthor=False)


def jobs_dir() -> Path:
    """Folder of the training jobs; `$EARBENCH_JOBS` where that is set."""
    chosen = os.environ.get("EARBENCH_JOBS")
    return Path(chosen) if chosen else data_dir() / "jobs"


def _home(part: str) -> Path | None:
    home = os.environ.get("EARBENCH_HOME")
    return Path(home) / part if home else None


LEVELS_DB = (-160, 20)  # of what a spectrogram can show
SMALLEST_RANGE_DB = 10


class SpectrogramSettings(BaseModel):
    """How spectrograms are taken and drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Literal["bark", "mel", "log", "linear"] = "bark"
    window: Literal["hann", "hamming", "blackmanharris", "boxcar"] = "hann"  # as SciPy names them
    n_fft: Literal[256, 512, 1024, 2048, 4096, 8192, 16384] = 2048
    hops_a_window: Literal[1, 2, 4, 8] = 4  # an overlap of 0, 50, 75, 87.5 %
    colormap: Literal["inferno", "magma", "viridis", "cividis", "grey"] = "inferno"
    low_db: int = Field(default=-110, ge=LEVELS_DB[0], le=LEVELS_DB[1])
    high_db: int = Field(default=0, ge=LEVELS_DB[0], le=LEVELS_DB[1])

    @model_validator(mode="after")
    def _is_a_range(self) -> SpectrogramSettings:
        if self.high_db - self.low_db < SMALLEST_RANGE_DB:
            raise ValueError(f"the range must span {SMALLEST_RANGE_DB} dB at least")
        return self


class CurveSettings(BaseModel):
    """How the curves of training runs are drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: Literal["step", "time"] = "step"
    smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    log_x: bool = False
    log_y: bool = False


class Settings(BaseModel):
    """Everything remembered. Unknown keys are an error: a typing mistake must not pass for a setting."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    version: int = CURRENT_VERSION
    geometry: str = ""
    splitters: dict[str, str] = Field(default_factory=dict)
    page: str = ""
    device: str | None = None
    volume_db: float = Field(default=0.0, ge=-60.0, le=0.0)
    last_folder: str = ""  # that audio was opened from
    clip: str = ""  # that was chosen last
    followed_runs: list[str] = Field(default_factory=list)  # whose new checkpoints are added by themselves
    studies_folder: str = ""  # that the last study was made in
    color_scheme: Literal["system", "light", "dark"] = "system"
    cache_limit_mb: int = Field(default=2048, ge=64)
    cpu_jobs: int = Field(default=1, ge=1, le=64)  # training jobs at once on the processor
    demo_shown: bool = False
    studies: list[str] = Field(default_factory=list)
    spectrogram: SpectrogramSettings = SpectrogramSettings()
    curves: CurveSettings = CurveSettings()
    run_colors: dict[str, int] = Field(default_factory=dict)  # of training runs' curves


class SettingsFile:
    """The settings of one user on disk.

    Parameters
    ----------
    path : Path, optional
        `settings.json` in `config_dir` by default.

    Attributes
    ----------
    settings : Settings
        Change its fields, then call `save`.
    message : str
        What had to be repaired on loading; empty if nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_dir() / "settings.json"
        self.message = ""
        self.settings = self._load()

    def save(self) -> None:
        """Write atomically: a crash leaves the old file or the new one, never half of one.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, [self.settings.model_dump_json(indent=2).encode()])

    def _load(self) -> Settings:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Settings()
        except (OSError, UnicodeDecodeError) as error:
            return self._start_afresh(str(error))
        try:
            data = migrated(json.loads(text))
        except ValueError as error:
            return self._start_afresh(str(error))
        try:
            return Settings.model_validate(data)
        except ValidationError as error:
            return self._without_faults(data, error)

    def _start_afresh(self, reason: str) -> Settings:
        kept = self._keep_old_file()
        self.message = f"{self.path} could not be read ({reason}); the defaults are used{kept}."
        return Settings()

    def _without_faults(self, data: dict[str, Any], error: ValidationError) -> Settings:
        """Keep all that can be understood: one bad value must not cost the list of studies."""
        bad = {str(fault["loc"][0]) for fault in error.errors()}
        kept, names = self._keep_old_file(), ", ".join(sorted(bad))
        self.message = f"{self.path}: {names} could not be understood and went back to the default{kept}."
        return Settings.model_validate({key: value for key, value in data.items() if key not in bad})

    def _keep_old_file(self) -> str:
        backup = self.path.with_suffix(".damaged.json")
        try:
            self.path.replace(backup)
        except OSError:
            return ""
        return f"; the old file is kept as {backup.name}"


def migrated(data: dict[str, Any]) -> dict[str, Any]:
    """Bring an older file's content to the current version, one step after another.

    Raises
    ------
    ValueError
        It was written by a later Earbench, or is no settings file.
    """
    if not isinstance(data, dict):
        raise ValueError("not a settings file")
    version = data.get("version", 0)
    if not isinstance(version, int) or version > CURRENT_VERSION:
        raise ValueError(f"written by a later version of Earbench (settings version {version})")
    for step in _STEPS[version:]:
        data = step(data)
    return {**data, "version": CURRENT_VERSION}


def _from_0(data: dict[str, Any]) -> dict[str, Any]:
    """Version 0 had a linear `volume`, 0 to 1."""
    import math

    data = dict(data)
    volume = float(data.pop("volume", 1.0))
    data.setdefault("volume_db", max(-60.0, 20 * math.log10(volume)) if volume > 0 else -60.0)
    return data


_STEPS = (_from_0,)
