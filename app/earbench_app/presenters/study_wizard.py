"""The form that makes a study: items × conditions, checked while it is filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal

from earbench_app.audition.checkpoints import is_checkpoint
from earbench_app.background.remote_codecs import RemoteCodecs
from earbench_app.build_job import BuildJob
from earbench_app.notifications import Level, Notice
from earbench_app.study_builder import build_study
from earbench_app.study_plan import (
    AB_INSTRUCTIONS,
    ABX_INSTRUCTIONS,
    ANCHORS,
    MUSHRA_INSTRUCTIONS,
    PlannedItem,
    Problem,
    StudyPlan,
    Use,
    file_slug,
)
from earbench_app.study_request import planned_condition, planned_item
from earbench_codecs.base import Setting
from earbench_codecs.errors import CodecError
from earbench_mushra.design import TestType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from psygnal import SignalInstance

    from earbench_app.study_builder import BuildProgress
    from earbench_app.test_request import TestRequest
    from earbench_codecs.base import CodecInfo
    from earbench_mushra.design import Study

_INSTRUCTIONS = {
    TestType.MUSHRA: MUSHRA_INSTRUCTIONS,
    TestType.AB: AB_INSTRUCTIONS,
    TestType.ABX: ABX_INSTRUCTIONS,
}


class WizardView(Protocol):
    """The form. What a user edits comes back as a whole plan, so that nothing is held twice."""

    plan_changed: SignalInstance  # (StudyPlan)
    files_dropped: SignalInstance  # (paths)
    condition_added: SignalInstance  # (codec name, kbps or None)
    type_changed: SignalInstance  # (TestType)
    parent_changed: SignalInstance  # (folder the study's folder is made in)
    create_requested: SignalInstance
    cancel_requested: SignalInstance

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Offer these."""

    def show_plan(self, plan: StudyPlan, folder: Path) -> None:
        """Fill in the form."""

    def show_folder(self, folder: Path) -> None:
        """Show where the study will be."""

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show what is wrong, where it is."""

    def show_progress(self, progress: BuildProgress | None) -> None:
        """Show how far the build is; None while the form is edited."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""

    def close_now(self) -> None:
        """Close the form."""


class StudyWizardPresenter:
    """Holds the plan, checks it, and builds it.

    Parameters
    ----------
    view : WizardView
    parent : Path
        The folder in which the study's folder will be made.
    post : callable
        Runs a function on the main thread.
    codecs : sequence of CodecInfo
        To choose from; `offer` gives others.

    Attributes
    ----------
    created : Signal
        (folder of the new study)
    checkpoints_given : Signal
        (paths): were dropped on the form, and are no items
    """

    created = Signal(object)
    checkpoints_given = Signal(list)

    def __init__(
        self,
        view: WizardView,
        parent: Path,
        post: Callable[[Callable[[], None]], None],
        codecs: Sequence[CodecInfo],
    ) -> None:
        self._view, self._parent, self._post = view, parent, post
        self._coders: RemoteCodecs | None = None
        self._job: BuildJob | None = None
        self.plan = StudyPlan(name="my test", notes={})
        view.plan_changed.connect(self._take)
        view.files_dropped.connect(self.add_files)
        view.condition_added.connect(self._add_condition)
        view.type_changed.connect(self._change_type)
        view.parent_changed.connect(self._change_parent)
        view.create_requested.connect(self._create)
        view.cancel_requested.connect(self._cancel)
        self.offer(codecs)
        self._show()

    @property
    def folder(self) -> Path:
        """Where the study will be."""
        return self._parent / file_slug(self.plan.name)

    def offer(self, codecs: Sequence[CodecInfo]) -> None:
        """Let these be chosen from now on."""
        self._codecs = {info.name: info for info in codecs if info.kind != "anchor"}
        self._view.show_codecs(list(self._codecs.values()))

    def fill(self, request: TestRequest) -> None:
        """Begin with what was chosen on another page."""
        if request.name:
            self.plan = replace(self.plan, name=request.name)
        if request.pairs:
            self._change_type(TestType.AB)
        self._add_items((item.path, item.title) for item in request.items)
        if request.region_s:
            items = tuple(_cut(item, request.region_s) for item in self.plan.items)
            self.plan = replace(self.plan, items=items)
        for codec, setting in request.versions:
            self._add(codec, setting)
        self._show()

    def add_files(self, paths: Iterable[Path]) -> None:
        """Add audio files as items; checkpoints among them are handed on."""
        given = list(paths)
        if checkpoints := [path for path in given if is_checkpoint(path)]:
            self.checkpoints_given.emit(checkpoints)
        self._add_items((path, path.stem) for path in given if path not in checkpoints)
        self._show()

    def _add_items(self, files: Iterable[tuple[Path, str]]) -> None:
        use = Use.BOTH if self.plan.test_type is TestType.MUSHRA else Use.TEST
        items, failed = [], []
        for path, title in files:
            try:
                items.append(planned_item(path, None, use, title))
            except CodecError as error:
                failed.append(str(error))
        self.plan = replace(self.plan, items=(*self.plan.items, *items))
        self._view.show_notice(Notice(" ".join(failed), Level.ERROR) if failed else None)

    def _add_condition(self, codec: str, kbps: float | None) -> None:
        self._add(codec, Setting.of(kbps))
        self._show()

    def _add(self, codec: str, setting: Setting) -> None:
        if codec not in self._codecs:
            self._view.show_notice(Notice(f"{codec}: there is no such codec", Level.ERROR))
            return
        try:
            condition = planned_condition(self._codecs[codec], setting)
        except CodecError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        self.plan = replace(self.plan, conditions=(*self.plan.conditions, condition))

    def _change_type(self, test_type: TestType) -> None:
        """Change the method; instructions and training follow, unless they were edited."""
        plan = self.plan
        untouched = plan.instructions in _INSTRUCTIONS.values()
        use = Use.BOTH if test_type is TestType.MUSHRA else Use.TEST
        self.plan = replace(
            plan,
            test_type=test_type,
            anchors=ANCHORS,
            instructions=_INSTRUCTIONS[test_type] if untouched else plan.instructions,
            items=tuple(
                replace(item, use=use) if item.use is not Use.TRAINING else item for item in plan.items
            ),
        )
        self._show()

    def _change_parent(self, parent: Path) -> None:
        self._parent = parent
        self._show()

    def _take(self, plan: StudyPlan) -> None:
        """Take over an edit; the form shows it already."""
        self.plan = plan
        self._view.show_folder(self.folder)
        self._view.show_problems(self._problems())

    def _problems(self) -> list[Problem]:
        found = self.plan.problems()
        if self.folder.exists():
            text = f"{self.folder} is there already; choose another name or place."
            found.insert(0, Problem("name", text))
        return found

    def _show(self) -> None:
        self._view.show_plan(self.plan, self.folder)
        self._view.show_problems(self._problems())

    def _create(self) -> None:
        if self._job or any(problem.blocking for problem in self._problems()):
            return
        self._view.show_notice(None)
        folder, coders = self.folder, RemoteCodecs()
        checkpoints = {planned.codec: planned.checkpoint_sha256 for planned in self.plan.conditions}
        build = build_study(
            self.plan, folder, find_codec=lambda name: coders.find(name, checkpoints.get(name))
        )
        self._coders = coders
        self._job = BuildJob(
            build,
            self._post,
            progressed=self._view.show_progress,
            succeeded=lambda study: self._succeeded(folder, study),
            failed=self._failed,
        )

    def _cancel(self) -> None:
        """Stop a build; without one, close the form."""
        if self._job is None:
            self._view.close_now()
            return
        self._job.cancel()
        self._end_job()
        self._view.show_progress(None)
        self._view.show_notice(Notice("Cancelled; nothing was written."))

    def close(self) -> None:
        """Stop a build under way, and wait until it has left nothing behind."""
        if job := self._job:
            job.cancel()
            self._end_job()
            job.wait(10.0)

    def _end_job(self) -> None:
        self._job = None
        if self._coders is not None:
            self._coders.close()
            self._coders = None

    def _succeeded(self, folder: Path, study: Study) -> None:
        del study
        self._end_job()
        self._view.show_progress(None)
        self.created.emit(folder)
        self._view.close_now()

    def _failed(self, error: BaseException) -> None:
        self._end_job()
        self._view.show_progress(None)
        self._view.show_notice(Notice(f"The study was not made: {error}", Level.ERROR))
        self._view.show_problems(self._problems())


def _cut(item: PlannedItem, region_s: tuple[float, float]) -> PlannedItem:
    """Take the region where the item is long enough for it."""
    start_s, end_s = region_s
    return (
        replace(item, region_s=(start_s, min(end_s, item.duration_s))) if start_s < item.duration_s else item
    )
