"""The form of a new run: made from the schema, checked as it is typed, turned into requests."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from psygnal import Signal

from earbench_app.jobs.scan import Scan
from earbench_app.notifications import Level
from earbench_app.presenters.training_fields import Kind, all_sections, described, recipe_sections
from earbench_app.presenters.training_new import TrainingFormPresenter, free_name
from earbench_app.presenters.training_run_fields import plan, run_values, sweepable
from earbench_app.presenters.training_values import (
    check,
    field_at,
    parsed,
    recipe_toml,
    recipe_values,
    values_of,
)
from earbench_app.views.training_protocols import FormState, TrainingFormView
from earbench_codecs.training.recipe import Recipe, parse_recipe, read_recipe, recipe_names
from earbench_codecs.training.recipe_tables import OptimiserTable, ValidationTable


def leaves(model: type, path: str = "") -> set[str]:
    """Every key that JSON Schema has for the recipe, an independent way to its fields."""
    schema = model.model_json_schema()
    found: set[str] = set()

    def walk(node: dict, at: str) -> None:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        for choice in node.get("anyOf", ()):
            if "$ref" in choice:
                walk(choice, at)
                return
        items = node.get("items", {})
        if "$ref" in items:
            walk(items, f"{at}.#")
        elif "properties" in node:
            for name, below in node["properties"].items():
                walk(below, f"{at}.{name}".removeprefix("."))
        else:
            found.add(at)

    walk(schema, path)
    return found


def test_the_form_has_every_key_of_a_recipe() -> None:
    shown = {field.path for section in all_sections(recipe_sections()) for field in section.fields}
    assert shown == leaves(Recipe)


def test_every_field_says_what_it_is() -> None:
    without = [
        field.path
        for section in all_sections(recipe_sections())
        for field in section.fields
        if not field.help
    ]
    assert without == []


def test_help_is_that_of_the_docstring() -> None:
    texts = described(OptimiserTable)
    assert texts["batch"] == "Windows a step, over all processes together."
    assert texts["learning_rate"] == texts["final_learning_rate"]
    batch, rate = field_at("optimiser.batch"), field_at("rate.target_kbps")
    assert batch is not None
    assert (batch.kind, batch.default, batch.help) == (Kind.INTEGER, "128", texts["batch"])
    assert rate is not None
    assert (rate.unit, rate.required) == ("kbps", True)


def test_a_field_left_empty_says_what_that_means() -> None:
    """Metrics were said to be none, and two were measured."""
    from earbench_codecs.training.validation import chosen_metrics

    metrics, terms = field_at("validation.metrics"), field_at("stages.0.terms")
    assert metrics is not None
    assert terms is not None
    speech, music = (", then ".join(chosen_metrics(ValidationTable(), rate)) for rate in (16_000, 44_100))
    assert metrics.empty == f"{speech} at 16 kHz, {music.rpartition(' ')[2]} at other rates"
    assert terms.empty == "all"


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_goes_through_the_form_unchanged(name: str) -> None:
    recipe = read_recipe(name)
    checked = check(recipe_values(recipe))
    assert checked.problems == {}
    assert checked.recipe == recipe
    assert parse_recipe(recipe_toml(recipe), name) == recipe


def test_what_tables_ask_of_each_other_is_said_beside_what_is_wrong_within_one() -> None:
    values = recipe_values(read_recipe("pam-nac-small"))
    lacking = {path: text for path, text in values.items() if not path.startswith("objective.entropy")}
    problems = check(lacking | {"optimiser.batch": "0", "stages.0.terms": "entropy"}).problems
    assert set(problems) == {"optimiser.batch", "rate", "stages.0.terms"}


@pytest.mark.parametrize(
    ("path", "text", "where", "word"),
    [
        ("optimiser.learning_rate", "fast", "optimiser.learning_rate", "number"),
        ("optimiser.learning_rate", "-1", "optimiser.learning_rate", "greater than 0"),
        ("optimiser.learning_rate", "", "optimiser.learning_rate", "Fill this in"),
        ("optimiser.batch", "1.5", "optimiser.batch", "whole number"),
        ("rate.rule", "sideways", "rate.rule", "'outside'"),
        ("data.include", "(", "data.include", "regular expression"),
        ("data.split_by", "speaker", "data", "speaker_pattern"),
        ("stages.0.epochs", "0", "stages.0.epochs", "greater than or equal to 1"),
        ("stages.0.terms", "no_such_term", "stages.0.terms", "no_such_term"),
        ("validation.metrics", "pesk", "validation.metrics", "pesk"),
        ("model.options", "step 3", "model.options", "name = 1"),
        ("objective.mel.banks", "8, x", "objective.mel.banks", "whole numbers"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(path: str, text: str, where: str, word: str) -> None:
    values = recipe_values(read_recipe("pam-nac-small")) | {path: text}
    checked = check(values)
    assert checked.recipe is None
    assert word in checked.problems[where]


def test_texts_stand_for_values() -> None:
    assert parsed(Kind.NUMBER, " 1e-3 ") == 1e-3
    assert parsed(Kind.NUMBERS, "8, 16,32,") == [8, 16, 32]
    assert parsed(Kind.WORDS, "sdr_db, nmr_db") == ["sdr_db", "nmr_db"]
    assert parsed(Kind.SETTINGS, 'step = 0.25, name = "a, b"') == {"step": 0.25, "name": "a, b"}
    assert parsed(Kind.NUMBER_OR_WORD, "none") == "none"
    assert parsed(Kind.NUMBER_OR_WORD, "-0.5") == -0.5


def test_settings_of_any_depth_come_back() -> None:
    options = {"step": 0.25, "sizes": [1, 2], "name": 'a "b"', "on": True, "deep": {"x": 1}}
    values = values_of({"model": {"size": "s", "options": options}})
    assert parsed(Kind.SETTINGS, values["model.options"]) == options


# Runs ------------------------------------------------------------------------------------------------


@pytest.fixture
def values(tmp_path: Path) -> dict[str, str]:
    run = {"run.name": "speech", "run.data": str(tmp_path)}
    return recipe_values(read_recipe("kankanahalli-small-24")) | run


def test_a_run_is_asked_for(values: dict[str, str], tmp_path: Path) -> None:
    (request,) = plan(values | {"run.max_minutes": "2.5", "run.device": "cpu"}).requests
    assert (request.name, request.data, request.device) == ("speech", tmp_path, "cpu")
    assert (request.max_minutes, request.n_processes, request.executor) == (2.5, 1, "local")
    assert request.slurm is None
    assert parse_recipe(request.recipe_toml, "x") == read_recipe("kankanahalli-small-24")


def test_a_sweep_is_a_run_for_each_pair_of_values(values: dict[str, str]) -> None:
    axes = {
        "sweep.0.path": "rate.target_kbps",
        "sweep.0.values": "9, 16, 24",
        "sweep.1.path": "objective.mel.weight",
        "sweep.1.values": "0.5, 2",
    }
    requests = plan(values | axes).requests
    recipes = [tomllib.loads(request.recipe_toml) for request in requests]
    pairs = {(one["rate"]["target_kbps"], one["objective"]["mel"]["weight"]) for one in recipes}
    assert pairs == {(kbps, weight) for kbps in (9, 16, 24) for weight in (0.5, 2)}
    assert len({request.name for request in requests}) == len(requests) == 6
    assert requests[0].name == "speech-kbps9-mel0.5"


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("small-24", ["small-12", "small-18"]),
        ("small-24-2", ["small-12-2", "small-18-2"]),
        ("small-240", ["small-240-kbps12", "small-240-kbps18"]),
        ("small", ["small-kbps12", "small-kbps18"]),
    ],
)
def test_runs_of_other_rates_do_not_tell_that_of_the_form(
    values: dict[str, str], name: str, names: list[str]
) -> None:
    axis = {"sweep.0.path": "rate.target_kbps", "sweep.0.values": "12, 18"}
    requests = plan(values | axis | {"run.name": name, "rate.target_kbps": "24"}).requests
    assert [request.name for request in requests] == names


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ("16", "Two values or more, separated by commas"),
        ("16, 16", "A value is there twice"),
        ("16, x", "x is not a number"),
        ("16, -3", "-3: Should be greater than 0"),
    ],
)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_sweep_that_makes_no_sense_is_refused_where_it_stands(
    values: dict[str, str], axis: int, texts: str, words: str
) -> None:
    other = {f"sweep.{1 - axis}.path": "objective.mel.weight", f"sweep.{1 - axis}.values": "0.5, 2"}
    wrong = {f"sweep.{axis}.path": "rate.target_kbps", f"sweep.{axis}.values": texts}
    found = plan(values | other | wrong)
    assert found.requests == ()
    assert found.problems == {f"sweep.{axis}.values": words}


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        ("run.name", "", "Fill"),
        ("run.name", "a/b", "/"),
        ("run.data", "/no/such/folder", "no such folder"),
        ("run.max_minutes", "soon", "number"),
        ("run.max_minutes", "0", "above 0"),
        ("run.n_processes", "0", "1 or more"),
    ],
)
def test_a_run_that_cannot_be_is_refused(values: dict[str, str], path: str, text: str, word: str) -> None:
    found = plan(values | {path: text})
    assert found.requests == ()
    assert word in found.problems[path]


def test_a_cluster_is_asked_for_and_comes_back(values: dict[str, str]) -> None:
    cluster = {"run.executor": "Slurm cluster", "slurm.gpus": "2", "slurm.partition": "long"}
    (request,) = plan(values | cluster).requests
    assert request.executor == "slurm"
    assert request.slurm is not None
    assert (request.slurm.gpus, request.slurm.partition, request.slurm.time_min) == (2, "long", 60)
    again = recipe_values(parse_recipe(request.recipe_toml, "x")) | run_values(request)
    assert plan(again).requests == (request,)


def test_rates_and_weights_can_be_swept_and_names_cannot(values: dict[str, str]) -> None:
    paths = sweepable(values)
    assert {"rate.target_kbps", "objective.mel.weight", "optimiser.learning_rate"} <= set(paths)
    assert not {"title", "model.size", "run.name"} & set(paths)


# The presenter ---------------------------------------------------------------------------------------


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
