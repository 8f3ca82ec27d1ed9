"""A sitting from the listener's name to the last page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from earbench_app.notifications import Notice
from earbench_app.presenters.ab import AbPresenter
from earbench_app.presenters.trial import TrialPresenter
from earbench_app.presenters.trial_playback import TrialPlayback
from earbench_codecs.errors import CodecError
from earbench_mushra.design import TestType
from earbench_mushra.errors import StudyError
from earbench_mushra.records import Phase
from earbench_mushra.sittings import open_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from psygnal import SignalInstance

    from earbench_app.playback.player import Player
    from earbench_app.presenters.ab import AbView
    from earbench_app.presenters.trial import TrialView
    from earbench_mushra.session import Session

BREAK_AFTER_S = 20 * 60.0  # BS.1116-3, 4.2: sessions of 20 to 30 minutes
SAVED = "Everything so far is saved. Enter the same name next time to go on where you stopped."
THANKS = "That was the last trial. Your answers are saved; you may close this window."


class ListenerView(Protocol):
    """The listener's window: its pages, one at a time."""

    name_entered: SignalInstance  # (listener)
    start_requested: SignalInstance
    leave_requested: SignalInstance
    leave_confirmed: SignalInstance
    ticked: SignalInstance

    @property
    def mushra(self) -> TrialView:
        """The page of a MUSHRA trial."""

    @property
    def ab(self) -> AbView:
        """The page of an A/B or ABX trial."""

    def show_name_entry(self, title: str, listener: str, message: str) -> None:
        """Ask who is listening; the message says what went wrong before."""

    def show_instructions(self, title: str, text: str, button: str) -> None:
        """Show text to be read before going on."""

    def show_mushra(self) -> None:
        """Show the MUSHRA trial."""

    def show_ab(self) -> None:
        """Show the A/B trial."""

    def show_leave(self, text: str) -> None:
        """Ask whether to leave."""

    def show_end(self, title: str, text: str) -> None:
        """Show the last page."""

    def close_now(self) -> None:
        """Close without asking."""


class ListenerPresenter:
    """Opens the session for whoever sits down, and leads through its phases.

    Parameters
    ----------
    folder : Path
        Of the study.
    view : ListenerView
    player : Player
        Closed with the presenter.
    listener : str
        Begins at once for this listener; empty asks.
    clock : callable
        Seconds, for the hint to take a break.
    """

    def __init__(
        self,
        folder: Path,
        view: ListenerView,
        player: Player,
        listener: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._view, self._player, self._clock = folder, view, player, clock
        self._session: Session | None = None
        self._trial: TrialPresenter | AbPresenter | None = None
        self._rested_at = clock()
        view.name_entered.connect(self._open)
        view.start_requested.connect(self._start)
        view.leave_requested.connect(self._leave)
        view.leave_confirmed.connect(self._close)
        view.ticked.connect(self._tick)
        if listener:
            self._open(listener)
        else:
            view.show_name_entry("Listening test", "", "")

    def _open(self, listener: str) -> None:
        try:
            session = open_session(self._folder, listener)
        except StudyError as error:
            self._view.show_name_entry("Listening test", listener, str(error))
            return
        self._session = session
        playback = TrialPlayback(session, self._player)
        if session.test_type is TestType.MUSHRA:
            self._trial = TrialPresenter(session, self._view.mushra, playback)
        else:
            self._trial = AbPresenter(session, self._view.ab, playback)
        self._trial.finished.connect(self._go_on)
        self._show_phase()

    def _start(self) -> None:
        session = self._running()
        try:
            if session.phase in (Phase.INSTRUCTIONS, Phase.BREAK):
                session.start()
        except StudyError as error:
            self._view.show_instructions("This could not be saved", str(error), "Try again")
            return
        self._rested_at = self._clock()
        self._show_phase()

    def _go_on(self) -> None:
        same_page = self._running().phase in (Phase.TRAINING, Phase.TEST)
        self._show_phase()
        listened_s = self._clock() - self._rested_at
        if same_page and listened_s > BREAK_AFTER_S:
            minutes = round(listened_s / 60)
            hint = f"You have listened for {minutes} minutes: a good moment for a break. {SAVED}"
            self._shown_frame().show_notice(Notice(hint))
            self._rested_at = self._clock()

    def _show_phase(self) -> None:
        session = self._running()
        if session.phase is Phase.INSTRUCTIONS:
            self._view.show_instructions(session.title, session.instructions, "Start")
        elif session.phase is Phase.BREAK:
            n_trials = session.progress.of
            text = f"Training is over. The test follows: {n_trials} trials, whose answers count."
            self._view.show_instructions("Now the test", text, "Start the test")
        elif session.phase is Phase.FINISHED:
            self._view.show_end("Thank you", THANKS)
            self._release()
        else:
            self._show_trial()

    def _show_trial(self) -> None:
        assert self._trial is not None
        try:
            self._trial.show()
        except (StudyError, CodecError) as error:
            self._view.show_end("The test cannot go on", f"{error} Tell the experimenter. {SAVED}")
            self._release()
            return
        if self._running().test_type is TestType.MUSHRA:
            self._view.show_mushra()
        else:
            self._view.show_ab()

    def _shown_frame(self) -> TrialView | AbView:
        return self._view.mushra if self._running().test_type is TestType.MUSHRA else self._view.ab

    def _tick(self) -> None:
        if self._trial and self._session and self._session.labels:
            self._trial.tick()

    def _leave(self) -> None:
        if self._session is None:
            self._close()
            return
        self._player.pause()
        self._view.show_leave(SAVED)

    def close(self) -> None:
        """Keep what was done, and release the session and the sound device; safe to call twice."""
        self._release()
        self._player.close()

    def _close(self) -> None:
        self.close()
        self._view.close_now()

    def _release(self) -> None:
        if self._session:
            self._player.pause()
            self._session.close()
        self._session = None

    def _running(self) -> Session:
        assert self._session is not None
        return self._session
