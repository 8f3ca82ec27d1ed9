"""What is made of a run's checkpoints: blind tests of two, and codecs that have a name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from earbench_app.notifications import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.audition.workspace import Clip
    from earbench_app.presenters.checkpoints import CheckpointShelf
    from earbench_app.presenters.training_blind_test import BlindTests
    from earbench_app.presenters.training_held import HeldFiles
    from earbench_app.presenters.training_slots import Slot
    from earbench_app.views.listen_protocols import ListenView

GONE = "the run keeps it no longer"


class CheckpointUses:
    """Hands what is listed on, and says so where its run has deleted it.

    Parameters
    ----------
    view : ListenView
    tests : BlindTests
    shelf : CheckpointShelf
        Of the user's own checkpoints.
    files : HeldFiles
    is_there : callable
        Whether a line can still be heard.
    """

    def __init__(
        self,
        view: ListenView,
        tests: BlindTests,
        shelf: CheckpointShelf,
        files: HeldFiles,
        is_there: Callable[[Slot], bool],
    ) -> None:
        self._view, self._tests, self._shelf = view, tests, shelf
        self._files, self._is_there = files, is_there

    def test(self, slots: Sequence[Slot | None], clip: Clip | None) -> None:
        """Begin a blind test of two lines with a clip."""
        gone = [slot.title for slot in slots if slot is not None and not self._is_there(slot)]
        if gone:
            self._tell(f"No blind test of {' and '.join(gone)}: {GONE}. Choose another step.")
            return
        pair = [(str(self._files.file_of(slot)), slot.title) for slot in slots if slot is not None]
        if len(pair) != 2 or clip is None:
            self._tell("A blind test needs a clip and two checkpoints: choose both.")
            return
        self._tests.make(pair, clip)

    def publish(self, slot: Slot | None, name: str) -> None:
        """Add a line to the user's own codecs under a name, once its file is held."""
        if slot is None:
            self._view.show_published("The list has changed: choose the step again")
        else:
            self._files.when_held(slot, partial(self._publish_held, slot, name))

    def _publish_held(self, slot: Slot, name: str) -> None:
        if not self._is_there(slot):
            self._view.show_published(f"{slot.title}: {GONE}. Choose another step.")
            return
        self._shelf.publish(
            self._files.file_of(slot),
            name.strip(),
            done=lambda: self._view.show_published(""),
            failed=lambda error: self._view.show_published(str(error)),
        )

    def _tell(self, text: str) -> None:
        self._view.show_notice(Notice(text))
