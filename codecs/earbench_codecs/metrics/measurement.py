"""A figure, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from earbench_codecs.errors import CodecError


class MetricError(CodecError, ValueError):
    """Clips that cannot be compared, or a metric there is not."""


class NotApplicableError(MetricError):
    """A metric says nothing of this pair of clips; the message says why."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a metric gave.

    Parameters
    ----------
    value : float, optional
        Finite, in the metric's unit; None where there is no such number.
    notes : tuple of str
        Why there is none, or what a reader of the figure should know, such as resampling.
    """

    value: float | None
    notes: tuple[str, ...] = ()

    @classmethod
    def missing(cls, reason: str) -> Measurement:
        """Return the absence of a figure, with its reason."""
        return cls(None, (reason,))
