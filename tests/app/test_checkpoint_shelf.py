"""The decisions about checkpoints, without Qt and without files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from audition_doubles import HandPool, figures, tone, view_double

from earbench_app.audition.checkpoints import Added
from earbench_app.audition.listing import ListedCheckpoint
from earbench_app.audition.making import ClipInfo
from earbench_app.notifications import Level
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.audition import AuditionPresenter
from earbench_app.presenters.checkpoints import UNDO, CheckpointShelf
from earbench_app.settings import Settings
from earbench_codecs.base import CodecInfo, OptionInfo, Setting

if TYPE_CHECKING:
    from earbench_app.notifications import Notice

ENTROPY = OptionInfo("entropy", ("context", "static"), "")


def checkpoint(name: str, sha256: str) -> ListedCheckpoint:
    return ListedCheckpoint(
        name,
        "A title",
        "neural",
        "1",
        bitrates_kbps=(24.0,),
        default=Setting(24.0),
        options=(ENTROPY,),
        sha256=sha256,
        network="Coder",
        path=Path("/own") / f"{name}.safetensors",
        own=True,
    )


MP3 = CodecInfo("mp3", "MP3", "reference", "1", bitrates_kbps=(64.0,), default=Setting(64.0))
A, B = checkpoint("coder", "a" * 64), checkpoint("coder-bbbbbbbb", "b" * 64)
AT_24 = Setting.of(24, entropy="context")


class Bench:
    """The shelf and the audition page's presenter, put together as the program does it."""

    def __init__(self) -> None:
        self.view, self.tell, self.player = view_double(), Mock(), FakePlayer()
        self.quick, self.encoders = HandPool(), HandPool()
        self.audition = AuditionPresenter(
            self.view, self.player, self.quick, self.encoders, HandPool(), Settings(), Path("/cache")
        )
        self.shelf = CheckpointShelf(self.quick, self.tell, self.audition.release)
        self.shelf.changed.connect(self.audition.codecs.refresh)
        self.audition.checkpoints_given.connect(self.shelf.add)
        self.audition.codecs.refresh()

    def list_codecs(self, *codecs: CodecInfo) -> None:
        self.quick.finish(self.quick.waiting("list_codecs")[0], [MP3, *codecs])

    def open_clip(self) -> None:
        self.view.paths_given.emit([Path("/clips/a.wav")])
        self.quick.finish(self.quick.waiting("list_audio_files")[0], [Path("/clips/a.wav")])
        self.quick.finish(self.quick.waiting("inspect_clip")[0], ClipInfo("clip", 3.0, 16_000, 1))
        self.quick.finish(self.quick.waiting("load_clip")[0], tone(3.0))

    def make(self) -> None:
        for task in self.encoders.waiting("make_version"):
            self.encoders.finish(task, (figures(), None))
        for n, task in enumerate(self.quick.waiting("make_version")):
            self.quick.finish(task, (figures(), tone(3.0, seed=n + 1)))

    @property
    def notice(self) -> Notice:
        notice: Notice = self.tell.call_args.args[0]
        return notice

    def titles(self) -> list[str]:
        return [version.title for version in self.audition.workspace.versions]

    def jobs(self) -> list[tuple[str, str | None]]:
        jobs = [task.arguments[0] for task in self.encoders.waiting("make_version")]
        return [(job.codec, job.checkpoint_sha256) for job in jobs]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def adding(bench: Bench) -> dict[str, object]:
    return {task.arguments[0].name: task for task in bench.quick.waiting("add_checkpoint")}


# Adding ----------------------------------------------------------------------------------------------


def test_checkpoints_among_dropped_files_are_added_and_the_rest_is_opened(bench: Bench) -> None:
    given = ["a.wav", "one.safetensors", "b.flac", "two.pt"]
    bench.view.paths_given.emit([Path("/given") / name for name in given])
    (listing,) = bench.quick.waiting("list_audio_files")
    assert listing.arguments[0] == [Path("/given/a.wav"), Path("/given/b.flac")]
    assert sorted(adding(bench)) == ["one.safetensors", "two.pt"]


def test_checkpoints_alone_leave_the_clips_and_what_is_said_of_them(bench: Bench) -> None:
    bench.view.show_notice.reset_mock()
    bench.view.paths_given.emit([Path("/given/one.safetensors")])
    assert bench.quick.waiting("list_audio_files") == []
    bench.view.show_notice.assert_not_called()


def test_nothing_is_read_on_the_caller_s_thread(bench: Bench, tmp_path: Path) -> None:
    class Unreadable(type(tmp_path)):  # type: ignore[misc]
        def stat(self, *_: object, **__: object) -> None:
            raise AssertionError("read in the interface")

        read_bytes = is_dir = is_file = stat

    bench.view.paths_given.emit([Unreadable("/given/one.safetensors")])
    assert len(bench.quick.waiting("add_checkpoint")) == 1


def test_one_notice_tells_what_became_of_all_of_them(bench: Bench) -> None:
    names = ["new.safetensors", "old.safetensors", "bad.safetensors"]
    bench.shelf.add([Path("/given") / name for name in names])
    assert "Adding new.safetensors" in bench.notice.text
    tasks = adding(bench)
    assert list(tasks) == names
    bench.quick.fail(tasks["bad.safetensors"], "/given/bad.safetensors: it is damaged")  # type: ignore[arg-type]
    bench.quick.finish(tasks["new.safetensors"], Added("coder", True))  # type: ignore[arg-type]
    assert "Adding" in bench.notice.text, "told before all is known"
    bench.list_codecs()
    bench.quick.finish(tasks["old.safetensors"], Added("coder-old", False))  # type: ignore[arg-type]
    lines = bench.notice.text.splitlines()
    assert lines[0].startswith("Added coder;")
    assert lines[1] == "There already: coder-old."
    assert lines[2] == "Not added: /given/bad.safetensors: it is damaged"
    assert bench.notice.level is Level.ERROR
    assert len(bench.quick.waiting("list_codecs")) == 1


def test_the_picker_has_it_as_soon_as_it_was_added(bench: Bench) -> None:
    bench.list_codecs()
    bench.shelf.add([Path("/given/one.safetensors")])
    bench.quick.finish(bench.quick.waiting("add_checkpoint")[0], Added("coder", True))
    assert bench.notice.level is Level.INFO
    bench.list_codecs(A)
    assert bench.view.show_codecs.call_args.args[0] == [MP3, A]


def test_what_was_there_already_lists_nothing_anew(bench: Bench) -> None:
    bench.list_codecs()
    bench.shelf.add([Path("/given/one.safetensors")])
    bench.quick.finish(bench.quick.waiting("add_checkpoint")[0], Added("coder", False))
    assert bench.notice.text == "There already: coder."
    assert bench.quick.waiting("list_codecs") == []


def test_a_list_from_before_the_last_change_is_not_shown(bench: Bench) -> None:
    bench.audition.codecs.refresh()
    (latest,) = bench.quick.waiting("list_codecs")
    assert latest is bench.quick.tasks[-1]


def test_many_names_are_cut_short(bench: Bench) -> None:
    bench.shelf.add([Path(f"/given/{n}.safetensors") for n in range(7)])
    assert bench.notice.text == "Adding 0.safetensors, 1.safetensors, 2.safetensors and 4 more…"


# Versions --------------------------------------------------------------------------------------------


def test_a_version_is_made_with_its_checkpoint_whatever_that_is_called(bench: Bench) -> None:
    bench.list_codecs(A, B)
    bench.open_clip()
    bench.audition.add_versions([("coder", Setting.of(24)), ("coder-bbbbbbbb", Setting.of(24))])
    assert bench.jobs() == [("coder", A.sha256), ("coder-bbbbbbbb", B.sha256)]
    assert bench.titles() == ["coder", "coder-bbbbbbbb"]


def test_a_name_that_changes_hands_goes_with_its_checkpoint(bench: Bench) -> None:
    bench.list_codecs(A, B)
    bench.open_clip()
    bench.audition.add_versions([("coder-bbbbbbbb", Setting.of(24))])
    bench.make()
    bench.audition.codecs.refresh()
    bench.list_codecs(checkpoint("coder", str(B.sha256)))
    assert bench.titles() == ["coder"]
    assert bench.view.show_picked.call_args.args[0] == [("coder", AT_24)]
    bench.audition.add_versions([("coder", Setting.of(24))])
    assert bench.titles() == ["coder"], "the same checkpoint twice"


def test_another_checkpoint_under_a_known_name_is_a_version_of_its_own(bench: Bench) -> None:
    bench.list_codecs(A)
    bench.open_clip()
    bench.audition.add_versions([("coder", Setting.of(24))])
    bench.make()
    bench.audition.codecs.refresh()
    bench.list_codecs(checkpoint("coder", "c" * 64))
    assert bench.view.show_picked.call_args.args[0] == []
    bench.audition.add_versions([("coder", Setting.of(24))])
    assert bench.jobs() == [("coder", "c" * 64)]


# Removing --------------------------------------------------------------------------------------------


def test_a_checkpoint_goes_with_its_versions_and_comes_back_with_them(bench: Bench) -> None:
    bench.list_codecs(A)
    bench.open_clip()
    bench.audition.add_versions([("coder", Setting.of(24)), ("mp3", Setting.of(64))])
    bench.make()
    (neural, _) = bench.audition.workspace.versions
    bench.view.version_chosen.emit(neural.id)
    bench.shelf.remove(A)
    assert bench.titles() == ["MP3 64"]
    assert bench.audition.playback.heard.version_id is None, "the original sounds in its place"
    task = bench.quick.waiting("remove_checkpoint")[0]
    assert task.arguments == (A.path,)
    bench.quick.finish(task, Path("/own/coder.safetensors.removed"))
    assert (bench.notice.text, bench.notice.action) == ("Removed coder.", UNDO)
    bench.list_codecs()
    bench.shelf.undo()
    task = bench.quick.waiting("restore_checkpoint")[0]
    assert task.arguments == (Path("/own/coder.safetensors.removed"),)
    bench.quick.finish(task, A.path)
    bench.list_codecs(A)
    assert bench.titles() == ["coder", "MP3 64"]
    assert bench.jobs() == [], "what was made need not be made again"
    bench.shelf.undo()
    assert bench.quick.waiting("restore_checkpoint") == [], "undone twice"


def test_one_that_cannot_be_removed_leaves_everything_as_it_was(bench: Bench) -> None:
    bench.list_codecs(A)
    bench.open_clip()
    bench.audition.add_versions([("coder", Setting.of(24))])
    bench.shelf.remove(A)
    bench.quick.fail(bench.quick.waiting("remove_checkpoint")[0], "/own/coder.safetensors: read-only")
    assert bench.titles() == ["coder"]
    assert bench.notice.level is Level.ERROR
    assert "read-only" in bench.notice.text
    assert bench.jobs() == [("coder", A.sha256)]


def test_removing_a_file_that_cannot_be_read_touches_no_version(bench: Bench) -> None:
    broken = ListedCheckpoint("broken", "broken", "neural", "", available=False, own=True)
    bench.list_codecs(broken)
    bench.open_clip()
    bench.audition.add_versions([("mp3", Setting.of(64))])
    bench.shelf.remove(broken)
    assert bench.titles() == ["MP3 64"]
