"""Makes a blind test of two checkpoints of a run: keeps them for it, and only if the test is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.run_checkpoints import keep_codec
from earbench_app.notifications import Level, Notice
from earbench_app.test_request import RequestedItem, TestRequest
from earbench_codecs.base import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.audition.run_checkpoints import Kept
    from earbench_app.audition.workspace import Clip
    from earbench_app.background.pool import ProcessPool, WorkError
    from earbench_app.presenters.checkpoints import CheckpointShelf
    from earbench_codecs.base import CodecInfo

CANCEL = "Cancel"


@dataclass(eq=False)
class _Making:
    """A test under way.

    `kept` is by the path that was asked for; `request` is there once the wizard has been asked for.
    """

    name: str
    text: str
    paths: tuple[str, ...]
    clip: Clip
    kept: dict[str, Kept] = field(default_factory=dict)
    request: TestRequest | None = None


class BlindTests:
    """Keeps both checkpoints, so that the study can be made again, and asks for the wizard.

    What was copied for a test that is not made after all is deleted again.

    Parameters
    ----------
    workers : ProcessPool
        Loads and copies.
    shelf : CheckpointShelf
    tell : callable
        Shows a notice.

    Attributes
    ----------
    requested : Signal
        (TestRequest).
    """

    requested = Signal(TestRequest)

    def __init__(
        self, workers: ProcessPool, shelf: CheckpointShelf, tell: Callable[[Notice | None], None]
    ) -> None:
        self._workers, self._shelf, self._tell = workers, shelf, tell
        self._making: _Making | None = None
        self._asked: list[_Making] = []
        self._copies: set[Path] = set()  # of tests that are not made yet

    def make(self, pair: Sequence[tuple[str, str]], clip: Clip) -> None:
        """Begin a test of two checkpoints, each (path, title), with one clip."""
        self.cancel()
        first, second = (title for _, title in pair)
        text = f"Blind A/B test of {first} and {second}, with the clip {clip.title}"
        name = f"{first} against {second}"
        self._making = making = _Making(name, text, tuple(path for path, _ in pair), clip)
        for path in making.paths:
            self._workers.submit(
                keep_codec,
                Path(path),
                done=partial(self._kept, making, path),
                failed=partial(self._failed, making),
                priority=-1,
            )
        self._show()

    def cancel(self) -> None:
        """Give up what is being prepared."""
        if self._making is not None:
            self._tell(None)
            self._drop(self._making)

    def codecs_listed(self, codecs: Sequence[CodecInfo]) -> None:
        """Ask for the wizard once both are listed."""
        making = self._making
        names = {info.sha256: info.name for info in codecs if info.sha256}
        if making is None or len(making.kept) < len(making.paths):
            return
        hashes = [making.kept[path].sha256 for path in making.paths]
        if not all(sha256 in names for sha256 in hashes):
            return
        making.request = TestRequest(
            (RequestedItem(making.clip.title, making.clip.path),),
            tuple((names[sha256], Setting()) for sha256 in hashes),
            pairs=True,
            name=making.name,
        )
        self._making = None
        self._asked.append(making)
        self._tell(None)
        self.requested.emit(making.request)

    def wizard_closed(self, request: TestRequest | None, made: bool) -> None:
        """Take note that a wizard was closed, and whether it made a study."""
        making = next((one for one in self._asked if one.request is request), None)
        if making is None:
            return
        self._asked.remove(making)
        if made:
            self._copies -= {one.copy for one in making.kept.values()}
        else:
            self._discard(making)

    def close(self) -> list[Path]:
        """Give up all tests; return the copies that are to be removed."""
        self._making, self._asked = None, []
        copies, self._copies = sorted(self._copies), set()
        return copies

    def _kept(self, making: _Making, path: str, kept: Kept) -> None:
        making.kept[path] = kept
        if kept.new:
            self._copies.add(kept.copy)
        if making is not self._making:  # it was given up meanwhile
            self._discard(making)
        elif len(making.kept) == len(making.paths):
            self._show("listing them")
            self._shelf.changed.emit()  # which has the codecs listed
        else:
            self._show()

    def _failed(self, making: _Making, error: WorkError) -> None:
        if making is self._making:
            self._drop(making)
            self._tell(Notice(f"No blind test: {error}", Level.ERROR))

    def _show(self, doing: str = "") -> None:
        assert self._making is not None
        n_done, n_all = len(self._making.kept), len(self._making.paths)
        doing = doing or f"loading checkpoint {n_done + 1} of {n_all}"
        self._tell(Notice(f"{self._making.text}: {doing}…", action=CANCEL))

    def _drop(self, making: _Making) -> None:
        self._making = None
        self._discard(making)

    def _discard(self, making: _Making) -> None:
        """Delete what was copied for a test and is of no other one."""
        others = [one for one in (self._making, *self._asked) if one is not None]
        needed = {kept.copy for one in others for kept in one.kept.values()}
        gone = {kept.copy for kept in making.kept.values()} & self._copies - needed
        self._copies -= gone
        if gone:
            self._shelf.discard(sorted(gone))
