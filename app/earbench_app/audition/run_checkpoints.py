"""What worker processes do with the codecs of a training run: describe, keep for a test, publish."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earbench_codecs.errors import CodecError

if TYPE_CHECKING:
    from earbench_codecs.base import CodecInfo

_NAME = "a name is made of small letters, digits, and . _ + -, and begins with a letter or digit"


def describe_codec(path: Path) -> CodecInfo:
    """Return what the codec in a file says of itself, without torch.

    Raises
    ------
    CheckpointError
        It is none, or has gone.
    """
    from earbench_codecs.neural.codec import NeuralCodec

    return NeuralCodec.from_file(path).info


@dataclass(frozen=True, slots=True)
class Kept:
    """A codec that is among the user's own.

    Parameters
    ----------
    sha256 : str
        Of its file.
    copy : Path
        Where it is listed from.
    new : bool
        False where it was there before.
    """

    sha256: str
    copy: Path
    new: bool


def keep_codec(path: Path) -> Kept:
    """Copy a codec to the user's own, if it is not there, so that a study can be made again.

    Raises
    ------
    CodecError
        It cannot be loaded, or not be copied.
    """
    from earbench_app.audition.checkpoints import add_checkpoint
    from earbench_codecs.neural.checkpoint_info import file_sha256
    from earbench_codecs.registry import default_registry

    added = add_checkpoint(path)
    return Kept(file_sha256(path), default_registry().checkpoints[added.name], added.new)


def publish_codec(path: Path, name: str) -> Path:
    """Give a codec a name and a card that says so, and copy it to the user's own; return the copy.

    Raises
    ------
    CodecError
        The name is taken or is none; a `CheckpointError` where the file is no codec or cannot be copied.
    """
    from pydantic import ValidationError

    from earbench_codecs.neural.checkpoint_info import install, read_info, rewrite
    from earbench_codecs.registry import default_registry
    from earbench_codecs.training.card import with_card

    registry = default_registry()
    registry.refresh_checkpoints()
    if name in registry.names:
        raise CodecError(f"A codec named {name!r} is there already; choose another name")
    info = read_info(path)
    try:
        named = with_card(info, name=name)
    except ValidationError as error:
        raise CodecError(f"{name!r} is no name for a codec: {_NAME}") from error
    with tempfile.TemporaryDirectory(prefix="earbench-publish-") as folder:
        copy = Path(folder) / path.name
        rewrite(path, named, copy)
        return install(copy)
