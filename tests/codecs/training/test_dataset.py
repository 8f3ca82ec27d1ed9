"""Splits keep files and speakers whole; windows are the same each time and stay inside files."""

from __future__ import annotations

import time

import numpy as np
import pytest

from earbench_codecs.training.corpus import Corpus, Recording
from earbench_codecs.training.dataset import WindowSampler, prefetched, split
from earbench_codecs.training.errors import CorpusError
from earbench_codecs.training.recipe import DataTable


def recordings_of(lengths, name="s{}_{}.wav"):
    starts = np.cumsum([0, *lengths[:-1]])
    return [
        Recording(name.format(i // 3, i % 3), f"{i:064x}", int(start), length, 1.0, 0.1)
        for i, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]


def numbered_corpus(lengths):
    """Each sample says where in the corpus it is."""
    samples = np.arange(sum(lengths), dtype=np.int16)
    return Corpus(16000, tuple(recordings_of(lengths)), (), samples)


def test_a_split_by_file_parts_files():
    recordings = recordings_of([1000] * 30)
    training, validation = split(recordings, DataTable(validation_share=0.2))
    assert len(validation) == 6
    assert sorted([*training, *validation], key=lambda r: r.start) == recordings


def test_a_split_by_speaker_keeps_speakers_whole():
    recordings = recordings_of([1000] * 30)
    data = DataTable(split_by="speaker", speaker_pattern=r"s(\d+)_", validation_share=0.25)
    training, validation = split(recordings, data)
    speakers = [{r.path.split("_")[0] for r in part} for part in (training, validation)]
    assert not speakers[0] & speakers[1]
    assert len(validation) == 9


def test_the_seed_changes_the_split_and_nothing_else_does():
    recordings = recordings_of([1000] * 60)
    one, same, other = (split(recordings, DataTable(validation_share=0.2, seed=s))[1] for s in (1, 1, 2))
    assert one == same != other


def test_a_file_more_leaves_most_others_where_they_were():
    recordings = recordings_of([1000] * 60)
    data = DataTable(validation_share=0.2)
    before = {r.path for r in split(recordings[:-1], data)[1]}
    after = {r.path for r in split(recordings, data)[1]}
    assert len(before ^ after) <= 2


def test_one_speaker_alone_cannot_be_split():
    data = DataTable(split_by="speaker", speaker_pattern="s0")
    with pytest.raises(CorpusError, match=r"one speaker \(s0\); add another, or set data\.validation_share"):
        split(recordings_of([1000] * 3), data)
    assert split(recordings_of([1000] * 3), DataTable(validation_share=0))[1] == ()


def test_windows_lie_inside_one_recording():
    corpus = numbered_corpus([300, 40, 64, 500])
    batch = WindowSampler(corpus, corpus.recordings, 64, 0).batch(0, 4000) * 32767
    starts = np.round(batch[:, 0])
    assert np.abs(batch - starts[:, np.newaxis] - np.arange(64)).max() < 0.01
    allowed = {*range(237), 340, *range(404, 841)}
    assert {int(s) for s in starts} <= allowed
    assert {0, 236, 340, 404, 840} <= {int(s) for s in starts}


def test_every_place_is_equally_likely():
    corpus = numbered_corpus([30, 90])
    starts = WindowSampler(corpus, corpus.recordings, 11, 0).batch(0, 100_000)[:, 0] * 32767
    counts = np.bincount(np.round(starts).astype(int), minlength=120)[[*range(20), *range(30, 110)]]
    chi2 = ((counts - 1000) ** 2 / 1000).sum()
    assert 60 < chi2 < 150  # 99 degrees of freedom


def test_a_step_draws_the_same_windows_again_and_other_steps_others():
    corpus = numbered_corpus([10_000])
    sampler = WindowSampler(corpus, corpus.recordings, 64, 5)
    again = WindowSampler(corpus, corpus.recordings, 64, 5)
    assert (sampler.batch(7, 16) == again.batch(7, 16)).all()
    assert (sampler.batch(7, 16) != sampler.batch(8, 16)).any()
    assert (sampler.batch(7, 16) != WindowSampler(corpus, corpus.recordings, 64, 6).batch(7, 16)).any()


def test_processes_share_the_batch_of_one():
    corpus = numbered_corpus([10_000])
    sampler = WindowSampler(corpus, corpus.recordings, 64, 5)
    whole = sampler.batch(3, 16)
    parts = [sampler.batch(3, 16, rank, 2) for rank in range(2)]
    assert (np.stack(parts, axis=1).reshape(16, 64) == whole).all()


def test_recordings_are_divided_by_their_own_divisor():
    corpus = numbered_corpus([100, 100])
    second = corpus.recordings[1]
    plain = WindowSampler(corpus, corpus.recordings, 50, 0).batch(0, 500)
    divided = WindowSampler(corpus, corpus.recordings, 50, 0, lambda r: 2.0 if r is second else 1.0)
    from_second = plain[:, :1] * 32767 > 99.5
    assert 0 < from_second.sum() < 500
    assert divided.batch(0, 500) == pytest.approx(plain / np.where(from_second, 2, 1))


def test_a_corpus_of_short_files_is_refused():
    corpus = numbered_corpus([100, 50])
    with pytest.raises(CorpusError, match=r"no recording has 512 samples"):
        WindowSampler(corpus, corpus.recordings, 512, 0)


def test_prefetching_keeps_order_and_raises_what_was_raised():
    assert list(prefetched(lambda step: step * step, range(3, 40))) == [s * s for s in range(3, 40)]

    def fails(step):
        if step == 5:
            raise CorpusError("gone")
        return step

    seen = []
    with pytest.raises(CorpusError, match="gone"):
        seen.extend(prefetched(fails, range(10)))


def test_prefetching_runs_ahead_and_not_too_far():
    made = []
    ahead = prefetched(made.append, range(100), depth=4)
    next(ahead)
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(made) == 5
    ahead.close()
