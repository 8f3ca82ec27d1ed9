from __future__ import annotations

from earbench_app.demo_study import build_demo_study, demo_folder
from earbench_app.study_builder import finish
from earbench_mushra.checks import check_design
from earbench_mushra.simulation import simulate
from earbench_mushra.study_files import load_study, verify_stimuli


def test_the_demo_has_a_mushra_study_ready_to_be_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    finish(build_demo_study())
    study = load_study(demo_folder())
    check_design(study)
    verify_stimuli(study, demo_folder())
    assert tmp_path in demo_folder().parents
    assert [item.training for item in study.items].count(False) == 4
    assert [c.id for c in study.conditions] == [
        *("reference", "mp3@32", "mp3@64", "opus@24", "opus@64", "anchor35", "anchor70"),
    ]
    simulate(demo_folder(), 1, 1)
