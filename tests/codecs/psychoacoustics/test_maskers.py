"""Finding maskers, on spectra made by hand."""

import numpy as np
import pytest
import torch

from earbench_codecs.psychoacoustics.bark import band_matrix, bark, line_frequencies_hz
from earbench_codecs.psychoacoustics.maskers import (
    Maskers,
    apart,
    audible,
    examined_lines,
    noise_maskers,
    tonal_lines,
    tonal_maskers,
    tonal_ranges,
)

FLOOR_DB = -20.0


def spectrum(levels_db: dict[int, float], n_lines: int = 257) -> torch.Tensor:
    """One frame [1, K] of power with these lines above a floor."""
    level = torch.full((1, n_lines), FLOOR_DB, dtype=torch.float64)
    for line, level_db in levels_db.items():
        level[0, line] = level_db
    return 10 ** (level / 10)


def tones(levels_db: dict[int, float]) -> list[int]:
    return tonal_lines(spectrum(levels_db))[0].nonzero().squeeze(1).tolist()


def test_ranges_are_the_standards() -> None:
    assert tonal_ranges(512) == [(3, 63, 2), (63, 127, 3), (127, 251, 6)]
    assert tonal_ranges(1024) == [(3, 63, 2), (63, 127, 3), (127, 255, 6), (255, 501, 12)]


@pytest.mark.parametrize(("line", "reach"), [(3, 2), (62, 2), (63, 3), (126, 3), (127, 6), (250, 6)])
def test_a_tone_stands_7_db_above_all_lines_within_reach(line: int, reach: int) -> None:
    assert tones({line: 60}) == [line]
    for sign in (-1, 1):
        if 0 <= line + sign * reach <= 256:
            assert line not in tones({line: 60, line + sign * reach: 53.01})
            assert line in tones({line: 60, line + sign * reach: 52.99})
        beyond = line + sign * (reach + 1)
        if 0 <= beyond <= 256:
            assert line in tones({line: 60, beyond: 58})


@pytest.mark.parametrize("line", [1, 2, 251, 255])
def test_no_tone_at_the_ends(line: int) -> None:
    assert tones({line: 60}) == []


def test_direct_neighbours_may_be_strong_but_not_stronger() -> None:
    assert tones({40: 60, 41: 59.9, 39: 59.9}) == [40]
    assert tones({40: 60, 41: 60}) == [40]  # X(k) > X(k - 1), X(k) >= X(k + 1)
    assert tones({40: 60, 39: 60.1}) == [39]


def test_a_tonal_masker_is_the_sum_of_three_lines() -> None:
    power = spectrum({40: 60, 39: 54, 41: 50})
    found = tonal_maskers(power, tonal_lines(power))
    assert found.line.tolist() == [40]
    assert 10 * np.log10(found.power.item()) == pytest.approx(10 * np.log10(10**6 + 10**5.4 + 10**5))


def test_lines_that_were_compared_are_no_noise() -> None:
    tonal = torch.zeros(1, 257, dtype=torch.bool)
    tonal[0, [20, 100, 200]] = True
    lines = examined_lines(tonal)[0].nonzero().squeeze(1).tolist()
    assert lines == [*range(18, 23), *range(97, 104), *range(194, 207)]


def test_noise_maskers_hold_what_the_tones_left_at_its_centre_of_power() -> None:
    """At 32 kHz and 512 lines 15 and 16 and 17 (937.5 to 1062.5 Hz) make up the band from 8 Bark."""
    _, bands = band_matrix(512, 32_000)
    band_8 = bands[:, bands[16] == 1][:, 0].nonzero()[0].tolist()
    assert band_8 == [15, 16, 17]
    power = spectrum({15: 60, 16: 60, 17: 63.0103}, 257)
    found = noise_maskers(power, torch.zeros_like(power, dtype=torch.bool), torch.from_numpy(bands))
    at = found.line.tolist().index(16)  # (15 + 16 + 2 × 17) / 4 = 16.25
    assert 10 * np.log10(found.power[at].item()) == pytest.approx(66.0206, abs=1e-4)
    assert len(found.line) == bands.shape[1]


def test_no_noise_masker_in_an_empty_band() -> None:
    _, bands = band_matrix(512, 32_000)
    power = torch.zeros(2, 257, dtype=torch.float64)
    power[1, 16] = 1.0
    found = noise_maskers(power, torch.zeros_like(power, dtype=torch.bool), torch.from_numpy(bands))
    assert (found.frame.tolist(), found.line.tolist()) == ([1], [16])


def maskers(*frames: dict[int, float]) -> Maskers:
    listed = [(f, line, 10 ** (db / 10)) for f, frame in enumerate(frames) for line, db in frame.items()]
    frame, line, power = zip(*listed, strict=True)
    return Maskers(torch.tensor(frame), torch.tensor(line), torch.tensor(power))


def test_maskers_below_the_threshold_in_quiet_are_dropped() -> None:
    quiet = torch.full((257,), 10.0)  # 10 dB
    found = audible(maskers({5: 9.99, 6: 10.01}, {7: 10.01}), quiet)
    assert (found.frame.tolist(), found.line.tolist()) == ([0, 1], [6, 7])


@pytest.mark.parametrize(
    ("frame", "stands"),
    [
        ({100: 50.0, 104: 60.0}, [104]),
        ({100: 60.0, 104: 50.0}, [100]),
        ({100: 60.0, 104: 60.0}, [100]),  # of two alike the lower stays
        ({100: 50.0, 111: 60.0}, [100, 111]),  # 0.53 Bark
        ({100: 50.0, 104: 55.0, 108: 60.0}, [108]),
        ({100: 60.0, 106: 55.0, 112: 50.0}, [100, 112]),  # the middle one falls, the last is far enough
        ({100: 50.0, 106: 60.0, 112: 55.0}, [106]),
        ({100: 60.0}, [100]),
    ],
)
def test_tones_less_than_half_a_bark_apart_leave_the_stronger(
    frame: dict[int, float], stands: list[int]
) -> None:
    z = torch.from_numpy(bark(line_frequencies_hz(512, 44_100)))
    assert z[106] - z[100] < 0.5 < z[111] - z[100]
    both = apart(maskers(frame, {50: 20.0}, frame), z)
    assert both.line.tolist() == [*stands, 50, *stands]
    assert both.frame.tolist() == [0] * len(stands) + [1] + [2] * len(stands)
