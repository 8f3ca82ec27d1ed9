"""Who hears what in which order: a function of the study's seed, the listener and the sitting, nothing else.

The generator is SHA-256 in counter mode over a JSON key, read as big-endian 64-bit words; a number below n is
a word's remainder, words from the uneven top being rejected; a shuffle is Fisher and Yates's, from the end.
So an order can be computed again in any language, on any platform, by any later version.

- Training items come first, then the items of the test; each group is shuffled.
- MUSHRA: each trial has its own permutation of the labels A, B, C …
- A/B: each pair's sides are shuffled and balanced within the sitting: either order comes equally often, or
  once more when the number of trials is odd.
- ABX: sides as for A/B; X is an independent fair coin in each trial, not balanced, for else the number of
  right answers of a guesser would not follow the binomial law that the test assumes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import count
from string import ascii_uppercase
from typing import TYPE_CHECKING, TypeVar

from earbench_mushra.design import Item, Study, TestType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_T = TypeVar("_T")

REFERENCE_LABEL = "R"
X_LABEL = "X"


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """One trial before it is heard; this side of the blind only.

    Parameters
    ----------
    item : str
    training : bool
    conditions : dict of label to condition id
        In the order of the labels; "R" is the open reference, "X" the unknown of an ABX trial.
    """

    item: str
    training: bool
    conditions: dict[str, str]


class HashStream:
    """Uniform numbers from a key, the same for ever.

    Parameters
    ----------
    *key : str or int
        What the numbers depend on.
    """

    def __init__(self, *key: str | int) -> None:
        self._words = _words(json.dumps(["earbench", *key]).encode())

    def below(self, n: int) -> int:
        """Return an integer in [0, n), each equally likely."""
        limit = 2**64 - 2**64 % n
        return next(word for word in self._words if word < limit) % n

    def shuffled(self, values: Sequence[_T]) -> list[_T]:
        """Return the values in random order, each order equally likely."""
        result = list(values)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result


def _words(key: bytes) -> Iterator[int]:
    for block in count():
        digest = hashlib.sha256(key + block.to_bytes(8, "big")).digest()
        yield from (int.from_bytes(digest[i : i + 8], "big") for i in range(0, 32, 8))


def plan_sitting(study: Study, listener: str, sitting: int) -> list[TrialPlan]:
    """Return every trial of a sitting in the order it will be heard.

    Parameters
    ----------
    study : Study
    listener : str
    sitting : int
        1 for the listener's first.
    """
    stream = HashStream(study.seed, listener, sitting)
    return [trial for training in (True, False) for trial in _plan_phase(study, training, stream)]


def _plan_phase(study: Study, training: bool, stream: HashStream) -> list[TrialPlan]:
    items = [item for item in study.items if item.training is training]
    if study.test_type is TestType.MUSHRA:
        return [_mushra_trial(study, item, stream) for item in stream.shuffled(items)]
    return _paired_trials(study, items, stream)


def _mushra_trial(study: Study, item: Item, stream: HashStream) -> TrialPlan:
    shuffled = stream.shuffled([condition.id for condition in study.conditions])
    return TrialPlan(
        item.id, item.training, _with_reference(study, dict(zip(ascii_uppercase, shuffled, strict=False)))
    )


def _paired_trials(study: Study, items: Sequence[Item], stream: HashStream) -> list[TrialPlan]:
    slots = [(item, pair) for item in items for pair in study.pairs for _ in range(study.repetitions)]
    sides = {pair: iter(_balanced(len(slots) // len(study.pairs), stream)) for pair in study.pairs}
    return [
        _paired_trial(study, item, pair, next(sides[pair]), stream) for item, pair in stream.shuffled(slots)
    ]


def _balanced(n: int, stream: HashStream) -> list[bool]:
    """Return n sides, as many of one as of the other, an odd one by chance, shuffled."""
    odd_one = [bool(stream.below(2))] * (n % 2)
    return stream.shuffled([False, True] * (n // 2) + odd_one)


def _paired_trial(
    study: Study, item: Item, pair: tuple[str, str], swapped: bool, stream: HashStream
) -> TrialPlan:
    first, second = reversed(pair) if swapped else pair
    conditions = {"A": first, "B": second}
    if study.test_type is TestType.ABX:
        conditions[X_LABEL] = (first, second)[stream.below(2)]
    elif study.show_reference:
        conditions = _with_reference(study, conditions)
    return TrialPlan(item.id, item.training, conditions)


def _with_reference(study: Study, conditions: dict[str, str]) -> dict[str, str]:
    return conditions if study.reference is None else {REFERENCE_LABEL: study.reference, **conditions}
