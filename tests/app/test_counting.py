"""One thing, many things, and how large a study is said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies import make_small_study

from earbench_app.counting import counted, study_size
from earbench_mushra.design import TestType

if TYPE_CHECKING:
    from pathlib import Path


def test_one_is_not_many() -> None:
    assert [counted(n, "file") for n in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_the_reference_of_pairs_is_no_condition(tmp_path: Path) -> None:
    mushra = make_small_study(tmp_path / "mushra")
    pairs = make_small_study(tmp_path / "ab", TestType.AB)
    n_items = len({item.id for item in mushra.items if not item.training})
    assert study_size(mushra) == f"{counted(n_items, 'item')} × {len(mushra.conditions)} conditions"
    assert study_size(pairs).endswith(f"× {counted(len(pairs.conditions) - 1, 'condition')}")
