from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_mushra.checks import check_design
from earbench_mushra.design import Condition, Item, Role, Stimulus, Study, TestType
from earbench_mushra.errors import DesignError, StimulusError, StudyFileError
from earbench_mushra.study_files import (
    design_from_json,
    design_json,
    load_study,
    opaque_name,
    save_study,
    stimulus_path,
    verify_stimuli,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeFolder = Callable[..., Path]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    title=text,
    notes=st.dictionaries(text, text, max_size=3),
    seed=st.integers(0, 2**63 - 1),
    rate=st.floats(0, 1e4),
)
def test_a_design_survives_toml_and_json(
    tmp_path_factory: pytest.TempPathFactory, title: str, notes: dict[str, str], seed: int, rate: float
) -> None:
    cells = (Stimulus("i", "reference", "aa.wav", "0" * 64), Stimulus("i", "x", "ab.wav", "1" * 64, rate))
    study = Study(
        name="s",
        title=title,
        test_type=TestType.AB,
        items=(Item("i", title, training=True),),
        conditions=(Condition("reference", title, Role.REFERENCE), Condition("x", title)),
        stimuli=cells,
        pairs=(("reference", "x"),),
        instructions=title,
        seed=seed,
        notes=notes,
    )
    folder = tmp_path_factory.mktemp("study")
    save_study(study, folder)
    assert load_study(folder) == study
    assert design_from_json(design_json(study)) == study


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('title = "A test"', 'titel = "A test"', "titel: there is no such key"),
        ('title = "A test"', "", "title: is missing"),
        ('title = "A test"', "title = 3", "title: input should be a valid string, not 3"),
        ('id = "i0", title', 'id = "i0", colour = 1, title', "items[1].colour: there is no such key"),
        ('role = "anchor35"', 'role = "anchor36"', "conditions[3].role"),
        ('title = "A test"', 'title = "A test', "not valid TOML"),
    ],
)
def test_a_faulty_file_is_refused_by_file_and_key(
    study_folder: MakeFolder, old: str, new: str, told: str
) -> None:
    path = study_folder() / "study.toml"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(StudyFileError) as caught:
        load_study(path.parent)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_without_a_study_says_so(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="is no study"):
        load_study(tmp_path)


def test_a_failed_save_keeps_the_old_design(
    study_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study_folder()
    study = load_study(folder)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(StudyFileError, match="No space left"):
        save_study(dataclasses.replace(study, title="new"), folder)
    assert load_study(folder) == study
    assert sorted(p.name for p in folder.iterdir()) == ["stimuli", "study.toml"]


def test_changed_and_missing_stimuli_are_named_without_their_condition(study_folder: MakeFolder) -> None:
    folder = study_folder()
    study = load_study(folder)
    verify_stimuli(study, folder)
    changed, missing = study.stimuli[3], study.stimuli[7]
    path = stimulus_path(folder, changed.file)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    stimulus_path(folder, missing.file).unlink()
    with pytest.raises(StimulusError) as caught:
        verify_stimuli(study, folder)
    message = str(caught.value)
    assert changed.file in message
    assert missing.file in message
    assert changed.condition not in message


def test_the_stored_hash_is_sha256_of_the_bytes(study_folder: MakeFolder) -> None:
    folder = study_folder()
    for cell in load_study(folder).stimuli:
        assert hashlib.sha256(stimulus_path(folder, cell.file).read_bytes()).hexdigest() == cell.sha256


def test_opaque_names_do_not_repeat() -> None:
    assert len({opaque_name() for _ in range(1000)}) == 1000


def _study(n_systems: int, *roles: Role, n_items: int = 6, n_training: int = 1) -> Study:
    conditions = tuple(Condition(role.value, role.value, role) for role in roles)
    conditions += tuple(Condition(f"sys{i}", f"System {i}") for i in range(n_systems))
    items = tuple(Item(f"i{i}", "", training=i < n_training) for i in range(n_items + n_training))
    cells = tuple(Stimulus(i.id, c.id, opaque_name(), "") for i in items for c in conditions)
    return Study("s", "S", TestType.MUSHRA, items, conditions, cells)


ALL_ROLES = (Role.REFERENCE, Role.ANCHOR35, Role.ANCHOR70)


def test_twelve_graded_signals_count_the_reference_and_the_anchors() -> None:
    assert check_design(_study(9, *ALL_ROLES, n_items=14)) == []
    with pytest.raises(DesignError, match="13 graded signals"):
        check_design(_study(10, *ALL_ROLES, n_items=15))


def test_what_bs1534_advises_is_warned_of() -> None:
    told = "\n".join(check_design(_study(4, Role.REFERENCE, n_items=5, n_training=0)))
    for word in ("no 3.5 kHz anchor", "no 7 kHz anchor", "no training item", "at least 5: 6"):
        assert word in told


def _refusals(study: Study) -> str:
    with pytest.raises(DesignError) as caught:
        check_design(study)
    return "\n".join(caught.value.problems)


def test_designs_that_cannot_run_are_refused() -> None:
    good = _study(2, *ALL_ROLES)
    change = dataclasses.replace
    first = good.stimuli[0]
    assert "needs the hidden reference" in _refusals(_study(2, Role.ANCHOR35))
    assert "no system" in _refusals(_study(0, *ALL_ROLES))
    assert "no stimulus for item 'i0', condition 'reference'" in _refusals(
        change(good, stimuli=good.stimuli[1:])
    )
    assert "two stimuli" in _refusals(change(good, stimuli=(*good.stimuli, change(first, file="ff.wav"))))
    assert "share the file" in _refusals(
        change(good, stimuli=(change(first, file=good.stimuli[1].file), *good.stimuli[1:]))
    )
    for name in ("../x.wav", "a/b.wav", "", "/etc/passwd"):
        assert "plain file name" in _refusals(
            change(good, stimuli=(change(first, file=name), *good.stimuli[1:]))
        )
    assert "no item to be tested" in _refusals(_study(2, *ALL_ROLES, n_items=0))
    assert "two items have the id" in _refusals(change(good, items=(*good.items, good.items[0])))
    assert "pairs belong to" in _refusals(change(good, pairs=(("sys0", "sys1"),)))


@pytest.mark.parametrize("name", ["sys1.wav", "x_SYS1-3.wav", "song.System 1.wav", "reference.wav"])
def test_file_names_that_tell_the_condition_are_refused(name: str) -> None:
    good = _study(2, *ALL_ROLES)
    cells = (dataclasses.replace(good.stimuli[0], file=name), *good.stimuli[1:])
    told = _refusals(dataclasses.replace(good, stimuli=cells))
    assert "tells the condition" in told or "plain file name" in told


def test_pairs_are_checked() -> None:
    study = dataclasses.replace(_study(2, Role.REFERENCE), test_type=TestType.AB)
    change = dataclasses.replace
    assert check_design(change(study, pairs=(("sys0", "sys1"),))) == []
    assert "no pairs" in _refusals(study)
    assert "condition 'nope'" in _refusals(change(study, pairs=(("sys0", "nope"),)))
    assert "with itself" in _refusals(change(study, pairs=(("sys0", "sys0"),)))
    assert "listed twice" in _refusals(change(study, pairs=(("sys0", "sys1"), ("sys1", "sys0"))))
    assert "repetitions must be" in _refusals(change(study, pairs=(("sys0", "sys1"),), repetitions=0))
