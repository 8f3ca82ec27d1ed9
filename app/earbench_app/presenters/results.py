"""The Results page: sealed until the researcher opens it, then screened statistics and every point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from earbench_app.notifications import Level, Notice
from earbench_mushra.errors import StudyError
from earbench_mushra.export import open_results, write_ratings
from earbench_mushra.ratings import Rating, Ratings, load_ratings
from earbench_mushra.records import Phase
from earbench_mushra.screening import Rule
from earbench_mushra.statistics import Analysis, analyze
from earbench_mushra.store import Store
from earbench_mushra.study_files import DATABASE_FILE, load_study

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from psygnal import SignalInstance

MEANS = "Results page"


@dataclass(frozen=True, slots=True)
class Seal:
    """What may be known before the results are opened.

    Parameters
    ----------
    study : str
    n_finished, n_open : int
        Sittings.
    opened_at : datetime, optional
        When they were opened first.
    opened_by : str
    """

    study: str
    n_finished: int
    n_open: int
    opened_at: datetime | None = None
    opened_by: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """Opened results under one screening rule.

    Parameters
    ----------
    study : str
    titles : dict of condition id to title
    analysis : Analysis
    scores : tuple of Rating
        After screening.
    """

    study: str
    titles: dict[str, str]
    analysis: Analysis
    scores: tuple[Rating, ...]


class ResultsView(Protocol):
    """The page."""

    open_confirmed: SignalInstance
    rule_chosen: SignalInstance  # (rule name)
    export_requested: SignalInstance  # (path)

    def show_nothing(self) -> None:
        """Say that no study is chosen, or that nobody has listened."""

    def show_seal(self, seal: Seal) -> None:
        """Ask before opening."""

    def show_results(self, shown: Shown) -> None:
        """Show them."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""


class ResultsPresenter:
    """Opens results when asked, and never before.

    Parameters
    ----------
    view : ResultsView
    user : str
        Written down as who opened them.
    """

    def __init__(self, view: ResultsView, user: str) -> None:
        self._view, self._user = view, user
        self._folder: Path | None = None
        self._ratings: Ratings | None = None
        self._rule = Rule.BS1534
        view.open_confirmed.connect(self._open)
        view.rule_chosen.connect(self._choose_rule)
        view.export_requested.connect(self._export)
        view.show_nothing()

    def show(self, folder: Path | None) -> None:
        """Show the seal of another study."""
        self._folder, self._ratings = folder, None
        self._view.show_notice(None)
        if folder is None or not (folder / DATABASE_FILE).is_file():
            self._view.show_nothing()
            return
        try:
            self._view.show_seal(_seal(folder))
        except StudyError as error:
            self._view.show_nothing()
            self._view.show_notice(Notice(str(error), Level.ERROR))

    def refresh(self) -> None:
        """Look again, when the page comes up: a sitting may have ended; opened results stay as they are."""
        if self._ratings is None:
            self.show(self._folder)

    def _open(self) -> None:
        if self._folder is None:
            return
        try:
            self._ratings = load_ratings(self._folder, by=self._user, means=MEANS)
        except StudyError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        self._show_results()

    def _choose_rule(self, rule: str) -> None:
        self._rule = Rule(rule)
        self._show_results()

    def _show_results(self) -> None:
        if self._folder is None or self._ratings is None:
            return
        study = load_study(self._folder)
        analysis = analyze(self._ratings, self._rule)
        out = {exclusion.listener for exclusion in analysis.excluded}
        kept = tuple(rating for rating in self._ratings.scores if rating.listener not in out)
        titles = {condition.id: condition.title for condition in study.conditions}
        self._view.show_results(Shown(study.name, titles, analysis, kept))

    def _export(self, path: Path) -> None:
        if self._folder is None:
            return
        try:
            results = open_results(self._folder, by=self._user, means=f"{MEANS}, CSV")
            write_ratings(results.trials, path)
        except StudyError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        self._view.show_notice(Notice(f"{len(results.trials)} trials written to {path}"))


def _seal(folder: Path) -> Seal:
    with Store(folder, read_only=True) as store:
        sittings, openings = store.sittings(), store.openings()
    n_finished = sum(sitting.phase is Phase.FINISHED for sitting in sittings)
    first = openings[0] if openings else None
    return Seal(
        load_study(folder).name,
        n_finished,
        len(sittings) - n_finished,
        first.at if first else None,
        first.by if first else "",
    )
