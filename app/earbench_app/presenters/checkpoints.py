"""Adds checkpoints to the user's own and takes them away again, in worker processes, and says how it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.checkpoints import (
    add_checkpoint,
    forget_removed,
    remove_checkpoint,
    restore_checkpoint,
)
from earbench_app.audition.run_checkpoints import publish_codec
from earbench_app.notifications import Level, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from earbench_app.audition.checkpoints import Added
    from earbench_app.audition.listing import ListedCheckpoint
    from earbench_app.background.pool import ProcessPool, WorkError

UNDO = "Undo"


@dataclass
class _Drop:
    """Files that were given together; they are told of together."""

    n_left: int
    added: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def notice(self) -> Notice:
        parts = [f"Added {_listed(self.added)}; listed under “Add versions…”."] if self.added else []
        parts += [f"There already: {_listed(self.there)}."] if self.there else []
        return Notice("\n".join(parts + self.refused), Level.ERROR if self.refused else Level.INFO)


class CheckpointShelf:
    """The user's own checkpoints.

    Parameters
    ----------
    workers : ProcessPool
        Reads, hashes and copies the files.
    tell : callable
        Shows a notice over all pages.
    release : callable
        Takes what uses a checkpoint, by its hash, off the pages; returns what puts it back.

    Attributes
    ----------
    changed : Signal
    said_published : str
        The notice of what was published last.
    """

    changed = Signal()

    def __init__(
        self,
        workers: ProcessPool,
        tell: Callable[[Notice | None], None],
        release: Callable[[str | None], Callable[[], None]],
    ) -> None:
        self._workers, self._tell, self._release = workers, tell, release
        self._undo: list[Callable[[], None]] = []
        self.said_published = ""

    def add(self, paths: Sequence[Path]) -> None:
        """Add these files; one that is refused holds up no other."""
        if not paths:
            return
        drop = _Drop(len(paths))
        self._tell(Notice(f"Adding {_listed([path.name for path in paths])}…"))
        for path in paths:
            self._workers.submit(
                add_checkpoint,
                path,
                done=partial(self._added, drop),
                failed=partial(self._refused, drop),
                priority=-1,
            )

    def remove(self, checkpoint: ListedCheckpoint) -> None:
        """Remove one of the user's own, and what was made with it; both can be had back."""
        put_back = self._release(checkpoint.sha256)
        self._workers.submit(
            remove_checkpoint,
            checkpoint.path,
            done=lambda kept: self._removed(checkpoint, kept, put_back),
            failed=lambda error: self._not_removed(error, put_back),
            priority=-1,
        )

    def publish(
        self, path: Path, name: str, done: Callable[[], None], failed: Callable[[WorkError], None]
    ) -> None:
        """Add a copy of a run's codec under a name; undo takes it away again."""
        self._workers.submit(
            publish_codec,
            path,
            name,
            done=lambda copy: self._published(copy, name, done),
            failed=failed,
            priority=-1,
        )

    def discard(self, copies: Sequence[Path]) -> None:
        """Take these of the user's own away again; they were added for something that came to nothing."""
        for copy in copies:
            self._workers.submit(
                remove_checkpoint,
                copy,
                done=lambda _: self.changed.emit(),
                failed=self._fail,
                priority=-1,
            )

    def undo(self) -> None:
        """Put back what was removed last, or take away what was published, whichever was later."""
        if self._undo:
            self._undo.pop()()

    def forget(self) -> None:
        """Delete for good what was removed, also what an earlier program that crashed left."""
        self._undo.clear()
        forget_removed()

    def _added(self, drop: _Drop, added: Added) -> None:
        (drop.added if added.new else drop.there).append(added.name)
        self._count(drop)

    def _refused(self, drop: _Drop, error: WorkError) -> None:
        drop.refused.append(f"Not added: {error}")
        self._count(drop)

    def _count(self, drop: _Drop) -> None:
        drop.n_left -= 1
        if not drop.n_left:
            self._tell(drop.notice())
            if drop.added:
                self.changed.emit()

    def _removed(self, checkpoint: ListedCheckpoint, kept: Path, put_back: Callable[[], None]) -> None:
        self._undo.append(lambda: self._restore(kept, put_back))
        self._tell(Notice(f"Removed {checkpoint.name}.", action=UNDO))
        self.changed.emit()

    def _published(self, copy: Path, name: str, done: Callable[[], None]) -> None:
        self._undo.append(lambda: self._withdraw(copy))
        self.said_published = f"Published {name}; listed under “Add versions…” and on Codecs."
        self._tell(Notice(self.said_published, action=UNDO))
        self.changed.emit()
        done()

    def _withdraw(self, copy: Path) -> None:
        def done(kept: Path) -> None:
            del kept  # deleted when the program ends
            self._tell(None)
            self.changed.emit()

        self._workers.submit(remove_checkpoint, copy, done=done, failed=self._fail, priority=-1)

    def _restore(self, kept: Path, put_back: Callable[[], None]) -> None:
        self._workers.submit(
            restore_checkpoint,
            kept,
            done=lambda path: self._restored(path, put_back),
            failed=self._fail,
            priority=-1,
        )

    def _not_removed(self, error: WorkError, put_back: Callable[[], None]) -> None:
        put_back()
        self._fail(error)

    def _restored(self, path: Path, put_back: Callable[[], None]) -> None:
        del path
        self._tell(None)
        put_back()
        self.changed.emit()

    def _fail(self, error: WorkError) -> None:
        self._tell(Notice(str(error), Level.ERROR))


def _listed(names: Sequence[str]) -> str:
    """Return some names; of many, how many more there are."""
    shown, more = names[:3], len(names) - 3
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
