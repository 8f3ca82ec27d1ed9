"""What a folder of audio holds for training: files, hours, rates, speakers, and what cannot be read."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earbench_app.jobs.child import Child, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from earbench_app.jobs.child import Tell
    from earbench_codecs.training.recipe import DataTable

_TELL_S = 0.25


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of a folder so far.

    Parameters
    ----------
    folder : Path
    n_found, n_chosen, n_read : int
        Audio files in it; those that the recipe's `include` and `exclude` leave; those of them that have
        been decoded, which is the end of the scan when it is all.
    duration_s : float
        Of what could be read.
    rates_hz, channels : mapping of int to int
        Files by sample rate, and by number of channels.
    n_speakers : int, optional
        Where the recipe tells speakers apart.
    n_untold : int
        Files whose names tell no speaker then; training takes each for a speaker of its own.
    unreadable : tuple of (path, reason)
        Below the folder; training leaves these out.
    coder_rates_hz : mapping of str to int, optional
        The sample rate of each named size of a coder, to which files are resampled; told last of all, as
        torch has to be loaded for it.
    """

    folder: Path
    n_found: int = 0
    n_chosen: int = 0
    n_read: int = 0
    duration_s: float = 0.0
    rates_hz: Mapping[int, int] | None = None
    channels: Mapping[int, int] | None = None
    n_speakers: int | None = None
    n_untold: int = 0
    unreadable: tuple[tuple[str, str], ...] = ()
    coder_rates_hz: Mapping[str, int] | None = None

    @property
    def is_done(self) -> bool:
        """Whether all files have been read."""
        return self.n_read == self.n_chosen


def scan(folder: Path, data: DataTable | None = None) -> Child[Scan]:
    """Return a process that reads every file of a folder, and tells of it several times a second.

    Parameters
    ----------
    folder : Path
    data : DataTable, optional
        Of a recipe: chooses among the files and tells speakers apart.
    """
    arguments = {"folder": str(folder), "data": data.model_dump(mode="json") if data is not None else {}}
    return Child("earbench_app.jobs.scan", arguments, _scan_of)


def _scan_of(facts: dict[str, Any]) -> Scan:
    facts |= {name: {int(key): n for key, n in facts[name].items()} for name in ("rates_hz", "channels")}
    facts |= {"folder": Path(facts["folder"]), "unreadable": tuple(map(tuple, facts["unreadable"]))}
    return Scan(**facts)


def _work(arguments: dict[str, Any], tell: Tell) -> None:
    from earbench_codecs.training.recipe import DataTable

    told_s = 0.0
    for one in _scans(Path(arguments["folder"]), DataTable.model_validate(arguments["data"])):
        if one.is_done or time.monotonic() - told_s > _TELL_S:
            told_s = time.monotonic()
            tell(asdict(one) | {"folder": str(one.folder)})
    tell(asdict(one) | {"folder": str(one.folder), "coder_rates_hz": _coder_rates_hz()})


def _coder_rates_hz() -> dict[str, int]:
    from earbench_codecs.neural.zoo import SIZES

    return {name: config.sample_rate_hz for name, (_, config) in SIZES.items()}


def _scans(folder: Path, data: DataTable) -> Iterator[Scan]:
    """Yield what is known after each file."""
    from earbench_codecs.clip_files import audio_files
    from earbench_codecs.training.corpus import chosen_files
    from earbench_codecs.training.dataset import speaker_of

    paths = chosen_files(folder, data)
    rates, channels, speakers = Counter[int](), Counter[int](), set[str]()
    found = Scan(folder, len(audio_files([folder])), len(paths))
    for i, path in enumerate(paths, 1):
        facts = _read(folder / path)
        if isinstance(facts, str):
            found = replace(found, n_read=i, unreadable=(*found.unreadable, (path, facts)))
        else:
            duration_s, rate_hz, n_channels = facts
            rates[rate_hz] += 1
            channels[n_channels] += 1
            found = _with_speaker(found, speaker_of(path, data), path, speakers)
            found = replace(found, n_read=i, duration_s=found.duration_s + duration_s)
        found = replace(found, rates_hz=dict(rates), channels=dict(channels))
        yield found if data.speaker_pattern is None else replace(found, n_speakers=len(speakers))


def _with_speaker(found: Scan, speaker: str, path: str, speakers: set[str]) -> Scan:
    """Count a file's speaker, or that its name tells none: such a file is called its own speaker."""
    if speaker == path:
        return replace(found, n_untold=found.n_untold + 1)
    speakers.add(speaker)
    return found


def _read(path: Path) -> tuple[float, int, int] | str:
    """Return seconds, rate and channels of a file, or why training cannot use it."""
    from earbench_codecs.clip_files import read_clip
    from earbench_codecs.errors import AudioFileError

    try:
        clip = read_clip(path)
    except AudioFileError as error:
        return error.reason
    if not clip.samples.any():
        return "it is silent"
    return clip.duration_s, clip.sample_rate_hz, clip.n_channels


if __name__ == "__main__":
    raise SystemExit(serve(_work))
