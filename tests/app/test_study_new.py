from __future__ import annotations

import json

import pytest

from earbench_app.cli.main import run
from earbench_app.study_request import conditions_named, region_named
from earbench_assets import clip_paths
from earbench_codecs.errors import CodecError
from earbench_mushra.checks import check_design
from earbench_mushra.study_files import load_study, verify_stimuli

CASTANETS, SONNET = (
    str(next(p for p in clip_paths() if p.stem == n)) for n in ("castanets", "speech_en_sonnet")
)


def new(folder, *options):
    return run(["study", "new", str(folder), "--item", CASTANETS, "--region", "1:2", *options])


def test_a_mushra_study_that_can_be_run(tmp_path, capsys):
    assert new(tmp_path / "s", "--codec", "mp3@32,64", "--codec", "opus@24", "--seed", "9", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    study = load_study(tmp_path / "s")
    check_design(study)
    verify_stimuli(study, tmp_path / "s")
    wanted = ["reference", "mp3@32", "mp3@64", "opus@24", "anchor35", "anchor70"]
    assert [c.id for c in study.conditions] == told["conditions"] == wanted
    assert (told["items"], told["training_items"], study.seed) == (1, 1, 9)
    rates = {s.condition: s.bitrate_kbps for s in study.stimuli if s.item == "castanets"}
    assert rates["mp3@32"] == pytest.approx(32, rel=0.1)
    assert rates["opus@24"] == pytest.approx(24, rel=0.1)


def test_an_ab_study(tmp_path):
    options = ["--codec", "mp3@64", "--codec", "opus@32", "--type", "ab", "--repetitions", "4", "--no-tie"]
    assert new(tmp_path / "s", *options) == 0
    study = load_study(tmp_path / "s")
    assert study.pairs == (("mp3@64", "opus@32"),)
    assert (study.repetitions, study.allow_tie, study.show_reference) == (4, False, True)
    assert not any(item.training for item in study.items)


def test_an_abx_study(tmp_path, capsys):
    assert new(tmp_path / "s", "--codec", "mp3@64", "--type", "abx", "--repetitions", "4") == 0
    assert "4 ABX trials a pair" in capsys.readouterr().err
    study = load_study(tmp_path / "s")
    check_design(study)
    assert study.pairs == (("reference", "mp3@64"),)  # a lone system meets the original
    assert "X is either A or B" in study.instructions


def test_separate_training_items(tmp_path):
    assert new(tmp_path / "s", "--codec", "mp3@64", "--training-item", SONNET) == 0
    study = load_study(tmp_path / "s")
    assert [(item.title, item.training) for item in study.items] == [
        ("castanets", False),
        ("speech_en_sonnet", True),
    ]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--codec", "mp3@33"], 1, "mp3 has no mode at 33 kbps"),
        (["--codec", "mp9"], 1, "no codec named 'mp9'"),
        (["--codec", "mp3@64", "--item", "gone.wav"], 1, "gone.wav"),
        (["--codec", "mp3@64", "--region", "0:1"], 2, "one for all, or one a file"),
        (["--codec", "mp3@64", "--type", "ab", "--pair", "mp3@64"], 2, "ID:ID"),
        (["--codec", "mp3@8,16,24,32,40,48,56,64,80,96"], 1, "at most 12"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, capsys, options, code, said):
    assert new(tmp_path / "s", *options) == code
    told = capsys.readouterr().err
    assert said in " ".join(told.split())
    assert "Traceback" not in told
    assert not (tmp_path / "s").exists()


def test_listen_refuses_a_folder_that_is_no_study(tmp_path, capsys):
    assert run(["listen", str(tmp_path)]) == 1
    assert "no study" in capsys.readouterr().err


def test_an_existing_study_is_not_overwritten(tmp_path, capsys):
    assert new(tmp_path / "s", "--codec", "mp3@64") == 0
    before = (tmp_path / "s" / "study.toml").read_text()
    assert new(tmp_path / "s", "--codec", "opus@64") == 1
    assert "there already" in capsys.readouterr().err
    assert (tmp_path / "s" / "study.toml").read_text() == before


def test_conditions_are_named_by_what_is_not_the_default():
    assert [c.id for c in conditions_named("mp3@32,64")] == ["mp3@32", "mp3@64"]
    (vbr,) = conditions_named("mp3@vbr=2")
    assert (vbr.id, vbr.setting.kbps, vbr.setting.get("vbr", None)) == ("mp3@vbr=2", None, 2)
    with pytest.raises(CodecError, match="not both"):
        conditions_named("mp3@64,vbr=2")


@pytest.mark.parametrize("text", ["1", "a:b", "3:1", "-1:2"])
def test_a_bad_region_is_explained(text):
    with pytest.raises(ValueError, match=r"START:END|before the end"):
        region_named(text)
