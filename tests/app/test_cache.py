from __future__ import annotations

import errno
import math
import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from audition_doubles import figures, tone

from earbench_app.audition.cache import CachedVersion, VersionCache, cache_key
from earbench_codecs.base import Setting

if TYPE_CHECKING:
    from pathlib import Path

KEY = cache_key("clip", "mp3", "1", Setting.of(64), None)


def entry(seconds: float = 0.5, **changes: object) -> CachedVersion:
    return CachedVersion(tone(seconds, n_channels=2), figures(**changes))


def age(folder: Path, key: str, seconds: float) -> None:
    path = next(folder.glob(f"{key}*"))
    os.utime(path, (time.time() - seconds,) * 2)


def test_what_was_put_comes_back_bit_for_bit(tmp_path: Path) -> None:
    cache, stored = VersionCache(tmp_path / "new", 2**30), entry(notes=("resampled", "α"), sdr_db=math.inf)
    cache.put(KEY, stored)
    found = cache.get(KEY)
    assert found is not None
    np.testing.assert_array_equal(found.clip.samples, stored.clip.samples)
    assert found.clip.sample_rate_hz == stored.clip.sample_rate_hz
    assert found.figures == stored.figures


def test_an_unknown_key_is_a_miss(tmp_path: Path) -> None:
    assert VersionCache(tmp_path, 2**30).get(KEY) is None


@pytest.mark.parametrize("where", [0, 31, 32, 40, 200, -1])
def test_a_flipped_bit_anywhere_is_a_miss_and_the_entry_goes(tmp_path: Path, where: int) -> None:
    cache = VersionCache(tmp_path, 2**30)
    cache.put(KEY, entry())
    path = next(tmp_path.iterdir())
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    assert cache.get(KEY) is None
    assert not path.exists()
    cache.put(KEY, entry())
    assert cache.get(KEY) is not None


@pytest.mark.parametrize("n_kept", [0, 10, 32, 33, 1000])
def test_a_cut_file_is_a_miss(tmp_path: Path, n_kept: int) -> None:
    cache = VersionCache(tmp_path, 2**30)
    cache.put(KEY, entry())
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:n_kept])
    assert cache.get(KEY) is None


def test_what_cannot_be_read_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.version").mkdir()
    assert VersionCache(tmp_path, 2**30).get(KEY) is None


def test_a_read_only_cache_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, stored = VersionCache(tmp_path, 2**30), entry()
    cache.put(KEY, stored)

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(os, "utime", refuse)
    found = cache.get(KEY)
    assert found is not None
    assert found.figures == stored.figures


def test_the_key_depends_on_all_that_the_result_depends_on() -> None:
    keys = [
        cache_key("clip", "mp3", "1", Setting.of(64), None),
        cache_key("other", "mp3", "1", Setting.of(64), None),
        cache_key("clip", "aac", "1", Setting.of(64), None),
        cache_key("clip", "mp3", "2", Setting.of(64), None),
        cache_key("clip", "mp3", "1", Setting.of(96), None),
        cache_key("clip", "mp3", "1", Setting.of(64, stereo="joint"), None),
        cache_key("clip", "mp3", "1", Setting.of(None, vbr=2), None),
        cache_key("clip", "mp3", "1", Setting.of(64), "sha"),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == KEY


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    one_bytes = 4 * 2 * 8000 + 1000
    cache = VersionCache(tmp_path, 3 * one_bytes)
    keys = [cache_key(f"clip {i}", "mp3", "1", Setting(), None) for i in range(4)]
    for i, key in enumerate(keys[:3]):
        cache.put(key, entry())
        age(tmp_path, key, 100 - i)
    assert cache.get(keys[0]) is not None  # used just now, so the second is the oldest
    cache.put(keys[3], entry())
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]


def test_the_limit_holds_however_much_is_put(tmp_path: Path) -> None:
    cache = VersionCache(tmp_path, 200_000)
    for i in range(12):
        cache.put(cache_key(str(i), "mp3", "1", Setting(), None), entry())
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 200_000


def test_rests_of_killed_workers_are_swept_but_not_those_under_way(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".x.1.part", tmp_path / ".y.2.part"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    VersionCache(tmp_path, 2**30).trim()
    assert (old.exists(), fresh.exists()) == (False, True)


def test_trimming_keeps_newest_first(tmp_path: Path) -> None:
    cache = VersionCache(tmp_path, 2**30)
    keys = [cache_key(str(i), "mp3", "1", Setting(), None) for i in range(5)]
    for i, key in enumerate(keys):
        cache.put(key, entry())
        age(tmp_path, key, 50 - 10 * i)
    VersionCache(tmp_path, 3 * (4 * 2 * 8000 + 1000)).trim()
    there = [cache.get(key) is not None for key in keys]
    assert there == sorted(there), "an older entry outlived a newer one"
    assert any(a != b for a, b in pairwise(there))
