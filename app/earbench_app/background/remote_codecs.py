"""Codecs that work in a process of their own: a network's library, and its import, stay out of this one."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earbench_app.background.pool import ProcessPool, WorkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from earbench_codecs.base import EncodedAudio, Setting
    from earbench_codecs.clip import AudioClip


class RemoteCodecs:
    """Hands out codecs by name; whoever uses them waits, so use them on a thread beside the interface.

    The process is started when first needed.
    """

    def __init__(self) -> None:
        self._pool = ProcessPool(1, lambda call: call())
        self._waited_for: Future[Any] | None = None
        self._closed = False

    def find(self, name: str, checkpoint_sha256: str | None = None) -> RemoteCodec:
        """Return a codec, see `earbench_codecs.registry.codec_of`; whether it is there shows in use."""
        return RemoteCodec(self, name, checkpoint_sha256)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function there and wait for its result.

        Raises
        ------
        WorkError
            It failed, or `close` was called meanwhile.
        """
        waited_for: Future[Any] = Future()
        self._waited_for = waited_for
        if self._closed:
            raise WorkError("cancelled")
        self._pool.submit(function, *arguments, done=waited_for.set_result, failed=waited_for.set_exception)
        return waited_for.result()

    def close(self) -> None:
        """End the process at once, also in the middle of something."""
        self._closed = True
        self._pool.close()
        if self._waited_for is not None and not self._waited_for.done():
            self._waited_for.set_exception(WorkError("cancelled"))


@dataclass(frozen=True, slots=True)
class RemoteCodec:
    """A codec in another process."""

    owner: RemoteCodecs
    name: str
    checkpoint_sha256: str | None = None

    def encode(self, clip: AudioClip, setting: Setting | None = None) -> EncodedAudio:
        """Encode a clip there; see `earbench_codecs.base.Codec.encode`."""
        encoded: EncodedAudio = self.owner.call(_encode, self.name, self.checkpoint_sha256, clip, setting)
        return encoded

    def decode(self, encoded: EncodedAudio) -> AudioClip:
        """Decode there; see `earbench_codecs.base.Codec.decode`."""
        clip: AudioClip = self.owner.call(_decode, self.name, self.checkpoint_sha256, encoded)
        return clip


def _encode(name: str, sha256: str | None, clip: AudioClip, setting: Setting | None) -> EncodedAudio:
    from earbench_codecs.registry import codec_of

    return codec_of(name, sha256).encode(clip, setting)


def _decode(name: str, sha256: str | None, encoded: EncodedAudio) -> AudioClip:
    from earbench_codecs.registry import codec_of

    return codec_of(name, sha256).decode(encoded)
