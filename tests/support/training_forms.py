"""What stands for the view of a form of a new run, and for its trials."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

from psygnal import Signal

from earbench_app.jobs.scan import Scan
from earbench_app.views.training_form_protocols import FormState, TrainingFormView


class FakeTrials:
    """Notes what is asked of it; of each folder it says at once what it is given to say."""

    scanned = Signal(str, object, str)
    read = Signal(object)
    estimated = Signal(str, bool, object)

    def __init__(self) -> None:
        self.found: Scan | str | None = Scan(Path("x"), 9, 9, 9)
        self.scan = Mock(side_effect=lambda *_: self.found and self.read.emit(self.found))
        self.estimate, self.renew = Mock(), Mock()
        self.cancel, self.forget = Mock(), Mock()


class View:
    """The out-signals of a form, with setters that note what they are given."""

    recipe_chosen = Signal(str)
    recipe_file_given = Signal(Path)
    loss_chosen = Signal(str)
    value_changed = Signal(str, str)
    value_settled = Signal(str)
    table_switched = Signal(str, bool)
    estimate_requested = Signal()
    save_requested = Signal(Path)
    start_requested = Signal()
    left = Signal()

    def __init__(self) -> None:
        setters = Mock(spec=TrainingFormView)
        for name in (
            "show_recipes",
            "show_recipe",
            "show_state",
            "show_choices",
            "show_note",
            "show_scan",
            "show_estimate",
            "show_notice",
            "point_at",
        ):
            setattr(self, name, getattr(setters, name))

    @property
    def state(self) -> FormState:
        return self.show_state.call_args.args[0]  # type: ignore[attr-defined]
