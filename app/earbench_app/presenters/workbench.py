"""The frame's decisions: sound device, background work in the status line, what is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.notifications import Level, Notice
from earbench_app.playback.player import DeviceState

if TYPE_CHECKING:
    from collections.abc import Callable

    from earbench_app.background.progress import Batch, Batches
    from earbench_app.playback.player import Player, PlayerStatus
    from earbench_app.settings import SettingsFile
    from earbench_app.views.protocols import WindowView


class WorkbenchPresenter:
    """Looks at the player a few times a second and keeps the status line true.

    Parameters
    ----------
    view : WindowView
    player : Player
    remembered : SettingsFile
    batch : Batch or Batches
        The background work to show.
    cancel : callable
        Stops that work.
    """

    def __init__(
        self,
        view: WindowView,
        player: Player,
        remembered: SettingsFile,
        batch: Batch | Batches,
        cancel: Callable[[], None],
    ) -> None:
        self._view, self._player, self._remembered, self._batch = view, player, remembered, batch
        self._banner = ""
        view.devices_opening.connect(self._list_devices)
        view.device_chosen.connect(self._choose_device)
        view.cancel_requested.connect(cancel)
        view.ticked.connect(self.tick)
        if remembered.settings.device is not None:
            player.set_device(remembered.settings.device)
        self._list_devices()
        if remembered.message:
            view.show_notice(Notice(remembered.message, Level.WARNING))

    def tick(self) -> None:
        """Show device and work; called a few times a second."""
        status = self._player.status()
        self._view.show_device_state(*device_text(status))
        self._view.show_work(self._batch.progress())
        if status.message != self._banner:
            self._banner = status.message
            self._view.show_notice(Notice(status.message, Level.WARNING) if status.message else None)

    def _list_devices(self) -> None:
        self._view.show_devices(self._player.devices(), self._remembered.settings.device)

    def _choose_device(self, key: str | None) -> None:
        self._remembered.settings.device = key
        self._player.set_device(key)


def device_text(status: PlayerStatus) -> tuple[str, bool]:
    """Return what to say of the sound device, and whether it is a warning."""
    if status.device is DeviceState.OPENING:
        return "opening the sound device…", False
    if status.device is not DeviceState.READY:
        return "no sound device", True
    many = "s" * (status.n_underruns != 1)
    underruns = f"{status.n_underruns} underrun{many}" if status.n_underruns else "no underruns"
    return f"{underruns} · {status.device_rate_hz / 1000:g} kHz", status.n_underruns > 0
