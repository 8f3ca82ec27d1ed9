"""The codecs that versions are made with: listed by a worker process, again whenever checkpoints change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.listing import list_codecs, version_title
from earbench_app.audition.workspace import Version
from earbench_codecs.errors import SettingError
from earbench_codecs.setting import Setting, checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from earbench_app.audition.workspace import Workspace
    from earbench_app.background.pool import ProcessPool, Task
    from earbench_codecs.base import CodecInfo

Choice = tuple[str, Setting]


class CodecShelf:
    """What codecs there are, and which of them the table has.

    Parameters
    ----------
    workspace : Workspace
    quick : ProcessPool
    """

    listed = Signal(list)
    failed = Signal(str)

    def __init__(self, workspace: Workspace, quick: ProcessPool) -> None:
        self._workspace, self._quick = workspace, quick
        self._infos: dict[str, CodecInfo] = {}
        self._listing: Task | None = None

    @property
    def known(self) -> bool:
        """Whether they have been listed."""
        return bool(self._infos)

    @property
    def names(self) -> tuple[str, ...]:
        """Of those listed last, whether they load or not."""
        return tuple(self._infos)

    def refresh(self) -> None:
        """Look for codecs, for which processes are started: wait until the window is seen."""
        if self._listing is not None:
            self._listing.drop()  # it may have looked before the last change
        self._listing = self._quick.submit(
            list_codecs, done=self._take, failed=lambda error: self.failed.emit(str(error)), priority=-1
        )

    def checked(self, choices: Sequence[Choice]) -> Iterable[Choice]:
        """Return the choices there are, options filled in, each once; the others are told with `failed`."""
        good: dict[Choice, None] = {}
        for codec, setting in choices:
            info = self._infos.get(codec)
            if info is None or not info.available:
                self.failed.emit(f"{codec}: {info.reason if info else 'there is no such codec'}")
                continue
            try:
                good[codec, checked(info, setting)] = None
            except SettingError as error:
                self.failed.emit(str(error))
        return good

    def picked(self) -> set[Choice]:
        """Return what the table has of these codecs."""
        return {
            (version.codec, version.setting)
            for version in self._workspace.versions
            if version.codec in self._infos and self._infos[version.codec].sha256 == version.checkpoint_sha256
        }

    def near(self, codec: str, kbps: float) -> Choice | None:
        """Return a codec at the offered rate nearest to one; None where it is not there."""
        info = self._infos.get(codec)
        if info is None or not info.available or not info.bitrates_kbps:
            return None
        return codec, checked(info, Setting.of(min(info.bitrates_kbps, key=lambda rate: abs(rate - kbps))))

    def any_rate(self, version: Version) -> CodecInfo | None:
        """Return the codec of a version whose bitrate may be any within its limits; else None."""
        if version.setting.kbps is None or version.checkpoint is not None:
            return None
        info = self._infos.get(version.codec)
        return info if info is not None and info.continuous and info.available else None

    def at_rate(self, version: Version, kbps: float) -> Version | None:
        """Return a version at another bitrate, within its codec's limits; None where it cannot be changed."""
        info = self.any_rate(version)
        if info is None:
            return None
        kbps = min(max(kbps, min(info.bitrates_kbps)), max(info.bitrates_kbps))
        setting = checked(info, replace(version.setting, kbps=float(kbps)))
        return replace(version, setting=setting, title=version_title(info, setting))

    def new_version(self, codec: str, setting: Setting) -> Version:
        """Return a version to be made."""
        info, workspace = self._infos[codec], self._workspace
        title, color = version_title(info, setting), workspace.free_color()
        return Version(workspace.new_id(), codec, title, setting, color, info.sha256)

    def _take(self, codecs: Sequence[CodecInfo]) -> None:
        self._listing = None
        self._infos = {info.name: info for info in codecs}
        self._workspace.versions[:] = map(self._renamed, self._workspace.versions)
        self.listed.emit(codecs)

    def _renamed(self, version: Version) -> Version:
        """Return a version under the name that its checkpoint has now."""
        sha256 = version.checkpoint_sha256
        info = next((info for info in self._infos.values() if sha256 and info.sha256 == sha256), None)
        if info is None or info.name == version.codec:
            return version
        return replace(version, codec=info.name, title=version_title(info, version.setting))
