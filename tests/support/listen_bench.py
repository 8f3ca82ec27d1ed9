"""The presenter of what is heard from runs, and what is around it, without Qt and without files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

from audition_doubles import HandPool, figures, tone, view_double
from psygnal import Signal
from training_runs import request

from earbench_app.audition.making import ClipInfo
from earbench_app.audition.run_checkpoints import Kept
from earbench_app.jobs.history import CheckpointSeen
from earbench_app.jobs.job import Job
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.audition import AuditionPresenter
from earbench_app.presenters.checkpoints import CheckpointShelf
from earbench_app.presenters.training_listen import ListenPresenter
from earbench_app.settings import Settings
from earbench_codecs.base import CodecInfo, Setting

if TYPE_CHECKING:
    from earbench_app.notifications import Notice
    from earbench_app.test_request import TestRequest
    from earbench_app.views.listen_protocols import ListenState


class View:
    """A listening area that notes what it is shown."""

    clip_chosen = Signal(int)
    demo_requested = Signal()
    paths_given = Signal(list)
    follow_switched = Signal(bool)
    checkpoint_chosen = Signal(str)
    original_chosen = Signal()
    switch_requested = Signal()
    play_toggled = Signal()
    shown_requested = Signal()
    test_requested = Signal(tuple)
    test_cancelled = Signal()
    publish_requested = Signal(str, str)
    ticked = Signal()

    def __init__(self) -> None:
        self.show_state, self.show_playing = Mock(), Mock()
        self.show_published, self.show_notice = Mock(), Mock()
        self.chosen_ids, self.may_move = Mock(return_value=()), Mock(return_value=True)

    @property
    def state(self) -> ListenState:
        state: ListenState = self.show_state.call_args.args[0]
        return state

    @property
    def notice(self) -> Notice | None:
        notice: Notice | None = self.show_notice.call_args.args[0]
        return notice


def job(name: str = "speech") -> Job:
    return Job(f"id-{name}", Path("/jobs") / name, request(name))


def seen(name: str, step: int) -> CheckpointSeen:
    return CheckpointSeen(step, "listenable", f"/jobs/{name}/{step}", float(step), 16.0)


class Bench:
    """The presenter and what is around it, put together as the program does it."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.view, self.quick, self.encoders = View(), HandPool(), HandPool()
        self.audition = AuditionPresenter(
            view_double(), FakePlayer(), self.quick, self.encoders, HandPool(), self.settings, Path("/cache")
        )
        self.shelf = CheckpointShelf(self.quick, Mock(), self.audition.release)
        self.shelf.changed.connect(self.audition.codecs.refresh)
        self.presenter = ListenPresenter(
            self.view,
            self.audition,
            self.quick,
            self.shelf,
            Path("/heard"),  # type: ignore[arg-type]
            self.settings,
        )
        self.asked: list[TestRequest] = []
        self.presenter.tests.requested.connect(self.asked.append)

    def open_clips(self, *names: str) -> None:
        paths = [Path("/clips") / f"{name}.wav" for name in names]
        self.view.paths_given.emit(paths)
        self.quick.finish(self.quick.waiting("list_audio_files")[0], paths)
        for task in self.quick.waiting("inspect_clip"):
            self.quick.finish(task, ClipInfo(task.arguments[0].stem, 3.0, 16_000, 1))
        self.load()

    def load(self) -> None:
        self.quick.finish(self.quick.waiting("load_clip")[-1], tone(3.0))

    def hold(self) -> None:
        for task in self.quick.waiting("hold_codec"):
            self.quick.finish(task, task.arguments[1])

    def describe(self) -> None:
        self.hold()
        for task in self.quick.waiting("describe_codec"):
            name = task.arguments[0].name
            info = CodecInfo(f"codec-{name}", name, "neural", "1", (16.0,), Setting(16.0), sha256=name)
            self.quick.finish(task, info)

    def decode(self, step: int) -> None:
        """Let the encoder of a step's codec be done, and its audio come."""
        self.decode_sha(str(step))

    def decode_sha(self, sha256: str) -> None:
        """As `decode`, of any codec."""
        for pool, name, made in (
            (self.encoders, "make_version", None),
            (self.quick, "make_version", tone(3.0)),
        ):
            for task in pool.waiting(name):
                if task.arguments[0].checkpoint_sha256 == sha256:
                    pool.finish(task, (figures(), made))

    def keep(self, *, new: bool = True) -> None:
        for task in self.quick.waiting("keep_codec"):
            name = task.arguments[0].name
            self.quick.finish(task, Kept(name, Path("/own") / name, new))

    def list_codecs(self, *names: str) -> None:
        infos = [CodecInfo(f"codec-{name}", name, "neural", "1", sha256=name) for name in names]
        self.quick.finish(self.quick.waiting("list_codecs")[-1], infos)

    def removed(self) -> list[Path]:
        return [task.arguments[0] for task in self.quick.waiting("remove_checkpoint")]


def show(bench: Bench, **steps: tuple[int, ...]) -> None:
    runs = ((job(name), tuple(seen(name, step) for step in all_steps)) for name, all_steps in steps.items())
    bench.presenter.show_runs(tuple(runs))


def lines(bench: Bench) -> list[tuple[str, str]]:
    return [(row.key, row.title) for row in bench.view.state.rows]
