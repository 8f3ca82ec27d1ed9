"""What a researcher asks for when making a study, and what would be wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

from earbench_app.playback.player import MIN_LOOP_S
from earbench_mushra.design import Condition, Role, TestType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from earbench_codecs.base import Setting

MAX_GRADED = 12  # BS.1534-3, 5.1: signals in a trial, hidden reference and anchors included
MAX_EXCERPT_S = 12.0
MIN_ABX_TRIALS = 10
ANCHORS = (Role.ANCHOR35, Role.ANCHOR70)
REFERENCE = Condition("reference", "Hidden reference", Role.REFERENCE)

MUSHRA_INSTRUCTIONS = """\
You will hear the same short excerpt several times: once as the open reference (R), and several times under \
letters in a random order. One of the letters is the reference itself, hidden.

Rate the basic audio quality of each signal against the reference. Any difference you hear counts \
against it. Use the whole scale:

Excellent, 80 to 100
Good, 60 to 80
Fair, 40 to 60
Poor, 20 to 40
Bad, 0 to 20

At least one signal of every trial must score 100, because the hidden reference is among them.

Listen as often as you like, switch at any time, and loop a part to hear it closely. You can score only \
the signal that is playing. Training comes first: it shows you the range of quality, and its scores are not \
used."""

AB_INSTRUCTIONS = """\
You will hear the same excerpt in two versions, A and B. Listen to both as often as you like and switch at \
any time, then say which one you prefer. The versions and their order change from trial to trial.

Where the original is offered, use it to judge which version is closer to it."""

ABX_INSTRUCTIONS = """\
You will hear the same excerpt as A, B and X. X is either A or B: say which. Listen to all three as often as \
you like and switch at any time; loop a part to hear it closely.

Guess if you are not sure. Which one X is changes from trial to trial, at random."""


class Use(StrEnum):
    """What an excerpt is for."""

    BOTH = "training and test"
    TEST = "test only"
    TRAINING = "training only"


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An audio file, the part of it to be heard, and what for.

    Parameters
    ----------
    path : Path
    title : str
    duration_s : float
        Of the whole file.
    region_s : (float, float), optional
        The excerpt; None takes the whole file.
    use : Use
    n_channels : int
    """

    path: Path
    title: str
    duration_s: float
    region_s: tuple[float, float] | None = None
    use: Use = Use.BOTH
    n_channels: int = 1

    @property
    def excerpt_s(self) -> tuple[float, float]:
        """Start and end of what is heard, in seconds of the file."""
        return self.region_s or (0.0, self.duration_s)


@dataclass(frozen=True, slots=True)
class PlannedCondition:
    """A codec at a setting.

    Parameters
    ----------
    codec : str
    setting : Setting
    title : str
    label : str
        The setting in short, such as ``64``; the setting's own without.
    checkpoint_sha256 : str, optional
        Of a neural codec: its name may be given to another, this not.
    """

    codec: str
    setting: Setting
    title: str
    label: str = ""
    checkpoint_sha256: str | None = None

    @property
    def id(self) -> str:
        """As in the ratings CSV, such as ``mp3@64``."""
        label = (self.label or self.setting.label).replace(" ", "+")
        return f"{self.codec}@{label}" if label else self.codec

    def condition(self) -> Condition:
        """Return it as a column of the design."""
        return Condition(self.id, self.title, Role.SYSTEM, self.codec, self.setting.label)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a plan, in the field `where`; only a `blocking` one stops a build."""

    where: str
    message: str
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """All that is needed to build a study.

    Parameters
    ----------
    name : str
        Stable identifier in the CSV.
    items : tuple of PlannedItem
    conditions : tuple of PlannedCondition
        The systems under test; the hidden reference is added by itself.
    title : str
        What a listener sees; ``Listening test`` where empty, as a name often tells what is tested.
    test_type : TestType
    anchors : tuple of Role
        MUSHRA only; BS.1534-3 wants both.
    pairs : tuple of (condition id, condition id)
        A/B and ABX only; empty compares every pair of systems.
    match_loudness : bool
        Whether items are brought to one loudness (BS.1770); conditions of an item always share one gain.
    repetitions : int
        A/B and ABX only: how often each item and pair is presented.
    """

    name: str
    items: tuple[PlannedItem, ...] = ()
    conditions: tuple[PlannedCondition, ...] = ()
    title: str = ""
    test_type: TestType = TestType.MUSHRA
    anchors: tuple[Role, ...] = ANCHORS
    pairs: tuple[tuple[str, str], ...] = ()
    instructions: str = MUSHRA_INSTRUCTIONS
    match_loudness: bool = True
    show_reference: bool = True
    allow_tie: bool = True
    comments: bool = True
    repetitions: int = 1
    notes: dict[str, str] = field(default_factory=dict)

    def design_conditions(self) -> tuple[Condition, ...]:
        """Return every column of the design: reference, systems, anchors; it is hidden where it is graded."""
        systems = [planned.condition() for planned in self.conditions]
        if self.test_type is not TestType.MUSHRA:
            return (replace(REFERENCE, title="Reference"), *systems)
        return (REFERENCE, *systems, *(anchor_condition(role) for role in self.anchors))

    def design_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return what A/B and ABX compare: the pairs given, else all; a lone system meets the original."""
        if self.test_type is TestType.MUSHRA:
            return ()
        ids = [planned.id for planned in self.conditions]
        return self.pairs or tuple(combinations(ids if len(ids) > 1 else [REFERENCE.id, *ids], 2))

    def design_notes(self) -> dict[str, str]:
        """Return the notes, with the checkpoints that are tested by their hashes."""
        tested = {c.id: c.checkpoint_sha256 for c in self.conditions if c.checkpoint_sha256}
        return self.notes | {f"checkpoint of {name}": sha256 for name, sha256 in tested.items()}

    def problems(self) -> list[Problem]:
        """Return what is wrong, the blocking problems first."""
        found = [*_name_problems(self), *_item_problems(self), *_condition_problems(self)]
        found += _trial_problems(self)
        return sorted(found, key=lambda problem: not problem.blocking)


def anchor_condition(role: Role) -> Condition:
    """Return the column of an anchor; its codec has the role's name."""
    cutoff = {"anchor35": "3.5 kHz", "anchor70": "7 kHz"}[role]
    return Condition(str(role), f"{cutoff} anchor", role, codec=str(role))


def file_slug(text: str) -> str:
    """Turn a title into an identifier: lower case letters, digits, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "item"


def unique_ids(titles: Iterable[str]) -> list[str]:
    """Turn titles into identifiers that differ."""
    ids: list[str] = []
    for title in titles:
        slug, n = file_slug(title), 2
        candidate = slug
        while candidate in ids:
            candidate, n = f"{slug}-{n}", n + 1
        ids.append(candidate)
    return ids


def _name_problems(plan: StudyPlan) -> Iterable[Problem]:
    if not plan.name.strip():
        yield Problem("name", "Give the study a name; it is the first column of the results.")


def _item_problems(plan: StudyPlan) -> Iterable[Problem]:
    tested = [item for item in plan.items if item.use is not Use.TRAINING]
    if not tested:
        yield Problem("items", "Add at least one audio file to be tested.")
    for item in plan.items:
        yield from _excerpt_problems(item)
    mushra = plan.test_type is TestType.MUSHRA
    if mushra and tested and all(item.use is Use.TEST for item in plan.items):
        yield Problem(
            "items", "No excerpt is used for training; BS.1534 makes training mandatory.", blocking=False
        )
    if mushra and tested and len(tested) < 5:
        wanted = max(5, round(1.5 * len(plan.conditions)))
        text = f"BS.1534 suggests at least {wanted} excerpts for this design; there are {len(tested)}."
        yield Problem("items", text, blocking=False)


def _excerpt_problems(item: PlannedItem) -> Iterable[Problem]:
    start_s, end_s = item.excerpt_s
    length_s = min(end_s, item.duration_s) - max(0.0, start_s)
    if length_s < MIN_LOOP_S:
        yield Problem(
            "items", f"{item.title}: the excerpt is {max(0.0, length_s):.2f} s; make it at least 0.5 s."
        )
    if length_s > MAX_EXCERPT_S:
        text = f"{item.title}: {length_s:.1f} s is long; BS.1534 advises about 10 s, at most 12 s."
        yield Problem("items", text, blocking=False)
    if item.n_channels > 2:
        yield Problem("items", f"{item.title} has {item.n_channels} channels; the player takes one or two.")


def _trial_problems(plan: StudyPlan) -> Iterable[Problem]:
    n_trials = plan.repetitions * sum(item.use is not Use.TRAINING for item in plan.items)
    if plan.test_type is TestType.ABX and 0 < n_trials < MIN_ABX_TRIALS:
        text = f"{n_trials} ABX trials a pair: with fewer than {MIN_ABX_TRIALS}, one error can decide."
        yield Problem("pairs", text, blocking=False)


def _condition_problems(plan: StudyPlan) -> Iterable[Problem]:
    ids = [planned.id for planned in plan.conditions]
    if not ids:
        yield Problem("conditions", "Choose at least one codec to test.")
    for anchor in sorted({planned.codec for planned in plan.conditions} & {str(role) for role in ANCHORS}):
        yield Problem("conditions", f"{anchor} is an anchor, added by itself; remove it from the systems.")
    for twice in sorted({i for i in ids if ids.count(i) > 1}):
        yield Problem("conditions", f"{twice} is there twice; remove one.")
    n_graded = len(plan.design_conditions())
    if plan.test_type is TestType.MUSHRA and n_graded > MAX_GRADED:
        text = f"{n_graded} signals with hidden reference and anchors; BS.1534 allows at most {MAX_GRADED}."
        yield Problem("conditions", text)
    missing = [anchor_condition(role).title for role in ANCHORS if role not in plan.anchors]
    if plan.test_type is TestType.MUSHRA and missing:
        text = f"Without the {' and the '.join(missing)} this is not a BS.1534 test."
        yield Problem("anchors", text, blocking=False)
    known = {condition.id for condition in plan.design_conditions()}
    for unknown in sorted({side for pair in plan.pairs for side in pair} - known):
        yield Problem("pairs", f"{unknown} is compared but is not among the conditions.")
