"""A command-line codec described by a TOML file: two programs, run without a shell, with a time limit.

.. code-block:: toml

    name = "codec2"
    title = "Codec 2"
    version = "1.2"
    sample_rates_hz = [8000]
    max_channels = 1
    bitrates_kbps = [1.2, 2.4, 3.2]
    encode = ["c2enc", "{kbps}", "{input}", "{output}"]
    decode = ["c2dec", "{kbps}", "{input}", "{output}"]
    suffix = ".c2"
    delay_samples = 40
    frame_samples = 320
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earbench_codecs.base import Codec, CodecInfo, Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.errors import CommandFailedError, PluginError
from earbench_codecs.processes import end_group
from earbench_codecs.resampling import fit_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.clip import AudioClip

PLACEHOLDERS = ("input", "output", "kbps", "sample_rate_hz", "folder")
_MARK = re.compile(r"\{(\w+)\}")
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CommandCodecFile(BaseModel):
    """What a TOML file of a command-line codec holds.

    Parameters
    ----------
    name, title, version : str
        `name` as in ``--codec``: letters, digits, ``_``, ``-``, ``.``.
    encode, decode : list of str
        Program and arguments; ``{input}``, ``{output}``, ``{kbps}``, ``{sample_rate_hz}`` and ``{folder}``
        (where the TOML file is) are filled in. ``encode`` reads a WAV file and writes the bitstream;
        ``decode`` reads that and writes a WAV file.
    sample_rates_hz : list of int
        Rates the programs take; empty for any.
    max_channels : int
        Channels they take at once; more are coded in several runs.
    bitrates_kbps : list of float
        Rates to offer; empty where there is none.
    constant_rate : bool
        Whether the measured rate is meant to equal the rate asked.
    delay_samples : int
        Samples by which the decoded audio is late, at the native rate; cut from its start.
    frame_samples : int
        The input is padded to whole frames of this length, so that programs that drop the rest keep all.
    suffix : str
        Ending of the encoded file's name, where the programs care.
    wav : {"16", "24", "float"}
        Sample format of the WAV file `encode` reads.
    timeout_s : float
        Limit of one run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]+$")]
    title: str
    version: str
    encode: Annotated[list[str], Field(min_length=1)]
    decode: Annotated[list[str], Field(min_length=1)]
    sample_rates_hz: list[Annotated[int, Field(gt=0)]] = []
    max_channels: Annotated[int, Field(ge=1)] = 2
    bitrates_kbps: list[_Positive] = []
    constant_rate: bool = True
    delay_samples: Annotated[int, Field(ge=0)] = 0
    frame_samples: Annotated[int, Field(ge=1)] = 1
    suffix: Annotated[str, Field(pattern=r"^(\.[A-Za-z0-9_]+)?$")] = ".bin"
    wav: Literal["16", "24", "float"] = "16"
    timeout_s: _Positive = 300.0
    description: str = ""

    @model_validator(mode="after")
    def _marks_are_known(self) -> Self:
        for argv in (self.encode, self.decode):
            marks = set(_MARK.findall(" ".join(argv)))
            if missing := {"input", "output"} - marks:
                raise ValueError(f"{{{'}, {'.join(sorted(missing))}}} is missing in {argv}")
            if unknown := marks - set(PLACEHOLDERS):
                raise ValueError(f"{{{'}, {'.join(sorted(unknown))}}} in {argv} is unknown")
            if "kbps" in marks and not self.bitrates_kbps:
                raise ValueError("{kbps} is used, but bitrates_kbps is empty")
        return self


def load_command_codec(path: Path) -> CommandCodec:
    """Read a TOML file.

    Raises
    ------
    PluginError
        It cannot be read, or a key is missing, unknown or wrong; the message says which.
    """
    try:
        text = path.read_bytes()
        file = CommandCodecFile.model_validate(tomllib.loads(text.decode()))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in error.errors())
        raise PluginError(f"{path}: {faults}") from error
    except (OSError, ValueError) as error:
        raise PluginError(f"{path}: {error}") from error
    return CommandCodec(file, path.resolve().parent, hashlib.sha256(text).hexdigest())


class CommandCodec(Codec):
    """Two programs as a codec.

    Parameters
    ----------
    file : CommandCodecFile
    folder : Path
        What ``{folder}`` stands for.
    sha256 : str
        Of the TOML file: part of the version, so that an edited file is another codec to a cache.
    """

    def __init__(self, file: CommandCodecFile, folder: Path, sha256: str) -> None:
        self._file, self._folder, self._sha256 = file, folder, sha256

    @property
    def info(self) -> CodecInfo:
        """What the file says, and whether both programs are there."""
        file, reason = self._file, self._what_is_missing()
        rates = tuple(sorted(file.bitrates_kbps))
        return CodecInfo(
            name=file.name,
            title=file.title,
            kind="plugin",
            version=f"{file.version}+{self._sha256[:8]}",
            sample_rates_hz=tuple(file.sample_rates_hz),
            max_channels=file.max_channels,
            bitrates_kbps=rates,
            default=Setting(rates[len(rates) // 2] if rates else None),
            constant_rate=file.constant_rate and bool(rates),
            available=not reason,
            reason=reason,
            description=file.description,
        )

    def _what_is_missing(self) -> str:
        programs = dict.fromkeys(self._filled(argv[:1])[0] for argv in (self._file.encode, self._file.decode))
        missing = [program for program in programs if shutil.which(program) is None]
        return f"install {' and '.join(missing)}, or put it on PATH" if missing else ""

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        with tempfile.TemporaryDirectory(prefix="earbench-") as folder:
            source, target = Path(folder, "input.wav"), Path(folder, f"output{self._file.suffix}")
            write_wav(source, self._padded(clip), self._file.wav, overload="clip")
            argv = self._argv(self._file.encode, source, target, setting, clip.sample_rate_hz)
            _run(argv, target, self._file.timeout_s)
            return [target.read_bytes()]

    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        with tempfile.TemporaryDirectory(prefix="earbench-") as folder:
            source, target = Path(folder, f"input{self._file.suffix}"), Path(folder, "output.wav")
            source.write_bytes(b"".join(segments))
            argv = self._argv(self._file.decode, source, target, setting, sample_rate_hz)
            _run(argv, target, self._file.timeout_s)
            decoded = read_clip(target)
        start, end = self._file.delay_samples, self._file.delay_samples + shape[1]
        found = (decoded.n_channels, decoded.sample_rate_hz)
        if found != (shape[0], sample_rate_hz) or decoded.n_samples < end:
            raise CommandFailedError(
                argv,
                f"gave {decoded.n_samples} samples, {found[0]} channels, {found[1]} Hz; needed are at least "
                f"{end} samples, {shape[0]} channels, {sample_rate_hz} Hz (see frame_samples, delay_samples)",
            )
        return decoded.with_samples(decoded.samples[:, start:end])

    def _padded(self, clip: AudioClip) -> AudioClip:
        """Add zeros that push the tail through the delay, to whole frames."""
        frame = self._file.frame_samples
        n_frames = -(-(clip.n_samples + self._file.delay_samples) // frame)
        return clip.with_samples(fit_length(clip.samples, n_frames * frame))

    def _argv(
        self, pattern: Sequence[str], source: Path, target: Path, setting: Setting, sample_rate_hz: int
    ) -> list[str]:
        kbps = "" if setting.kbps is None else f"{setting.kbps:g}"
        values = {"input": source, "output": target, "kbps": kbps, "sample_rate_hz": sample_rate_hz}
        return self._filled(pattern, **values)

    def _filled(self, pattern: Sequence[str], **values: object) -> list[str]:
        values["folder"] = self._folder
        return [_MARK.sub(lambda mark: str(values[mark[1]]), argument) for argument in pattern]


def _run(argv: Sequence[str], target: Path, timeout_s: float) -> None:
    """Run a program and ask for its output file; what it prints goes to a file, which no child can block."""
    log = target.with_name("printed.log")
    reason = _failure(argv, log, timeout_s)
    if not reason and not (target.is_file() and target.stat().st_size):
        reason = "wrote no output"
    if reason:
        printed = log.read_bytes()[-10_000:].decode(errors="replace") if log.exists() else ""
        raise CommandFailedError(argv, reason, printed)


def _failure(argv: Sequence[str], log: Path, timeout_s: float) -> str:
    """Return how it failed, or nothing. Its process group ends with it, at the limit, or with us."""
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                argv, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return f"was stopped after {timeout_s:g} s (timeout_s)"
    finally:
        end_group(process.pid)
        process.wait()
    return f"failed with exit code {code}" if code else ""
