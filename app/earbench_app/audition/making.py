"""What the worker processes do: read clips, make versions, write files. Module-level, so it can be sent."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.audition.cache import CachedVersion, Figures, VersionCache, cache_key
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import AudioFileError

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.base import Codec, Setting


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What the clip list shows of a file."""

    sha256: str
    duration_s: float
    sample_rate_hz: int
    n_channels: int


@dataclass(frozen=True, slots=True)
class VersionJob:
    """One version to make: a file, as it was when it was listed, through a codec at a setting.

    With `checkpoint_sha256` the codec is the one with this checkpoint: names may change hands. With
    `checkpoint`, it is this file.
    """

    path: Path
    clip_sha256: str
    codec: str
    setting: Setting
    checkpoint_sha256: str | None = None
    checkpoint: Path | None = None

    def coder(self) -> Codec:
        """Return the codec.

        Raises
        ------
        CodecError
            It is not there, or cannot be loaded.
        """
        from earbench_codecs.registry import codec_of

        if self.checkpoint is not None:
            return _codec_in(self.checkpoint, self.checkpoint_sha256)
        return codec_of(self.codec, self.checkpoint_sha256)


@lru_cache(maxsize=8)
def _codec_in(path: Path, sha256: str | None) -> Codec:
    from earbench_codecs.errors import CheckpointError
    from earbench_codecs.neural.codec import NeuralCodec

    codec = NeuralCodec.from_file(path)
    if codec.info.sha256 != sha256:
        raise CheckpointError(path, "it is another one than was added; remove this version and add it again")
    return codec


def list_audio_files(paths: list[Path]) -> list[Path]:
    """Expand folders to the audio files in them.

    Raises
    ------
    AudioFileError
        A path that does not exist.
    """
    from earbench_codecs.clip_files import audio_files

    return audio_files(paths)


def inspect_clip(path: Path) -> ClipInfo:
    """Read a file and describe it.

    Raises
    ------
    AudioFileError
        It cannot be read.
    """
    clip = _read(path)
    return ClipInfo(clip.sha256(), clip.duration_s, clip.sample_rate_hz, clip.n_channels)


def load_clip(path: Path, clip_sha256: str) -> AudioClip:
    """Read a file that was inspected before.

    Raises
    ------
    AudioFileError
        It cannot be read, or is no longer the same audio.
    """
    return _unchanged(path, clip_sha256)


def make_version(
    job: VersionJob, cache_folder: Path, limit_bytes: int, want_audio: bool
) -> tuple[Figures, AudioClip | None]:
    """Return a version's figures, and its audio if wanted; from the cache where it is there.

    A cache that cannot be written is told in `Figures.unkept`: the version is made all the same.

    Raises
    ------
    CodecError
        The file cannot be read, or the codec refuses or fails.
    """
    coder = job.coder()
    info = coder.info
    setting = coder.check_setting(job.setting)
    cache = VersionCache(cache_folder, limit_bytes)
    key = cache_key(job.clip_sha256, info.name, info.version, setting, info.sha256)
    entry = cache.get(key)
    if entry is None:
        entry = _made(coder, _unchanged(job.path, job.clip_sha256), setting)
        try:
            cache.put(key, entry)
        except OSError as error:
            entry = replace(entry, figures=replace(entry.figures, unkept=str(error)))
    return entry.figures, entry.clip if want_audio else None


def export_version(job: VersionJob, cache_folder: Path, limit_bytes: int, path: Path) -> Path:
    """Write a version as a WAV file of 32-bit floats, which keep every bit of what the decoder gave.

    Raises
    ------
    CodecError
        The version cannot be made, or the file cannot be written.
    """
    from earbench_codecs.clip_files import write_wav

    _, clip = make_version(job, cache_folder, limit_bytes, want_audio=True)
    assert clip is not None
    write_wav(path, clip)
    return path


def _made(coder: Codec, clip: AudioClip, setting: Setting) -> CachedVersion:
    from earbench_codecs.metrics.sdr import sdr_db

    _warm_up(coder, setting, clip.sample_rate_hz)
    began_s = time.perf_counter()
    encoded = coder.encode(clip, setting)
    encoded_s = time.perf_counter()
    decoded = coder.decode(encoded)
    decoded_s = time.perf_counter()
    figures = Figures(
        n_bytes=encoded.n_bytes,
        bitrate_kbps=encoded.bitrate_kbps,
        encode_rtf=(encoded_s - began_s) / clip.duration_s,
        decode_rtf=(decoded_s - encoded_s) / clip.duration_s,
        sdr_db=sdr_db(clip, decoded),
        entropy_kbps=encoded.entropy_kbps,
        notes=encoded.notes,
    )
    return CachedVersion(decoded, figures)


@lru_cache(maxsize=256)
def _warm_up(coder: Codec, setting: Setting, sample_rate_hz: int) -> None:
    """Code a moment of silence, so that loading libraries or a checkpoint is not timed."""
    silence = AudioClip.mono(np.zeros(sample_rate_hz // 10, np.float32), sample_rate_hz)
    coder.decode(coder.encode(silence, setting))


@lru_cache(maxsize=2)
def _unchanged(path: Path, clip_sha256: str) -> AudioClip:
    clip = _read(path)
    if clip.sha256() != clip_sha256:
        raise AudioFileError(
            path, "it has changed since it was opened; remove it from the list and open it again"
        )
    return clip


def _read(path: Path) -> AudioClip:
    from earbench_codecs.clip_files import read_clip

    return read_clip(path)
