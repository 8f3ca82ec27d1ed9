"""A coder beside others: the nearest measured rates, real bytes, means with their confidence."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.base import Codec, CodecInfo, Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.metrics.worker import Worker
from earbench_codecs.registry import Registry
from earbench_codecs.training.comparison import (
    Excerpt,
    HeldOut,
    candidate_rates,
    compare,
    held_out_of,
    middles,
    nearest_rate,
    parts,
    references,
)
from earbench_codecs.training.corpus import Corpus, Recording

RATE_HZ = 16_000


class Coarse(Codec):
    """Samples in 5 bits, deflated: a coder whose rate no other has."""

    info = CodecInfo("coarse", "Coarse", "plugin", version="1", max_channels=1)

    def _encode(self, clip, setting):
        return [zlib.compress(np.round(clip.samples[0] * 16).astype(np.int8).tobytes())]

    def _decode(self, segments, setting, sample_rate_hz, shape):
        return AudioClip.mono(np.frombuffer(zlib.decompress(segments[0]), np.int8) / 16, sample_rate_hz)


class Missing(Coarse):
    info = CodecInfo("missing", "Missing", "plugin", version="1", available=False, reason="install it")


def recordings_of(*lengths):
    starts = np.cumsum([0, *lengths])
    return [
        Recording(f"{i}.wav", str(i), int(start), length, 1.0, 0.1)
        for i, (start, length) in enumerate(zip(starts, lengths, strict=False))
    ]


@pytest.fixture(scope="module")
def held_out():
    """Four excerpts of a second of three recordings: swelling noise, the second half of the last silent."""
    lengths = (16_000, 16_000, 32_000)
    rng = np.random.default_rng(7)
    noise = np.convolve(rng.standard_normal(sum(lengths)), np.ones(8) / 8, "same") * np.linspace(
        0.2, 1, 64_000
    )
    noise[48_000:] = 0
    samples = np.round(noise / np.abs(noise).max() * 32767).astype(np.int16)
    corpus = Corpus(RATE_HZ, tuple(recordings_of(*lengths)), (), samples)
    return held_out_of(corpus, corpus.recordings, 1.0)


@pytest.fixture(scope="module")
def mp3():
    registry = Registry()
    registry.add_built_in()
    return registry.codec("mp3")


@pytest.fixture(scope="module")
def compared(held_out, mp3):
    with Worker() as worker:
        return compare(Coarse(), held_out, ["sdr_db"], worker, [mp3, Missing()])


def sdr_db(reference, test):
    return 10 * np.log10((reference**2).sum() / ((test - reference) ** 2).sum())


@given(st.data())
def test_the_nearest_setting_is_that_of_an_exhaustive_search(data):
    rates = sorted(data.draw(st.sets(st.integers(1, 500), min_size=1, max_size=40)))
    costs = sorted(data.draw(st.lists(st.integers(0, 300), min_size=len(rates), max_size=len(rates))))
    measured = dict(zip(rates, costs, strict=True))
    target = data.draw(st.integers(0, 320))
    asked = []

    def measure(rate):
        asked.append(rate)
        return measured[rate]

    found = measured[nearest_rate(rates, measure, target)]
    least = min(abs(cost - target) for cost in costs)
    assert abs(found - target) == least
    assert found == max(cost for cost in costs if abs(cost - target) == least)  # of two, the higher
    assert len(asked) == len(set(asked)) <= np.log2(len(rates)) + 3


def test_the_settings_tried_are_all_there_are_or_a_grid():
    modes = CodecInfo("a", "A", "reference", "1", bitrates_kbps=(12.65, 6.6, 8.85))
    assert candidate_rates(modes, 100) == [6.6, 8.85, 12.65]
    anything = CodecInfo("b", "B", "reference", "1", bitrates_kbps=(6, 64, 510), continuous=True)
    near = candidate_rates(anything, 9)
    assert (near[0], near[1], near[-1]) == (6, 6.2, 18)
    assert candidate_rates(anything, 64) == list(range(32, 129))
    assert candidate_rates(anything, 1) == [6]
    assert candidate_rates(anything, 2000) == [510]


def test_parts_leave_nothing_out_and_middles_are_in_the_middle():
    long, short = recordings_of(25, 7)
    cut = parts([long, short], 10)
    assert [(e.start, e.end) for e in cut if e.recording is long] == [(0, 8), (8, 16), (16, 25)]
    assert [e for e in cut if e.recording is short] == [Excerpt(short, 0, 7)]
    assert middles([long, short], 10) == [Excerpt(long, 7, 17), Excerpt(short, 0, 7)]


def test_some_recordings_are_always_the_same(held_out):
    corpus = held_out.corpus
    some = held_out_of(corpus, corpus.recordings, 0.5, excerpts=2)
    assert some == held_out_of(corpus, corpus.recordings[::-1], 0.5, excerpts=2)
    assert [excerpt.end - excerpt.start for excerpt in some.excerpts] == [8_000, 8_000]
    assert (some.complete, held_out.complete) == (False, True)


def test_what_was_measured_is_said(compared):
    assert (compared.n_excerpts, compared.n_recordings, compared.seconds) == (4, 3, 4.0)
    assert compared.complete
    assert [codec.codec for codec in compared.codecs] == ["coarse", "mp3"]
    assert any("Missing is not compared: install it" in note for note in compared.notes)


def test_the_rate_is_that_of_real_bytes_and_the_other_is_nearest(compared, held_out, mp3):
    """All settings of MP3 tried, one by one."""
    own = np.array([8 * Coarse().encode(clip).n_bytes / 1.0 / 1000 for clip in held_out.clips()])
    assert compared.codecs[0].figures["kbps"].mean == pytest.approx(own.mean())
    means = {
        kbps: np.mean([mp3.encode(clip, Setting(kbps)).bitrate_kbps for clip in held_out.clips()])
        for kbps in mp3.info.bitrates_kbps
    }
    best = min(means, key=lambda kbps: abs(means[kbps] - own.mean()))
    assert compared.codecs[1].setting == f"{best:g}"
    assert compared.codecs[1].figures["kbps"].mean == pytest.approx(means[best])
    assert compared.codecs[1].figures["file_kbps"].mean > means[best]
    assert compared.codecs[0].figures["entropy_kbps"] is None


def test_means_confidence_and_differences_by_hand(compared, held_out, mp3):
    """The silent excerpt has no SDR: three are left, and t of two degrees of freedom is 4.303."""
    setting = Setting(float(compared.codecs[1].setting))
    rows = []
    for clip in list(held_out.clips())[:3]:
        decoded = (Coarse().decode(Coarse().encode(clip)), mp3.decode(mp3.encode(clip, setting)))
        rows.append([sdr_db(clip.samples.astype(float), d.samples.astype(float)) for d in decoded])
    own, other = np.array(rows).T
    for figure, values in (
        (compared.codecs[0].figures["sdr_db"], own),
        (compared.codecs[1].figures["sdr_db"], other),
        (compared.codecs[1].advantage["sdr_db"], own - other),
    ):
        assert figure.n == 3
        assert figure.mean == pytest.approx(values.mean(), rel=1e-5)
        assert figure.ci95 == pytest.approx(4.302653 * values.std(ddof=1) / np.sqrt(3), rel=1e-4)
    assert sum("sdr_db is missing for 1 of 4 excerpts" in note for note in compared.notes) == 2


def test_one_excerpt_has_no_confidence(held_out):
    one = HeldOut(held_out.corpus, held_out.excerpts[:1])
    with Worker() as worker:
        figure = compare(Coarse(), one, ["sdr_db"], worker).codecs[0].figures["sdr_db"]
    assert (figure.n, figure.ci95) == (1, None)


def test_amr_wb_is_compared_at_its_own_rate_alone():
    assert [codec.info.name for codec in references(16_000)] == ["opus", "amr-wb", "mp3", "aac"]
    assert [codec.info.name for codec in references(32_000)] == ["opus", "mp3", "aac"]


def test_progress_is_told(held_out):
    told = []
    with Worker() as worker:
        compare(Coarse(), held_out, ["sdr_db"], worker, tell=lambda *event: told.append(event))
    assert told == [("measuring Coarse", done, 4) for done in (1, 2, 3, 4)]
