"""Statistics of ratings: per condition for MUSHRA, exact binomial tests for A/B and ABX."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from earbench_mushra.design import Role
from earbench_mushra.screening import Exclusion, Rule, exempt_items, screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from earbench_mushra.ratings import Rating, Ratings, Vote

CONFIDENCE = 0.95
TOP_OF_SCALE = 80.0

_ROLE_ORDER = (Role.REFERENCE, Role.SYSTEM, Role.ANCHOR70, Role.ANCHOR35)


@dataclass(frozen=True, slots=True)
class ConditionSummary:
    """Scores of one condition, over all listeners and items.

    Parameters
    ----------
    condition : str
    n : int
    mean : float
    ci95_low, ci95_high : float, optional
        t interval of the mean; None for one rating.
    median, q1, q3 : float
        Quartiles are medians of the lower and upper half, the middle score of an odd number in neither.
    """

    condition: str
    n: int
    mean: float
    ci95_low: float | None
    ci95_high: float | None
    median: float
    q1: float
    q3: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """What `earbench analyze` reports: `conditions` after screening, `all` before.

    Parameters
    ----------
    rule : Rule
    excluded : tuple of Exclusion
    conditions, all : tuple of ConditionSummary
    warnings : tuple of str
    tests : tuple of dict
        Each with its name under "test", and its p_value.
    """

    rule: Rule
    excluded: tuple[Exclusion, ...]
    conditions: tuple[ConditionSummary, ...]
    all: tuple[ConditionSummary, ...]
    warnings: tuple[str, ...]
    tests: tuple[dict[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def analyze(ratings: Ratings, rule: Rule = Rule.BS1534) -> Analysis:
    """Screen the listeners and summarise the scores; or test the votes."""
    excluded = screen(ratings.scores, rule)
    out = {exclusion.listener for exclusion in excluded}
    kept = [rating for rating in ratings.scores if rating.listener not in out]
    return Analysis(
        rule=rule,
        excluded=tuple(excluded),
        conditions=summarize_conditions(kept),
        all=summarize_conditions(ratings.scores),
        warnings=tuple(_warnings(ratings, kept, rule)),
        tests=tuple(_tests(ratings.votes)),
    )


def summarize_conditions(ratings: Iterable[Rating]) -> tuple[ConditionSummary, ...]:
    """Summarise each condition: the reference first, systems by name, 8 before 16, then the anchors."""
    groups: dict[tuple[int, str], list[float]] = defaultdict(list)
    for rating in ratings:
        groups[_ROLE_ORDER.index(rating.role), rating.condition].append(rating.score)
    ordered = sorted(groups.items(), key=lambda group: (group[0][0], _by_number(group[0][1])))
    return tuple(summarize(name, scores) for (_, name), scores in ordered)


def _by_number(name: str) -> list[tuple[float, str]]:
    """Return a key that sorts numbers within names by their value."""
    parts = re.split(r"(\d+(?:\.\d+)?)", name)
    return [(float(part), "") if i % 2 else (-1.0, part) for i, part in enumerate(parts)]


def summarize(condition: str, scores: Sequence[float]) -> ConditionSummary:
    """Summarise the scores of a condition; there must be one at least."""
    mean = math.fsum(scores) / len(scores)
    low, high = t_interval(scores)
    q1, middle, q3 = quartiles(scores)
    return ConditionSummary(condition, len(scores), mean, low, high, middle, q1, q3)


def t_interval(scores: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float | None, float | None]:
    """Return the t interval of the mean; (None, None) for fewer than two scores."""
    n = len(scores)
    if n < 2:
        return None, None
    from scipy.special import stdtrit  # not needed to run a test, and slow to import

    mean = math.fsum(scores) / n
    variance = math.fsum((score - mean) ** 2 for score in scores) / (n - 1)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * math.sqrt(variance / n)
    return mean - half, mean + half


def quartiles(scores: Sequence[float]) -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile, by median-of-halves.

    With an odd number of scores the middle one is in neither half; a single score is all three.
    """
    ordered = sorted(scores)
    half = len(ordered) // 2
    if half == 0:
        return ordered[0], ordered[0], ordered[0]
    return _median(ordered[:half]), _median(ordered), _median(ordered[-half:])


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def binomial_upper(n_successes: int, n: int) -> float:
    """Return the exact chance of so many successes or more in n fair trials."""
    n_ways: int = sum(math.comb(n, k) for k in range(n_successes, n + 1))
    return n_ways / (1 << n)


def binomial_two_sided(n_successes: int, n: int) -> float:
    """Return the exact chance of a result at least so far from n / 2, either way, in n fair trials."""
    return min(1.0, 2 * binomial_upper(max(n_successes, n - n_successes), n))


def _tests(votes: Sequence[Vote]) -> Iterator[dict[str, Any]]:
    pairs: dict[tuple[str, str], list[Vote]] = defaultdict(list)
    for vote in votes:
        pairs[min(vote.option_a, vote.option_b), max(vote.option_a, vote.option_b)].append(vote)
    for (first, second), own in sorted(pairs.items()):
        compared = {"option_1": first, "option_2": second}
        if own[0].x:
            yield from _abx_tests(compared, own)
        else:
            yield _preference_test(compared, own)
            yield _position_test(compared, own)


def _preference_test(compared: dict[str, str], votes: Sequence[Vote]) -> dict[str, Any]:
    wins = [sum(vote.preferred == option for vote in votes) for option in compared.values()]
    return {
        "test": "preference: exact binomial, two-sided, on decided votes",
        **compared,
        "n": sum(wins),
        "wins_1": wins[0],
        "wins_2": wins[1],
        "ties": len(votes) - sum(wins),
        "ties_rule": "left out",
        "p_value": binomial_two_sided(wins[0], sum(wins)),
    }


def _position_test(compared: dict[str, str], votes: Sequence[Vote]) -> dict[str, Any]:
    n_a, n_b = (sum(vote.choice == side for vote in votes) for side in "ab")
    return {
        "test": "position bias: exact binomial, two-sided, on decided votes",
        **compared,
        "n": n_a + n_b,
        "chose_a": n_a,
        "chose_b": n_b,
        "p_value": binomial_two_sided(n_a, n_a + n_b),
    }


def _abx_tests(compared: dict[str, str], votes: Sequence[Vote]) -> Iterator[dict[str, Any]]:
    listeners = sorted({vote.listener for vote in votes})
    groups = [("", votes)] if len(listeners) != 1 else []
    groups += [(name, [vote for vote in votes if vote.listener == name]) for name in listeners]
    for listener, own in groups:
        n_correct = sum(vote.preferred == vote.x for vote in own)
        yield {
            "test": "ABX: exact binomial, one-sided",
            **compared,
            "listener": listener or None,
            "n": len(own),
            "correct": n_correct,
            "p_value": binomial_upper(n_correct, len(own)),
        }


def _warnings(ratings: Ratings, kept: Sequence[Rating], rule: Rule) -> Iterator[str]:
    if not ratings.scores and not ratings.votes:
        yield "no ratings yet"
    if ratings.votes and len({vote.listener for vote in ratings.votes}) > 1:
        yield "votes of one listener are not independent; the pooled p-value takes them as if they were"
    if ratings.scores:
        for warn in _MUSHRA_WARNINGS:
            yield from warn(ratings.scores, kept, rule)


def _on_roles(scores: Sequence[Rating], _: Sequence[Rating], rule: Rule) -> Iterator[str]:
    roles = {rating.role for rating in scores}
    if Role.REFERENCE not in roles and rule is not Rule.NONE:
        yield "no rating of the hidden reference: nobody could be screened by it"
    if Role.ANCHOR70 not in roles and rule is not Rule.NONE:
        yield "no rating of the 7 kHz anchor: nobody could be screened by it"
    if Role.ANCHOR35 not in roles:
        yield "no rating of the 3.5 kHz anchor, which BS.1534-3 makes mandatory"


def _on_screening(scores: Sequence[Rating], kept: Sequence[Rating], rule: Rule) -> Iterator[str]:
    if not kept:
        yield "this rule screens out every listener: choose another, or take the figures before screening"
    exempt = exempt_items(scores) if rule is Rule.BS1534 else set()
    if exempt:
        yield f"the mid anchor of {', '.join(sorted(exempt))} does not count: over 25 % rate it above 90"


def _on_balance(scores: Sequence[Rating], _: Sequence[Rating], __: Rule) -> Iterator[str]:
    cells: dict[tuple[str, str, str], int] = defaultdict(int)
    for rating in scores:
        cells[rating.listener, rating.item, rating.condition] += 1
    axes = ({rating.listener for rating in scores}, {r.item for r in scores}, {r.condition for r in scores})
    n_missing = math.prod(len(axis) for axis in axes) - len(cells)
    if n_missing:
        yield f"unbalanced: {n_missing} combinations of listener, item and condition have no rating"
    n_repeated = sum(n > 1 for n in cells.values())
    if n_repeated:
        yield f"{n_repeated} combinations of listener, item and condition are rated more than once; all count"


def _on_scale(_: Sequence[Rating], kept: Sequence[Rating], __: Rule) -> Iterator[str]:
    systems = [rating.score for rating in kept if rating.role is Role.SYSTEM]
    if systems and 2 * sum(score >= TOP_OF_SCALE for score in systems) > len(systems):
        yield "most scores of the systems lie from 80 to 100: a method for small impairments may suit better"
    if systems and len(set(systems)) == 1:
        yield "every score of every system is the same"


_MUSHRA_WARNINGS: tuple[Callable[[Sequence[Rating], Sequence[Rating], Rule], Iterator[str]], ...] = (
    _on_roles,
    _on_screening,
    _on_balance,
    _on_scale,
)
