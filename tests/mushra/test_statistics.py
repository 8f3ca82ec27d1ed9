from __future__ import annotations

import math
import random
import statistics
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from earbench_mushra.design import Role
from earbench_mushra.errors import RatingsError
from earbench_mushra.ratings import Rating, Ratings, Vote, load_ratings
from earbench_mushra.screening import Rule
from earbench_mushra.statistics import (
    analyze,
    binomial_two_sided,
    binomial_upper,
    quartiles,
    summarize,
    t_interval,
)

if TYPE_CHECKING:
    from pathlib import Path

scores = st.lists(st.integers(0, 100).map(float), min_size=2, max_size=60)


@pytest.mark.parametrize(
    ("values", "expected"),
    [  # worked by hand: halves without the middle one
        ([6, 7, 15, 36, 39, 40, 41, 42, 43, 47, 49], (15, 40, 43)),
        ([7, 15, 36, 39, 40, 41], (15, 37.5, 40)),
        ([1, 2, 3, 4], (1.5, 2.5, 3.5)),
        ([3, 1, 2], (1, 2, 3)),
        ([10, 20], (10, 15, 20)),
        ([5], (5, 5, 5)),
    ],
)
def test_quartiles_are_medians_of_halves(values: list[float], expected: tuple[float, float, float]) -> None:
    assert quartiles(values) == expected


@given(scores)
def test_quartiles_against_the_standard_library(values: list[float]) -> None:
    ordered, half = sorted(values), len(values) // 2
    upper = ordered[half:] if len(values) % 2 == 0 else ordered[half + 1 :]
    expected = (statistics.median(ordered[:half]), statistics.median(values), statistics.median(upper))
    assert quartiles(values) == expected


def test_a_t_interval_worked_by_hand() -> None:
    # mean 70, s = sqrt(250), n = 5, t(0.975, 4) = 2.7764451: half width 2.7764451 * 7.0710678 = 19.63243
    low, high = t_interval([50, 60, 70, 80, 90])
    assert low == pytest.approx(70 - 19.63243, abs=1e-4)
    assert high == pytest.approx(70 + 19.63243, abs=1e-4)


@given(scores)
def test_summaries_against_scipy_and_numpy(values: list[float]) -> None:
    row = summarize("c", values)
    assert row.n == len(values)
    assert row.mean == pytest.approx(np.mean(values))
    assert row.median == np.median(values)
    if len(set(values)) > 1:
        low, high = scipy.stats.t.interval(0.95, len(values) - 1, np.mean(values), scipy.stats.sem(values))
        assert row.ci95_low == pytest.approx(low)
        assert row.ci95_high == pytest.approx(high)
    else:
        assert (row.ci95_low, row.ci95_high) == (values[0], values[0])


def test_one_rating_has_no_interval() -> None:
    row = summarize("c", [40])
    assert (row.mean, row.ci95_low, row.ci95_high, row.q1, row.q3) == (40, None, None, 40, 40)


@pytest.mark.parametrize(("k", "n", "p"), [(12, 16, 0.038), (9, 10, 0.011), (14, 20, 0.058), (15, 20, 0.021)])
def test_abx_chances_are_the_published_ones(k: int, n: int, p: float) -> None:
    assert round(binomial_upper(k, n), 3) == p


@given(st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_binomial_tests_against_scipy(case: tuple[int, int]) -> None:
    k, n = case
    if n == 0:
        assert binomial_two_sided(0, 0) == binomial_upper(0, 0) == 1
        return
    two_sided = scipy.stats.binomtest(k, n).pvalue
    assert binomial_two_sided(k, n) == pytest.approx(two_sided, rel=1e-9)
    greater = scipy.stats.binomtest(k, n, alternative="greater").pvalue
    assert binomial_upper(k, n) == pytest.approx(greater, rel=1e-9)


def test_conditions_are_in_order_and_over_all_listeners_and_items() -> None:
    chance = random.Random(1)
    systems = dict.fromkeys(("z", "mp3@128", "mp3@64", "amr-wb@12.65", "amr-wb@6.6", "b"), Role.SYSTEM)
    roles = {"anchor35": Role.ANCHOR35, **systems, "reference": Role.REFERENCE}
    ratings = [
        Rating(f"l{i}", f"i{j}", condition, role, 95 if role is Role.REFERENCE else chance.randrange(70))
        for i in range(4)
        for j in range(5)
        for condition, role in roles.items()
    ]
    analysis = analyze(Ratings(tuple(ratings)), Rule.NONE)
    ordered = ["reference", "amr-wb@6.6", "amr-wb@12.65", "b", "mp3@64", "mp3@128", "z", "anchor35"]
    assert [row.condition for row in analysis.conditions] == ordered
    assert analysis.conditions == analysis.all
    for row in analysis.conditions:
        own = [r.score for r in ratings if r.condition == row.condition]
        assert row.n == 20
        assert row.mean == pytest.approx(statistics.fmean(own))


def test_analysis_before_and_after_screening() -> None:
    good = [Rating("good", f"i{j}", c, Role(r), s) for j in range(4) for c, r, s in
            (("reference", "reference", 100), ("x", "system", 60), ("anchor70", "anchor70", 40))]  # fmt: skip
    bad = [Rating("bad", r.item, r.condition, r.role, 50) for r in good]
    analysis = analyze(Ratings((*good, *bad)), Rule.BS1534)
    assert [e.listener for e in analysis.excluded] == ["bad"]
    assert {row.condition: row.mean for row in analysis.conditions} == {
        "reference": 100, "x": 60, "anchor70": 40,
    }  # fmt: skip
    assert {row.condition: row.mean for row in analysis.all} == {"reference": 75, "x": 55, "anchor70": 45}
    assert list(analysis.as_dict()) == ["rule", "excluded", "conditions", "all", "warnings", "tests"]


def _warned(ratings: list[Rating], rule: Rule = Rule.BS1534) -> str:
    return "\n".join(analyze(Ratings(tuple(ratings)), rule).warnings)


def test_what_is_odd_about_the_ratings_is_warned_of() -> None:
    one = Rating("a", "i", "x", Role.SYSTEM, 90)
    assert "no rating of the hidden reference" in _warned([one])
    assert "most scores of the systems lie from 80 to 100" in _warned([one])
    low = Rating("a", "i", "reference", Role.REFERENCE, 10)
    assert "this rule screens out every listener" in _warned([low])
    assert "rated more than once" in _warned([one, one])
    assert "unbalanced: 2 combinations" in _warned([one, Rating("b", "j", "x", Role.SYSTEM, 1)])
    assert "no ratings yet" in _warned([])
    high_anchor = [Rating(name, "i", "anchor70", Role.ANCHOR70, 95) for name in "abc"]
    assert "mid anchor of i does not count" in _warned(high_anchor)


def test_preferences_count_by_condition_whatever_the_side() -> None:
    votes = [Vote("a", "i", "x", "y", "a")] * 6 + [Vote("b", "i", "y", "x", "b")] * 3
    votes += [Vote("b", "i", "y", "x", "a")] * 1 + [Vote("b", "i", "x", "y", "none")] * 4
    preference, position = analyze(Ratings(votes=tuple(votes))).tests
    assert (preference["option_1"], preference["wins_1"], preference["wins_2"]) == ("x", 9, 1)
    assert (preference["n"], preference["ties"]) == (10, 4)
    assert preference["p_value"] == pytest.approx(scipy.stats.binomtest(9, 10).pvalue)
    assert (position["chose_a"], position["chose_b"]) == (7, 3)
    assert position["p_value"] == pytest.approx(scipy.stats.binomtest(7, 10).pvalue)


def test_abx_is_tested_for_each_listener_and_all_together() -> None:
    votes = [Vote("a", "i", "x", "y", "a", x="x")] * 12 + [Vote("a", "i", "x", "y", "b", x="x")] * 4
    votes += [Vote("b", "i", "y", "x", "b", x="x")] * 2
    together, first, second = analyze(Ratings(votes=tuple(votes))).tests
    assert (together["listener"], together["n"], together["correct"]) == (None, 18, 14)
    assert (first["listener"], first["n"], first["correct"]) == ("a", 16, 12)
    assert first["p_value"] == pytest.approx(0.0384, abs=1e-4)
    assert (second["listener"], second["correct"], second["p_value"]) == ("b", 2, 0.25)


def _csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "r.csv"
    path.write_bytes(text.encode())
    return path


def test_a_csv_of_another_program_needs_four_columns(tmp_path: Path) -> None:
    text = '\ufeffscore,item,listener,condition\r\n90.5,"a, b",l,reference\r\n3,"a, b",l,anchor70\r\n'
    text += "4,c,l,opus\r\n"
    assert load_ratings(_csv(tmp_path, text)).scores == (
        Rating("l", "a, b", "reference", Role.REFERENCE, 90.5),
        Rating("l", "a, b", "anchor70", Role.ANCHOR70, 3),
        Rating("l", "c", "opus", Role.SYSTEM, 4),
    )


def test_a_role_column_goes_before_the_name(tmp_path: Path) -> None:
    text = "listener,item,condition,score,role,training\n"
    text += "l,i,HR,90,reference,\nl,i,LP,3,anchor35,false\nl,i,x,1,,true\n"
    assert [r.role for r in load_ratings(_csv(tmp_path, text)).scores] == [Role.REFERENCE, Role.ANCHOR35]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listener,item,score\nl,i,3\n", "no column condition"),
        ("listener;item;condition;score\nl;i;c;3\n", "separated by commas"),
        ("listener,item,condition,score\nl,i,c,3\nl,i,d,abc\n", "line 3, score: 'abc' is not a number"),
        ("listener,item,condition,score\nl,i,c,101\n", "line 2, score: '101'"),
        ("listener,item,condition,score\nl,i,c,nan\n", "line 2, score: 'nan'"),
        ("listener,item,condition,score\nl,,c,1\n", "line 2: item is empty"),
        ("listener,item,condition,score\nl,i,c\n", "line 2: score is empty"),
        ("listener,item,condition,score,role\nl,i,c,1,king\n", "line 2, role: 'king'"),
        ("listener,item,option_a,option_b,choice\nl,i,x,y,x\n", "line 2, choice: 'x'"),
        ("", "no column"),
    ],
)
def test_a_faulty_csv_is_refused_by_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    path = _csv(tmp_path, text)
    with pytest.raises(RatingsError) as caught:
        load_ratings(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RatingsError, match="UTF-8"):
        load_ratings(path)
    with pytest.raises(RatingsError, match="cannot be read"):
        load_ratings(tmp_path / "none.csv")


def test_scores_with_decimals_are_summed_exactly() -> None:
    assert summarize("c", [0.1] * 10).mean == math.fsum([0.1] * 10) / 10 == 0.1
