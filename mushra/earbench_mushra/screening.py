"""Post-screening of listeners: who is left out of the analysis, and why.

`bs1534`
    ITU-R BS.1534-3: a listener is left out who rates the hidden reference below 90 on more than 15 % of the
    items, or the mid anchor (7 kHz) above 90 on more than 15 % of them. An item whose mid anchor more than
    25 % of the listeners rate above 90 does not count for the latter: the anchor did little to it.
`mpeg`
    As in the MPEG verification tests, stricter: left out for any hidden reference below 90, and for any item
    that is not rated hidden reference >= 7 kHz anchor >= 3.5 kHz anchor.
`none`
    Nobody is left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from earbench_mushra.design import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from earbench_mushra.ratings import Rating

GOOD_ENOUGH = 90.0
MAX_FAULTY_PERCENT = 15
EXEMPT_ITEM_PERCENT = 25


class Rule(StrEnum):
    """Which rule decides; see the module."""

    BS1534 = "bs1534"
    MPEG = "mpeg"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A listener left out, and why."""

    listener: str
    reason: str


def screen(ratings: Sequence[Rating], rule: Rule) -> list[Exclusion]:
    """Return the listeners a rule leaves out, by name, each with every reason."""
    by_listener: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_listener[rating.listener].append(rating)
    reasons_of = _rules(ratings)[rule]
    found = {name: "; ".join(reasons_of(own)) for name, own in sorted(by_listener.items())}
    return [Exclusion(name, reason) for name, reason in found.items() if reason]


def exempt_items(ratings: Iterable[Rating]) -> set[str]:
    """Return the items whose mid anchor more than 25 % of the listeners rate above 90."""
    marks: dict[str, list[bool]] = defaultdict(list)
    for rating in ratings:
        if rating.role is Role.ANCHOR70:
            marks[rating.item].append(rating.score > GOOD_ENOUGH)
    return {item for item, high in marks.items() if _exceeds(sum(high), len(high), EXEMPT_ITEM_PERCENT)}


def _rules(ratings: Sequence[Rating]) -> dict[Rule, Callable[[list[Rating]], Iterator[str]]]:
    exempt = exempt_items(ratings)
    return {
        Rule.BS1534: lambda own: _bs1534(own, exempt),
        Rule.MPEG: _mpeg,
        Rule.NONE: lambda own: iter(()),
    }


def _bs1534(own: list[Rating], exempt: set[str]) -> Iterator[str]:
    references = [r.score < GOOD_ENOUGH for r in own if r.role is Role.REFERENCE]
    anchors = [r.score > GOOD_ENOUGH for r in own if r.role is Role.ANCHOR70 and r.item not in exempt]
    for what, faults in (("hidden reference below 90", references), ("mid anchor above 90", anchors)):
        n_faults, n = sum(faults), len(faults)
        if _exceeds(n_faults, n, MAX_FAULTY_PERCENT):
            percent = f"{100 * n_faults / n:.0f} %, limit {MAX_FAULTY_PERCENT} %"
            yield f"{what} on {n_faults} of {n} items ({percent})"


def _mpeg(own: list[Rating]) -> Iterator[str]:
    if low := [r for r in own if r.role is Role.REFERENCE and r.score < GOOD_ENOUGH]:
        yield f"hidden reference below 90 on {_items(low)}"
    trials: dict[tuple[str, str, str], dict[Role, Rating]] = defaultdict(dict)
    for rating in own:
        trials[rating.session_id, rating.trial, rating.item][rating.role] = rating
    if wrong := [next(iter(trial.values())) for trial in trials.values() if not _descends(trial)]:
        yield f"not hidden reference >= 7 kHz anchor >= 3.5 kHz anchor on {_items(wrong)}"


def _descends(trial: dict[Role, Rating]) -> bool:
    order = [trial[role].score for role in (Role.REFERENCE, Role.ANCHOR70, Role.ANCHOR35) if role in trial]
    return all(higher >= lower for higher, lower in pairwise(order))


def _exceeds(n_part: int, n: int, percent: int) -> bool:
    """Whether n_part is more than so many percent of n; in integers, as 3 of 20 is not more than 15 %."""
    return 100 * n_part > percent * n


def _items(ratings: Iterable[Rating]) -> str:
    return ", ".join(sorted({rating.item for rating in ratings}))
