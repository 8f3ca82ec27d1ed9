"""A trained coder with its entropy tables, as a file and in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from earbench_codecs.errors import CheckpointError, SettingError
from earbench_codecs.files import write_atomically
from earbench_codecs.neural.checkpoint_info import META, read_info
from earbench_codecs.neural.context_model import ContextModel, ContextTables, context_tables
from earbench_codecs.neural.entropy_coding import FREQUENCY_BITS, StaticModel, frequencies
from earbench_codecs.neural.zoo import build_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.neural.checkpoint_info import CheckpointInfo
    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.neural.entropy_coding import EntropyModel, Integers

_CODER, _STATIC, _CONTEXT = "coder/", "entropy/static", "entropy/context/"
_KINDS = {"frequencies": np.uint16, "weights": np.int32, "parts": np.uint8}
"""How arrays of the context model are stored; frequencies are below 2^16, as every other symbol has one."""


@dataclass(frozen=True, slots=True, eq=False)
class EntropyTables:
    """What codes are coded with.

    Parameters
    ----------
    static : ndarray of int64, shape [S, K]
        Frequencies of symbols, integers that sum to 2^16.
    contexts : ContextTables, optional
        Of the context model; a coder without has the static table alone.
    own : EntropyModel, optional
        The coder's, where it has one.
    """

    static: Integers
    contexts: ContextTables | None = None
    own: EntropyModel | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Ways to code that there are, the better one first."""
        if self.own is not None:
            return ("network", "static")
        return ("static",) if self.contexts is None else ("context", "static")

    def model(self, kind: str) -> EntropyModel:
        """Return the model of a kind."""
        if kind == "network" and self.own is not None:
            return self.own
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
    segments = list(segments)
    clips = [_symbols(coder, frames) for frames in segments]
    by_stream = np.concatenate(clips).swapaxes(0, 1).reshape(streams, -1)
    static = frequencies(np.stack([np.bincount(stream, minlength=n_symbols) for stream in by_stream]))
    coder.learn_codes(segments)
    own = coder.entropy_model()
    return EntropyTables(static, context_tables(static, clips) if own is None else None, own)


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
    tensors[_STATIC] = torch.from_numpy(tables.static.astype(np.uint16))
    if tables.contexts is not None:
        for name, kind in _KINDS.items():
            tensors[_CONTEXT + name] = torch.from_numpy(getattr(tables.contexts, name).astype(kind))
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
    tables = _tables(path, tensors, coder, info.context_model)
    return Checkpoint(info, coder, tables, hashlib.sha256(data).hexdigest())


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


def _tables(path: Path, tensors: Mapping[str, Tensor], coder: Coder, has_contexts: bool) -> EntropyTables:
    streams, n_symbols = coder.code_shape[0], coder.alphabet.n_symbols
    static = _array(path, tensors, _STATIC, (streams, n_symbols)).astype(np.int64)
    _require_frequencies(path, _STATIC, static)
    if coder.sends_raw_codes or not has_contexts:
        return EntropyTables(static, own=coder.entropy_model())
    shapes = ContextTables.shapes(streams, n_symbols)
    arrays = {name: _array(path, tensors, _CONTEXT + name, shape) for name, shape in shapes.items()}
    contexts = ContextTables(arrays.pop("frequencies").astype(np.int64), **arrays)
    _require_frequencies(path, _CONTEXT + "frequencies", contexts.frequencies)
    if not contexts.usable:
        raise CheckpointError(path, f"its tables {_CONTEXT} are damaged; copy it again")
    return EntropyTables(static, contexts)


def _array(path: Path, tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if name not in tensors:
        raise CheckpointError(path, f"it lacks {name}; export it from its run again")
    array: NDArray[Any] = tensors[name].numpy()
    kind = _KINDS.get(name.removeprefix(_CONTEXT), np.uint16)
    if array.shape != shape or array.dtype != kind:
        raise CheckpointError(path, f"its table {name} is damaged; copy it again")
    return array


def _require_frequencies(path: Path, name: str, table: Integers) -> None:
    if (table < 1).any() or (table.sum(-1) != 1 << FREQUENCY_BITS).any():
        raise CheckpointError(path, f"its table {name} is damaged; copy it again")
