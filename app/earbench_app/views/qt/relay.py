"""Hands one signal on to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psygnal import SignalInstance


def relay(source: SignalInstance, target: SignalInstance) -> None:
    """Emit `target` whenever `source` is emitted, with the same arguments.

    `source.connect(target.emit)` will not do: psygnal takes the method for a Qt signal's, and calls it with
    made-up arguments to find out how many it takes.
    """
    source.connect(lambda *args: target.emit(*args))
