"""Audio files to clips and back.

libsndfile reads what it can; PyAV (ffmpeg's libraries) reads the rest. Both cut the priming and padding
an encoder added wherever the file tells of them (LAME tag, Opus pre-skip, an MP4 edit list's start).
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import AudioFileError, InvalidAudioError
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".w64", ".rf64", ".flac", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"}
    | {
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".m4a",
        ".m4b",
        ".mp4",
        ".aac",
        ".amr",
        ".awb",
        ".wma",
        ".mka",
        ".webm",
    }
)
"""File name endings taken from a folder."""

Subtype = Literal["float", "24", "16"]
_WAVE_FORMAT_PCM, _WAVE_FORMAT_FLOAT = 1, 3
_SHORT_CHUNK = re.compile(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAMED = 0x7FFF0000
"""From here on a length is a program's mark that it did not know it, writing to a pipe."""
_BITS = {"float": 32, "24": 24, "16": 16}


def read_clip(path: Path | str) -> AudioClip:
    """Read an audio file at its own rate, all channels, integers scaled by 1 / 2^(bits - 1).

    Raises
    ------
    AudioFileError
        It is missing, no audio, empty, damaged, or holds NaN or infinity.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioFileError(path, "there is no such file")
    read = _read_with_libsndfile(path)
    samples, rate_hz = _read_with_ffmpeg(path) if read is None else read
    if samples.size == 0:
        raise AudioFileError(path, "it holds no audio; record or export it again")
    try:
        return AudioClip(samples, rate_hz)
    except InvalidAudioError as error:
        raise AudioFileError(path, str(error)) from error


def write_wav(
    path: Path | str,
    clip: AudioClip,
    subtype: Subtype = "float",
    overload: Literal["refuse", "clip"] = "refuse",
) -> None:
    """Write a WAV file, whole or not at all; equal clips make equal bytes.

    Parameters
    ----------
    path : Path
    clip : AudioClip
    subtype : {"float", "24", "16"}
        32-bit float keeps each sample's exact bits, also beyond full scale. The integers are rounded to
        the nearest step, without dither.
    overload : {"refuse", "clip"}
        What to do with a sample beyond full scale in an integer file.

    Raises
    ------
    AudioFileError
        It cannot be written, or an integer file would clip.
    """
    path = Path(path)
    frames = clip.samples.T
    if subtype != "float":
        peak = float(np.abs(clip.samples).max())
        if peak > 1 and overload == "refuse":
            raise AudioFileError(path, f"the peak is {peak:.3f}, over full scale; write 32-bit float")
    data = _sample_bytes(frames, subtype)
    header = _wav_header(clip, subtype, len(data), path)
    try:
        write_atomically(path, (header, data, b"\0" * (len(data) % 2)))
    except OSError as error:
        raise AudioFileError(path, f"it cannot be written: {error.strerror}") from error


def audio_files(paths: Iterable[Path | str]) -> list[Path]:
    """Expand folders, recursively and in natural order (2 before 10), to the audio files in them.

    Files named outright stay in the order given. Hidden files are left out of folders; a file met twice
    is listed once.

    Raises
    ------
    AudioFileError
        A path that does not exist.
    """
    found: dict[Path, Path] = {}
    for file in (file for path in paths for file in _expanded(Path(path))):
        found.setdefault(file.resolve(), file)
    return list(found.values())


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that reads the digits in a path as numbers."""
    pieces = re.findall(r"\d+|\D+", str(path).casefold())
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]


def _expanded(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(_audio_files_under(path), key=natural_key)
    else:
        raise AudioFileError(path, "there is no such file or folder")


def _audio_files_under(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(parent, name)


def _read_with_libsndfile(path: Path) -> tuple[NDArray[np.float32], int] | None:
    """Return samples [C, T] and rate, or None where libsndfile does not know the format."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            samples = file.read(dtype="float32", always_2d=True)
            promised, cut = file.frames, _is_cut(file.extra_info)
            rate_hz = int(file.samplerate)
    except soundfile.LibsndfileError:
        return None  # ffmpeg has the last word, and the message
    if cut or len(samples) < promised:
        raise AudioFileError(path, f"it is damaged or cut off after {len(samples)} samples; copy it again")
    return samples.T, rate_hz


def _is_cut(log: str) -> bool:
    """Whether libsndfile's log of a WAV or AIFF file tells of fewer bytes than its header promises."""
    found = _SHORT_CHUNK.search(log)
    return found is not None and int(found[2]) < int(found[1]) < _STREAMED


def _read_with_ffmpeg(path: Path) -> tuple[NDArray[np.float32], int]:
    import av

    to_float = av.AudioResampler(format="fltp")
    parts: list[NDArray[np.float32]] = []
    rate_hz = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioFileError(path, "it has no audio in it")
            for frame in container.decode(container.streams.audio[0]):
                if rate_hz not in (0, frame.sample_rate):
                    raise AudioFileError(path, "its sample rate changes on the way; convert it first")
                rate_hz = frame.sample_rate
                parts += [cast("NDArray[np.float32]", part.to_ndarray()) for part in to_float.resample(frame)]
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioFileError(path, f"it is not audio this can read, or is damaged ({reason})") from error
    if not parts:
        raise AudioFileError(path, "it holds no audio; record or export it again")
    return np.concatenate(parts, axis=1), rate_hz


def _sample_bytes(frames: NDArray[np.float32], subtype: Subtype) -> bytes:
    if subtype == "float":
        return frames.astype("<f4").tobytes()
    scale = 2 ** (_BITS[subtype] - 1)
    steps = np.clip(np.rint(frames.astype(np.float64) * scale), -scale, scale - 1)
    if subtype == "16":
        return bytes(steps.astype("<i2").tobytes())
    words = np.ascontiguousarray(steps.astype("<i4"))
    return bytes(words.view(np.uint8).reshape(*words.shape, 4)[..., :3].tobytes())


def _wav_header(clip: AudioClip, subtype: Subtype, n_data_bytes: int, path: Path) -> bytes:
    """Return the header. By hand because libsndfile stamps the time into float files."""
    tag = _WAVE_FORMAT_FLOAT if subtype == "float" else _WAVE_FORMAT_PCM
    n_frame_bytes = clip.n_channels * _BITS[subtype] // 8
    fmt = struct.pack(
        "<HHIIHHH",
        tag,
        clip.n_channels,
        clip.sample_rate_hz,
        clip.sample_rate_hz * n_frame_bytes,
        n_frame_bytes,
        _BITS[subtype],
        0,
    )
    fact = struct.pack("<I", clip.n_samples)
    chunks = b"WAVE" + _chunk(b"fmt ", fmt) + _chunk(b"fact", fact)
    n_riff_bytes = len(chunks) + 8 + n_data_bytes + n_data_bytes % 2
    if n_riff_bytes >= 2**32:
        raise AudioFileError(path, "the audio is too long for a WAV file of 4 GiB; write an excerpt")
    return b"RIFF" + struct.pack("<I", n_riff_bytes) + chunks + b"data" + struct.pack("<I", n_data_bytes)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body
