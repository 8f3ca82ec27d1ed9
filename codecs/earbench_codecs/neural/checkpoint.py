"""A trained coder with its entropy tables, as a file and in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from earbench_codecs.errors import CheckpointError, SettingError
from earbench_codecs.files import write_atomically
from earbench_codecs.neural.checkpoint_info import META, read_info
from earbench_codecs.neural.context_model import N_CONTEXTS, ContextModel, context_table
from earbench_codecs.neural.entropy_coding import FREQUENCY_BITS, StaticModel, frequencies
from earbench_codecs.neural.zoo import build_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor

    from earbench_codecs.neural.checkpoint_info import CheckpointInfo
    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.neural.entropy_coding import EntropyModel, Integers

_CODER, _STATIC, _CONTEXTS = "coder/", "entropy/static", "entropy/contexts"


@dataclass(frozen=True, slots=True, eq=False)
class EntropyTables:
    """Frequencies of symbols, integers that sum to 2^16.

    Parameters
    ----------
    static : ndarray of int64, shape [S, K]
    contexts : ndarray of int64, shape [S, N_CONTEXTS, K], optional
        Of the context model; a coder without has the static table alone.
    """

    static: Integers
    contexts: Integers | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Ways to code that there are, the better one first."""
        return ("static",) if self.contexts is None else ("context", "static")

    def model(self, kind: str) -> EntropyModel:
        """Return the model of a kind."""
        if kind == "context" and self.contexts is not None:
            return ContextModel(self.static, self.contexts)
        return StaticModel(self.static)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A coder, ready to code.

    Parameters
    ----------
    info : CheckpointInfo
    coder : Coder
        In evaluation mode, its parameters frozen.
    tables : EntropyTables
    sha256 : str
        Of the file.
    """

    info: CheckpointInfo
    coder: Coder
    tables: EntropyTables
    sha256: str


def entropy_tables(coder: Coder, segments: Iterable[Tensor]) -> EntropyTables:
    """Return frequencies of the codes of segments, each frames [F, 1, L]; even ones for raw codes."""
    streams, n_symbols = coder.code_shape[0], coder.alphabet.n_symbols
    if coder.sends_raw_codes:
        return EntropyTables(frequencies(np.ones((streams, n_symbols), np.int64)))
    clips = [_symbols(coder, frames) for frames in segments]
    by_stream = np.concatenate(clips).swapaxes(0, 1).reshape(streams, -1)
    static = frequencies(np.stack([np.bincount(stream, minlength=n_symbols) for stream in by_stream]))
    return EntropyTables(static, context_table(static, clips))


def checkpoint_bytes(
    info: CheckpointInfo, coder: Coder, tables: EntropyTables, *, half: bool = False
) -> bytes:
    """Return the bytes of a checkpoint's file.

    Parameters
    ----------
    half : bool
        Keep parameters in 16 bits; they are coded with in 32 again.
    """
    tensors = {_CODER + name: _stored(tensor, half) for name, tensor in coder.state_dict().items()}
    tensors[_STATIC] = _table_tensor(tables.static)
    if tables.contexts is not None:
        tensors[_CONTEXTS] = _table_tensor(tables.contexts)
    return save_tensors(tensors, {META: info.model_dump_json()})


def save_checkpoint(
    path: Path, info: CheckpointInfo, coder: Coder, tables: EntropyTables, *, half: bool = False
) -> None:
    """Write a checkpoint, whole or not at all.

    Raises
    ------
    CheckpointError
        The disk is full or the folder read-only.
    """
    try:
        write_atomically(path, [checkpoint_bytes(info, coder, tables, half=half)])
    except OSError as error:
        raise CheckpointError(path, f"it cannot be written: {error.strerror}") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    CheckpointError
        It cannot be read, is a pickle, damaged, of a later version or of an architecture not known here.
    """
    info = read_info(path)
    try:
        data = path.read_bytes()
        tensors = load_tensors(data)
        coder = build_from_json(info.architecture, info.config)
        coder.load_state_dict(
            {name.removeprefix(_CODER): t for name, t in tensors.items() if name.startswith(_CODER)}
        )
    except (OSError, SafetensorError, SettingError, RuntimeError) as error:
        raise CheckpointError(path, f"it cannot be used: {error}") from error
    coder.eval().requires_grad_(False)
    return Checkpoint(info, coder, _tables(path, tensors, coder), hashlib.sha256(data).hexdigest())


def program_versions() -> dict[str, str]:
    """Return what wrote a checkpoint."""
    return {name: version(name) for name in ("earbench", "torch", "constriction", "numpy")}


@torch.inference_mode()
def _symbols(coder: Coder, frames: Tensor) -> Integers:
    symbols: Integers = coder.alphabet.symbols(coder.encode(frames)).cpu().numpy()
    return symbols


def _stored(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu()
    return (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous()


def _table_tensor(table: Integers) -> Tensor:
    """Return frequencies as 16 bits: each is below 2^16, as every other symbol has one."""
    return torch.from_numpy(table.astype(np.uint16))


def _tables(path: Path, tensors: Mapping[str, Tensor], coder: Coder) -> EntropyTables:
    streams, n_symbols = coder.code_shape[0], coder.alphabet.n_symbols
    static = _table(path, tensors, _STATIC, (streams, n_symbols))
    if static is None:
        raise CheckpointError(path, f"it lacks {_STATIC}; export it from its run again")
    return EntropyTables(static, _table(path, tensors, _CONTEXTS, (streams, N_CONTEXTS, n_symbols)))


def _table(path: Path, tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Integers | None:
    if name not in tensors:
        return None
    table: Integers = tensors[name].numpy().astype(np.int64)
    if table.shape != shape or (table < 1).any() or (table.sum(-1) != 1 << FREQUENCY_BITS).any():
        raise CheckpointError(path, f"its table {name} is damaged; copy it again")
    return table
