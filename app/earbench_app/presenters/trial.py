"""A MUSHRA trial: carries a listener's actions to the session, and the session's state to the view."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal

from earbench_app.notifications import Level, Notice
from earbench_mushra.errors import IncompleteTrialError, SessionError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from psygnal import SignalInstance

    from earbench_app.presenters.trial_playback import Heard, TrialPlayback
    from earbench_mushra.session import Session

RETRY_S = 3.0


class TrialFrameView(Protocol):
    """What every trial has on the screen: progress, sound, comment, going on. Knows labels only."""

    play_requested: SignalInstance  # (label)
    play_toggled: SignalInstance
    seek_requested: SignalInstance  # (position_s)
    loop_changed: SignalInstance  # (region_s, on)
    comment_changed: SignalInstance  # (text)
    volume_changed: SignalInstance  # (volume_db)
    next_requested: SignalInstance

    def show_progress(self, trial: int, of: int, training: bool) -> None:
        """Say where the listener is."""

    def show_waveform(self, peaks: NDArray[np.float32] | None, duration_s: float) -> None:
        """Draw the reference, or a bare time line."""

    def show_loop(self, region_s: tuple[float, float], on: bool) -> None:
        """Draw the loop."""

    def show_comment(self, text: str, allowed: bool) -> None:
        """Show the comment, or no field for one."""

    def show_volume(self, volume_db: float, locked: bool) -> None:
        """Show the listener's level and whether it may be moved."""

    def show_heard(self, heard: Heard) -> None:
        """Show the playhead and what plays."""

    def show_next(self, complete: bool, text: str) -> None:
        """Show whether the trial is complete, and how far."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""


class TrialView(TrialFrameView, Protocol):
    """A MUSHRA trial on the screen."""

    score_changed: SignalInstance  # (label, score 0..100)

    def show_trial(self, labels: Sequence[str], has_reference: bool) -> None:
        """Lay out one slider a label."""

    def show_scores(self, scores: Mapping[str, float | None]) -> None:
        """Set the sliders; None is one not yet touched."""

    def mark_untouched(self, labels: Sequence[str]) -> None:
        """Point out what still needs a score."""


class FramePresenter:
    """What MUSHRA and A/B trials share.

    Attributes
    ----------
    finished : Signal
        The trial is done; the session stands at whatever follows.
    """

    finished = Signal()

    def __init__(self, session: Session, view: TrialFrameView, playback: TrialPlayback) -> None:
        self._session, self._frame, self._playback = session, view, playback
        self._clock, self._quiet_until_s = time.monotonic, 0.0
        self._reminded = False
        self._heard: str | None = None
        self._volume_locked: bool | None = None
        view.play_requested.connect(self._play)
        view.play_toggled.connect(playback.toggle)
        view.seek_requested.connect(self._guarded(playback.seek))
        view.loop_changed.connect(self._guarded(self._loop))
        view.comment_changed.connect(self._guarded(session.set_comment))
        view.volume_changed.connect(self._guarded(self._volume))
        view.next_requested.connect(self._guarded(self._next))

    def show(self) -> None:
        """Put the session's trial on the screen."""
        session, view = self._session, self._frame
        self._reminded, self._heard, self._volume_locked = False, None, None
        peaks = self._playback.load()
        view.show_notice(None)
        view.show_progress(*session.progress, session.is_training)
        self._show_signals()
        view.show_waveform(peaks, self._playback.duration_s)
        view.show_loop(self._playback.region_s, self._playback.loop_on)
        view.show_comment(session.comment, session.comments_allowed)
        self._refresh()
        self.tick()

    def tick(self) -> None:
        """Follow the player; call about 30 times a second."""
        if self._clock() < self._quiet_until_s:
            return
        try:
            heard = self._playback.tick()
        except StoreError as error:
            self._quiet_until_s = self._clock() + RETRY_S  # a locked file blocks for seconds each time
            self._storage_failed(error)
            return
        self._frame.show_heard(heard)
        if heard.label != self._heard:
            self._heard = heard.label
            self._refresh()

    def _show_signals(self) -> None:
        raise NotImplementedError

    def _status_text(self) -> str:
        raise NotImplementedError

    def _incomplete(self, error: IncompleteTrialError) -> None:
        raise NotImplementedError

    def _refresh(self) -> None:
        self._frame.show_next(self._session.complete, self._status_text())
        if self._volume_locked != self._session.volume_locked:
            self._volume_locked = self._session.volume_locked
            self._frame.show_volume(self._session.volume_db, self._session.volume_locked)

    def _guarded(self, action: Callable[..., None]) -> Callable[..., None]:
        """Turn what the rules or the disk refuse into a message in place."""

        def act(*args: object) -> None:
            try:
                action(*args)
            except StoreError as error:
                self._storage_failed(error)
            except SessionError as error:
                self._frame.show_notice(Notice(_sentence(error), Level.WARNING))

        return act

    def _storage_failed(self, error: StoreError) -> None:
        text = f"Not saved, so it does not count yet: {error} Tell the experimenter, then repeat it."
        self._frame.show_notice(Notice(text, Level.ERROR))

    def _play(self, label: str) -> None:
        if label == self._session.playing_label:
            self._playback.toggle()
        else:
            self._playback.play(label)

    def _loop(self, region_s: tuple[float, float], on: bool) -> None:
        self._playback.set_loop(region_s, on)
        self._frame.show_loop(self._playback.region_s, self._playback.loop_on)

    def _volume(self, volume_db: float) -> None:
        try:
            self._playback.set_volume_db(volume_db)
        finally:
            self._frame.show_volume(self._session.volume_db, self._session.volume_locked)

    def _next(self) -> None:
        if self._session.reminder and not self._reminded:
            self._reminded = True
            self._frame.show_notice(Notice(f"{self._session.reminder} Press Next again to go on as it is."))
            return
        try:
            if self._session.complete:
                self._playback.stop()
            self._session.next()
        except IncompleteTrialError as error:
            self._incomplete(error)
            return
        self.finished.emit()


class TrialPresenter(FramePresenter):
    """A MUSHRA trial.

    Parameters
    ----------
    session : Session
    view : TrialView
    playback : TrialPlayback
    """

    def __init__(self, session: Session, view: TrialView, playback: TrialPlayback) -> None:
        super().__init__(session, view, playback)
        self._view = view
        view.score_changed.connect(self._score)

    def _show_signals(self) -> None:
        self._view.show_trial(self._session.labels, self._session.has_reference)
        self._view.show_scores(self._session.scores)

    def _status_text(self) -> str:
        n_labels = len(self._session.labels)
        return f"{n_labels - len(self._session.untouched)} of {n_labels} scored"

    def _score(self, label: str, score: float) -> None:
        self._guarded(self._session.rate)(label, score)
        self._view.show_scores(self._session.scores)
        self._refresh()

    def _incomplete(self, error: IncompleteTrialError) -> None:
        self._view.mark_untouched(error.untouched)
        names = ", ".join(error.untouched)
        self._frame.show_notice(
            Notice(f"Not yet scored: {names}. Play each and give it a score.", Level.WARNING)
        )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
