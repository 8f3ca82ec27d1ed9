"""What is said where a signal did not take the rate that was asked for."""

from __future__ import annotations

import pytest

from earbench_assets import clip_paths
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip
from earbench_codecs.neural.rate_notes import average_notes, constant_notes
from earbench_codecs.registry import default_registry

ENDS_S = [1.1, 2.2, 3.3, 4.4, 4.6]
SIZES = [1100, 1100, 1100, 1100, 200]  # 8 kbps


def test_a_rate_that_is_met_needs_no_words():
    assert average_notes(8, 8.07) == []
    assert constant_notes(8, SIZES, ENDS_S) == []
    assert constant_notes(8, [1110, 1090, 1115, 1095, 203], ENDS_S) == []


def test_a_rate_that_is_missed_is_told():
    assert average_notes(6, 7.716) == ["6 kbps were asked for, 7.72 came: this sound takes no fewer bits"]
    assert average_notes(24, 23.65) == ["24 kbps were asked for, 23.65 came: the nearest that was found"]
    assert average_notes(24, 16.3) == ["24 kbps were asked for, 16.30 came: this sound takes no more bits"]


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([1100, 1210, 1100, 1100, 200], "8.80 came: this sound cannot be held"),
        ([1100, 1210, 990, 1100, 200], "7.20 to 8.80 came: this sound cannot be held"),
        ([1100, 1100, 1100, 1000, 350], "8.31 came: this sound cannot be held"),
    ],
)
def test_a_second_that_is_off_is_told(sizes, words):
    (note,) = constant_notes(8, sizes, ENDS_S)
    assert note.startswith(f"8 kbps were asked for in any second, {words}")


def test_what_is_left_of_a_unit_counts_with_the_segment_before():
    assert constant_notes(8, [1100, 1100, 1040, 80], [1.1, 2.2, 3.3, 3.32]) == []
    (note,) = constant_notes(8, [1100, 1100, 1100, 80], [1.1, 2.2, 3.3, 3.32])
    assert "8.43 came" in note


def test_what_is_shorter_than_a_second_is_held_as_a_whole():
    assert constant_notes(8, [500], [0.5]) == []
    assert constant_notes(8, [600], [0.5]) != []


@pytest.mark.parametrize("options", [{}, {"mode": "cbr"}])
def test_castanets_have_the_rate_of_other_music(options):
    """Their attacks take as many bits at the usual gain as offsets of seven octaves do not take away."""
    codec = default_registry().codec("mdct-hyper-44k")
    path = next(path for path in clip_paths() if path.stem == "castanets")
    encoded = codec.encode(read_clip(path), Setting.of(24, **options))
    assert encoded.bitrate_kbps == pytest.approx(24, rel=0.01)
    assert [note for note in encoded.notes if "asked for" in note] == []
