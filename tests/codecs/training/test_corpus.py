"""Any folder is a corpus: what is in it is found, named, kept and found again."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.training import corpus as corpus_module
from earbench_codecs.training.corpus import open_corpus
from earbench_codecs.training.errors import CorpusError
from earbench_codecs.training.recipe import DataTable


def test_samples_are_those_of_the_files(corpus_folder, tmp_path):
    corpus = open_corpus(corpus_folder, DataTable(), 8000, tmp_path)
    assert len(corpus.recordings) == 12
    assert corpus.duration_s == 12
    for recording in corpus.recordings:
        wanted = read_clip(corpus_folder / recording.path).samples[0]
        got = corpus.signal(recording)
        assert np.abs(got - wanted).max() <= 0.51 * recording.peak / 32767
        assert recording.peak == pytest.approx(np.abs(wanted).max())
        assert recording.rms == pytest.approx(wanted.std(), rel=1e-5)


def test_files_are_resampled_and_mixed(tmp_path):
    t = np.arange(48000) / 48000
    tone = 0.5 * np.sin(2 * np.pi * 440 * t)
    (tmp_path / "in").mkdir()
    write_wav(tmp_path / "in" / "tone.wav", AudioClip(np.stack([tone, 0 * tone]), 48000))
    corpus = open_corpus(tmp_path / "in", DataTable(), 16000, tmp_path / "cache")
    got = corpus.signal(corpus.recordings[0])
    wanted = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert len(got) == 16000
    assert np.abs(got - wanted)[500:-500].max() < 1e-4


def test_a_corpus_is_decoded_once(corpus_folder, tmp_path, monkeypatch):
    first = open_corpus(corpus_folder, DataTable(), 8000, tmp_path)
    monkeypatch.setattr(corpus_module, "read_clip", None)
    monkeypatch.setattr(corpus_module, "_file_hash", None)
    again = open_corpus(corpus_folder, DataTable(), 8000, tmp_path)
    assert again.recordings == first.recordings
    assert again.sha256 == first.sha256


def test_a_changed_file_is_decoded_again(corpus_folder, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(corpus_folder, folder)
    first = open_corpus(folder, DataTable(), 8000, tmp_path / "cache")
    write_wav(folder / "a" / "s0_0.wav", AudioClip(np.full((1, 4000), 0.25), 8000))
    again = open_corpus(folder, DataTable(), 8000, tmp_path / "cache")
    assert again.sha256 != first.sha256
    assert again.signal(again.recordings[0]) == pytest.approx(np.full(4000, 0.25))


def test_the_hash_does_not_depend_on_where_the_folder_is(corpus_folder, tmp_path):
    shutil.copytree(corpus_folder, tmp_path / "elsewhere")
    here = open_corpus(corpus_folder, DataTable(), 8000, tmp_path / "c1")
    there = open_corpus(tmp_path / "elsewhere", DataTable(), 8000, tmp_path / "c2")
    assert here.sha256 == there.sha256


def test_unreadable_and_silent_files_are_named_and_left_out(corpus_folder, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(corpus_folder, folder)
    (folder / "a" / "broken.flac").write_bytes(b"no audio at all")
    write_wav(folder / "silent.wav", AudioClip(np.zeros((1, 800)), 8000))
    (folder / "notes.txt").write_text("not audio")
    corpus = open_corpus(folder, DataTable(), 8000, tmp_path / "cache")
    assert len(corpus.recordings) == 12
    assert [path for path, _ in corpus.skipped] == ["a/broken.flac", "silent.wav"]
    assert dict(corpus.skipped)["silent.wav"] == "it is silent"


def test_include_and_exclude_choose_by_path(corpus_folder, tmp_path):
    data = DataTable(include="^a/", exclude="_2")
    corpus = open_corpus(corpus_folder, data, 8000, tmp_path)
    assert [r.path for r in corpus.recordings] == ["a/s0_0.wav", "a/s0_1.wav", "a/s1_0.wav", "a/s1_1.wav"]


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(CorpusError, match=r"in: there is no audio file in it; choose another folder"):
        open_corpus(tmp_path / "in", DataTable(), 8000, tmp_path / "cache")


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"nowhere: there is no such file or folder"):
        open_corpus(tmp_path / "nowhere", DataTable(), 8000, tmp_path / "cache")


def test_a_folder_of_damaged_files_is_refused_with_the_first_of_them(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.wav").write_bytes(b"RIFF but no more")
    with pytest.raises(CorpusError, match=r"none of its 1 audio files can be used; x\.wav: "):
        open_corpus(tmp_path / "in", DataTable(), 8000, tmp_path / "cache")


def test_a_full_disk_is_told(corpus_folder, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device", str(tmp_path / "x.i16"))

    monkeypatch.setattr(corpus_module, "write_atomically", full)
    with pytest.raises(CorpusError, match=r"x\.i16: .*No space left on device; make room"):
        open_corpus(corpus_folder, DataTable(), 8000, tmp_path)


def test_progress_is_reported(corpus_folder, tmp_path):
    seen = []
    open_corpus(corpus_folder, DataTable(), 8000, tmp_path, lambda *told: seen.append(told))
    assert seen == [(doing, i, 12) for doing in ("reading", "decoding") for i in range(1, 13)]
    del seen[:]
    open_corpus(corpus_folder, DataTable(), 16000, tmp_path, lambda *told: seen.append(told))
    assert {doing for doing, *_ in seen} == {"decoding"}  # the files are known
