"""The engine, ready to play on a sound card of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from waiting import wait_until

from earbench_app.playback.engine import EnginePlayer
from earbench_app.playback.player import DeviceState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from null_sink import NullSink


@pytest.fixture
def player(null_sink: NullSink) -> Iterator[EnginePlayer]:
    """A player whose device is ready."""
    del null_sink
    player = EnginePlayer()
    wait_until(lambda: player.status().device is DeviceState.READY)
    yield player
    player.close()
