"""Fields of the form of a new run: made from the schema, checked as they are typed, turned into requests."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from earbench_app.presenters.training_fields import Kind, all_sections, described, recipe_sections
from earbench_app.presenters.training_run_fields import plan, run_values, sweepable
from earbench_app.presenters.training_values import (
    check,
    field_at,
    parsed,
    recipe_toml,
    recipe_values,
    values_of,
)
from earbench_codecs.training.recipe import Recipe, parse_recipe, read_recipe, recipe_names
from earbench_codecs.training.recipe_tables import OptimiserTable, ValidationTable

if TYPE_CHECKING:
    from pathlib import Path


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
