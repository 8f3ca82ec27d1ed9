from __future__ import annotations

import json
import shutil
import statistics
from typing import TYPE_CHECKING, Any

import pytest

from earbench_app.cli.main import run
from earbench_mushra.design import TestType
from earbench_mushra.export import open_results, ratings_csv
from earbench_mushra.ratings import load_ratings
from earbench_mushra.records import Phase
from earbench_mushra.simulation import simulate
from earbench_mushra.statistics import analyze
from earbench_mushra.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeFolder = Callable[..., Path]

PAIRED = {"pairs": (("opus32", "anchor35"),), "n_training": 0}


def test_virtual_listeners_finish_and_say_what_they_are(study_folder: MakeFolder) -> None:
    folder = study_folder()
    done: list[int] = []
    simulate(folder, 3, 1, report=done.append)
    assert done == [1, 2, 3]
    with Store(folder) as store:
        sittings = store.sittings()
    assert [s.listener for s in sittings] == ["simulated-001", "simulated-002", "simulated-003"]
    assert {s.phase for s in sittings} == {Phase.FINISHED}
    assert all("simulation seed 1" in s.software and s.started_at.year == 2000 for s in sittings)


def test_the_same_seed_gives_the_same_ratings_to_the_byte(study_folder: MakeFolder) -> None:
    folder = study_folder()
    copy = shutil.copytree(folder, folder.parent / "copy")
    other = shutil.copytree(folder, folder.parent / "other")
    for place, seed in ((folder, 5), (copy, 5), (other, 6)):
        simulate(place, 2, seed)
    texts = [ratings_csv(open_results(p, by="", means="").trials) for p in (folder, copy, other)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].count("\r\n") == 1 + 2 * 3 * 5


def test_virtual_ears_hear_the_conditions_through_the_blind(study_folder: MakeFolder) -> None:
    folder = study_folder(n_items=6)
    simulate(folder, 8, 3)
    means = {row.condition: row.mean for row in analyze(load_ratings(folder)).all}
    assert means["reference"] > 95
    assert means["anchor35"] < means["anchor70"] < means["reference"]


def test_scores_vary_as_listeners_do(study_folder: MakeFolder) -> None:
    folder = study_folder(n_items=6)
    simulate(folder, 6, 3)
    scores = [r.score for r in load_ratings(folder).scores if r.condition == "anchor70"]
    assert 3 < statistics.stdev(scores) < 15


@pytest.mark.parametrize("test_type", [TestType.AB, TestType.ABX])
def test_paired_tests_are_simulated_too(study_folder: MakeFolder, test_type: TestType) -> None:
    folder = study_folder(test_type=test_type, repetitions=4, **PAIRED)
    simulate(folder, 2, 1)
    votes = load_ratings(folder).votes
    assert len(votes) == 2 * 3 * 4
    (first, *_) = analyze(load_ratings(folder)).tests
    right = first["correct"] if test_type is TestType.ABX else first["wins_2"]
    assert right == pytest.approx(24, abs=6)


def _earbench(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = run([str(word) for word in words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_commands_lead_from_a_study_to_its_figures(
    study_folder: MakeFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, table = study_folder(n_items=6), tmp_path / "ratings.csv"
    assert _earbench(capsys, "study", "simulate", folder, "--listeners", "4", "--seed", "2")[0] == 0
    assert _earbench(capsys, "export", folder, "--out", table)[0] == 0
    assert len(table.read_text().splitlines()) == 1 + 4 * 6 * 5
    reports: list[dict[str, Any]] = []
    for source in (folder, table):
        code, out, _ = _earbench(capsys, "analyze", source, "--rule", "none", "--json")
        assert code == 0
        reports.append(json.loads(out))
    assert reports[0] == reports[1]
    assert list(reports[0]) == ["rule", "excluded", "conditions", "all", "warnings", "tests"]
    assert list(reports[0]["conditions"][0]) == [
        "condition", "n", "mean", "ci95_low", "ci95_high", "median", "q1", "q3",
    ]  # fmt: skip
    assert [row["n"] for row in reports[0]["conditions"]] == [24] * 5
    code, out, _ = _earbench(capsys, "analyze", table)
    assert code == 0
    assert "opus32" in out
    with Store(folder) as store:
        assert [o.means for o in store.openings()] == ["earbench export", "earbench analyze"]


def test_a_minimal_csv_is_analysed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "r.csv"
    lines = [
        row
        for i in range(10)
        for row in (f"a,i{i},reference,100", f"a,i{i},x,{50 + i}", f"b,i{i},reference,80", f"b,i{i},x,99")
    ]
    table.write_text("\n".join(["listener,item,condition,score", *lines]))
    code, out, _ = _earbench(capsys, "analyze", table, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["excluded"] == [
        {"listener": "b", "reason": "hidden reference below 90 on 10 of 10 items (100 %, limit 15 %)"}
    ]
    assert {row["condition"]: row["mean"] for row in report["conditions"]} == {"reference": 100, "x": 54.5}
    assert {row["condition"]: row["n"] for row in report["all"]} == {"reference": 20, "x": 20}


def test_failures_are_one_line_and_exit_code_one(
    study_folder: MakeFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study_folder()
    cases: list[tuple[list[str | Path], str]] = [
        (["study", "check", tmp_path], "is no study"),
        (["export", folder, "--out", tmp_path / "x.csv"], "nobody has sat down"),
        (["analyze", tmp_path / "none.csv"], "cannot be read"),
    ]
    for words, told in cases:
        code, out, err = _earbench(capsys, *words)
        assert (code, out) == (1, "")
        assert told in err
        assert err.count("\n") == 1
    assert _earbench(capsys, "analyze", folder, "--rule", "mine")[0] == 2
    assert _earbench(capsys, "study", "simulate", folder, "--listeners", "0")[0] == 2
