"""An A/B or ABX trial: what is preferred, or which one X is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from earbench_app.notifications import Level, Notice
from earbench_app.presenters.trial import FramePresenter, TrialFrameView
from earbench_mushra.design import TestType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from psygnal import SignalInstance

    from earbench_app.presenters.trial_playback import TrialPlayback
    from earbench_mushra.errors import IncompleteTrialError
    from earbench_mushra.session import Session


class AbView(TrialFrameView, Protocol):
    """An A/B or ABX trial on the screen."""

    choice_made: SignalInstance  # ("a", "b" or "none")

    def show_trial(self, labels: Sequence[str], has_reference: bool, allow_tie: bool) -> None:
        """Lay out the signals; an "X" among the labels asks which one it is."""

    def show_choice(self, choice: str | None) -> None:
        """Show what was chosen."""

    def show_heard_labels(self, labels: AbstractSet[str]) -> None:
        """Show what was listened to so far."""


class AbPresenter(FramePresenter):
    """An A/B or ABX trial.

    Parameters
    ----------
    session : Session
    view : AbView
    playback : TrialPlayback
    """

    def __init__(self, session: Session, view: AbView, playback: TrialPlayback) -> None:
        super().__init__(session, view, playback)
        self._view = view
        view.choice_made.connect(self._choose)

    def _show_signals(self) -> None:
        allow_tie = self._session.allow_tie
        self._view.show_trial(self._session.labels, self._session.has_reference, allow_tie)
        self._view.show_choice(self._session.choice)

    def _refresh(self) -> None:
        super()._refresh()
        self._view.show_heard_labels(self._session.heard)

    def _status_text(self) -> str:
        if missing := [label for label in self._session.labels if label not in self._session.heard]:
            return f"Still to be heard: {', '.join(missing)}"
        return "" if self._session.choice else "Make your choice"

    def _choose(self, choice: str) -> None:
        self._guarded(self._session.choose)(choice)
        self._view.show_choice(self._session.choice)
        self._refresh()

    def _incomplete(self, error: IncompleteTrialError) -> None:
        del error
        abx = self._session.test_type is TestType.ABX
        text = "Say whether X is A or B" if abx else "Make your choice"
        self._frame.show_notice(Notice(f"{self._status_text() or text}.", Level.WARNING))
