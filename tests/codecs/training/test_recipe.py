"""Recipes say what is wrong with them by file and key."""

from __future__ import annotations

import math

import pytest

from earbench_codecs.training.errors import RecipeError
from earbench_codecs.training.recipe import parse_recipe, read_recipe, recipe_names

GOOD = """
title = "A test"
[model]
size = "kankanahalli"
options = { channels = 8 }
[data]
validation_share = 0.1
[objective]
rmse = { weight = 60 }
mel = { weight = 5, banks = [8, 16] }
entropy = { weight = 1 }
coder = { quantization = 10 }
[optimiser]
learning_rate = 2.5e-4
final_learning_rate = 1e-4
steps_per_epoch = 10
[rate]
target_kbps = 16
[[stages]]
stage = "pretrain"
epochs = 5
[[stages]]
stage = "joint"
epochs = 145
"""


def test_a_recipe_is_read_with_its_defaults():
    recipe = parse_recipe(GOOD, "good.toml")
    assert recipe.n_steps == 1500
    assert recipe.stage_steps() == [range(50), range(50, 1500)]
    assert recipe.model.options == {"channels": 8}
    assert sorted(recipe.objective.terms) == ["entropy", "mel", "rmse"]
    assert recipe.objective.mel.banks == [8, 16]
    assert recipe.objective.coder == {"quantization": 10}
    assert recipe.rate.tolerance_kbps == 0.45
    assert recipe.rate.tau_floor == 0
    assert [stage.stage for stage in recipe.stages] == ["pretrain", "joint"]


def test_no_step_beyond_the_rate_that_is_asked_for_is_the_best():
    assert parse_recipe(GOOD, "good.toml").highest_kbps == pytest.approx(16.45)
    own = GOOD + "target_kbps = 12\n"  # of the last stage
    assert parse_recipe(own, "good.toml").highest_kbps == pytest.approx(12.45)
    free = GOOD.replace("[rate]\ntarget_kbps = 16\n", "")
    assert parse_recipe(free, "good.toml").highest_kbps == math.inf
    at_one = parse_recipe(free.replace("[[stages]]", "[validation]\nkbps = 12\n[[stages]]", 1), "good.toml")
    assert 12 < at_one.highest_kbps < 24


def test_a_recipe_survives_its_json():
    recipe = parse_recipe(GOOD, "good.toml")
    assert type(recipe).model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("validation_share", "validation_shar", ["data.validation_shar", "no such key"]),
        ("epochs = 145", "", ["stages.1.epochs", "missing"]),
        ("validation_share = 0.1", "validation_share = 1", ["data.validation_share", "not 1"]),
        ("size = ", "size = 3 # ", ["model.size", "not 3"]),
        ("rmse = { weight = 60 }", "rsme = { weight = 60 }", ["objective.rsme"]),
        ("rmse = { weight = 60 }", "rmse = { weight = -1 }", ["objective.rmse.weight"]),
        ("entropy = { weight = 1 }", "", ["[rate]", "entropy"]),
        (
            "validation_share = 0.1",
            "validation_share = 0.1\nsplit_by = 'speaker'",
            ["data", "speaker_pattern"],
        ),
        (
            "validation_share = 0.1",
            "validation_share = 0.1\ninclude = '('",
            ["data.include", "regular expression"],
        ),
        ("epochs = 145", "epochs = 0", ["stages.1.epochs"]),
        ("[model]", "[model", ["not valid TOML"]),
        ("learning_rate = 2.5e-4", "learning_rate = nan", ["optimiser.learning_rate"]),
    ],
)
def test_a_wrong_key_is_named_with_the_file(old, new, says):
    with pytest.raises(RecipeError) as error:
        parse_recipe(GOOD.replace(old, new, 1), "bad.toml")
    assert str(error.value).startswith("bad.toml: ")
    assert [word for word in says if word not in str(error.value)] == []


def test_all_faults_of_a_file_are_named_at_once():
    text = GOOD.replace("entropy = { weight = 1 }", "").replace(
        "epochs = 145", "epochs = 0\nterms = ['mell']"
    )
    with pytest.raises(RecipeError) as error:
        parse_recipe(text.replace("[model]", '[validation]\nmetrics = ["pesk"]\n[model]', 1), "bad.toml")
    places = [
        "(1) validation.metrics: no metric named pesk",
        "(2) stages.1.epochs: ",
        "(3) rate: moves the entropy",
    ]
    assert [
        place
        for place in [*places, "(4) stages.1.terms: mell not in [objective]"]
        if place not in str(error.value)
    ] == []


def test_an_objective_needs_a_distortion():
    text = (
        GOOD.replace("rmse = { weight = 60 }", "")
        .replace("mel = { weight = 5, banks = [8, 16] }", "")
        .replace("coder = { quantization = 10 }", "")
    )
    with pytest.raises(RecipeError, match=r"objective: no term measures distortion"):
        parse_recipe(text, "bad.toml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"nothing\.toml: there is no such file"):
        read_recipe(tmp_path / "nothing.toml")


def test_a_file_is_read(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    assert read_recipe(tmp_path / "mine.toml") == parse_recipe(GOOD, "mine.toml")


def test_every_bundled_recipe_is_valid():
    for name in recipe_names():
        assert read_recipe(name).title


@pytest.mark.parametrize("name", ["pam-nac-79-b", "pam-nac-44k-112-d"])
def test_the_first_of_two_modules_leaves_half_of_the_rate(name):
    recipe = read_recipe(name)
    assert recipe.stages[0].target_kbps == recipe.rate.target_kbps / 2
    assert [stage.target_kbps for stage in recipe.stages[1:]] == [None, None]
