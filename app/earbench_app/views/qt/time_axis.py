"""What all panels over time share: the part of the clip that is seen, playhead, loop region, wipe."""

from __future__ import annotations

from psygnal import Signal

SHORTEST_VIEW_S = 0.005


class TimeAxis:
    """One viewport, one playhead, one region, one wipe. Seconds throughout, but for the wipe.

    Attributes
    ----------
    wipe : float or None
        Where the line of the wipe stands, 0 at the left end of the view to 1 at the right; None without one.
    """

    view_changed = Signal()
    playhead_moved = Signal(float, float)  # from, to
    region_changed = Signal()
    wipe_changed = Signal()

    def __init__(self) -> None:
        self.duration_s = 0.0
        self.start_s = 0.0
        self.end_s = 0.0
        self.playhead_s = 0.0
        self.region_s: tuple[float, float] | None = None
        self.looping = False
        self.wipe: float | None = None
        self._last_wipe = 0.5

    @property
    def span_s(self) -> float:
        """Seconds in view."""
        return self.end_s - self.start_s

    def set_duration(self, duration_s: float) -> None:
        """Begin a new clip, seen whole; the same clip keeps its view."""
        self.duration_s = duration_s
        self._show(0.0, duration_s)

    def zoom(self, factor: float, around_s: float) -> None:
        """Show `factor` times less, with this moment staying where it is."""
        if self.duration_s == 0:
            return
        span_s = min(self.duration_s, max(SHORTEST_VIEW_S, self.span_s / factor))
        share = (around_s - self.start_s) / self.span_s
        self._show(around_s - share * span_s, span_s)

    def pan(self, seconds: float) -> None:
        """Move the view."""
        self._show(self.start_s + seconds, self.span_s)

    def fit(self) -> None:
        """Show the whole clip."""
        self._show(0.0, self.duration_s)

    def fit_region(self) -> None:
        """Show the region, with a little on either side."""
        if self.region_s is not None:
            margin_s = 0.05 * (self.region_s[1] - self.region_s[0])
            self._show(self.region_s[0] - margin_s, self.region_s[1] - self.region_s[0] + 2 * margin_s)

    def move_playhead(self, position_s: float) -> None:
        """Move the playhead; the view turns its page when the playhead runs out of it."""
        if position_s == self.playhead_s:
            return
        before_s, self.playhead_s = self.playhead_s, position_s
        was_seen = self.start_s <= before_s <= self.end_s
        if was_seen and not self.start_s <= position_s <= self.end_s:
            self._show(position_s, self.span_s)
        self.playhead_moved.emit(before_s, position_s)

    def set_region(self, region_s: tuple[float, float] | None, looping: bool) -> None:
        """Show a region, and whether it loops."""
        self.region_s, self.looping = region_s, looping
        self.region_changed.emit()

    def set_wiping(self, on: bool) -> None:
        """Show the wipe where it was last, or take it away."""
        if on != (self.wipe is not None):
            self.wipe = self._last_wipe if on else None
            self.wipe_changed.emit()

    def move_wipe(self, share: float) -> None:
        """Move the line of the wipe, if there is one; it stays in view."""
        if self.wipe is not None:
            self.wipe = self._last_wipe = min(max(0.0, share), 1.0)
            self.wipe_changed.emit()

    def _show(self, start_s: float, span_s: float) -> None:
        span_s = min(span_s, self.duration_s)
        self.start_s = min(max(0.0, start_s), self.duration_s - span_s)
        self.end_s = self.start_s + span_s
        self.view_changed.emit()
