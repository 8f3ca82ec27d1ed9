"""The design of a listening test: what is heard, in which roles. Frozen once a sitting has begun."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ConfigDict


FORBID_EXTRA: ConfigDict = {"extra": "forbid"}  # heeded where a study is read from a file, by pydantic


class TestType(StrEnum):
    """The method of a study."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    MUSHRA = "mushra"
    AB = "ab"
    ABX = "abx"


class Role(StrEnum):
    """What a condition is for (BS.1534-3, 5.1). The hidden reference has the role `reference`."""

    SYSTEM = "system"
    REFERENCE = "reference"
    ANCHOR35 = "anchor35"
    ANCHOR70 = "anchor70"


@dataclass(frozen=True, slots=True)
class Condition:
    """One column of the design: a codec at a setting, the hidden reference, or an anchor.

    Parameters
    ----------
    id : str
        As in the ratings CSV; `reference`, `anchor35`, `anchor70` for those roles.
    title : str
        For the researcher, never for a listener.
    role : Role
    codec, setting : str
        Where it came from, for the record.
    """

    __pydantic_config__ = FORBID_EXTRA

    id: str
    title: str
    role: Role = Role.SYSTEM
    codec: str = ""
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the design: an excerpt. A training item's scores are not used."""

    __pydantic_config__ = FORBID_EXTRA

    id: str
    title: str
    training: bool = False


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One cell: an item through a condition.

    Parameters
    ----------
    item, condition : str
        Their ids.
    file : str
        Opaque name within the study's `stimuli` folder.
    sha256 : str
        Of the file's bytes.
    bitrate_kbps : float, optional
        Measured.
    """

    __pydantic_config__ = FORBID_EXTRA

    item: str
    condition: str
    file: str
    sha256: str
    bitrate_kbps: float | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A listening test as designed.

    Parameters
    ----------
    name : str
        Stable identifier, the `study` column of the CSV.
    title : str
        What a listener sees.
    test_type : TestType
    items : tuple of Item
    conditions : tuple of Condition
    stimuli : tuple of Stimulus
        One for every item and condition.
    pairs : tuple of (condition id, condition id)
        A/B and ABX: what is compared; one trial for each item and pair.
    show_reference : bool
        A/B: whether the original can be heard.
    allow_tie : bool
        A/B: whether "no preference" is offered.
    instructions : str
        Plain text shown before the training phase.
    comments : bool
        Whether a listener may write a comment on each trial.
    seed : int
        With the listener and the sitting, decides order, labels and sides.
    repetitions : int
        A/B and ABX: how often each item and pair is presented. Fixed beforehand, as a binomial test asks.
    """

    __pydantic_config__ = FORBID_EXTRA

    name: str
    title: str
    test_type: TestType
    items: tuple[Item, ...]
    conditions: tuple[Condition, ...]
    stimuli: tuple[Stimulus, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    show_reference: bool = True
    allow_tie: bool = True
    instructions: str = ""
    comments: bool = True
    seed: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    repetitions: int = 1

    def stimulus(self, item: str, condition: str) -> Stimulus:
        """Return the cell. Raises KeyError if there is none."""
        for cell in self.stimuli:
            if (cell.item, cell.condition) == (item, condition):
                return cell
        raise KeyError((item, condition))

    def condition(self, condition_id: str) -> Condition:
        """Return the condition of that id. Raises KeyError if there is none."""
        for condition in self.conditions:
            if condition.id == condition_id:
                return condition
        raise KeyError(condition_id)

    @property
    def reference(self) -> str | None:
        """Id of the reference condition, if the design has one."""
        return next((c.id for c in self.conditions if c.role is Role.REFERENCE), None)
