"""Which files of runs are held while they are listed, so that they can be heard whenever they are chosen."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from earbench_app.audition.held_codecs import drop_left_behind, hold_codec, let_go, own_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from earbench_app.background.pool import ProcessPool, WorkError
    from earbench_app.presenters.training_slots import Slot


class HeldFiles:
    """Has files linked to a folder of this program as they are listed, and deleted there afterwards.

    Parameters
    ----------
    workers : ProcessPool
        Touches the disk.
    root : Path
        Each program has a folder of its own below it.
    lost : callable
        Called when a file was found to be deleted already.
    """

    def __init__(self, workers: ProcessPool, root: Path, lost: Callable[[], None]) -> None:
        self._workers, self._folder, self._tell_lost = workers, own_folder(root), lost
        self._lost: set[str] = set()
        self._files: dict[str, Path | None] = {}  # by the line's id; None until it is there
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._submit(drop_left_behind, root)

    def hold(self, slot: Slot) -> None:
        """Begin to hold a file."""
        path, slot_id = Path(slot.seen.path), slot.id
        self._files[slot_id] = None
        self._lost.discard(slot_id)  # of a step that is made again
        self._workers.submit(
            hold_codec,
            path,
            self._folder / slot.job.id / _name(slot),
            done=partial(self._done, slot_id),
            failed=partial(self._failed, slot_id),
            priority=-2,  # before a run deletes it
        )

    def has(self, slot: Slot) -> bool:
        """Return whether a file is held."""
        return self._files.get(slot.id) is not None

    def is_lost(self, slot: Slot) -> bool:
        """Return whether a file was deleted before it could be held."""
        return slot.id in self._lost

    def file_of(self, slot: Slot) -> Path:
        """Return where a run's codec is read from."""
        return self._files.get(slot.id) or Path(slot.seen.path)

    def when_held(self, slot: Slot, do: Callable[[], None]) -> None:
        """Do something as soon as a file is held, or cannot be."""
        if slot.id not in self._files:
            self.hold(slot)
        if self._files[slot.id] is None:
            self._waiting.setdefault(slot.id, []).append(do)
        else:
            do()

    def keep_only(self, slot_ids: Set[str]) -> None:
        """Let go of all others."""
        for slot_id in self._files.keys() - slot_ids:
            if (file := self._files.pop(slot_id)) is not None:
                self._submit(let_go, file)

    def close(self) -> None:
        """Let go of all at once: nobody carries tasks out any more."""
        self._files.clear()
        let_go(self._folder)

    def _done(self, slot_id: str, file: Path | None) -> None:
        if file is None:
            self._files.pop(slot_id, None)
            self._lost.add(slot_id)
            self._tell_lost()
        elif slot_id in self._files:
            self._files[slot_id] = file
        else:
            self._submit(let_go, file)  # it left the list meanwhile
        self._go_on(slot_id)

    def _failed(self, slot_id: str, error: WorkError) -> None:
        del error  # reading the run's own file says what is wrong
        self._files.pop(slot_id, None)
        self._go_on(slot_id)

    def _go_on(self, slot_id: str) -> None:
        for do in self._waiting.pop(slot_id, ()):
            do()

    def _submit(self, function: Callable[[Path], None], path: Path) -> None:
        self._workers.submit(function, path, done=lambda _: None, failed=lambda _: None, priority=1)


def _name(slot: Slot) -> str:
    """Return what a file is called: a run's exports, which are of one name, are not."""
    name = Path(slot.seen.path).name
    return name if slot.seen.kind == "listenable" else f"{slot.seen.step}-{name}"
