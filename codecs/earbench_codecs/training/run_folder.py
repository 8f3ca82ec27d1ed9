"""The folder of a run: its recipe, its events, its last and its best checkpoint.

Checkpoints are safetensors files with JSON in their metadata, written whole or not at all; nothing in
them can run code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from earbench_codecs.files import write_atomically
from earbench_codecs.neural.checkpoint_info import META, RUN_CODEC, STATE_VERSION_KEY, STEP_CODECS
from earbench_codecs.training.errors import RunFolderError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Tensors by name, and what else belongs to them, as JSON."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors whose name begins with `name` and a slash, without that."""
        prefix = f"{name}/"
        return {
            key.removeprefix(prefix): tensor for key, tensor in self.tensors.items() if key.startswith(prefix)
        }


class RunFolder:
    """Where a run keeps what it makes.

    Parameters
    ----------
    path : Path
        Made where missing.

    Raises
    ------
    RunFolderError
        It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"{path}: cannot be made: {error.strerror}; choose another folder"
            ) from error

    @property
    def events(self) -> Path:
        """One JSON event a line."""
        return self.path / "events.jsonl"

    @property
    def recipe(self) -> Path:
        """The recipe, as JSON."""
        return self.path / "recipe.json"

    @property
    def last(self) -> Path:
        """All that is needed to go on."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """The coder with the best validation figure within the rate bound."""
        return self.path / "best.safetensors"

    @property
    def checkpoint(self) -> Path:
        """The best coder as a codec: with the tables of its entropy coder and measured figures."""
        return self.path / RUN_CODEC

    def codec_at(self, step: int) -> Path:
        """Return where the codec of a step is, which can be listened to while the run goes on."""
        return self.path / STEP_CODECS.replace("*", f"{step:09d}")

    def codecs(self) -> list[Path]:
        """Return the codecs of single steps that there are, the earliest first."""
        return sorted(self.path.glob(STEP_CODECS))

    @property
    def tensorboard(self) -> Path:
        """The folder TensorBoard reads."""
        return self.path / "tensorboard"

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the folder, whole or not at all.

        Raises
        ------
        RunFolderError
            The disk is full or the folder read-only; an older file of that name is intact.
        """
        try:
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, [content])
        except OSError as error:
            intact = "; the one before it is intact" if path.is_file() else ""
            raise RunFolderError(
                f"{path}: cannot be written: {error.strerror}{intact}; make room and go on with --resume",
                error.errno,
            ) from error

    def save(self, path: Path, snapshot: Snapshot) -> None:
        """Write a snapshot to a file of the folder.

        Raises
        ------
        RunFolderError
            As `write`.
        """
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in snapshot.tensors.items()}
        facts = {STATE_VERSION_KEY: STATE_VERSION, **snapshot.facts}
        self.write(path, save(tensors, {META: json.dumps(facts)}))


def load_snapshot(path: Path) -> Snapshot:
    """Read what `RunFolder.save` wrote.

    Raises
    ------
    RunFolderError
        The file is damaged, another program's, or of a later version.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get(META, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}; begin a new run") from error
    version = facts.get(STATE_VERSION_KEY)
    if version != STATE_VERSION:
        raise RunFolderError(
            f"{path}: has state version {version}, and this program reads "
            f"{STATE_VERSION}; use the version of Earbench that wrote it"
        )
    return Snapshot(tensors, facts)
