"""What worker processes do with checkpoints, and how codecs are listed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from audition_doubles import tone
from tiny_checkpoint import CARD, KBPS, NAME, tiny_checkpoint, with_facts

from earbench_app.audition.checkpoints import (
    Added,
    add_checkpoint,
    forget_removed,
    is_checkpoint,
    remove_checkpoint,
    restore_checkpoint,
)
from earbench_app.audition.demo import DEMO_VERSIONS
from earbench_app.audition.listing import (
    STEPS,
    UNREADABLE,
    ListedCheckpoint,
    all_facts,
    list_codecs,
    origin,
    sections,
    short_facts,
    version_title,
)
from earbench_app.audition.making import VersionJob, inspect_clip, make_version
from earbench_app.audition.run_checkpoints import publish_codec
from earbench_codecs import registry
from earbench_codecs.base import CodecInfo, Setting
from earbench_codecs.clip_files import write_wav
from earbench_codecs.errors import CheckpointError, CodecError, CodecUnavailableError
from earbench_codecs.setting import checked


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    registry.default_registry().refresh_checkpoints()
    return tmp_path / "home"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listed() -> dict[str, ListedCheckpoint]:
    return {info.name: info for info in list_codecs() if isinstance(info, ListedCheckpoint) and info.own}


def files(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "checkpoints").glob("*"))


# Adding ----------------------------------------------------------------------------------------------


def test_a_checkpoint_is_copied_and_listed_with_its_card(home: Path) -> None:
    path = tiny_checkpoint()
    assert add_checkpoint(path) == Added(NAME, True)
    (name,) = files(home)
    assert (home / "checkpoints" / name).read_bytes() == path.read_bytes()
    tiny = listed()[NAME]
    assert (tiny.available, tiny.own, tiny.sha256) == (True, True, sha256(path))
    assert (tiny.bitrates_kbps, tiny.sample_rates_hz) == ((KBPS,), (16_000,))
    assert (tiny.architecture, tiny.network) == ("kankanahalli", "Kankanahalli 2018")
    assert tiny.description == CARD
    assert tiny.path == home / "checkpoints" / name


def test_one_that_is_there_is_not_added_again(home: Path, tmp_path: Path) -> None:
    add_checkpoint(tiny_checkpoint())
    copy = tmp_path / "another name.safetensors"
    shutil.copy(tiny_checkpoint(), copy)
    assert add_checkpoint(copy) == Added(NAME, False)
    assert add_checkpoint(home / "checkpoints" / files(home)[0]) == Added(NAME, False)
    assert len(files(home)) == 1


def test_two_of_one_name_keep_their_names_in_the_order_they_came(home: Path, tmp_path: Path) -> None:
    others = [
        with_facts(tmp_path / f"{step}.safetensors", lambda f, step=step: f.update(step=step))
        for step in range(1, 5)
    ]
    names = [add_checkpoint(path).name for path in others]
    for i, path in enumerate(others):  # installing takes less than a clock's tick
        when = 1_000_000_000 + i
        os.utime(home / "checkpoints" / f"{NAME}-{sha256(path)[:8]}.safetensors", (when, when))
    assert names[0] == NAME
    assert names[1:] == [f"{NAME}-{sha256(path)[:8]}" for path in others[1:]]
    assert {name: info.sha256 for name, info in listed().items()} == dict(
        zip(names, map(sha256, others), strict=True)
    )


def training_state(folder: Path) -> Path:
    """Return what training writes to go on from; it differs in its facts alone."""

    def change(facts: dict[str, Any]) -> None:
        facts.clear()
        facts.update(state_version=1, step=7)

    return with_facts(folder / "last.safetensors", change)


def broken(folder: Path, kind: str) -> Path:
    path = folder / "x.safetensors"
    folder.mkdir(exist_ok=True)
    data = tiny_checkpoint().read_bytes()
    if kind == "pickle":
        path = folder / "x.pt"
        path.write_bytes(b"PK\x03\x04" + bytes(100))
    elif kind == "pickle in disguise":
        path.write_bytes(b"\x80\x04" + bytes(100))
    elif kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "folder of a run":
        path.mkdir()
        (path / "checkpoint.safetensors").write_bytes(data)
    elif kind == "state of a run without a codec":
        path = training_state(folder)
    elif kind == "state of a run":
        path = training_state(folder)
        (folder / "checkpoint.safetensors").write_bytes(data)
    elif kind == "later version":
        with_facts(path, lambda facts: facts.update(format=99))
    elif kind == "unknown network":
        with_facts(path, lambda facts: facts.update(architecture="unheard-of"))
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pickle", "it is a pickle"),
        ("pickle in disguise", "it is a pickle"),
        ("cut", "it cannot be used"),
        ("empty", "no checkpoint of Earbench"),
        ("folder", "it is a folder; drop a checkpoint's file"),
        ("folder of a run", r"it is a folder; drop the checkpoint\.safetensors in it"),
        ("state of a run", r"a training run goes on from; drop the checkpoint\.safetensors beside it"),
        ("state of a run without a codec", r"a training run goes on from; the run has no codec yet$"),
        ("later version", "format 99"),
        ("unknown network", "unheard-of"),
        ("missing", "cannot be read"),
    ],
)
def test_what_is_none_is_refused_and_named(home: Path, tmp_path: Path, kind: str, words: str) -> None:
    path = broken(tmp_path / "given", kind)
    assert is_checkpoint(path)
    with pytest.raises(CheckpointError, match=words) as caught:
        add_checkpoint(path)
    assert str(path) in str(caught.value)
    assert files(home) == []
    assert listed() == {}


def test_audio_and_folders_of_audio_are_not_taken_for_checkpoints() -> None:
    assert not any(map(is_checkpoint, map(Path, ("a.wav", "clips", "x.safetensors.wav", "ckpt"))))
    assert is_checkpoint(Path("A.SAFETENSORS"))


# Removing --------------------------------------------------------------------------------------------


def test_what_was_removed_can_be_put_back_until_it_is_forgotten(home: Path) -> None:
    add_checkpoint(tiny_checkpoint())
    path = listed()[NAME].path
    kept = remove_checkpoint(path)
    assert listed() == {}
    assert restore_checkpoint(kept) == path
    assert list(listed()) == [NAME]
    kept = remove_checkpoint(path)
    forget_removed()
    assert files(home) == []
    with pytest.raises(CheckpointError, match="cannot be renamed"):
        restore_checkpoint(kept)


def test_only_the_users_own_are_removed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.safetensors"
    shutil.copy(tiny_checkpoint(), elsewhere)
    with pytest.raises(CheckpointError, match="comes with the program"):
        remove_checkpoint(elsewhere)
    assert elsewhere.is_file()


# Versions made with them -----------------------------------------------------------------------------


def job(tmp_path: Path, codec: str, checkpoint: Path) -> VersionJob:
    clip = tmp_path / "clip.wav"
    write_wav(clip, tone(1.0))
    return VersionJob(clip, inspect_clip(clip).sha256, codec, Setting.of(KBPS), sha256(checkpoint))


def test_the_rate_is_that_of_the_bytes_and_the_estimate_is_kept_beside_it(tmp_path: Path) -> None:
    add_checkpoint(tiny_checkpoint())
    for _ in range(2):  # made, then from the cache
        figures, _ = make_version(job(tmp_path, NAME, tiny_checkpoint()), tmp_path / "cache", 2**30, False)
        assert figures.bitrate_kbps == pytest.approx(figures.n_bytes * 8 / 1000)
        assert figures.entropy_kbps is not None
        assert figures.entropy_kbps != figures.bitrate_kbps
        assert figures.entropy_kbps == pytest.approx(figures.bitrate_kbps, rel=0.05)


def test_a_worker_finds_a_checkpoint_that_was_added_after_it_began(tmp_path: Path) -> None:
    wanted = job(tmp_path, NAME, tiny_checkpoint())
    with pytest.raises(CodecUnavailableError, match="add it again"):
        wanted.coder()
    (tmp_path / "home" / "checkpoints").mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny_checkpoint(), tmp_path / "home" / "checkpoints" / "new.safetensors")
    assert wanted.coder().info.sha256 == wanted.checkpoint_sha256


def test_a_name_that_changed_hands_does_not_change_what_is_heard(home: Path, tmp_path: Path) -> None:
    other = with_facts(tmp_path / "o.safetensors", lambda facts: facts.update(step=9))
    add_checkpoint(tiny_checkpoint())
    second = add_checkpoint(other).name
    wanted = job(tmp_path, second, other)
    assert wanted.coder().info.name == second
    remove_checkpoint(listed()[NAME].path)
    registry.default_registry().refresh_checkpoints()
    assert registry.codec(NAME).info.sha256 == sha256(other), "the name is free, so the other has it"
    assert wanted.coder().info.sha256 == sha256(other)
    gone = job(tmp_path, NAME, tiny_checkpoint())
    with pytest.raises(CodecUnavailableError, match=f"{sha256(tiny_checkpoint())[:8]} is no longer there"):
        gone.coder()
    assert len(files(home)) == 2


# Lists -----------------------------------------------------------------------------------------------


def test_the_demos_versions_can_be_made_of_what_is_bundled() -> None:
    infos = {info.name: info for info in list_codecs()}
    for name, setting in DEMO_VERSIONS:
        assert infos[name].available, name
        checked(infos[name], setting)
    assert [infos[name].kind for name, _ in DEMO_VERSIONS].count("neural") == 2


def test_what_a_run_kept_of_a_step_is_not_listed_among_the_users_own(tmp_path: Path) -> None:
    for name, step in (("a-step-7", 7), ("a-step-8", 9), ("mine", 7)):
        facts = {"name": name, "step": step}
        add_checkpoint(with_facts(tmp_path / name / "x.safetensors", lambda f, facts=facts: f.update(facts)))
    assert {name: one.is_step for name, one in listed().items()} == {
        "a-step-7": True,
        "a-step-8": False,
        "mine": False,
    }


def test_a_network_is_listed_by_itself_until_there_is_a_checkpoint_of_it(home: Path) -> None:
    def names() -> list[str]:
        return [info.name for info in list_codecs() if info.kind == "neural"]

    before = names()
    (reason,) = (info.reason for info in list_codecs() if info.name == "kankanahalli")
    assert "on the page Training by the recipe kankanahalli-24" in reason
    assert "--" not in reason, "the window has no options"
    add_checkpoint(tiny_checkpoint())
    (home / "checkpoints" / "broken.safetensors").write_bytes(b"{}")
    after = names()
    assert {NAME, "broken"} <= set(after)
    assert "kankanahalli" not in after
    assert set(before) - set(after) <= {"kankanahalli"}
    assert origin(listed()["broken"]) == "cannot be read"


def info(name: str, kind: str, **facts: object) -> CodecInfo:
    return CodecInfo(name, name.title(), kind, "1", **facts)  # type: ignore[arg-type]


def checkpoint(name: str, network: str, **facts: object) -> ListedCheckpoint:
    return ListedCheckpoint(name, "A title", "neural", "1", network=network, **facts)  # type: ignore[arg-type]


def test_checkpoints_are_grouped_under_their_network() -> None:
    codecs = [
        info("mp3", "reference", available=False, reason="gone"),
        info("opus", "reference"),
        info("anchor35", "anchor"),
        checkpoint("broken", "", available=False),
        checkpoint("b-9", "Coder B"),
        checkpoint("b-9-step-20", "Coder B", is_step=True),
        checkpoint("a-1", "Coder A"),
        checkpoint("b-24", "Coder B"),
        info("coder c", "neural", available=False),
        info("mine", "plugin"),
    ]
    found = [(section.title, [one.name for one in section.codecs]) for section in sections(codecs)]
    assert found == [
        ("Reference codecs", ["opus", "mp3"]),
        ("Coder B", ["b-9", "b-24"]),
        ("Coder A", ["a-1"]),
        ("Coder C", ["coder c"]),
        (STEPS, ["b-9-step-20"]),
        (UNREADABLE, ["broken"]),
        ("Plug-ins", ["mine"]),
        ("Anchors of BS.1534", ["anchor35"]),
    ]
    assert [section.neural for section in sections(codecs)] == [False, *[True] * 5, False, False]


def test_a_name_that_is_taken_is_refused_and_the_refusal_begins_with_it(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match=r"^A codec named 'opus' is there already"):
        publish_codec(tmp_path / "step.safetensors", "opus")


def test_versions_of_two_checkpoints_with_one_title_are_told_apart() -> None:
    one, other = checkpoint("a-1", "Coder A"), checkpoint("a-1-0123abcd", "Coder A")
    titles = [version_title(one, Setting.of(9.1)), version_title(other, Setting.of(9.1, entropy="static"))]
    assert titles == ["a-1", "a-1-0123abcd static"]
    assert version_title(info("mp3", "reference"), Setting.of(64)) == "Mp3 64"


def test_the_facts_are_those_of_the_checkpoint() -> None:
    listed_one = checkpoint(
        "a-1",
        "Coder A",
        bitrates_kbps=(9.1,),
        sample_rates_hz=(16_000,),
        parameters=1_558_847,
        sha256="ab" * 32,
        path=Path("/home/a.safetensors"),
        own=True,
    )
    assert short_facts(listed_one) == "16 kHz · stereo · 1.56 M parameters · yours"
    facts = dict(all_facts(listed_one))
    assert facts["Rate"] == "9.1 kbps"
    assert facts["Parameters"] == "1\u202f558\u202f847"
    assert facts["File"] == "/home/a.safetensors"
    assert facts["SHA-256"] == "ab" * 32
    assert dict(all_facts(info("opus", "reference", bitrates_kbps=(6.0, 510.0))))["Rate"] == "6 to 510 kbps"
