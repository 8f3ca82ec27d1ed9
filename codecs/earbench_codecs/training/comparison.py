"""A trained coder beside MP3, Opus, AAC and AMR-WB: real bytes of the same held-out audio.

Each of the others is run at the setting whose measured rate is nearest to the coder's own measured rate,
and that rate stands beside its figures: nothing is interpolated.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from statistics import fmean
from typing import TYPE_CHECKING

from pydantic import ValidationError

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.container import ebc_bytes
from earbench_codecs.metrics.measure import measure
from earbench_codecs.metrics.rate_distortion import ci95_half_width
from earbench_codecs.neural.checkpoint_info import ComparedCodec, Comparison, Figure
from earbench_codecs.registry import Registry
from earbench_codecs.training.corpus import open_corpus
from earbench_codecs.training.dataset import split
from earbench_codecs.training.errors import CorpusError
from earbench_codecs.training.recipe import DataTable
from earbench_codecs.training.recipe_tables import ValidationTable
from earbench_codecs.training.validation import chosen_recordings

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.base import Codec, CodecInfo, EncodedAudio
    from earbench_codecs.metrics.worker import Worker
    from earbench_codecs.neural.checkpoint_info import CheckpointInfo
    from earbench_codecs.training.corpus import Corpus, Recording

Tell = Callable[[str, int, int], None]
"""Takes what is under way, and how much of how much of it is done."""
Values = dict[str, list[float | None]]
"""Figures by name, one of each excerpt."""

_FINE_KBPS, _COARSE_KBPS, _COARSE_FROM_KBPS = 0.2, 1.0, 32.0
"""Steps of the settings tried of a codec that takes any rate."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Samples [start, end) of a recording."""

    recording: Recording
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Audio that a coder was not trained on.

    Parameters
    ----------
    corpus : Corpus
    excerpts : sequence of Excerpt
    complete : bool
        Whether they are all there is.
    """

    corpus: Corpus
    excerpts: Sequence[Excerpt]
    complete: bool = False

    def clips(self) -> Iterator[AudioClip]:
        """Yield the excerpts, one at a time."""
        for excerpt in self.excerpts:
            signal = self.corpus.signal(excerpt.recording)[excerpt.start : excerpt.end]
            yield AudioClip.mono(signal, self.corpus.sample_rate_hz)

    @property
    def n_recordings(self) -> int:
        """Recordings that the excerpts are of."""
        return len({excerpt.recording.path for excerpt in self.excerpts})

    @property
    def seconds(self) -> float:
        """Of all excerpts together."""
        return sum(e.end - e.start for e in self.excerpts) / self.corpus.sample_rate_hz


def middles(recordings: Sequence[Recording], length: int) -> list[Excerpt]:
    """Return so many samples from the middle of each recording, or all of a shorter one."""
    starts = [max(0, (recording.n_samples - length) // 2) for recording in recordings]
    return [Excerpt(r, s, min(s + length, r.n_samples)) for r, s in zip(recordings, starts, strict=True)]


def parts(recordings: Sequence[Recording], length: int) -> list[Excerpt]:
    """Return recordings without a gap, in parts of at most so many samples, those of a recording alike."""
    found = []
    for recording in recordings:
        n_parts = math.ceil(recording.n_samples / length)
        ends = [recording.n_samples * i // n_parts for i in range(n_parts + 1)]
        found += [Excerpt(recording, *ends[i : i + 2]) for i in range(n_parts)]
    return found


def open_split(
    info: CheckpointInfo, folder: Path, cache_folder: Path, tell: Tell
) -> tuple[Corpus, Sequence[Recording], Sequence[Recording]]:
    """Return the corpus a checkpoint was trained on, what it learnt from, and what was held out.

    Raises
    ------
    CorpusError
        The folder holds other audio, or nothing was held out of it.
    """
    try:
        data = DataTable.model_validate(info.recipe.get("data"))
    except ValidationError as error:
        raise CorpusError(
            f"{info.name}: its recipe does not say how the corpus was split; train it with this version"
        ) from error
    corpus = open_corpus(
        folder,
        data,
        info.sample_rate_hz,
        cache_folder,
        lambda doing, done, total: tell(f"{doing} the corpus", done, total),
    )
    if corpus.sha256 != info.corpus.get("sha256"):
        raise CorpusError(
            f"{folder}: is not the audio that {info.name} was trained on (SHA-256 {corpus.sha256[:16]}…, not "
            f"{str(info.corpus.get('sha256'))[:16]}…), so what was held out is not known; give that folder"
        )
    training, validation = split(corpus.recordings, data)
    if not validation:
        raise CorpusError(f"{info.name}: its recipe held nothing out (data.validation_share is 0)")
    return corpus, training, validation


def held_out_of(
    corpus: Corpus, recordings: Sequence[Recording], seconds: float, excerpts: int | None = None
) -> HeldOut:
    """Return recordings whole, in parts of at most so many seconds; or the middle of some of them.

    Parameters
    ----------
    corpus : Corpus
    recordings : sequence of Recording
        All that was held out.
    seconds : float
    excerpts : int, optional
        So many recordings, as validation chooses them.
    """
    length = round(seconds * corpus.sample_rate_hz)
    if excerpts is None:
        return HeldOut(corpus, parts(recordings, length), complete=True)
    return HeldOut(corpus, middles(chosen_recordings(recordings, ValidationTable(excerpts=excerpts)), length))


def default_metrics(sample_rate_hz: int) -> list[str]:
    """Return what is measured where nothing else is asked for."""
    return ["sdr_db", "pesq_wb"] if sample_rate_hz == 16_000 else ["sdr_db", "nmr_db", "visqol_audio"]


def references(sample_rate_hz: int) -> list[Codec]:
    """Return the codecs that a coder of a rate is compared with; AMR-WB is for 16 kHz alone."""
    registry = Registry()
    registry.add_built_in()
    names = ("opus", "amr-wb", "mp3", "aac") if sample_rate_hz == 16_000 else ("opus", "mp3", "aac")
    return [registry.codec(name) for name in names]


def compare(
    coder: Codec,
    held_out: HeldOut,
    metrics: Sequence[str],
    worker: Worker,
    others: Sequence[Codec] = (),
    tell: Tell = lambda _what, _done, _total: None,
    setting: Setting | None = None,
) -> Comparison:
    """Code excerpts to real bytes and back with a coder, and with others near its rate.

    Parameters
    ----------
    coder : Codec
    held_out : HeldOut
    metrics : sequence of str
    worker : Worker
        Computes them.
    others : sequence of Codec
        One that is not available is left out, with a note.
    tell : callable
    setting : Setting, optional
        Of the coder; its default without.
    """
    own, notes = _values(coder, setting, held_out, metrics, worker, tell)
    codecs = [_compared(coder, setting, own)]
    for other in others:
        if not other.info.available:
            notes.append(f"{other.info.title} is not compared: {other.info.reason}")
            continue
        near = _setting_near(fmean(_present(own["kbps"])), other, held_out, tell)
        values, more = _values(other, near, held_out, metrics, worker, tell)
        advantage = {name: _figure(_differences(own[name], values[name])) for name in metrics}
        codecs.append(_compared(other, near, values, advantage))
        notes += more
    return Comparison(
        n_excerpts=len(held_out.excerpts),
        n_recordings=held_out.n_recordings,
        seconds=held_out.seconds,
        complete=held_out.complete,
        metrics=list(metrics),
        codecs=codecs,
        notes=notes,
    )


def nearest_rate(rates: Sequence[float], measured: Callable[[float], float], target_kbps: float) -> float:
    """Return the setting whose measured rate is nearest to a target; of two as near, the higher.

    Parameters
    ----------
    rates : sequence of float
        Settings, in rising order; their measured rates rise with them.
    measured : callable
        Returns the measured rate of a setting; called for few of them.
    target_kbps : float
    """
    measured = cache(measured)
    above = bisect_left(rates, target_kbps, key=measured)
    near = rates[max(0, above - 1) : above + 1]
    return min(near, key=lambda rate: (abs(measured(rate) - target_kbps), -measured(rate)))


def candidate_rates(info: CodecInfo, target_kbps: float) -> list[float]:
    """Return the settings to try: all there are, or a grid around the target where any rate is taken."""
    if not info.continuous:
        return sorted(info.bitrates_kbps)
    step = _FINE_KBPS if target_kbps < _COARSE_FROM_KBPS else _COARSE_KBPS
    lowest, highest = min(info.bitrates_kbps), max(info.bitrates_kbps)
    low = min(max(lowest, target_kbps / 2), highest)
    high = max(min(highest, target_kbps * 2), low)
    return [round(step * i, 3) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _setting_near(target_kbps: float, codec: Codec, held_out: HeldOut, tell: Tell) -> Setting:
    def measured(kbps: float) -> float:
        what = f"{codec.info.title} at {kbps:g} kbps, to come near {target_kbps:.1f}"
        return fmean(e.bitrate_kbps for _, e in _coded(codec, Setting(kbps), held_out, partial(tell, what)))

    return codec.check_setting(
        Setting(nearest_rate(candidate_rates(codec.info, target_kbps), measured, target_kbps))
    )


def _coded(
    codec: Codec, setting: Setting | None, held_out: HeldOut, tell: Callable[[int, int], None]
) -> Iterator[tuple[AudioClip, EncodedAudio]]:
    total = len(held_out.excerpts)
    for done, clip in enumerate(held_out.clips(), 1):
        yield clip, codec.encode(clip, setting)
        tell(done, total)


def _values(
    codec: Codec,
    setting: Setting | None,
    held_out: HeldOut,
    metrics: Sequence[str],
    worker: Worker,
    tell: Tell,
) -> tuple[Values, list[str]]:
    """Return the figures of each excerpt, and notes on what is missing."""
    values: Values = {name: [] for name in ("kbps", "file_kbps", "entropy_kbps", *metrics)}
    reasons: dict[str, list[str]] = {name: [] for name in metrics}
    for clip, encoded in _coded(codec, setting, held_out, partial(tell, f"measuring {codec.info.title}")):
        values["kbps"].append(encoded.bitrate_kbps)
        values["file_kbps"].append(8 * len(ebc_bytes(encoded)) / encoded.duration_s / 1000)
        values["entropy_kbps"].append(encoded.entropy_kbps)
        for name, found in measure(clip, codec.decode(encoded), metrics, worker=worker).items():
            values[name].append(found.value)
            if found.value is None:
                reasons[name] += found.notes[-1:]
    return values, [
        f"{codec.info.title}: {name} is missing for {len(why)} of {len(held_out.excerpts)} excerpts: {why[0]}"
        for name, why in reasons.items()
        if why
    ]


def _compared(
    codec: Codec,
    setting: Setting | None,
    values: Values,
    advantage: dict[str, Figure | None] | None = None,
) -> ComparedCodec:
    info = codec.info
    return ComparedCodec(
        codec=info.name,
        title=info.title,
        version=info.version,
        setting=info.label(setting) if setting is not None else "",
        figures={name: _figure(found) for name, found in values.items()},
        advantage=advantage or {},
    )


def _differences(one: Sequence[float | None], other: Sequence[float | None]) -> list[float | None]:
    """Return one less the other, None where either is missing."""
    pairs = zip(one, other, strict=True)
    return [None if a is None or b is None else a - b for a, b in pairs]


def _figure(values: Sequence[float | None]) -> Figure | None:
    there = _present(values)
    if not there:
        return None
    return Figure(mean=fmean(there), ci95=ci95_half_width(there), n=len(there))


def _present(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
