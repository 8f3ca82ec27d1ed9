"""Audio without the right to run first: what a normal desktop user's system grants."""

from __future__ import annotations

import ctypes
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from earbench_app.playback.engine import EnginePlayer

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_CAPBSET_DROP, _CAP_SYS_NICE = 24, 23


@contextmanager
def unprivileged_player() -> Iterator[EnginePlayer]:
    """Make a player whose audio process gets neither real time nor a negative nice value, not even from root.

    Capabilities belong to threads, and a thread hands them on to those it starts: the player is made in a
    thread that has given CAP_SYS_NICE up for whatever is executed from there.
    """
    limits = {limit: resource.getrlimit(limit) for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE)}
    for limit, (_, hard) in limits.items():
        resource.setrlimit(limit, (0, hard))
    with ThreadPoolExecutor(1, initializer=_give_up_priorities) as thread:
        player = thread.submit(EnginePlayer).result()
        try:
            yield player
        finally:
            player.close()
            for limit, values in limits.items():
                resource.setrlimit(limit, values)


def _give_up_priorities() -> None:
    """Do nothing where there is nothing to give up: only root may, and only root need."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0)
