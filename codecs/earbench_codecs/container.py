"""The `.ebc` file: a codec's bitstream with all that decoding it takes, every byte of it checked.

======================  ==========================================================
4 bytes                 magic ``EBC1``: format and version
u32, u32                length of the header, CRC-32 of the magic, that length and the header
header                  JSON in UTF-8
n_segments times        u32 length, u32 CRC-32 of (index as u32, length as u32, segment), segment
======================  ==========================================================

All integers are little-endian. The header says how many segments there are and how many bytes they fill,
so that a cut, an addition or an exchange is found; each segment is checked by itself, so that a damaged
one can be named.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from earbench_codecs.base import EncodedAudio, Scalar, Setting
from earbench_codecs.errors import AudioFileError, BitstreamError
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"EBC1"
_OTHER_KINDS = {
    b"RIFF": "a WAV file",
    b"fLaC": "a FLAC file",
    b"OggS": "an Ogg file",
    b"FORM": "an AIFF file",
    b"ID3": "an MP3 file",
    b"\xff\xfb": "an MP3 file",
    b"PK\x03\x04": "a ZIP file",
}
_U32 = struct.Struct("<I")
_PAIR = struct.Struct("<II")
_Count = Annotated[int, Field(gt=0, strict=True)]
_Size = Annotated[int, Field(ge=0, strict=True)]


class EbcHeader(BaseModel):
    """What the header of an `.ebc` file holds; keys this version does not know are let pass.

    Parameters
    ----------
    codec, codec_version : str
    setting : dict
        `kbps` and the codec's options.
    sample_rate_hz, channels, n_samples : int
        Of the original audio.
    checkpoint_sha256 : str, optional
    coded_rate_hz : int, optional
        The rate inside the codec.
    n_segments, n_segment_bytes : int
        Segments that follow, and their bytes without lengths and CRCs.
    entropy_kbps : float, optional
    notes : list of str
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    codec: str
    codec_version: str
    setting: dict[str, Scalar | None]
    sample_rate_hz: _Count
    channels: _Count
    n_samples: _Count
    checkpoint_sha256: str | None = None
    coded_rate_hz: _Count | None = None
    n_segments: _Size
    n_segment_bytes: _Size
    entropy_kbps: float | None = None
    notes: tuple[str, ...] = ()

    @field_validator("setting")
    @classmethod
    def _is_a_setting(cls, setting: dict[str, Scalar | None]) -> dict[str, Scalar | None]:
        Setting.from_json(setting)
        return setting


def write_ebc(path: Path | str, encoded: EncodedAudio) -> int:
    """Write a file, whole or not at all; return its size in bytes.

    Raises
    ------
    AudioFileError
        It cannot be written.
    """
    path = Path(path)
    data = ebc_bytes(encoded)
    try:
        write_atomically(path, (data,))
    except OSError as error:
        raise AudioFileError(path, f"it cannot be written: {error.strerror}") from error
    return len(data)


def read_ebc(path: Path | str, *, conceal: bool = False) -> EncodedAudio:
    """Read a file.

    Parameters
    ----------
    path : Path
    conceal : bool
        Take damaged segments for lost: they become empty, which codecs whose segments decode by
        themselves, the neural ones, leave silent; a note says how many.

    Raises
    ------
    AudioFileError
        It cannot be opened.
    BitstreamError
        It is no `.ebc` file, of another version, damaged, cut or too long; the message says which.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AudioFileError(path, f"it cannot be read: {error.strerror}") from error
    try:
        return encoded_from_bytes(data, conceal=conceal)
    except BitstreamError as error:
        raise BitstreamError(f"{path}: {error}") from error


def ebc_bytes(encoded: EncodedAudio) -> bytes:
    """Return the bytes of an `.ebc` file; equal audio at equal settings makes equal bytes."""
    header = _header(encoded).model_dump_json().encode()
    start = MAGIC + _U32.pack(len(header))
    parts = [start, _U32.pack(zlib.crc32(start + header)), header]
    for index, segment in enumerate(encoded.segments):
        parts += [_PAIR.pack(len(segment), _segment_crc(index, len(segment), segment)), segment]
    return b"".join(parts)


def encoded_from_bytes(data: bytes, *, conceal: bool = False) -> EncodedAudio:
    """Read the bytes of an `.ebc` file; see `read_ebc`.

    Raises
    ------
    BitstreamError
        As `read_ebc`.
    """
    header, position = _parsed_header(data)
    notes = header.notes
    if conceal:
        segments = tuple(_intact_segments(data, position, header))
        n_lost = segments.count(b"")
        notes += (f"{n_lost} of {len(segments)} segments lost",) if n_lost else ()
    else:
        segments = tuple(_segments(data, position, header))
        if sum(map(len, segments)) != header.n_segment_bytes:
            raise BitstreamError("damaged: the segments are not those the header promises")
    return EncodedAudio(
        segments=segments,
        codec=header.codec,
        codec_version=header.codec_version,
        setting=Setting.from_json(header.setting),
        sample_rate_hz=header.sample_rate_hz,
        n_channels=header.channels,
        n_samples=header.n_samples,
        coded_rate_hz=header.coded_rate_hz,
        checkpoint_sha256=header.checkpoint_sha256,
        entropy_kbps=header.entropy_kbps,
        notes=notes,
    )


def _header(encoded: EncodedAudio) -> EbcHeader:
    return EbcHeader(
        codec=encoded.codec,
        codec_version=encoded.codec_version,
        setting=encoded.setting.to_json(),
        sample_rate_hz=encoded.sample_rate_hz,
        channels=encoded.n_channels,
        n_samples=encoded.n_samples,
        checkpoint_sha256=encoded.checkpoint_sha256,
        coded_rate_hz=encoded.coded_rate_hz,
        n_segments=len(encoded.segments),
        n_segment_bytes=encoded.n_bytes,
        entropy_kbps=encoded.entropy_kbps,
        notes=encoded.notes,
    )


def _parsed_header(data: bytes) -> tuple[EbcHeader, int]:
    """Return the header and where the segments begin."""
    _check_magic(data[: len(MAGIC)])
    start = len(MAGIC) + _PAIR.size
    if len(data) < start:
        raise BitstreamError("cut off within the header; copy the file again")
    length, crc = _PAIR.unpack_from(data, len(MAGIC))
    header = data[start : start + length]
    if zlib.crc32(data[: len(MAGIC) + _U32.size] + header) != crc:
        cut = "or cut off " if len(header) < length else ""
        raise BitstreamError(f"damaged {cut}within the header; copy the file again")
    try:
        return EbcHeader.model_validate(json.loads(header)), start + length
    except (ValidationError, ValueError) as error:
        raise BitstreamError(f"the header is not one this version reads: {error}") from error


def _check_magic(magic: bytes) -> None:
    if magic == MAGIC:
        return
    if len(magic) == len(MAGIC) and magic[:3] == MAGIC[:3]:
        version = magic[3:].decode("ascii", "replace")
        raise BitstreamError(f"version {version} of the .ebc format; this program reads version 1")
    kind = next((kind for start, kind in _OTHER_KINDS.items() if magic.startswith(start)), None)
    raise BitstreamError("not an .ebc file" + (f": it begins like {kind}" if kind else ""))


def _segments(data: bytes, position: int, header: EbcHeader) -> Iterator[bytes]:
    for index in range(header.n_segments):
        name = f"segment {index + 1} of {header.n_segments}"
        if len(data) - position < _PAIR.size:
            raise BitstreamError(f"cut off before {name}; copy the file again")
        length, crc = _PAIR.unpack_from(data, position)
        position += _PAIR.size
        segment = data[position : position + length]
        if _segment_crc(index, length, segment) != crc:
            cut = " or cut off" if len(segment) < length else ""
            raise BitstreamError(f"{name} is damaged{cut} (wrong CRC); copy the file again")
        yield segment
        position += length
    if position != len(data):
        raise BitstreamError(f"{len(data) - position} bytes too long: something follows the last segment")


def _intact_segments(data: bytes, position: int, header: EbcHeader) -> Iterator[bytes]:
    """Yield each segment, empty where it is damaged; its neighbours are found by their own CRCs."""
    for index in range(header.n_segments):
        found = _segment_at(data, position, index)
        if found is None and index + 1 < header.n_segments:
            beyond = range(position + 1, len(data) - _PAIR.size + 1)
            position = next((at for at in beyond if _segment_at(data, at, index + 1) is not None), position)
        elif found is not None:
            position += _PAIR.size + len(found)
        yield found or b""


def _segment_at(data: bytes, position: int, index: int) -> bytes | None:
    """Return the segment of that index if it lies there undamaged."""
    if len(data) - position < _PAIR.size:
        return None
    length, crc = _PAIR.unpack_from(data, position)
    if length > len(data) - position - _PAIR.size:
        return None
    segment = data[position + _PAIR.size : position + _PAIR.size + length]
    return segment if _segment_crc(index, length, segment) == crc else None


def _segment_crc(index: int, length: int, segment: bytes) -> int:
    """Return the CRC over place and length too: exchanged segments and a wrong length are found."""
    return zlib.crc32(segment, zlib.crc32(_PAIR.pack(index, length)))
