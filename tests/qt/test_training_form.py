"""The form of a new run keeps its place: what is said while it is filled in moves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit

from earbench_app.notifications import Level, Notice
from earbench_app.presenters.training_fields import recipe_sections
from earbench_app.presenters.training_values import recipe_values
from earbench_app.views.qt.training_form import TrainingForm
from earbench_app.views.training_form_protocols import FormState, RecipeChoice
from earbench_codecs.training.recipe import read_recipe

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from earbench_app.views.qt.training_editors import Editor

VALUES = recipe_values(read_recipe("resglu-small")) | {"run.name": "a", "run.data": "/data"}
WRONG = {
    "": "No such term: name one of the objective's",
    "run.name": "Fill this in",
    "run.data": "There is no such folder",
    "run.max_minutes": "This must be a number, and here is more to say of it than there is room for",
    "optimiser": "These do not go together",
}


def state(problems: dict[str, str]) -> FormState:
    sections = tuple(section for section in recipe_sections() if not section.repeated)
    return FormState(VALUES, problems, sections, "400 steps in 4 epochs", 0 if problems else 1)


@pytest.fixture
def form(qtbot: QtBot) -> TrainingForm:
    form = TrainingForm()
    qtbot.addWidget(form)
    form.resize(700, 900)
    form.show_state(state({}))
    form.show()
    qtbot.waitExposed(form)
    return form


def places(form: TrainingForm) -> dict[str, QPoint]:
    """Return where fields, headings and buttons are."""
    editors: dict[str, Editor] = form._editors
    found = {path: one.control for path, one in editors.items() if one.control.isVisible()}
    folds = {path: fold.button for path, fold in form._sections.items()}
    buttons = {"start": form.start, "estimate": form.try_out}
    return {key: one.mapTo(form, QPoint()) for key, one in (found | folds | buttons).items()}


def test_messages_move_nothing(form: TrainingForm, qtbot: QtBot) -> None:
    before = places(form)
    assert {"run.name", "run.max_minutes", "optimiser", "start"} <= before.keys()
    form.show_state(state(WRONG))
    form.show_scan("378 files  ·  1:02:00  ·  16 kHz", Level.INFO, "")
    form.show_estimate("About 7:20 on cpu (6:40 to 8:20), 2.0 GiB of memory.", False, Level.WARNING)
    form.show_notice(Notice("Saved /home/somebody/recipe.toml"))
    qtbot.waitUntil(form.notice_bar.isVisible)
    qtbot.wait(50)
    assert places(form) == before
    assert form._editors["run.max_minutes"].problem == WRONG["run.max_minutes"]
    assert form._sections["optimiser"]._note.text() == WRONG["optimiser"]
    assert form._summary.text() == WRONG[""]


def test_scrolling_over_boxes_chooses_nothing(qtbot: QtBot) -> None:
    form = TrainingForm()
    qtbot.addWidget(form)
    form.show_recipes([RecipeChoice(name, name, "") for name in ("a", "b")], [("a", "mse"), ("b", "mel")])
    form.show_state(state({}))
    chosen: list[str] = []
    form.loss_chosen.connect(chosen.append)
    form.recipe_chosen.connect(chosen.append)
    boxes = [box for box in form.findChildren(QComboBox) if box.count() > 1]
    assert {form.recipes.accessibleName(), "Take the terms of another recipe's objective"} <= {
        box.accessibleName() for box in boxes
    }
    for box in boxes:
        before = box.currentIndex()
        place = QPointF(box.rect().center())
        event = QWheelEvent(
            place, box.mapToGlobal(place), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(box, event)
        assert box.currentIndex() == before
    assert chosen == []


def test_a_recipe_is_offered_the_name_of_its_run(form: TrainingForm, tmp_path: Path) -> None:
    asked: list[Path] = []
    form.save_requested.connect(asked.append)
    form.show_state(replace(state({}), values={"run.name": "speech/12"}))
    form.save.click()
    dialog = form.findChild(QFileDialog)
    assert Path(dialog.selectedFiles()[0]).name == "speech12.toml"
    dialog.fileSelected.emit(str(tmp_path / "chosen.toml"))
    dialog.close()
    assert asked == [tmp_path / "chosen.toml"]


def test_what_an_empty_field_stands_for_is_seen_in_it(form: TrainingForm) -> None:
    form.show_state(replace(state({}), values=VALUES | {"validation.metrics": ""}))
    form._sections["validation"].button.click()
    metrics, excerpts = (form.findChild(QLineEdit, f"validation.{name}") for name in ("metrics", "excerpts"))
    assert (metrics.text(), excerpts.placeholderText()) == ("", "8")
    assert "pesq_wb" in metrics.placeholderText()
    form.grab()  # which lays it out
    assert metrics.fontMetrics().horizontalAdvance(metrics.placeholderText()) < metrics.width() - 16
