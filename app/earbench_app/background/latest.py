"""One thread for pictures: of what is asked for under a key, only the latest is computed and delivered."""

from __future__ import annotations

import importlib
import threading
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.background.pool import Post


_PATIENCE_S = 1.0
_IMPORTING = threading.Lock()  # a thread can be handed a package that another has imported by half


class LatestOnly:
    """Runs quick functions beside the interface; a newer request drops the older of its key.

    A function that raises has its traceback printed and delivers nothing; the others go on.

    Parameters
    ----------
    post : callable
        Runs what it is given on the owner's thread.
    needs : sequence of str
        Modules its functions import, imported at the first request, by one thread at a time.
    """

    def __init__(self, post: Post, needs: Sequence[str] = ()) -> None:
        self._post = post
        self._needs = needs
        self._requests: dict[str, tuple[int, Callable[[], Any], Callable[[Any], None]]] = {}
        self._newest: dict[str, int] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def request(self, key: str, function: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Compute `function()` and pass it to `done` on the owner's thread, unless asked anew before."""
        with self._changed:
            serial = self._newest.get(key, 0) + 1
            self._newest[key] = serial
            self._requests[key] = (serial, function, done)
            self._changed.notify()

    def drop(self, key: str) -> None:
        """Forget what was asked under a key."""
        with self._changed:
            self._newest[key] = self._newest.get(key, 0) + 1
            self._requests.pop(key, None)

    def close(self) -> None:
        """End the thread; a long request under way is left behind, and ends with the process."""
        with self._changed:
            self._closing = True
            self._requests.clear()
            self._changed.notify()
        self._thread.join(_PATIENCE_S)

    def _serve(self) -> None:
        while (request := self._next_request()) is not None:
            key, serial, function, done = request
            with _IMPORTING:
                for module in self._needs:
                    importlib.import_module(module)
            try:
                value = function()
            except Exception:  # noqa: BLE001 - one picture that fails must not be the last
                traceback.print_exc()
            else:
                self._deliver(key, serial, value, done)

    def _next_request(self) -> tuple[str, int, Callable[[], Any], Callable[[Any], None]] | None:
        with self._changed:
            while not self._requests and not self._closing:
                self._changed.wait()
            if self._closing:
                return None
            key = next(iter(self._requests))
            return key, *self._requests.pop(key)

    def _deliver(self, key: str, serial: int, value: Any, done: Callable[[Any], None]) -> None:
        def if_newest() -> None:
            if self._newest[key] == serial:
                done(value)

        self._post(if_newest)
