"""Run codecs over many files and measure what comes out: a row for each file, codec and setting."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING

from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip
from earbench_codecs.errors import CodecUnavailableError, SettingError
from earbench_codecs.metrics.measure import measure
from earbench_codecs.metrics.worker import Worker, WorkerError
from earbench_codecs.registry import codec as codec_named
from earbench_codecs.setting import options_written

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from earbench_codecs.base import Codec, CodecInfo, EncodedAudio
    from earbench_codecs.clip import AudioClip

ROW_TIMEOUT_S = 3600.0
WARM_UP_S = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """One row to compute.

    Parameters
    ----------
    file : Path
    sha256 : str
        Of the file's bytes.
    codec, codec_version : str
    setting : Setting
        As checked: defaults filled in.
    """

    file: Path
    sha256: str
    codec: str
    codec_version: str
    setting: Setting


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One row.

    Parameters
    ----------
    task : Task
    bitrate_kbps : float, optional
        Measured: bytes of the bitstream over seconds of audio. None, like what follows, on an error.
    entropy_kbps : float, optional
        The codec's own estimate, where it makes one.
    encode_rtf, decode_rtf : float, optional
        Wall-clock seconds a second of audio, after a warm-up, on the cores this row shared with others.
    duration_s, sample_rate_hz, n_channels : optional
        Of the clip.
    values : dict
        Metric name → figure; without a figure, the notes say why.
    notes : tuple of str
    error : str
        What kept the row from being computed, or an empty string.
    """

    task: Task
    bitrate_kbps: float | None = None
    entropy_kbps: float | None = None
    encode_rtf: float | None = None
    decode_rtf: float | None = None
    duration_s: float | None = None
    sample_rate_hz: int | None = None
    n_channels: int | None = None
    values: dict[str, float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str = ""


def settings_named(text: str) -> list[tuple[str, Setting]]:
    """Read ``NAME``, ``NAME@KBPS``, ``NAME@KBPS,KBPS`` or ``NAME@all`` (every rate the codec offers).

    ``option=value`` may stand beside the rates, for all of them, or in their place: ``NAME@16,24,mode=cbr``.

    Raises
    ------
    CodecError
        An unknown or unavailable codec, or a setting it does not have; with what there is.
    """
    name, at, rest = text.partition("@")
    info = codec_named(name).info
    if not info.available:
        raise CodecUnavailableError(name, info.reason)
    parts = rest.split(",") if at else []
    pairs = [part.partition("=") for part in parts if "=" in part]
    options = options_written(info, ((option, value) for option, _, value in pairs))
    rates = _rates([part for part in parts if "=" not in part], info, text)
    return [(name, codec_named(name).check_setting(Setting.of(kbps, **options))) for kbps in rates]


def planned(files: Iterable[Path], codecs: Sequence[str]) -> list[Task]:
    """Return the rows of all files × codecs × settings, each once.

    Raises
    ------
    CodecError
        As `settings_named`.
    OSError
        A file cannot be read.
    """
    settings = [setting for text in codecs for setting in settings_named(text)]
    tasks = [
        Task(file, digest, name, codec_named(name).info.version, setting)
        for file in files
        for digest in [_sha256(file)]
        for name, setting in settings
    ]
    return list(dict.fromkeys(tasks))


def evaluate(
    tasks: Sequence[Task],
    metrics: Sequence[str] | None = None,
    *,
    n_jobs: int = 1,
    timeout_s: float = ROW_TIMEOUT_S,
) -> Generator[Evaluated, None, None]:
    """Yield rows as they are done, in any order, `n_jobs` at a time, each in a process of its own.

    A row that fails, crashes its process or runs out of time is yielded with its `error`; the others go
    on. Closing the generator ends the processes.
    """
    threads = str(max(1, n_cores() // n_jobs))
    workers = [Worker({"OMP_NUM_THREADS": threads}) for _ in range(n_jobs)]
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def run(task: Task) -> Evaluated:
        worker = free.get()
        try:
            return worker.call(timeout_s, evaluate_one, task, metrics)
        except WorkerError as error:
            return Evaluated(task, error=str(error))
        finally:
            free.put(worker)

    pool = ThreadPoolExecutor(n_jobs)
    try:
        for future in as_completed([pool.submit(run, task) for task in tasks]):
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.close()


def n_cores() -> int:
    """Return how many cores this process may use, which may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def evaluate_one(task: Task, metrics: Sequence[str] | None) -> Evaluated:
    """Encode, decode and measure one file, in this process.

    Raises
    ------
    CodecError
        The file cannot be read, or the codec failed.
    """
    coder = codec_named(task.codec)
    clip = read_clip(task.file)
    _warm_up(coder, task.setting, clip)
    encoded, encode_s = _timed_encode(coder, clip, task.setting)
    decoded, decode_s = _timed_decode(coder, encoded)
    found = measure(clip, decoded, metrics, worker=_metric_worker())
    return Evaluated(
        task,
        bitrate_kbps=encoded.bitrate_kbps,
        entropy_kbps=encoded.entropy_kbps,
        encode_rtf=encode_s / clip.duration_s,
        decode_rtf=decode_s / clip.duration_s,
        duration_s=clip.duration_s,
        sample_rate_hz=clip.sample_rate_hz,
        n_channels=clip.n_channels,
        values={name: measurement.value for name, measurement in found.items()},
        notes=encoded.notes + tuple(f"{name}: {note}" for name, m in found.items() for note in m.notes),
    )


@cache
def _metric_worker() -> Worker:
    """Return this process's own worker; it ends when this process does."""
    return Worker()


_warm: set[tuple[str, Setting]] = set()


def _warm_up(coder: Codec, setting: Setting, clip: AudioClip) -> None:
    """Code a moment of the clip once, so that loading a library or a model is not counted as coding."""
    if (coder.info.name, setting) not in _warm:
        coder.decode(coder.encode(clip.excerpt(0, WARM_UP_S), setting))
        _warm.add((coder.info.name, setting))


def _timed_encode(coder: Codec, clip: AudioClip, setting: Setting) -> tuple[EncodedAudio, float]:
    start_s = perf_counter()
    return coder.encode(clip, setting), perf_counter() - start_s


def _timed_decode(coder: Codec, encoded: EncodedAudio) -> tuple[AudioClip, float]:
    start_s = perf_counter()
    return coder.decode(encoded), perf_counter() - start_s


def _rates(parts: Sequence[str], info: CodecInfo, text: str) -> Sequence[float | None]:
    """Return bitrates that are named; None for the codec's own where none is."""
    named = info.bitrates_kbps if parts == ["all"] else [_kbps(part, text) for part in parts]
    return named or [None]


def _kbps(rate: str, text: str) -> float:
    try:
        return float(rate)
    except ValueError:
        raise SettingError(f"{text!r} is not NAME, NAME@KBPS or NAME@all: {rate!r} is no bitrate") from None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
