"""What a checkpoint says of itself, read without torch; and the folders checkpoints are found in.

A checkpoint is a safetensors file: numbers under names, and JSON in its metadata. Nothing in it can run
code, which a pickle (`.pt`, `.pth`, `.ckpt`) does when it is opened; so pickles are refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from earbench_codecs.errors import CheckpointError, TrainingStateError
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMAT = 1
SUFFIX = ".safetensors"
META = "earbench"
"""Key of the metadata that holds the JSON."""
RUN_CODEC = "checkpoint.safetensors"
"""What a training run calls the codec it makes."""
STEP_CODECS = "checkpoints/step-*.safetensors"
"""Codecs a run makes of single steps while it goes; the later the higher."""
STATE_VERSION_KEY = "state_version"
"""Only what a training run goes on from has it among its facts."""
HOME_VARIABLE = "EARBENCH_HOME"
_HEADER_LENGTH = struct.Struct("<Q")
_LONGEST_HEADER = 100_000_000
_USUAL_KBPS = (6, 7, 8, 9, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)
_PICKLES = (b"\x80", b"PK\x03\x04")

Facts = dict[str, Any]
MIGRATIONS: Mapping[int, Callable[[Facts], Facts]] = {}
"""Format → what turns its facts into those of the next format."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Table):
    """A mean over excerpts.

    Parameters
    ----------
    mean : float
    ci95 : float, optional
        Half width of the 95 % confidence interval of the mean (Student's t); None for one excerpt.
    n : int
        Excerpts that have the figure.
    """

    mean: float
    ci95: float | None
    n: Annotated[int, Field(gt=0)]


class ComparedCodec(_Table):
    """A codec at one setting.

    Parameters
    ----------
    codec, title, version, setting : str
        As they were when it was measured; the setting as tables show it, empty for the checkpoint itself.
    figures : dict
        ``kbps`` (bytes of the bitstream over seconds), ``file_kbps`` (bytes of the whole `.ebc` file),
        ``entropy_kbps`` where the codec has an estimate, and metrics by name.
    advantage : dict
        By metric, the checkpoint's figure less this codec's, of each excerpt; empty for the checkpoint.
    """

    codec: str
    title: str
    version: str
    setting: str
    figures: dict[str, Figure | None]
    advantage: dict[str, Figure | None] = {}


class Comparison(_Table):
    """A checkpoint beside other codecs on the same held-out excerpts.

    Parameters
    ----------
    n_excerpts, n_recordings : int
        What was coded, and how many files it is of.
    seconds : float
        Of all excerpts together.
    complete : bool
        Whether they are all that was held out.
    metrics : list of str
    codecs : list of ComparedCodec
        The checkpoint first.
    notes : list of str
        What is missing, and why.
    """

    n_excerpts: int
    n_recordings: int
    seconds: float
    complete: bool
    metrics: list[str]
    codecs: Annotated[list[ComparedCodec], Field(min_length=1)]
    notes: list[str] = []


class CheckpointInfo(_Table):
    """The JSON of a checkpoint.

    Parameters
    ----------
    format : int
        Of the file; older ones are migrated when read.
    name : str
        The codec's name, such as ``kankanahalli-small-16``.
    title : str
        One line for people.
    architecture : str
    config : dict
        All that is needed to build the coder, save its parameters.
    sample_rate_hz : int
        The coder's.
    n_parameters : int
    kbps : float
        The rate it is offered at: what was measured of its files, or the one it was trained for.
    knob : list of (kbps, gain)
        Usual rates at gains before the coder, both ascending: of a coder that is made for any rate between
        the first and the last. Empty for one that has the rate it was trained for.
    context_model : bool
        Whether it has tables for the context model beside the static one.
    step : int
        Steps of training behind it.
    trained_s : float
        Seconds they took, validation included; 0 where nobody counted.
    machine : str
        That it was trained on, in words.
    recipe : dict
        As it was trained.
    recipe_name : str
    corpus : dict
        ``sha256``, ``training_s``, ``validation_s``, ``training_files``, ``validation_files``; ``sources``, a
        line that names them and their licences.
    measured : dict
        Means over held-out excerpts of ``kbps`` (bytes of real bitstreams), ``entropy_kbps`` (the model's
        estimate) and metrics by name.
    comparison : Comparison, optional
        The same figures with their confidence, and those of other codecs.
    comparisons : list of Comparison
        At chosen rates, ascending, of a coder that is made for any; each codec at the setting nearest to it.
    tried : list of str
        What was tried on the way to it and what that brought, a line each.
    versions : dict
        Of the programs that wrote it.
    card : str
        The model card, Markdown.
    """

    format: int = FORMAT
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._+-]*$")]
    title: str
    architecture: str
    config: dict[str, JsonValue]
    sample_rate_hz: Annotated[int, Field(gt=0)]
    n_parameters: Annotated[int, Field(gt=0)]
    kbps: Annotated[float, Field(gt=0)]
    knob: list[tuple[float, float]] = []
    context_model: bool = True
    step: Annotated[int, Field(ge=0)] = 0
    trained_s: Annotated[float, Field(ge=0)] = 0.0
    machine: str = ""
    recipe: dict[str, JsonValue] = {}
    recipe_name: str = ""
    corpus: dict[str, JsonValue] = {}
    measured: dict[str, float | None] = {}
    comparison: Comparison | None = None
    comparisons: list[Comparison] = []
    tried: list[str] = []
    versions: dict[str, str] = {}
    card: str = ""

    @property
    def rates_kbps(self) -> tuple[float, ...]:
        """Rates it is offered at, ascending; where it takes any, those between are offered as well."""
        if not self.knob:
            return (self.kbps,)
        lowest, highest = self.knob[0][0], self.knob[-1][0]
        return tuple(kbps for kbps in _USUAL_KBPS if lowest <= kbps <= highest)


def read_info(path: Path) -> CheckpointInfo:
    """Read what a checkpoint says of itself; costs no more than a few kilobytes.

    Raises
    ------
    CheckpointError
        The file cannot be read, is a pickle, is damaged, is none of Earbench's, or of a later version.
    TrainingStateError
        It is what a training run goes on from.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER_LENGTH.size)
            length = _HEADER_LENGTH.unpack(start)[0] if len(start) == _HEADER_LENGTH.size else 0
            header = file.read(min(length, _LONGEST_HEADER))
    except OSError as error:
        raise CheckpointError(path, f"it cannot be read: {error.strerror}") from error
    if not header.startswith(b"{"):  # a length may begin like a pickle
        _refuse_pickle(path, start)
    try:
        facts = json.loads(json.loads(header)["__metadata__"][META])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            path, "it is no checkpoint of Earbench, or damaged; copy it again, or train one"
        ) from error
    return _info(path, facts)


def rewrite(path: Path, info: CheckpointInfo, target: Path) -> None:
    """Write a checkpoint's file with other metadata, whole or not at all; its tensors stay byte for byte.

    Parameters
    ----------
    path : Path
        A checkpoint, of any format that `read_info` reads.
    info : CheckpointInfo
    target : Path
        May be `path` itself. Its hash is another one: bitstreams of `path` name the old one.

    Raises
    ------
    CheckpointError
        The file cannot be read, or the target cannot be written.
    """
    try:
        data = path.read_bytes()
        (length,) = _HEADER_LENGTH.unpack_from(data)
        header = json.loads(data[_HEADER_LENGTH.size : _HEADER_LENGTH.size + length])
        header["__metadata__"][META] = info.model_dump_json()
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)  # as the format has it: tensors begin at a multiple of 8
        chunks = (_HEADER_LENGTH.pack(len(text)), text, data[_HEADER_LENGTH.size + length :])
        write_atomically(target, chunks)
    except OSError as error:
        raise CheckpointError(target, f"it cannot be written: {error.strerror}") from error


def file_sha256(path: Path) -> str:
    """Return the hash of a file's bytes, which bitstreams name a checkpoint by.

    Raises
    ------
    CheckpointError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(path, f"it cannot be read: {error.strerror}") from error


def own_folder() -> Path:
    """Return the user's folder of checkpoints: `$EARBENCH_HOME/checkpoints` where that is set."""
    from platformdirs import user_data_path

    home = os.environ.get(HOME_VARIABLE)
    return (Path(home) if home else user_data_path("earbench", appauthor=False)) / "checkpoints"


def checkpoint_files() -> list[Path]:
    """Return all checkpoints that come with the program, then those in the user's folder."""
    folders = (Path(str(files("earbench_assets"))) / "checkpoints", own_folder())
    return [path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))]


def install(path: Path) -> Path:
    """Copy a checkpoint into the user's folder, so that it is listed from now on; return the copy.

    Raises
    ------
    CheckpointError
        It is none, or the folder cannot be written.
    """
    info = read_info(path)
    folder = own_folder()
    target = folder / f"{info.name}-{file_sha256(path)[:8]}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(target, [path.read_bytes()])
    except OSError as error:
        raise CheckpointError(path, f"it cannot be copied to {folder}: {error.strerror}") from error
    return target


def _refuse_pickle(path: Path, start: bytes) -> None:
    if start.startswith(_PICKLES):
        raise CheckpointError(
            path,
            "it is a pickle, which can run any code when it is opened, so it is not opened; Earbench reads "
            "safetensors files, as `earbench train` writes them",
        )


def _info(path: Path, facts: Facts) -> CheckpointInfo:
    if isinstance(facts, dict) and STATE_VERSION_KEY in facts:
        steps = sorted(path.parent.glob(STEP_CODECS), reverse=True)
        codecs = [codec for codec in (path.with_name(RUN_CODEC), *steps) if codec.is_file()]
        raise TrainingStateError(path, codecs[0] if codecs else None)
    version = facts.get("format") if isinstance(facts, dict) else None
    if not isinstance(version, int) or not {*range(version, FORMAT)} <= {*MIGRATIONS} or version > FORMAT:
        raise CheckpointError(
            path,
            f"it has format {version}, and this program reads up to {FORMAT}; get the Earbench that wrote it",
        )
    for older in range(version, FORMAT):
        facts = MIGRATIONS[older](facts) | {"format": older + 1}
    try:
        return CheckpointInfo.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(path, f"its metadata are wrong at {where}: {first['msg']}") from error
