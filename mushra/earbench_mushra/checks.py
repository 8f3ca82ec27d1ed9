"""The rules a design must meet before anyone sits down to it: what cannot run, and what BS.1534-3 advises."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from typing import TYPE_CHECKING

from earbench_mushra.design import Condition, Role, Study, TestType
from earbench_mushra.errors import DesignError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_GRADED_SIGNALS = 12
"""Hidden reference and anchors included (BS.1534-3, 5.1); the open reference is extra."""

MIN_TEST_ITEMS = 5
ITEMS_PER_SYSTEM = 1.5


def check_design(study: Study) -> list[str]:
    """Check a design.

    Returns
    -------
    list of str
        Warnings: what the method advises against, but a researcher may want.

    Raises
    ------
    DesignError
        With everything that keeps the study from being run.
    """
    problems = [problem for rule in _RULES for problem in rule(study)]
    if problems:
        raise DesignError(problems)
    return list(_advice(study))


def _identity(study: Study) -> Iterator[str]:
    if not study.name.strip():
        yield "the study has no name"
    for kind, ids in (("item", [i.id for i in study.items]), ("condition", [c.id for c in study.conditions])):
        yield from (f"two {kind}s have the id {name!r}" for name, n in Counter(ids).items() if n > 1)
        if not all(name.strip() for name in ids):
            yield f"an {kind} has an empty id" if kind == "item" else f"a {kind} has an empty id"
    if all(item.training for item in study.items):
        yield "no item to be tested: at least one must not be a training item"
    if study.repetitions < 1:
        yield f"repetitions must be 1 or more, not {study.repetitions}"


def _roles(study: Study) -> Iterator[str]:
    for condition in study.conditions:
        reserved = Role(condition.id) if condition.id in set(Role) - {Role.SYSTEM} else Role.SYSTEM
        if condition.role is not reserved:
            wanted = condition.role.value if condition.role is not Role.SYSTEM else "another one"
            yield f"condition {condition.id!r} has the role {condition.role.value}: its id must be {wanted}"


def _cells(study: Study) -> Iterator[str]:
    wanted = set(product((i.id for i in study.items), (c.id for c in study.conditions)))
    there = Counter((s.item, s.condition) for s in study.stimuli)
    yield from (f"no stimulus for item {i!r}, condition {c!r}" for i, c in sorted(wanted - set(there)))
    yield from (
        f"a stimulus for item {i!r}, condition {c!r}, which the design lacks" for i, c in set(there) - wanted
    )
    yield from (f"two stimuli for item {i!r}, condition {c!r}" for (i, c), n in there.items() if n > 1)


def _files(study: Study) -> Iterator[str]:
    names = Counter(s.file for s in study.stimuli)
    yield from (f"two stimuli share the file {name!r}" for name, n in names.items() if n > 1)
    for name in names:
        if not re.fullmatch(r"[\w-][\w.-]*", name):
            yield f"{name!r} is not a plain file name within the stimuli folder"
        elif told := [c.id for c in study.conditions if _tells(name, c)]:
            yield f"the file name {name!r} tells the condition {told[0]!r}; give it an opaque one"


def _tells(file: str, condition: Condition) -> bool:
    """Whether a file name holds a condition's id or title as a word of its own."""
    words = {condition.id.lower(), condition.title.lower()} - {""}
    return any(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", file.lower()) for word in words)


def _mushra(study: Study) -> Iterator[str]:
    if study.test_type is not TestType.MUSHRA:
        return
    roles = Counter(c.role for c in study.conditions)
    if roles[Role.REFERENCE] != 1:
        yield "a MUSHRA test needs the hidden reference: one condition with the role reference"
    if not roles[Role.SYSTEM]:
        yield "no system under test"
    if len(study.conditions) > MAX_GRADED_SIGNALS:
        yield (
            f"{len(study.conditions)} graded signals a trial, hidden reference and anchors included; "
            f"BS.1534-3 allows {MAX_GRADED_SIGNALS}"
        )
    if study.pairs:
        yield "pairs belong to A/B and ABX tests"
    if study.repetitions != 1:
        yield "repetitions belong to A/B and ABX tests; let a listener sit twice instead"


def _paired(study: Study) -> Iterator[str]:
    if study.test_type is TestType.MUSHRA:
        return
    if not study.pairs:
        yield "no pairs to compare"
    known = {c.id for c in study.conditions}
    for first, second in study.pairs:
        yield from (
            f"a pair names the condition {c!r}, which the design lacks" for c in {first, second} - known
        )
        if first == second:
            yield f"a pair compares {first!r} with itself"
    if len({frozenset(pair) for pair in study.pairs}) < len(study.pairs):
        yield "the same pair is listed twice; use repetitions"
    if study.show_reference and study.test_type is TestType.AB and study.reference is None:
        yield "show_reference is on, but no condition has the role reference"


_RULES: tuple[Callable[[Study], Iterator[str]], ...] = (_identity, _roles, _cells, _files, _mushra, _paired)


def _advice(study: Study) -> Iterator[str]:
    """Tell what BS.1534-3 asks of a MUSHRA test, and a binomial test of its number of trials."""
    n_items = sum(not item.training for item in study.items)
    if study.test_type is not TestType.MUSHRA:
        if study.test_type is TestType.ABX and n_items * study.repetitions < 10:
            yield f"{n_items * study.repetitions} ABX trials a pair: with fewer than 10, one error can decide"
        return
    roles = Counter(c.role for c in study.conditions)
    for role, corner in ((Role.ANCHOR35, "3.5 kHz"), (Role.ANCHOR70, "7 kHz")):
        if not roles[role]:
            yield f"no {corner} anchor; BS.1534-3 makes both anchors mandatory"
    if n_items == len(study.items):
        yield "no training item; BS.1534-3 makes a training phase mandatory"
    least = max(MIN_TEST_ITEMS, round(ITEMS_PER_SYSTEM * roles[Role.SYSTEM]))
    if n_items < least:
        yield f"{n_items} items to be tested; BS.1534-3 advises 1.5 times the systems and at least 5: {least}"
