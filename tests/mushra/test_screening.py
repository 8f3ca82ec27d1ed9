from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_mushra.design import Role
from earbench_mushra.ratings import Rating
from earbench_mushra.screening import Exclusion, Rule, exempt_items, screen


def _listener(
    name: str, references: list[float], mids: list[float] | None = None, lows: list[float] | None = None
) -> list[Rating]:
    columns = ((Role.REFERENCE, references), (Role.ANCHOR70, mids or []), (Role.ANCHOR35, lows or []))
    return [
        Rating(name, f"i{i:02d}", role.value, role, score)
        for role, values in columns
        for i, score in enumerate(values)
    ]


def _names(ratings: list[Rating], rule: Rule) -> list[str]:
    return [exclusion.listener for exclusion in screen(ratings, rule)]


@pytest.mark.parametrize(
    ("n_low", "n", "out"),
    [
        (0, 20, False),
        (1, 20, False),
        (3, 20, False),
        (4, 20, True),
        (1, 7, False),
        (1, 6, True),
        (2, 10, True),
    ],
)
def test_more_than_fifteen_percent_low_references_exclude(n_low: int, n: int, out: bool) -> None:
    ratings = _listener("a", [89.9] * n_low + [90.0] * (n - n_low))
    assert bool(screen(ratings, Rule.BS1534)) is out


def test_one_low_reference_of_ten_does_not_exclude_but_the_mpeg_rule_does() -> None:
    ratings = _listener("a", [20] + [100] * 9)
    assert _names(ratings, Rule.BS1534) == []
    assert screen(ratings, Rule.MPEG) == [Exclusion("a", "hidden reference below 90 on i00")]
    assert _names(ratings, Rule.NONE) == []


def test_the_reason_tells_counts_and_limit() -> None:
    (exclusion,) = screen(_listener("a", [89] * 3 + [100] * 7), Rule.BS1534)
    assert exclusion.reason == "hidden reference below 90 on 3 of 10 items (30 %, limit 15 %)"


def test_high_mid_anchors_exclude() -> None:
    crowd = [r for n in range(7) for r in _listener(f"ok{n}", [100] * 10, [90] * 10)]
    bad = _listener("bad", [100] * 10, [90.5] * 2 + [50] * 8)
    assert _names(crowd + bad, Rule.BS1534) == ["bad"]
    edge = _listener("edge", [100] * 10, [90.5] + [90] * 9)
    assert _names(crowd + edge, Rule.BS1534) == []


def test_an_item_whose_mid_anchor_over_a_quarter_rate_high_does_not_count() -> None:
    high, low = [95.0, 95.0, *[50.0] * 8], [50.0] * 10
    two_of_eight = [r for n in range(8) for r in _listener(f"l{n}", [100] * 10, high if n < 2 else low)]
    assert exempt_items(two_of_eight) == set()  # 25 % is not more than 25 %
    assert _names(two_of_eight, Rule.BS1534) == ["l0", "l1"]
    three_of_eight = [r for n in range(8) for r in _listener(f"l{n}", [100] * 10, high if n < 3 else low)]
    assert exempt_items(three_of_eight) == {"i00", "i01"}
    assert _names(three_of_eight, Rule.BS1534) == []


def test_both_reasons_are_told() -> None:
    crowd = [r for n in range(7) for r in _listener(f"ok{n}", [100] * 4, [50] * 4)]
    (exclusion,) = screen(crowd + _listener("x", [10] * 4, [95] * 4), Rule.BS1534)
    assert "hidden reference below 90 on 4 of 4" in exclusion.reason
    assert "mid anchor above 90 on 4 of 4" in exclusion.reason


@pytest.mark.parametrize(
    ("reference", "mid", "low", "out"),
    [(100, 50, 20, False), (90, 90, 90, False), (100, 20, 50, True), (91, 92, 20, True), (89, 50, 20, True)],
)
def test_the_mpeg_rule_wants_the_anchors_in_order(
    reference: float, mid: float, low: float, out: bool
) -> None:
    ratings = _listener("a", [100, reference], [50, mid], [20, low])
    assert bool(screen(ratings, Rule.MPEG)) is out


def test_the_mpeg_rule_judges_each_sitting_by_itself() -> None:
    def sitting(name: str, mid: float, low: float) -> list[Rating]:
        parts = ((Role.REFERENCE, 100.0), (Role.ANCHOR70, mid), (Role.ANCHOR35, low))
        return [Rating("a", "i", role.value, role, score, session_id=name) for role, score in parts]

    assert _names(sitting("1", 50, 40) + sitting("2", 30, 20), Rule.MPEG) == []
    assert _names(sitting("1", 50, 40) + sitting("2", 20, 30), Rule.MPEG) == ["a"]


@given(st.lists(st.integers(80, 100), min_size=1, max_size=30))
def test_the_reference_rule_against_its_definition(scores: list[int]) -> None:
    share = sum(score < 90 for score in scores) / len(scores)
    assert bool(screen(_listener("a", [float(s) for s in scores]), Rule.BS1534)) is (share > 0.15)


def test_the_order_of_the_rows_does_not_matter() -> None:
    ratings = [r for n in range(5) for r in _listener(f"l{n}", [80 + 5 * n] * 4, [50] * 4)]
    assert screen(ratings, Rule.BS1534) == screen(ratings[::-1], Rule.BS1534)
