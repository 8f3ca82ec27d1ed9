from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earbench_mushra.design import Condition, Item, Role, Stimulus, Study, TestType
from earbench_mushra.study_files import file_sha256, opaque_name, save_study, stimulus_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONDITIONS = (
    Condition("reference", "Original", Role.REFERENCE),
    Condition("opus32", "Opus 32 kbps", codec="opus", setting="32"),
    Condition("mp3_64", "MP3 64 kbps", codec="mp3", setting="64"),
    Condition("anchor35", "3.5 kHz", Role.ANCHOR35),
    Condition("anchor70", "7 kHz", Role.ANCHOR70),
)


def make_study(folder: Path, n_items: int = 3, n_training: int = 1, **changes: object) -> Study:
    """Write a study whose stimuli are distinct bytes; nothing in these tests decodes them."""
    (folder / "stimuli").mkdir(parents=True, exist_ok=True)
    items = [Item(f"t{i}", f"Training {i}", training=True) for i in range(n_training)]
    items += [Item(f"i{i}", f"Item {i}") for i in range(n_items)]
    conditions = changes.get("conditions", CONDITIONS)
    assert isinstance(conditions, tuple)
    cells = []
    for item in items:
        for condition in conditions:
            name = opaque_name()
            path = stimulus_path(folder, name)
            path.write_bytes(f"{item.id}/{condition.id}".encode())
            rate = 31.9 if condition.id == "opus32" else None
            cells.append(Stimulus(item.id, condition.id, name, file_sha256(path), rate))
    fields: dict[str, object] = {
        "name": "demo",
        "title": "A test",
        "test_type": TestType.MUSHRA,
        "items": tuple(items),
        "conditions": CONDITIONS,
        "stimuli": tuple(cells),
        "instructions": "Listen.",
        "seed": 7,
    }
    study = Study(**(fields | changes))  # type: ignore[arg-type]
    save_study(study, folder)
    return study


@pytest.fixture
def study_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of study folders."""
    made = iter(range(100))

    def make(**changes: object) -> Path:
        folder = tmp_path / f"study{next(made)}"
        make_study(folder, **changes)  # type: ignore[arg-type]
        return folder

    return make
