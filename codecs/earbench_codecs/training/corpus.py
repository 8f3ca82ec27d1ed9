"""Any folder of audio as a corpus: indexed, decoded once, resampled, kept as 16-bit samples to draw from.

The samples of all files lie one after the other in one memory-mapped file, so that drawing a batch costs
microseconds and no memory, however large the corpus is. Each file is scaled to use all 16 bits.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from earbench_codecs.clip_files import audio_files, read_clip
from earbench_codecs.errors import AudioFileError
from earbench_codecs.files import write_atomically
from earbench_codecs.resampling import resampled
from earbench_codecs.training.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from earbench_codecs.training.recipe import DataTable

    Report = Callable[[str, int, int], None]

INDEX_NAME = "index.json"
_FULL_SCALE = 32767


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of a corpus, all its channels mixed to one.

    Parameters
    ----------
    path : str
        Below the corpus' folder, with forward slashes.
    sha256 : str
        Of the file's bytes.
    start, n_samples : int
        Where its samples lie in the corpus.
    peak, rms : float
        Largest magnitude and standard deviation of the samples, full scale 1.
    """

    path: str
    sha256: str
    start: int
    n_samples: int
    peak: float
    rms: float


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Recordings at one sample rate.

    Parameters
    ----------
    sample_rate_hz : int
    recordings : tuple of Recording
        In the order of their paths.
    skipped : tuple of (path, reason)
        Files that could not be used.
    samples : memory-mapped ndarray of int16, shape [T]
        A recording's samples times 32767 over its peak.
    """

    sample_rate_hz: int
    recordings: tuple[Recording, ...]
    skipped: tuple[tuple[str, str], ...]
    samples: NDArray[np.int16]

    @property
    def duration_s(self) -> float:
        """Seconds of audio in all recordings."""
        return sum(recording.n_samples for recording in self.recordings) / self.sample_rate_hz

    @property
    def sha256(self) -> str:
        """Hash of the files' names and bytes; travels with every checkpoint trained on them."""
        return _corpus_hash((recording.path, recording.sha256) for recording in self.recordings)

    def signal(self, recording: Recording) -> NDArray[np.float32]:
        """Return the samples [T] of a recording, full scale 1."""
        part = self.samples[recording.start : recording.start + recording.n_samples]
        return part.astype(np.float32) * np.float32(recording.peak / _FULL_SCALE)


def open_corpus(
    folder: Path,
    data: DataTable,
    sample_rate_hz: int,
    cache: Path,
    report: Report = lambda _doing, _done, _total: None,
    n_workers: int | None = None,
) -> Corpus:
    """Index a folder, decode what the cache does not hold, and map its samples.

    Parameters
    ----------
    folder : Path
        Searched recursively for audio files.
    data : DataTable
        Its `include` and `exclude` choose among them.
    sample_rate_hz : int
        Of the corpus; files at other rates are resampled.
    cache : Path
        Folder for samples and index; made where missing. Made again for files that changed.
    report : callable
        Told what is done, "reading" (for the files' hashes) or "decoding", and for how many files of how
        many.
    n_workers : int, optional
        Threads that decode; by default one for each core.

    Raises
    ------
    CorpusError
        The folder is missing, or none of its files can be used (names them), or the cache's disk is full.
    """
    chosen = chosen_files(folder, data)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        hashed = _hashed(folder, chosen, cache / INDEX_NAME, partial(report, "reading"))
        stem = cache / f"{_corpus_hash(hashed.items())[:24]}-{sample_rate_hz}"
        if not stem.with_suffix(".json").is_file():
            _decode(folder, hashed, sample_rate_hz, stem, partial(report, "decoding"), n_workers)
        return _mapped(folder, stem, sample_rate_hz)
    except FileNotFoundError as error:
        raise _gone(error.filename) from error
    except OSError as error:
        raise CorpusError(
            f"{error.filename or cache}: cannot be read or written: {error.strerror}; make room, or choose "
            "another folder for the cache",
            error.errno,
        ) from error


def chosen_files(folder: Path, data: DataTable) -> list[str]:
    """Return the audio files that a recipe takes of a folder, as paths below it, in order.

    Raises
    ------
    CorpusError
        The folder is missing, or there are none.
    """
    try:
        found = audio_files([folder])
    except AudioFileError as error:
        raise CorpusError(str(error)) from error
    paths = [path.relative_to(folder).as_posix() for path in found]
    chosen = [path for path in paths if _is_chosen(path, data)]
    if not chosen:
        among = f" among its {len(paths)} that `include` and `exclude` leave" if paths else ""
        raise CorpusError(f"{folder}: there is no audio file in it{among}; choose another folder")
    return chosen


def _is_chosen(path: str, data: DataTable) -> bool:
    included = data.include is None or re.search(data.include, path)
    return bool(included) and not (data.exclude and re.search(data.exclude, path))


def _corpus_hash(files: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def _hashed(
    folder: Path, paths: list[str], index: Path, report: Callable[[int, int], None]
) -> dict[str, str]:
    """Return SHA-256 of each file; those whose size and time have not changed come from the index."""
    known = json.loads(index.read_text()) if index.is_file() else {}
    stamps = {path: _stamp(folder / path) for path in paths}
    fresh = {}
    for done, (path, stamp) in enumerate(stamps.items(), 1):
        fresh[path] = known[stamp] if stamp in known else _file_hash(folder / path)
        if stamp not in known:
            report(done, len(paths))
    entries = known | {stamps[path]: digest for path, digest in fresh.items()}
    if entries != known:
        write_atomically(index, [json.dumps(entries).encode()])
    return fresh


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode(
    folder: Path,
    hashed: dict[str, str],
    sample_rate_hz: int,
    stem: Path,
    report: Callable[[int, int], None],
    n_workers: int | None,
) -> None:
    """Write `stem.i16` and then, as the sign that it is whole, `stem.json`."""
    recordings: list[Recording] = []
    skipped: list[tuple[str, str]] = []

    def chunks() -> Iterator[bytes]:
        start = 0
        decoded = _decoded(folder, list(hashed), sample_rate_hz, n_workers)
        for done, (path, outcome) in enumerate(decoded, 1):
            report(done, len(hashed))
            if isinstance(outcome, str):
                skipped.append((path, outcome))
                continue
            recording, chunk = _scaled(path, hashed[path], outcome)
            recordings.append(replace(recording, start=start))
            start += recording.n_samples
            yield chunk

    write_atomically(stem.with_suffix(".i16"), chunks())
    table = {"recordings": [asdict(recording) for recording in recordings], "skipped": skipped}
    write_atomically(stem.with_suffix(".json"), [json.dumps(table).encode()])


def _decoded(
    folder: Path, paths: list[str], sample_rate_hz: int, n_workers: int | None
) -> Iterator[tuple[str, NDArray[np.float32] | str]]:
    """Yield each file's samples [T], or why there are none, in order; a few files ahead at most."""
    n_workers = n_workers or os.cpu_count() or 1
    with ThreadPoolExecutor(n_workers) as pool:
        for first in range(0, len(paths), 4 * n_workers):
            some = paths[first : first + 4 * n_workers]
            yield from zip(
                some, pool.map(lambda path: _read(folder / path, sample_rate_hz), some), strict=True
            )


def _read(path: Path, sample_rate_hz: int) -> NDArray[np.float32] | str:
    try:
        clip = read_clip(path)
    except AudioFileError as error:
        if not path.is_file():  # nor may the cache say of it ever after that it cannot be used
            raise _gone(path) from error
        return error.reason
    mono = clip.with_samples(clip.samples.mean(axis=0, keepdims=True))
    samples = resampled(mono, sample_rate_hz).samples[0]
    return samples if samples.any() else "it is silent"


def _gone(path: Path | str) -> CorpusError:
    return CorpusError(f"{path}: has gone while the corpus was read; put it back, or train on what is left")


def _scaled(path: str, sha256: str, samples: NDArray[np.float32]) -> tuple[Recording, bytes]:
    peak = float(np.abs(samples).max())
    integers = np.round(samples * (_FULL_SCALE / peak)).astype(np.int16)
    rms = float(np.std(samples, dtype=np.float64))
    return Recording(path, sha256, 0, len(samples), peak, rms), integers.tobytes()


def _mapped(folder: Path, stem: Path, sample_rate_hz: int) -> Corpus:
    table: dict[str, Any] = json.loads(stem.with_suffix(".json").read_text())
    skipped = tuple((path, reason) for path, reason in table["skipped"])
    recordings = tuple(Recording(**entry) for entry in table["recordings"])
    if not recordings:
        path, reason = skipped[0]
        raise CorpusError(f"{folder}: none of its {len(skipped)} audio files can be used; {path}: {reason}")
    samples = np.memmap(stem.with_suffix(".i16"), dtype=np.int16, mode="r")
    return Corpus(sample_rate_hz, recordings, skipped, samples)
