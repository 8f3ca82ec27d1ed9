"""Decoded versions on disk, so that nothing is encoded twice.

An entry is one file: the SHA-256 of the rest, then a JSON header, then float32 samples. A file whose hash
does not fit is removed and made again. Files are written whole or not at all, by any number of processes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.clip import AudioClip
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.base import Setting

_FORMAT = 1  # part of every key: a new format never reads an old file
_SUFFIX = ".version"
_HASH_BYTES = 32
_STALE_PART_S = 3600.0  # half-written files of killed workers


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured when a version was made.

    Parameters
    ----------
    n_bytes : int
        Of the bitstream.
    bitrate_kbps : float
        Those bytes over the clip's duration.
    encode_rtf, decode_rtf : float
        Processing time over duration, in one worker, the codec loaded beforehand.
    sdr_db : float
        `earbench_codecs.metrics.sdr.sdr_db`; inf where the version equals the original.
    entropy_kbps : float, optional
        The estimate of a neural codec's own model, of the rate that was measured.
    notes : tuple of str
        The codec's, such as resampling.
    unkept : str
        Why the cache could not keep the version; empty where it did.
    """

    n_bytes: int
    bitrate_kbps: float
    encode_rtf: float
    decode_rtf: float
    sdr_db: float
    entropy_kbps: float | None = None
    notes: tuple[str, ...] = ()
    unkept: str = ""


@dataclass(frozen=True, slots=True)
class CachedVersion:
    """One entry: the decoded audio and its figures."""

    clip: AudioClip
    figures: Figures


def cache_key(clip_sha256: str, codec: str, version: str, setting: Setting, checkpoint: str | None) -> str:
    """Return the name of the entry: a hash over everything the result depends on."""
    parts = [_FORMAT, clip_sha256, codec, version, checkpoint, setting.to_json()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class VersionCache:
    """Least recently used entries give way when the limit is passed.

    Parameters
    ----------
    folder : Path
    limit_bytes : int
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def get(self, key: str) -> CachedVersion | None:
        """Return an entry, or None where there is none that can be read; a damaged one is removed."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:  # whatever is there, the version can be made again
            return None
        whole = hashlib.sha256(data[_HASH_BYTES:]).digest() == data[:_HASH_BYTES]
        with contextlib.suppress(OSError):  # a read-only cache can still be read
            if whole:
                os.utime(path)  # recently used
            else:
                path.unlink(missing_ok=True)
        return _unpacked(data[_HASH_BYTES:]) if whole else None

    def put(self, key: str, entry: CachedVersion) -> None:
        """Store an entry, then make room.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        body = _packed(entry)
        write_atomically(self._path(key), (hashlib.sha256(body).digest(), body))
        self.trim()

    def trim(self) -> None:
        """Remove the entries used longest ago until the rest is within the limit."""
        left_bytes = self._limit_bytes
        for path, status in self._by_recency():
            left_bytes -= status.st_size
            if left_bytes < 0:
                path.unlink(missing_ok=True)

    def _by_recency(self) -> list[tuple[Path, os.stat_result]]:
        entries = []
        for path in self._folder.iterdir():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process was faster
            if path.suffix == _SUFFIX:
                entries.append((path, status))
            elif path.suffix == ".part" and time.time() - status.st_mtime > _STALE_PART_S:
                path.unlink(missing_ok=True)
        return sorted(entries, key=lambda entry: entry[1].st_mtime_ns, reverse=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"


def _packed(entry: CachedVersion) -> bytes:
    header = json.dumps(
        {
            "shape": entry.clip.samples.shape,
            "sample_rate_hz": entry.clip.sample_rate_hz,
            "figures": asdict(entry.figures),
        }
    ).encode()
    return struct.pack("<I", len(header)) + header + entry.clip.samples.astype("<f4").tobytes()


def _unpacked(body: bytes) -> CachedVersion:
    (n_header,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + n_header])
    samples = np.frombuffer(body, "<f4", offset=4 + n_header).reshape(header["shape"])
    figures = {**header["figures"], "notes": tuple(header["figures"]["notes"])}
    return CachedVersion(AudioClip(samples, header["sample_rate_hz"]), Figures(**figures))
