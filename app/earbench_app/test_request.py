"""What the audition page hands to the wizard that makes a listening test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.base import Setting


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """A clip chosen for the test.

    Parameters
    ----------
    title : str
        As in the clip list.
    path : Path
        The file; the whole clip is in it, not yet cut to the region.
    """

    title: str
    path: Path


@dataclass(frozen=True, slots=True)
class TestRequest:
    """Items × versions of a listening test to be made.

    Parameters
    ----------
    items : tuple of RequestedItem
    versions : tuple of (codec name, Setting)
        The systems; the hidden reference and the anchors are the wizard's to add.
    region_s : (float, float), optional
        The loop region at the time of asking, to cut the excerpt by.
    pairs : bool
        Whether it is to be an A/B test.
    name : str
        Proposed for the study.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    items: tuple[RequestedItem, ...]
    versions: tuple[tuple[str, Setting], ...]
    region_s: tuple[float, float] | None = None
    pairs: bool = False
    name: str = ""
