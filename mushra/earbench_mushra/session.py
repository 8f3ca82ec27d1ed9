"""One listener's sitting as a state machine: what a listener's window, or a simulated listener, acts upon.

A session knows labels and opaque files, never a condition: those stay in the database until the results are
opened. Each action is committed to the study's database before the method returns, and only then changes the
session; so an action that raises has changed nothing, and a killed process resumes where it was.

    INSTRUCTIONS -start-> TRAINING -next…-> BREAK -start-> TEST -next…-> FINISHED

(without training items, start leads from the instructions to the test at once). The window reports what the
player does by `playing`, `paused`, `looped`; the rules follow from it: MUSHRA scores only the signal that is
playing now, A/B and ABX choose once every alternative was heard, the level is fixed within an item.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from earbench_mushra.blinding import REFERENCE_LABEL
from earbench_mushra.design import TestType
from earbench_mushra.errors import (
    IncompleteTrialError,
    NotHeardError,
    NotPlayingError,
    SessionError,
    StoreError,
    VolumeLockedError,
    WrongPhaseError,
)
from earbench_mushra.records import BlindTrial, Event, EventKind, Phase, TrialState
from earbench_mushra.rules import MAX_SCORE, checked_score, checked_volume_db, last_volume_db, phase_after
from earbench_mushra.study_files import stimulus_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from filelock import BaseFileLock

    from earbench_mushra.clock import Clock
    from earbench_mushra.design import Study
    from earbench_mushra.records import Sitting
    from earbench_mushra.store import Store


class Progress(NamedTuple):
    """Trial `trial` of `of` in the phase, from 1."""

    trial: int
    of: int


class Session:
    """A sitting in progress. Made by `sittings.open_session`.

    Parameters
    ----------
    folder : Path
        The study's.
    study : Study
        Only what a listener may know is kept of it.
    store : Store
        Closed with the session.
    sitting : Sitting
    lock : BaseFileLock
        Held; released with the session.
    clock : Clock
    """

    def __init__(
        self, folder: Path, study: Study, store: Store, sitting: Sitting, lock: BaseFileLock, clock: Clock
    ) -> None:
        self.listener = sitting.listener
        self.session_id = sitting.id
        self.sitting_number = sitting.number
        self.title = study.title
        self.instructions = study.instructions
        self.test_type = study.test_type
        self.comments_allowed = study.comments
        self.allow_tie = study.test_type is TestType.AB and study.allow_tie
        self._folder, self._store, self._lock, self._clock = folder, store, lock, clock
        self._phase = sitting.phase
        self._trials = store.trials(sitting.id)
        self._position = sum(trial.finished for trial in self._trials)
        journal = store.events(sitting.id)
        self._base_s = (journal[-1].elapsed_s if journal else 0.0) - clock.monotonic_s()
        self._playing: str | None = None
        self._state = self._load_state()
        self._volume_db = last_volume_db(journal)

    # What the window shows

    @property
    def phase(self) -> Phase:
        """Where the sitting stands."""
        return self._phase

    @property
    def is_training(self) -> bool:
        """Whether the trial on the screen is one whose scores are not used."""
        return self._phase is Phase.TRAINING

    @property
    def progress(self) -> Progress:
        """Which trial of its phase is next or on the screen; (0, 0) once finished."""
        trial = self._next_trial()
        return Progress(trial.number, trial.of) if trial else Progress(0, 0)

    @property
    def labels(self) -> tuple[str, ...]:
        """What can be played, the open reference aside: A, B, C …; A, B; or A, B, X. Empty between trials."""
        trial = self._shown()
        return tuple(label for label in trial.files if label != REFERENCE_LABEL) if trial else ()

    @property
    def has_reference(self) -> bool:
        """Whether this trial has an open reference, by the label "R"."""
        trial = self._shown()
        return trial is not None and REFERENCE_LABEL in trial.files

    @property
    def scores(self) -> Mapping[str, float | None]:
        """Score of each label of a MUSHRA trial; None for one not yet touched. Empty in other tests."""
        if self.test_type is not TestType.MUSHRA:
            return {}
        return {label: self._state.scores.get(label) for label in self.labels}

    @property
    def choice(self) -> str | None:
        """Choice of an A/B or ABX trial: "a", "b", "none", or None before there is one."""
        return self._state.choice

    @property
    def comment(self) -> str:
        """The trial's comment."""
        return self._state.comment

    @property
    def loop_s(self) -> tuple[float, float] | None:
        """The trial's loop region, to be set again on resuming."""
        return self._state.loop_s

    @property
    def heard(self) -> frozenset[str]:
        """Labels that have been played in this trial."""
        return frozenset(self._state.heard)

    @property
    def playing_label(self) -> str | None:
        """The label playing now: in MUSHRA, the only one that can be scored."""
        return self._playing

    @property
    def untouched(self) -> tuple[str, ...]:
        """Labels of a MUSHRA trial that still need a score."""
        return tuple(label for label, score in self.scores.items() if score is None)

    @property
    def complete(self) -> bool:
        """Whether `next` may be called."""
        if not self._shown():
            return False
        return not self.untouched if self.test_type is TestType.MUSHRA else self._state.choice is not None

    @property
    def reminder(self) -> str:
        """A gentle word before going on, or empty: one signal is the reference, so one should score 100."""
        scores = [score for score in self.scores.values() if score is not None]
        if not self.complete or not scores or max(scores) >= MAX_SCORE:
            return ""
        return "One of the signals is the reference itself, so at least one should score 100."

    @property
    def volume_db(self) -> float:
        """Level the listener chose, in dB from the experimenter's."""
        return self._volume_db

    @property
    def volume_locked(self) -> bool:
        """Whether the level is fixed now: in the test, from the first sound of an item to its end."""
        return self._phase is Phase.TEST and bool(self._state.heard)

    def audio(self, label: str) -> Path:
        """Return the file of a label of the trial on the screen, for the player alone. "R": the reference.

        Raises
        ------
        WrongPhaseError
            If no trial is on the screen.
        SessionError
            If it has no such label.
        """
        return stimulus_path(self._folder, self._trial_with(label).files[label])

    # What the listener does

    def report_opened(self) -> None:
        """Write down that the window has come up, for the first time or again."""
        self._record(self._event(EventKind.OPEN))

    def start(self) -> None:
        """Leave the instructions, or the break, for the first trial that follows."""
        self._require(Phase.INSTRUCTIONS, Phase.BREAK)
        trial = self._next_trial()
        phase = Phase.TRAINING if trial and trial.training else Phase.TEST
        self._advance(phase, self._event(EventKind.SHOW))

    def playing(self, label: str, position_s: float) -> None:
        """Report that a label has become audible: on play, on a switch, and after a seek."""
        self._trial_with(label)
        kind = EventKind.PLAY if self._playing is None else EventKind.SWITCH
        if self._playing == label:
            kind = EventKind.SEEK
        self._record(self._event(kind, label=label, position_s=position_s))
        self._playing = label
        self._state.heard.add(label)

    def paused(self, position_s: float) -> None:
        """Report that the sound has stopped, whoever stopped it; nothing can be scored now."""
        if self._playing is None:
            return
        self._record(self._event(EventKind.PAUSE, label=self._playing, position_s=position_s))
        self._playing = None

    def looped(self, region_s: tuple[float, float] | None) -> None:
        """Report another loop region, or that there is none."""
        self._require_trial()
        self._record(self._event(EventKind.LOOP, value=None if region_s is None else list(region_s)))
        self._state.loop_s = region_s

    def rate(self, label: str, score: float) -> None:
        """Score the signal now playing; it may be revised until `next`.

        Parameters
        ----------
        label : str
        score : float
            0 to 100, kept to one decimal.

        Raises
        ------
        NotPlayingError, ScoreError, WrongPhaseError, SessionError
        """
        self._require_type(TestType.MUSHRA)
        if label == REFERENCE_LABEL:
            raise SessionError("the open reference is not scored")
        self._trial_with(label)
        if label != self._playing:
            raise NotPlayingError(label, self._playing)
        score = checked_score(score)
        if self._state.scores.get(label) == score:
            return
        self._store.record_score(self.session_id, self._event(EventKind.SCORE, label=label, value=score))
        self._state.scores[label] = score

    def choose(self, choice: str) -> None:
        """Choose "a", "b" or, where allowed, "none"; in ABX, which of them X is.

        Raises
        ------
        NotHeardError
            If an alternative was not yet played in this trial.
        WrongPhaseError, SessionError
        """
        self._require_type(TestType.AB, TestType.ABX)
        self._require_trial()
        allowed = ("a", "b", "none") if self.allow_tie else ("a", "b")
        if choice not in allowed:
            raise SessionError(f"choose one of {', '.join(allowed)}, not {choice!r}")
        if unheard := [label for label in self.labels if label not in self._state.heard]:
            raise NotHeardError(unheard)
        if choice == self._state.choice:
            return
        self._store.record_choice(self.session_id, self._event(EventKind.CHOICE, value=choice))
        self._state.choice = choice

    def set_comment(self, text: str) -> None:
        """Keep what the listener has written about this trial so far."""
        self._require_trial()
        if not self.comments_allowed:
            raise SessionError("this study takes no comments")
        text = text.encode(errors="replace").decode()  # half a surrogate pair can be pasted, not stored
        if text == self._state.comment:
            return
        self._store.record_comment(self.session_id, self._event(EventKind.COMMENT, value=text))
        self._state.comment = text

    def set_volume(self, volume_db: float) -> None:
        """Change the level within ±4 dB, between items.

        Raises
        ------
        VolumeLockedError
            Within an item of the test, or outside the range.
        """
        volume_db = checked_volume_db(volume_db)
        if self.volume_locked:
            raise VolumeLockedError("the level is fixed within an item; change it before the next one")
        self._record(self._event(EventKind.VOLUME, value=volume_db))
        self._volume_db = volume_db

    def device(self, name: str, state: str = "") -> None:
        """Report the output device, or its loss and return."""
        self._record(self._event(EventKind.DEVICE, value={"name": name, "state": state}))

    def next(self) -> None:
        """Finish the trial and go on.

        Raises
        ------
        IncompleteTrialError
            Before every signal is scored, or a choice made.
        WrongPhaseError
        """
        self._require_trial()
        if not self.complete:
            raise IncompleteTrialError(self.untouched)
        events = [self._event(EventKind.NEXT)]
        following = self._trials[self._position + 1 : self._position + 2]
        phase = phase_after(self._phase, following)
        if phase is self._phase:
            events.append(self._event(EventKind.SHOW, trial=following[0]))
        self._advance(phase, *events)

    def close(self) -> None:
        """Leave the window; what was done is kept, and the sitting can be resumed. Safe to call twice."""
        if not self._lock.is_locked:
            return
        with suppress(StoreError):  # a full disk must not keep a window from closing
            self._record(self._event(EventKind.CLOSE))
        self._playing = None
        self._store.close()
        self._lock.release()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next_trial(self) -> BlindTrial | None:
        return self._trials[self._position] if self._position < len(self._trials) else None

    def _shown(self) -> BlindTrial | None:
        return self._next_trial() if self._phase in (Phase.TRAINING, Phase.TEST) else None

    def _load_state(self) -> TrialState:
        trial = self._shown()
        return self._store.trial_state(trial.id) if trial else TrialState()

    def _require(self, *phases: Phase) -> None:
        if self._phase not in phases:
            raise WrongPhaseError(f"not now: the sitting is in the phase {self._phase.value}")

    def _require_trial(self) -> BlindTrial:
        trial = self._shown()
        if trial is None:
            raise WrongPhaseError(
                f"no trial is on the screen: the sitting is in the phase {self._phase.value}"
            )
        return trial

    def _require_type(self, *types: TestType) -> None:
        if self.test_type not in types:
            raise SessionError(f"that does not belong to a test of the type {self.test_type.value}")

    def _trial_with(self, label: str) -> BlindTrial:
        trial = self._require_trial()
        if label not in trial.files:
            raise SessionError(f"this trial has no signal {label!r}; it has {', '.join(trial.files)}")
        return trial

    def _event(
        self,
        kind: EventKind,
        *,
        label: str | None = None,
        position_s: float | None = None,
        value: object = None,
        trial: BlindTrial | None = None,
    ) -> Event:
        about = trial or (self._next_trial() if kind is EventKind.SHOW else self._shown())
        return Event(
            kind=kind,
            at=self._clock.now(),
            elapsed_s=self._base_s + self._clock.monotonic_s(),
            label=label,
            position_s=position_s,
            value=value,
            trial_id=about.id if about else None,
        )

    def _record(self, event: Event) -> None:
        self._store.record(self.session_id, event)

    def _advance(self, phase: Phase, *events: Event) -> None:
        self._store.advance(self.session_id, phase, events)
        self._position += events[0].kind is EventKind.NEXT
        self._phase, self._playing = phase, None
        self._state = self._load_state()
