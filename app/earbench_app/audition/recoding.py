"""What the worker does that codes a part of a clip anew, again and again; it keeps codec and clip at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.audition.cache import Figures
from earbench_app.audition.making import VersionJob, load_clip
from earbench_codecs.setting import Setting

if TYPE_CHECKING:
    from earbench_codecs.base import Codec
    from earbench_codecs.clip import AudioClip
    from earbench_codecs.metrics.measurement import Measurement
    from earbench_codecs.neural.rate_dial import RateDial
    from earbench_codecs.neural.units import Plan

MARGIN_S = 0.25
"""Coded on either side of a part, so that its ends sound as they do within."""
FADE_S = 0.01
_KEPT_DIALS = 8


@dataclass(frozen=True, slots=True)
class Span:
    """Samples [start, stop) of a clip that are heard anew, and [first, after), which are coded for it."""

    start: int
    stop: int
    first: int
    after: int

    @classmethod
    def of(cls, start_s: float, end_s: float, sample_rate_hz: int, n_samples: int) -> Span:
        """Return the span of a part of a clip, with its margins."""
        start, stop = max(0, round(start_s * sample_rate_hz)), min(n_samples, round(end_s * sample_rate_hz))
        margin = round(MARGIN_S * sample_rate_hz)
        return cls(start, stop, max(0, start - margin), min(n_samples, stop + margin))

    def covers(self, other: Span) -> bool:
        """Whether all that is heard of the other is heard of this one."""
        return self.start <= other.start and other.stop <= self.stop


@dataclass(frozen=True, slots=True)
class HeardPart:
    """A part as it sounds.

    Parameters
    ----------
    clip : AudioClip
        Samples [first, after) of the span.
    plans : list of Plan, optional
        By which it was coded, where the codec has them; the same make the same bytes.
    """

    clip: AudioClip
    plans: list[Plan] | None = None


@dataclass(frozen=True, slots=True)
class PartFigures:
    """What a part costs, margins included, and how it sounds without them."""

    figures: Figures
    nmr: Measurement


def warm_up(job: VersionJob) -> None:
    """Load the codec, and code a moment with it.

    Raises
    ------
    CodecError
        It is not there, or cannot be loaded.
    """
    from earbench_codecs.clip import AudioClip

    coder = job.coder()
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 24_000)).astype(np.float32)
    clip = AudioClip(noise, (*coder.info.sample_rates_hz, 48_000)[0])
    dial = _new_dial(coder, clip, coder.check_setting(job.setting))
    if dial is not None:
        dial.heard(dial.plans(job.setting.kbps or 1.0))
    else:
        coder.decode(coder.encode(clip, job.setting))


def learn_part(job: VersionJob, span: Span) -> bool:
    """Learn a little of what a part costs at which gain; return whether there is more to learn.

    Raises
    ------
    CodecError
        The file cannot be read, or the codec refuses or fails.
    """
    dial = _dial(job, span)
    return dial is not None and dial.learn()


def hear_part(job: VersionJob, span: Span) -> HeardPart:
    """Return a part of a clip as it sounds coded by itself.

    Raises
    ------
    CodecError
        The file cannot be read, or the codec refuses or fails.
    """
    dial = _dial(job, span)
    if dial is None or job.setting.kbps is None:
        coder = job.coder()
        return HeardPart(coder.decode(coder.encode(_excerpt(job, span), job.setting)))
    plans = dial.plans(job.setting.kbps)
    return HeardPart(dial.heard(plans), plans)


def measure_part(job: VersionJob, span: Span, heard: HeardPart) -> PartFigures:
    """Return what a part costs in real bytes, and what is measured of it.

    Raises
    ------
    CodecError
        The file cannot be read, or the codec refuses or fails.
    """
    from earbench_codecs.metrics.measure import measure

    original = _excerpt(job, span)
    n_bytes = _n_bytes(job, span, heard)
    inner = slice(span.start - span.first, span.stop - span.first)
    pair = (
        original.with_samples(original.samples[:, inner]),
        heard.clip.with_samples(heard.clip.samples[:, inner]),
    )
    found = measure(*pair, ["sdr_db", "nmr_db"])
    sdr_db = found["sdr_db"].value
    kbps = 8 * n_bytes / original.duration_s / 1000
    figures = Figures(n_bytes, kbps, math.nan, math.nan, math.inf if sdr_db is None else sdr_db)
    return PartFigures(figures, found["nmr_db"])


def spliced(whole: AudioClip, part: AudioClip, span: Span) -> AudioClip:
    """Return a clip with a part put in; in the margins, one fades to the other within 10 ms."""
    samples = whole.samples.copy()
    n_fade = round(FADE_S * whole.sample_rate_hz)
    start, stop = max(span.first, span.start - n_fade), min(span.after, span.stop + n_fade)
    share = np.ones(stop - start, np.float32)
    n_before, n_after = span.start - start, stop - span.stop
    share[:n_before] = _rise(n_before)
    share[len(share) - n_after :] = _rise(n_after)[::-1]
    new = part.samples[:, start - span.first : stop - span.first]
    old = samples[:, start:stop]
    samples[:, start:stop] = np.where(share == 1, new, old + share * (new - old))
    samples.flags.writeable = False
    return whole.with_samples(samples)


def _rise(n: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (np.sin(np.pi * (np.arange(n) + 0.5) / (2 * max(n, 1))) ** 2).astype(np.float32)


def _n_bytes(job: VersionJob, span: Span, heard: HeardPart) -> int:
    dial = _dial(job, span)
    if dial is None or heard.plans is None:
        return job.coder().encode(_excerpt(job, span), job.setting).n_bytes
    return sum(map(len, dial.segments(heard.plans)))


def _excerpt(job: VersionJob, span: Span) -> AudioClip:
    clip = load_clip(job.path, job.clip_sha256)
    return clip.with_samples(clip.samples[:, span.first : span.after])


def _dial(job: VersionJob, span: Span) -> RateDial | None:
    """Return what is known of a part at any rate; None for a codec that is asked for each rate anew."""
    return _known_dial(replace(job, setting=Setting(None, job.setting.options)), span)


@lru_cache(maxsize=_KEPT_DIALS)
def _known_dial(job: VersionJob, span: Span) -> RateDial | None:
    coder = job.coder()
    return _new_dial(coder, _excerpt(job, span), coder.check_setting(job.setting))


def _new_dial(coder: Codec, clip: AudioClip, setting: Setting) -> RateDial | None:
    if coder.info.kind != "neural":
        return None
    from earbench_codecs.neural.rate_dial import dial_of

    return dial_of(coder, clip, setting)
