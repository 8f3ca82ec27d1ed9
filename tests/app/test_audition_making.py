from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from audition_doubles import tone

from earbench_app.audition import making
from earbench_app.audition.difference import difference
from earbench_app.audition.making import VersionJob, export_version, inspect_clip, load_clip, make_version
from earbench_codecs.base import Codec, Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.errors import AudioFileError
from earbench_codecs.registry import codec

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.clip import AudioClip

LIMIT = 2**30


@pytest.fixture
def job(tmp_path: Path) -> VersionJob:
    path = tmp_path / "a clip.wav"
    write_wav(path, tone(2.0, n_channels=2))
    return VersionJob(path, inspect_clip(path).sha256, "mp3", Setting.of(64))


def test_a_file_is_described_by_what_is_in_it(tmp_path: Path) -> None:
    clip = tone(1.5, n_channels=2)
    write_wav(tmp_path / "a.wav", clip)
    info = inspect_clip(tmp_path / "a.wav")
    assert (info.duration_s, info.sample_rate_hz, info.n_channels) == (1.5, 16_000, 2)
    assert info.sha256 == clip.sha256()


def test_the_figures_are_those_of_the_bytes_and_the_audio(job: VersionJob, tmp_path: Path) -> None:
    figures, audio = make_version(job, tmp_path / "cache", LIMIT, want_audio=True)
    original = read_clip(job.path)
    encoded = codec("mp3").encode(original, job.setting)
    assert audio is not None
    assert figures.n_bytes == len(b"".join(encoded.segments))
    assert figures.bitrate_kbps == pytest.approx(figures.n_bytes * 8 / 2.0 / 1000)
    signal, noise = original.samples.astype(float), audio.samples.astype(float) - original.samples
    assert figures.sdr_db == pytest.approx(10 * np.log10((signal**2).sum() / (noise**2).sum()), abs=1e-6)
    assert figures.encode_rtf > 0
    assert figures.decode_rtf > 0
    np.testing.assert_array_equal(audio.samples, codec("mp3").decode(encoded).samples)


def test_the_second_time_nothing_is_encoded(
    job: VersionJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_version(job, tmp_path / "cache", LIMIT, want_audio=True)

    def refuse(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(Codec, "encode", refuse)
    again = make_version(job, tmp_path / "cache", LIMIT, want_audio=True)
    assert again[0] == first[0]
    assert again[1] is not None
    assert first[1] is not None
    np.testing.assert_array_equal(again[1].samples, first[1].samples)
    with pytest.raises(AssertionError, match="encoded again"):
        make_version(
            VersionJob(job.path, job.clip_sha256, "mp3", Setting.of(96)), tmp_path / "cache", LIMIT, True
        )


def test_a_damaged_entry_is_made_again_with_the_same_audio(job: VersionJob, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _, first = make_version(job, cache, LIMIT, want_audio=True)
    path = next(cache.iterdir())
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x40
    path.write_bytes(data)
    _, again = make_version(job, cache, LIMIT, want_audio=True)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(again.samples, first.samples)


def test_a_file_that_changed_behind_our_back_is_not_taken_for_the_old_one(
    job: VersionJob, tmp_path: Path
) -> None:
    write_wav(job.path, tone(2.0, n_channels=2, seed=1))
    making._unchanged.cache_clear()
    with pytest.raises(AudioFileError, match="changed since it was opened"):
        make_version(job, tmp_path / "cache", LIMIT, want_audio=False)
    with pytest.raises(AudioFileError, match=r"a clip\.wav"):
        load_clip(job.path, job.clip_sha256)


def test_without_a_cache_that_can_be_written_versions_are_made_all_the_same(
    job: VersionJob, tmp_path: Path
) -> None:
    _, expected = make_version(job, tmp_path / "cache", LIMIT, want_audio=True)
    in_the_way = tmp_path / "full"
    in_the_way.write_text("a file where the folder should be")
    figures, audio = make_version(job, in_the_way, LIMIT, want_audio=True)
    assert str(in_the_way) in figures.unkept
    assert audio is not None
    assert expected is not None
    np.testing.assert_array_equal(audio.samples, expected.samples)
    assert in_the_way.read_text() == "a file where the folder should be"


def test_an_exported_file_holds_every_bit_of_the_version(job: VersionJob, tmp_path: Path) -> None:
    _, audio = make_version(job, tmp_path / "cache", LIMIT, want_audio=True)
    export_version(job, tmp_path / "cache", LIMIT, tmp_path / "out.wav")
    assert audio is not None
    np.testing.assert_array_equal(read_clip(tmp_path / "out.wav").samples, audio.samples)


@pytest.fixture
def pair() -> tuple[AudioClip, AudioClip]:
    original = tone(0.5)
    noise = 0.01 * np.random.default_rng(3).standard_normal(original.samples.shape)
    return original, original.with_samples((original.samples + noise).astype(np.float32))


def test_the_difference_is_version_minus_original_times_the_gain(pair: tuple[AudioClip, AudioClip]) -> None:
    made = difference(*pair, 20.0)
    np.testing.assert_allclose(
        made.clip.samples, 10 * (pair[1].samples - pair[0].samples), rtol=1e-5, atol=1e-7
    )
    assert (made.applied_db, made.reduced) == (20.0, False)


def test_the_difference_stops_at_full_scale_and_says_so(pair: tuple[AudioClip, AudioClip]) -> None:
    made = difference(*pair, 60.0)
    peak = np.abs(pair[1].samples - pair[0].samples).max()
    assert np.abs(made.clip.samples).max() == pytest.approx(1.0, abs=1e-6)
    assert np.abs(made.clip.samples).max() <= 1.0
    assert made.reduced
    assert made.applied_db == pytest.approx(-20 * np.log10(peak))


def test_no_difference_stays_silence_at_any_gain() -> None:
    clip = tone(0.5)
    made = difference(clip, clip, 80.0)
    assert not made.clip.samples.any()
    assert not made.reduced
