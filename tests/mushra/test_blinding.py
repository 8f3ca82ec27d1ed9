from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from earbench_mushra.blinding import HashStream, TrialPlan, plan_sitting
from earbench_mushra.design import Condition, Item, Role, Study, TestType

ids = ("reference", "c1", "c2")
BASE = Study(
    name="s",
    title="",
    test_type=TestType.MUSHRA,
    items=(*(Item(f"t{i}", "", training=True) for i in range(2)), *(Item(f"i{i}", "") for i in range(3))),
    conditions=(Condition("reference", "", Role.REFERENCE), Condition("c1", ""), Condition("c2", "")),
    stimuli=(),
    seed=5,
)


def _paired(test_type: TestType, repetitions: int = 4, n_items: int = 3, **changes: object) -> Study:
    items = tuple(Item(f"i{i}", "") for i in range(n_items))
    return dataclasses.replace(
        BASE, test_type=test_type, items=items, pairs=(("c1", "c2"), ("c1", "reference")),
        repetitions=repetitions, **changes,
    )  # fmt: skip


def _second_opinion(key: list[object], sizes: list[int]) -> list[int]:
    """The documented generator, written again from its description."""
    blocks = (
        hashlib.sha256(json.dumps(["earbench", *key]).encode() + n.to_bytes(8, "big")) for n in range(99)
    )
    data = b"".join(block.digest() for block in blocks)
    words = iter([int.from_bytes(data[i : i + 8], "big") for i in range(0, len(data), 8)])
    return [next(words) % n for n in sizes]


@given(st.integers(), st.text(max_size=10), st.integers(1, 9), st.lists(st.integers(1, 1000), max_size=20))
def test_numbers_follow_the_documented_generator(seed: int, name: str, number: int, sizes: list[int]) -> None:
    stream = HashStream(seed, name, number)
    assert [stream.below(n) for n in sizes] == _second_opinion([seed, name, number], sizes)


def test_an_order_never_changes_between_versions() -> None:
    """Orders are part of published data: these come from the first release."""
    assert HashStream(7, "anna", 1).shuffled("ABCDEFGH") == list("AGEDFBHC")


def test_uneven_words_are_rejected() -> None:
    stream = HashStream()
    limit = 2**64 - 2**64 % 3
    stream._words = iter([limit, limit + 1, 4])
    assert stream.below(3) == 1


@given(st.integers(), st.text(), st.integers(1, 5))
def test_a_sitting_holds_every_item_once_training_first(seed: int, listener: str, number: int) -> None:
    study = dataclasses.replace(BASE, seed=seed)
    plan = plan_sitting(study, listener, number)
    assert plan == plan_sitting(study, listener, number)
    assert sorted(trial.item for trial in plan) == sorted(item.id for item in study.items)
    assert [trial.training for trial in plan] == [True, True, False, False, False]
    for trial in plan:
        assert list(trial.conditions) == ["R", "A", "B", "C"]
        assert trial.conditions["R"] == "reference"
        assert sorted(list(trial.conditions.values())[1:]) == sorted(ids)


def _plans(study: Study, n: int = 600) -> list[list[TrialPlan]]:
    return [plan_sitting(study, f"listener {i}", 1) for i in range(n)]


def _uniform(values: list[tuple[str, ...]], n_possible: int) -> None:
    counts = Counter(values)
    assert len(counts) == n_possible
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_item_orders_and_label_permutations_are_uniform() -> None:
    plans = _plans(BASE)
    _uniform([tuple(trial.item for trial in plan if not trial.training) for plan in plans], 6)
    for position in range(5):
        _uniform([tuple(list(plan[position].conditions.values())[1:]) for plan in plans], 6)


def test_labels_of_one_trial_say_nothing_about_the_next() -> None:
    values = [
        (plan[2].conditions["A"], plan[3].conditions["A"]) for plan in _plans(BASE)
    ]  # fmt: skip
    _uniform(values, 9)


def test_sittings_listeners_and_seeds_differ() -> None:
    others = [
        plan_sitting(BASE, "a", 2),
        plan_sitting(BASE, "b", 1),
        plan_sitting(dataclasses.replace(BASE, seed=6), "a", 1),
        plan_sitting(BASE, "a", 1),
    ]
    assert all(a != b for a, b in itertools.combinations(others, 2))


@given(listener=st.text(), repetitions=st.integers(1, 6), n_items=st.integers(1, 5))
def test_sides_are_balanced(listener: str, repetitions: int, n_items: int) -> None:
    study = _paired(TestType.AB, repetitions, n_items)
    plan = plan_sitting(study, listener, 1)
    assert Counter(trial.item for trial in plan) == {f"i{i}": 2 * repetitions for i in range(n_items)}
    for pair in study.pairs:
        sides = [t.conditions["A"] for t in plan if {t.conditions["A"], t.conditions["B"]} == set(pair)]
        assert len(sides) == repetitions * n_items
        assert abs(sides.count(pair[0]) - sides.count(pair[1])) == len(sides) % 2
    assert all(trial.conditions["R"] == "reference" for trial in plan)


def test_without_the_original_there_is_no_reference_to_hear() -> None:
    plan = plan_sitting(_paired(TestType.AB, show_reference=False), "a", 1)
    assert all(set(trial.conditions) == {"A", "B"} for trial in plan)


def test_x_is_a_fair_and_independent_coin() -> None:
    plans = _plans(_paired(TestType.ABX, repetitions=2, n_items=1), 800)
    is_a = [tuple(str(t.conditions["X"] == t.conditions["A"]) for t in plan) for plan in plans]
    assert all(trial.conditions["X"] in (trial.conditions["A"], trial.conditions["B"]) for trial in plans[0])
    _uniform(is_a, 2**4)
