"""A small study on disk whose stimuli are told apart by their tone."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf

from earbench_mushra.design import Condition, Item, Role, Stimulus, Study, TestType
from earbench_mushra.study_files import file_sha256, opaque_name, save_study, stimulus_path

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 16_000
CONDITIONS = (
    Condition("reference", "Hidden reference", Role.REFERENCE),
    Condition("secret-mp3", "Secret MP3 32 kbps", codec="mp3", setting="32"),
    Condition("secret-opus", "Secret Opus 24 kbps", codec="opus", setting="24"),
    Condition("anchor35", "3.5 kHz anchor", Role.ANCHOR35),
)


def make_small_study(folder: Path, test_type: TestType = TestType.MUSHRA, **changes) -> Study:
    """Two items and one for training; four conditions, or one pair."""
    items = (Item("warm-up", "Warm-up", training=True), Item("first", "First"), Item("second", "Second"))
    conditions = CONDITIONS if test_type is TestType.MUSHRA else CONDITIONS[:3]
    pairs = () if test_type is TestType.MUSHRA else (("secret-mp3", "secret-opus"),)
    (folder / "stimuli").mkdir(parents=True)
    stimuli = [
        _stimulus(folder, item.id, condition.id, 200 + 50 * number)
        for number, (item, condition) in enumerate(product(items, conditions))
    ]
    fields = {
        "name": "pilot",
        "title": "Listening test",
        "items": items,
        "conditions": conditions,
        "stimuli": tuple(stimuli),
        "pairs": pairs,
        "instructions": "Listen.",
        "seed": 3,
    }
    study = Study(test_type=test_type, **{**fields, **changes})
    save_study(study, folder)
    return study


def _stimulus(folder: Path, item: str, condition: str, tone_hz: float) -> Stimulus:
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    path = stimulus_path(folder, opaque_name())
    sf.write(path, 0.2 * np.sin(2 * np.pi * tone_hz * t), RATE_HZ, subtype="PCM_24")
    return Stimulus(item, condition, path.name, file_sha256(path), None)
