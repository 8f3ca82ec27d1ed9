"""A part of a clip coded anew and put in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from audition_doubles import tone

from earbench_app.audition.making import VersionJob
from earbench_app.audition.recoding import Span, hear_part, measure_part, spliced, warm_up
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import write_wav
from earbench_codecs.metrics.sdr import sdr_db
from earbench_codecs.registry import codec

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 16_000


@pytest.fixture
def job(tmp_path: Path) -> VersionJob:
    clip = tone(3.0)
    write_wav(tmp_path / "tone.wav", clip)
    return VersionJob(tmp_path / "tone.wav", clip.sha256(), "opus", Setting.of(24))


def test_a_part_is_coded_with_a_margin_within_the_clip() -> None:
    assert Span.of(1.0, 2.0, RATE_HZ, 48_000) == Span(16_000, 32_000, 12_000, 36_000)
    assert Span.of(0.1, 3.5, RATE_HZ, 48_000) == Span(1600, 48_000, 0, 48_000)
    assert Span.of(1.0, 2.0, RATE_HZ, 48_000).covers(Span.of(1.2, 2.0, RATE_HZ, 48_000))
    assert not Span.of(1.0, 2.0, RATE_HZ, 48_000).covers(Span.of(1.2, 2.1, RATE_HZ, 48_000))


def test_inside_it_is_the_part_outside_the_clip_and_between_them_a_fade() -> None:
    whole, span = tone(3.0, n_channels=2), Span.of(1.0, 2.0, RATE_HZ, 48_000)
    part = whole.with_samples(tone(3.0, n_channels=2, seed=5).samples[:, span.first : span.after])
    made = spliced(whole, part, span).samples
    np.testing.assert_array_equal(made[:, 16_000:32_000], part.samples[:, 4000:20_000])
    np.testing.assert_array_equal(made[:, :15_840], whole.samples[:, :15_840])
    np.testing.assert_array_equal(made[:, 32_160:], whole.samples[:, 32_160:])
    half = 0.5 * (whole.samples[:, 15_920] + part.samples[:, 15_920 - span.first])
    np.testing.assert_allclose(made[:, 15_920], half, atol=0.02)
    steps = np.abs(np.diff(made[:, 15_000:33_000])).max()
    assert steps < 1.2 * max(np.abs(np.diff(one.samples)).max() for one in (whole, part))


def test_at_the_clip_s_ends_nothing_fades() -> None:
    whole, span = tone(1.0), Span.of(0.0, 1.0, RATE_HZ, 16_000)
    part = tone(1.0, seed=3)
    np.testing.assert_array_equal(spliced(whole, part, span).samples, part.samples)


@pytest.mark.slow
def test_a_part_sounds_as_its_codec_has_it_and_costs_its_real_bytes(job: VersionJob) -> None:
    span = Span.of(1.0, 2.0, RATE_HZ, 48_000)
    warm_up(job)
    heard = hear_part(job, span)
    opus, original = codec("opus"), tone(3.0)
    excerpt = original.with_samples(original.samples[:, span.first : span.after])
    encoded = opus.encode(excerpt, Setting.of(24))
    np.testing.assert_array_equal(heard.clip.samples, opus.decode(encoded).samples)
    found = measure_part(job, span, heard)
    assert found.figures.n_bytes == encoded.n_bytes
    assert found.figures.bitrate_kbps == pytest.approx(encoded.bitrate_kbps)
    inner = slice(4000, 20_000)
    expected_db = sdr_db(original.excerpt(1.0, 2.0), heard.clip.with_samples(heard.clip.samples[:, inner]))
    assert found.figures.sdr_db == pytest.approx(expected_db)
    assert found.nmr.value is not None
    assert -40 < found.nmr.value < 40
