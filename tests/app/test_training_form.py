"""The form of a new run: what its presenter makes of what is chosen, typed and dropped."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from training_forms import FakeTrials, View

from earbench_app.jobs.scan import Scan
from earbench_app.notifications import Level
from earbench_app.presenters.training_new import TrainingFormPresenter, free_name
from earbench_app.presenters.training_run_fields import plan
from earbench_app.presenters.training_values import check, recipe_values
from earbench_codecs.training.recipe import read_recipe, recipe_names

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def values(tmp_path: Path) -> dict[str, str]:
    run = {"run.name": "speech", "run.data": str(tmp_path)}
    return recipe_values(read_recipe("kankanahalli-small-24")) | run


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def trials() -> FakeTrials:
    return FakeTrials()


@pytest.fixture
def form(view: View, trials: FakeTrials) -> TrainingFormPresenter:
    presenter = TrainingFormPresenter(view, trials)  # type: ignore[arg-type]
    presenter.open()
    return presenter


def test_it_opens_with_a_recipe_that_trains_in_minutes(form: TrainingFormPresenter, view: View) -> None:
    del form
    assert "small" in view.state.values["run.name"]
    assert view.state.problems == {"run.data": "Choose a folder"}
    assert view.state.n_jobs == 0
    offered = view.show_recipes.call_args.args[0]  # type: ignore[attr-defined]
    assert [choice.name for choice in offered] == recipe_names()


def test_that_no_gpu_was_found_is_said_at_the_device(form: TrainingFormPresenter, view: View) -> None:
    form.offer_devices(["cpu"])
    view.show_note.assert_called_with("run.device", "No GPU found: runs use the CPU")  # type: ignore[attr-defined]
    form.offer_devices(["cpu", "cuda:0"])
    view.show_note.assert_called_with("run.device", "")  # type: ignore[attr-defined]


def test_typing_is_checked_at_once_and_starts_what_it_says(
    form: TrainingFormPresenter, view: View, tmp_path: Path
) -> None:
    asked: list[tuple] = []
    form.submitted.connect(asked.append)
    view.recipe_chosen.emit("kankanahalli-small-24")
    view.value_changed.emit("run.data", str(tmp_path))
    assert view.state.n_jobs == 1
    assert view.state.summary == "4,000 steps in 16 epochs"
    view.value_changed.emit("run.max_minutes", "5")
    assert view.state.summary == (
        "4,000 steps in 16 epochs, or 5 min, the start and what is measured at the end left out"
    )
    view.value_changed.emit("rate.target_kbps", "2x")
    assert "number" in view.state.problems["rate.target_kbps"]
    view.start_requested.emit()
    assert asked == []
    view.value_changed.emit("rate.target_kbps", "20")
    view.start_requested.emit()
    ((request,),) = asked
    assert tomllib.loads(request.recipe_toml)["rate"]["target_kbps"] == 20


def start_unread(form: TrainingFormPresenter, view: View, trials: FakeTrials, folder: Path) -> Mock:
    """Press Start with a folder that is not read yet; return what is called with the runs."""
    asked = Mock()
    form.submitted.connect(asked)
    trials.found = None
    view.value_changed.emit("run.data", str(folder))
    view.start_requested.emit()
    return asked


def test_a_start_waits_until_the_folder_is_known_to_be_good(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    """Without, a run on a folder that holds no audio was queued, and failed a minute later."""
    asked = start_unread(form, view, trials, tmp_path)
    trials.scan.assert_called_once()
    asked.assert_not_called()
    assert view.state.summary.startswith("Reading the folder")
    trials.read.emit(Scan(tmp_path, 9, 9, 1))  # there must be one to hold out
    asked.assert_not_called()
    trials.read.emit(Scan(tmp_path, 9, 9, 2))
    asked.assert_called_once()
    trials.cancel.assert_called_once()


def test_a_folder_that_cannot_be_trained_on_is_refused_at_its_field(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    asked = start_unread(form, view, trials, tmp_path)
    trials.read.emit("there is no audio file in it; choose another folder")
    assert view.state.problems == {"run.data": "there is no audio file in it; choose another folder"}
    assert view.state.n_jobs == 0
    other = tmp_path / "other"
    other.mkdir()
    view.value_changed.emit("run.data", str(other))
    assert (view.state.problems, view.state.n_jobs) == ({}, 1)
    asked.assert_not_called()


def test_what_is_typed_meanwhile_ends_the_wait_for_a_start(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    asked = start_unread(form, view, trials, tmp_path)
    view.value_changed.emit("optimiser.batch", "4")
    trials.read.emit(Scan(tmp_path, 9, 9, 9))
    asked.assert_not_called()
    view.start_requested.emit()
    asked.assert_called_once()


def test_a_rate_is_compared_with_the_coders_recipes_and_with_the_audio(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    def note() -> tuple[str, Level]:
        path, *said = view.show_note.call_args.args  # type: ignore[attr-defined]
        assert path == "rate.target_kbps"
        return tuple(said)

    asked = Mock()
    form.submitted.connect(asked)
    trials.found = Scan(tmp_path, 9, 9, 9, rates_hz={16_000: 9})
    view.recipe_chosen.emit("kankanahalli-24")
    view.value_changed.emit("run.data", str(tmp_path))
    assert note() == ("This coder's recipes: 9 to 32 kbps", Level.INFO)
    view.value_changed.emit("rate.target_kbps", "40")
    assert note()[1] is Level.WARNING
    assert note()[0] == "Untried; its recipes: 9 to 32 kbps"
    view.value_changed.emit("rate.target_kbps", "400")
    view.start_requested.emit()
    asked.assert_not_called()
    assert view.state.problems["rate.target_kbps"] == "400 is too much: uncoded audio has 256"
    view.value_changed.emit("rate.target_kbps", "24")
    view.value_changed.emit("sweep.0.path", "rate.target_kbps")
    view.value_changed.emit("sweep.0.values", "24, 300")
    assert list(view.state.problems) == ["sweep.0.values"]
    view.value_changed.emit("sweep.0.values", "24, 32")
    assert (view.state.problems, view.state.n_jobs) == ({}, 2)


def test_that_files_will_be_resampled_is_said_of_the_folder_and_the_coder_of_now(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    def note() -> str:
        told = [call.args for call in view.show_note.call_args_list]  # type: ignore[attr-defined]
        return next(text for path, text, *_ in reversed(told) if path == "run.data")

    trials.found = Scan(
        tmp_path, 9, 9, 9, rates_hz={44_100: 9}, coder_rates_hz={"kankanahalli": 16_000, "vred-small": 44_100}
    )
    view.recipe_chosen.emit("kankanahalli-24")
    view.value_changed.emit("run.data", str(tmp_path))
    assert note() == ""
    view.value_settled.emit("run.data")
    assert note() == "44.1 kHz, resampled to this coder's 16 kHz"
    view.value_changed.emit("model.size", "vred-small")
    assert note() == ""
    view.recipe_chosen.emit("kankanahalli-24")
    view.value_changed.emit("run.data", str(tmp_path.parent))
    assert note() == ""


def test_another_recipe_keeps_where_and_on_what_it_runs(
    form: TrainingFormPresenter, view: View, tmp_path: Path
) -> None:
    del form
    view.value_changed.emit("run.data", str(tmp_path))
    view.value_changed.emit("run.device", "cpu")
    view.recipe_chosen.emit("vred-small")
    assert view.state.values["run.data"] == str(tmp_path)
    assert view.state.values["run.device"] == "cpu"
    assert view.state.values["model.size"] == "vred-small"
    assert "rate" not in view.state.values


def test_tables_come_and_go(form: TrainingFormPresenter, view: View) -> None:
    del form
    view.recipe_chosen.emit("kankanahalli-small-24")
    view.table_switched.emit("objective.mel", False)
    assert not [path for path in view.state.values if path.startswith("objective.mel")]
    view.table_switched.emit("objective.rmse", True)
    assert view.state.values["objective.rmse.weight"] == "1"
    view.table_switched.emit("stages.1", True)
    assert view.state.problems["stages.1.stage"] == "Fill this in"
    view.value_changed.emit("stages.1.stage", "joint")
    view.value_changed.emit("stages.1.epochs", "3")
    assert view.state.problems == {"run.data": "Choose a folder"}
    view.table_switched.emit("stages.0", False)
    assert view.state.values["stages.0.epochs"] == "3"
    assert [section.title for section in view.state.sections if "Stage" in section.title] == ["Stage 1"]


def test_the_terms_of_another_recipe_are_taken(form: TrainingFormPresenter, view: View) -> None:
    del form
    view.recipe_chosen.emit("kankanahalli-small-24")
    view.loss_chosen.emit("pam-nac-small")
    theirs = read_recipe("pam-nac-small").objective
    checked = check({p: t for p, t in view.state.values.items() if not p.startswith("run.")})
    assert checked.recipe is not None
    assert checked.recipe.objective == theirs
    assert checked.recipe.model.size == "kankanahalli-small"


def test_a_past_run_fills_the_form(form: TrainingFormPresenter, view: View, values: dict[str, str]) -> None:
    (request,) = plan(values | {"rate.target_kbps": "17", "run.max_minutes": "3"}).requests
    form.duplicate(request, "another")
    assert view.state.values["rate.target_kbps"] == "17"
    assert view.show_recipe.call_args.args[0] == "speech"  # type: ignore[attr-defined]
    asked: list[tuple] = []
    form.submitted.connect(asked.append)
    view.start_requested.emit()
    assert asked == [(replace(request, name="another"),)]


def test_a_new_run_is_not_called_as_one_that_is_there(
    form: TrainingFormPresenter, view: View, tmp_path: Path
) -> None:
    proposed = view.state.values["run.name"]
    form.submitted.connect(lambda asked: form.take_names([*(one.name for one in asked), "speech"]))
    view.value_changed.emit("run.data", str(tmp_path))
    view.start_requested.emit()
    form.open()
    assert view.state.values["run.name"] == f"{proposed}-2"
    view.start_requested.emit()
    view.recipe_chosen.emit("kankanahalli-small-24")
    view.value_changed.emit("run.name", "speech")
    assert view.state.n_jobs == 0
    assert view.state.problems["run.name"].startswith("There is a run named speech already")
    view.value_changed.emit("run.name", "speech-24")
    assert (view.state.n_jobs, view.state.problems) == (1, {})


def test_runs_of_a_sweep_are_not_called_as_those_of_another(
    form: TrainingFormPresenter, view: View, tmp_path: Path
) -> None:
    axis = {"sweep.0.path": "rate.target_kbps", "sweep.0.values": "16, 24"}
    for path, text in {"run.name": "a", "run.data": str(tmp_path), **axis}.items():
        view.value_changed.emit(path, text)
    form.take_names(["a-kbps24"])
    asked = Mock()
    form.submitted.connect(asked)
    view.start_requested.emit()
    asked.assert_not_called()
    assert "a-kbps24" in view.state.problems["run.name"]
    form.open()
    assert (view.state.values["run.name"], view.state.n_jobs) == ("a-2", 2)
    form.take_names(["a-kbps24", "a-2-kbps16", "a-2-kbps24"])
    form.open()
    assert (view.state.values["run.name"], view.state.n_jobs) == ("a-3", 2)


def test_a_copy_has_a_name_of_its_own() -> None:
    assert free_name("small-24", {"small-24"}) == "small-24-2"
    assert free_name("small-24", {"small-24", "small-24-2"}) == "small-24-3"
    assert free_name("small-24-2", {"small-24", "small-24-2"}) == "small-24-3"


def test_the_title_names_the_rate_that_is_trained_for(
    form: TrainingFormPresenter, view: View, values: dict[str, str]
) -> None:
    """It said 24 kbps of a run at 32, in its checkpoint's card too."""
    assert values["title"].endswith("speech at 24 kbps")
    (request,) = plan(values).requests
    form.duplicate(replace(request, recipe_toml=request.recipe_toml.replace("= 24", "= 32")), "another")
    assert view.show_recipe.call_args.args[1].endswith("speech at 32 kbps")  # type: ignore[attr-defined]
    for text in ("", "1", "16"):
        view.value_changed.emit("rate.target_kbps", text)
    assert view.state.values["title"].endswith("speech at 16 kbps")
    view.value_changed.emit("title", "All we know, at 9 kbps")
    assert view.state.values["title"] == "All we know, at 9 kbps"
    axis = {"sweep.0.path": "rate.target_kbps", "sweep.0.values": "9, 24"}
    titles = [tomllib.loads(one.recipe_toml)["title"] for one in plan(values | axis).requests]
    assert [title[-7:] for title in titles] == [" 9 kbps", "24 kbps"]


def test_the_proposed_name_tells_the_rate_that_is_trained_for(
    form: TrainingFormPresenter, view: View
) -> None:
    form.take_names(["kankanahalli-small-24", "kankanahalli-small-32"])
    view.recipe_chosen.emit("kankanahalli-small-24")
    assert view.state.values["run.name"] == "kankanahalli-small-24-2"
    for text in ("2", "", "3", "32"):
        view.value_changed.emit("rate.target_kbps", text)
    assert view.state.values["run.name"] == "kankanahalli-small-32-2"
    view.value_changed.emit("run.name", "take-2")
    for text in ("1", "2", "20"):
        view.value_changed.emit("rate.target_kbps", text)
    assert view.state.values["run.name"] == "take-2"


def test_a_past_run_of_a_bundled_recipe_names_that(
    form: TrainingFormPresenter, view: View, values: dict[str, str]
) -> None:
    (request,) = plan(values).requests
    form.duplicate(request, "another")
    assert view.show_recipe.call_args.args[0] == "kankanahalli-small-24"  # type: ignore[attr-defined]


def test_a_recipe_is_saved_and_read_again(form: TrainingFormPresenter, view: View, tmp_path: Path) -> None:
    view.recipe_chosen.emit("pam-nac-small")
    view.value_changed.emit("optimiser.learning_rate", "2e-3")
    path = tmp_path / "mine.toml"
    view.save_requested.emit(path)
    assert read_recipe(path).optimiser.learning_rate == 2e-3
    view.recipe_chosen.emit("vred-small")
    assert form.take_dropped([path])
    assert view.state.values["optimiser.learning_rate"] == "0.002"
    assert view.state.values["run.name"] == "mine"


def test_a_recipe_that_cannot_be_saved_or_read_is_told(
    form: TrainingFormPresenter, view: View, tmp_path: Path
) -> None:
    view.save_requested.emit(tmp_path / "no" / "folder.toml")
    notice = view.show_notice.call_args.args[0]  # type: ignore[attr-defined]
    assert notice.level is Level.ERROR
    assert "folder.toml" in notice.text
    bad = tmp_path / "bad.toml"
    bad.write_text("title = ")
    form.open_file(bad)
    assert "bad.toml" in view.show_notice.call_args.args[0].text  # type: ignore[attr-defined]


def test_a_folder_is_read_when_its_field_is_left(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    del form
    view.value_changed.emit("run.data", str(tmp_path))
    trials.scan.assert_not_called()
    view.value_settled.emit("run.data")
    folder, data = trials.scan.call_args.args
    assert folder == tmp_path
    assert data == check(recipe_values(read_recipe("kankanahalli-small-24"))).recipe.data  # type: ignore[union-attr]


def test_a_form_that_is_opened_again_reads_its_folder_again(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    view.value_changed.emit("run.data", str(tmp_path))
    view.left.emit()
    trials.cancel.assert_called_once()
    trials.scan.assert_not_called()
    form.open()
    assert trials.scan.call_args.args[0] == tmp_path


def test_an_estimate_is_of_what_stands_there(
    form: TrainingFormPresenter, view: View, trials: FakeTrials, tmp_path: Path
) -> None:
    del form
    view.estimate_requested.emit()
    trials.estimate.assert_not_called()
    view.value_changed.emit("run.data", str(tmp_path))
    view.estimate_requested.emit()
    ((request,),) = trials.estimate.call_args.args
    assert request.data == tmp_path
    view.value_changed.emit("run.max_minutes", "3")
    ((request,),) = trials.renew.call_args.args
    assert request.max_minutes == 3
    view.value_changed.emit("optimiser.batch", "x")
    trials.renew.assert_called_with(())
