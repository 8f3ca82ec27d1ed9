"""What the presenter of a new run needs of its form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psygnal import SignalInstance

    from earbench_app.notifications import Level, Notice
    from earbench_app.presenters.training_fields import FormSection


@dataclass(frozen=True, slots=True)
class RecipeChoice:
    """A recipe that can be begun with."""

    name: str
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class FormState:
    """All that a form shows.

    Parameters
    ----------
    values : mapping of path to text
        Of run and recipe; a table that is there has its own path with an empty text.
    problems : mapping of path to message
    sections : tuple of FormSection
        Of the recipe, those that are repeated once for each.
    summary : str
        What will be done, in one line.
    n_jobs : int
        0 while something is wrong.
    """

    values: Mapping[str, str]
    problems: Mapping[str, str]
    sections: tuple[FormSection, ...]
    summary: str
    n_jobs: int


class TrainingFormView(Protocol):
    """The form of a new run."""

    @property
    def recipe_chosen(self) -> SignalInstance:
        """(name of a bundled recipe)."""

    @property
    def recipe_file_given(self) -> SignalInstance:
        """(Path)."""

    @property
    def loss_chosen(self) -> SignalInstance:
        """(name of a bundled recipe): take the terms of its objective."""

    @property
    def value_changed(self) -> SignalInstance:
        """(path, text)."""

    @property
    def value_settled(self) -> SignalInstance:
        """(path): its field is left, or its value chosen."""

    @property
    def table_switched(self) -> SignalInstance:
        """(path, there or not)."""

    @property
    def estimate_requested(self) -> SignalInstance:
        """()."""

    @property
    def save_requested(self) -> SignalInstance:
        """(Path): write the recipe there."""

    @property
    def start_requested(self) -> SignalInstance:
        """()."""

    @property
    def left(self) -> SignalInstance:
        """()."""

    def show_recipes(self, choices: Sequence[RecipeChoice], losses: Sequence[tuple[str, str]]) -> None:
        """Offer recipes, and the losses (name, terms) of some."""

    def show_recipe(self, name: str, title: str, note: str) -> None:
        """Say with what the form was filled."""

    def show_state(self, state: FormState) -> None:
        """Show texts and problems; a text that is being typed is left alone."""

    def show_choices(self, path: str, choices: Sequence[str]) -> None:
        """Offer values for a field."""

    def show_note(self, path: str, text: str, level: Level = ...) -> None:
        """Say something beside a field of the run, where nothing is wrong with it."""

    def show_scan(self, text: str, level: Level, details: str) -> None:
        """Say what is in the data folder; `details` names what cannot be read."""

    def point_at(self, path: str) -> None:
        """Lead the user to a field, to be changed."""

    def show_estimate(self, text: str, busy: bool, level: Level) -> None:
        """Say how long it will take and how much memory; or that this is being found out."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place."""
