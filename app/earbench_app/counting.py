"""Numbers of things as text."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from earbench_mushra.design import Role, TestType

if TYPE_CHECKING:
    from earbench_mushra.design import Study


def counted(n: int, what: str) -> str:
    """Return such as ``1 file`` or ``1,200 files``."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def duration_text(seconds: float) -> str:
    """Return 0:21, 1:02:03 or 3 d 4 h."""
    if seconds >= 86_400:
        days, rest_s = divmod(round(seconds), 86_400)
        return f"{days} d {rest_s // 3600} h"
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if seconds < 3600 else text


def study_size(study: Study) -> str:
    """Return how many items and conditions a study has; where pairs are heard, the reference is none."""
    n_items = sum(not item.training for item in study.items)
    is_mushra = study.test_type is TestType.MUSHRA
    n_conditions = sum(is_mushra or one.role is not Role.REFERENCE for one in study.conditions)
    return f"{counted(n_items, 'item')} × {counted(n_conditions, 'condition')}"
