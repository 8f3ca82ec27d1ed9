"""The Studies page: which studies there are, what is in them, and who has listened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal

from earbench_app.counting import study_size
from earbench_app.notifications import Level, Notice
from earbench_codecs.clip_files import read_clip
from earbench_codecs.errors import CodecError
from earbench_mushra.design import TestType
from earbench_mushra.errors import StudyError
from earbench_mushra.export import open_results, write_ratings
from earbench_mushra.store import Store
from earbench_mushra.study_files import DATABASE_FILE, load_study, stimulus_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psygnal import SignalInstance

    from earbench_app.playback.player import Player
    from earbench_app.settings import SettingsFile
    from earbench_mushra.design import Study
    from earbench_mushra.records import Sitting

Cell = tuple[str, str]  # item id, condition id
TEST_TITLES = {TestType.MUSHRA: "MUSHRA", TestType.AB: "A/B", TestType.ABX: "ABX"}


@dataclass(frozen=True, slots=True)
class KnownStudy:
    """One line of the list of studies."""

    folder: Path
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class StudyDetails:
    """What the page shows of one study.

    Parameters
    ----------
    folder : Path
    study : Study
    missing : frozenset of (item id, condition id)
        Cells whose file is not there.
    sittings : tuple of Sitting
    """

    folder: Path
    study: Study
    missing: frozenset[Cell]
    sittings: tuple[Sitting, ...]


class StudiesView(Protocol):
    """The page."""

    study_selected: SignalInstance  # (folder)
    open_requested: SignalInstance  # (folder)
    forget_requested: SignalInstance  # (folder)
    cell_pressed: SignalInstance  # (item id, condition id)
    sit_requested: SignalInstance
    export_requested: SignalInstance  # (path)
    refresh_requested: SignalInstance

    def show_studies(self, studies: Sequence[KnownStudy], current: Path | None) -> None:
        """List them."""

    def show_study(self, details: StudyDetails | None) -> None:
        """Show one."""

    def show_sittings(self, sittings: Sequence[Sitting]) -> None:
        """Show who listened."""

    def show_playing(self, cell: Cell | None) -> None:
        """Mark the cell that plays."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""


class StudiesPresenter:
    """Remembers studies, plays their cells, starts sittings.

    Parameters
    ----------
    view : StudiesView
    remembered : SettingsFile
    make_player : callable
        Called at the first cell played.
    launch : callable
        Opens the listener's window on a folder, as a program of its own.
    user : str
        Written down with each export, which opens the results.
    """

    current_changed = Signal(object)  # (folder or None)

    def __init__(
        self,
        view: StudiesView,
        remembered: SettingsFile,
        make_player: Callable[[], Player],
        launch: Callable[[Path], None],
        user: str,
    ) -> None:
        self._view, self._remembered = view, remembered
        self._make_player, self._launch, self._user = make_player, launch, user
        self._player: Player | None = None
        self._playing: Cell | None = None
        self._loaded_item = ""
        self._details: StudyDetails | None = None
        view.study_selected.connect(self.select)
        view.open_requested.connect(self.add)
        view.forget_requested.connect(self._forget)
        view.cell_pressed.connect(self._press_cell)
        view.sit_requested.connect(self._sit)
        view.export_requested.connect(self._export)
        view.refresh_requested.connect(self.refresh)

    def show_first(self) -> None:
        """Show the study used last."""
        self._show_list()
        if known := self._folders():
            self.select(known[0])
        else:
            self._view.show_study(None)

    def add(self, folder: Path) -> None:
        """Remember a study, and show it."""
        try:
            load_study(folder)
        except StudyError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        folders = [folder.resolve(), *(known for known in self._folders() if known != folder.resolve())]
        self._remember(folders)
        self.select(folder.resolve())

    def select(self, folder: Path) -> None:
        """Show a study."""
        self.stop()
        self._view.show_notice(None)
        try:
            self._details = _details(folder)
        except StudyError as error:
            self._details = None
            self._view.show_notice(Notice(str(error), Level.ERROR))
        self._show_list()
        self._view.show_study(self._details)
        self.current_changed.emit(self._details.folder if self._details else None)

    def refresh(self) -> None:
        """Look again who has listened; a sitting runs in a program of its own."""
        if self._details is None:
            return
        try:
            self._view.show_sittings(_sittings(self._details.folder))
        except StudyError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))

    def stop(self) -> None:
        """Stop playing."""
        if self._player:
            self._player.pause()
        self._playing, self._loaded_item = None, ""
        self._view.show_playing(None)

    def close(self) -> None:
        """Release the sound device."""
        if self._player:
            self._player.close()
        self._player = None

    def _press_cell(self, item: str, condition: str) -> None:
        if self._details is None:
            return
        if self._playing == (item, condition):
            self.stop()
            return
        try:
            self._play(self._details, item, condition)
        except (CodecError, ValueError) as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        self._playing = (item, condition)
        self._view.show_playing(self._playing)

    def _play(self, details: StudyDetails, item: str, condition: str) -> None:
        """Play a cell; within an item the playhead goes on, so that cells can be compared."""
        self._player = self._player or self._make_player()
        ids = [column.id for column in details.study.conditions]
        if item != self._loaded_item:
            files = [details.study.stimulus(item, column).file for column in ids]
            self._player.load([read_clip(stimulus_path(details.folder, file)) for file in files])
            self._player.set_loop((0.0, self._player.status().duration_s))
            self._loaded_item = item
        self._player.select(ids.index(condition))
        self._player.play()

    def _sit(self) -> None:
        if self._details is None:
            return
        self.stop()
        try:
            self._launch(self._details.folder)
        except OSError as error:
            self._view.show_notice(Notice(f"The listener's window did not start: {error}", Level.ERROR))

    def _export(self, path: Path) -> None:
        if self._details is None:
            return
        try:
            results = open_results(self._details.folder, by=self._user, means="Studies page, CSV")
            write_ratings(results.trials, path)
        except StudyError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        self._view.show_notice(Notice(f"{len(results.trials)} trials written to {path}"))

    def _forget(self, folder: Path) -> None:
        self._remember([known for known in self._folders() if known != folder])
        left = self._folders()
        if left:
            self.select(left[0])
        else:
            self._details = None
            self._view.show_study(None)
            self.current_changed.emit(None)

    def _folders(self) -> list[Path]:
        return [Path(folder) for folder in self._remembered.settings.studies]

    def _remember(self, folders: Sequence[Path]) -> None:
        self._remembered.settings.studies = [str(folder) for folder in folders]
        self._remembered.save()
        self._show_list()

    def _show_list(self) -> None:
        current = self._details.folder if self._details else None
        self._view.show_studies([_known(folder) for folder in self._folders()], current)


def _known(folder: Path) -> KnownStudy:
    try:
        study = load_study(folder)
    except StudyError:
        return KnownStudy(folder, folder.name, "not found")
    return KnownStudy(folder, study.name, f"{TEST_TITLES[study.test_type]} · {study_size(study)}")


def _details(folder: Path) -> StudyDetails:
    study = load_study(folder)
    missing = frozenset(
        (cell.item, cell.condition)
        for cell in study.stimuli
        if not stimulus_path(folder, cell.file).is_file()
    )
    return StudyDetails(folder, study, missing, _sittings(folder))


def _sittings(folder: Path) -> tuple[Sitting, ...]:
    if not (folder / DATABASE_FILE).is_file():
        return ()
    with Store(folder, read_only=True) as store:
        return tuple(store.sittings())
