"""Takes the pictures of the README and for looking at: `python tools/screenshots.py [NAME…] [--out FOLDER]`.

Runs the real window on the bundled demo, without a sound device and with settings of its own. Start it on a
screen, or under `xvfb-run -s "-screen 0 1280x800x24"`; with QT_SCALE_FACTOR=2 for a dense one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from earbench_app.bootstrap import Workbench

SIZE = (1280, 800)
_WAIT_S = 180.0


class Studio:
    """A workbench on the demo, in which scenes are set and photographed."""

    def __init__(self, scheme: str, folder: Path) -> None:
        from PySide6.QtWidgets import QApplication

        from earbench_app.bootstrap import Workbench
        from earbench_app.playback.fake import FakePlayer
        from earbench_app.settings import SettingsFile
        from earbench_app.views.qt.theme import apply_theme

        app = QApplication.instance() or QApplication([])
        assert isinstance(app, QApplication)
        self.app, self.folder = app, folder
        apply_theme(app, "dark" if scheme == "dark" else "light")
        remembered = SettingsFile()
        remembered.settings.demo_shown = True
        self.bench: Workbench = Workbench(FakePlayer(), remembered)
        self.bench.window.resize(*SIZE)
        self.bench.window.show()

    def wait(self, condition: Callable[[], bool], limit_s: float = _WAIT_S) -> None:
        """Let the program run until this holds."""
        end_s = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end_s:
                sys.exit("the scene did not come about in time")
            self.app.processEvents()
            time.sleep(0.01)

    def rest(self, seconds: float = 0.5) -> None:
        """Let the program run for a moment."""
        end_s = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end_s)

    def open_demo(self, versions: int = 4) -> None:
        """Open the demo and wait for the first clip's versions."""
        from earbench_app.audition.workspace import State

        audition = self.bench.audition
        self.bench.open_demo()
        self.wait(lambda: len(audition.workspace.versions) >= versions and audition.playback.loaded)
        self.wait(lambda: all(map(audition.playback.has, self.version_ids())))
        self.wait(lambda: all(r.state is State.READY for r in audition.workspace.results.values()))
        self.wait(lambda: self.bench.audition_page.spectrogram._picture is not None)

    def version_ids(self) -> list[int]:
        """Ids of the versions in the table."""
        return [version.id for version in self.bench.audition.workspace.versions]

    def shoot(self, name: str) -> None:
        """Save the window."""
        self.rest()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        self.bench.window.grab().save(str(path))
        print(path)  # noqa: T201

    def close(self) -> None:
        """End the program."""
        self.bench.window.close()
        self.rest(0.1)


def audition(studio: Studio, name: str) -> None:
    """Play a version in a loop."""
    studio.open_demo()
    page = studio.bench.audition_page
    page.number_pressed.emit(0)
    page.region_selected.emit((2.0, 5.0))
    page.seek_requested.emit(3.2)
    studio.rest(1.0)
    studio.shoot(name)


def difference(studio: Studio, name: str) -> None:
    """Play the difference signal of a version, zoomed in, with more gain than full scale allows."""
    studio.open_demo()
    page = studio.bench.audition_page
    page.number_pressed.emit(1)
    page.difference_requested.emit()
    page.makeup_changed.emit(60.0)
    page.axis.zoom(6, 2.0)
    page.seek_requested.emit(2.0)
    studio.rest(1.0)
    studio.shoot(name)


def crowded(studio: Studio, name: str) -> None:
    """Long names, twenty clips, twelve versions, two of which failed."""
    from earbench_app.audition.demo import demo_paths
    from earbench_app.audition.workspace import State
    from earbench_codecs.base import Setting
    from earbench_codecs.clip_files import read_clip, write_wav

    folder = Path(tempfile.mkdtemp())
    for i, path in enumerate(demo_paths() * 2):
        clip = read_clip(path).excerpt(0, 2)
        write_wav(
            folder / f"{i:02d} {path.stem} excerpt with a name as long as people really make them.wav", clip
        )
    (folder / "99 broken.wav").write_bytes(b"RIFF not really")
    studio.bench.open([folder])
    rates = [("mp3", 32), ("mp3", 64), ("mp3", 128), ("opus", 12), ("opus", 24), ("opus", 64), ("aac", 48)]
    rates += [("aac", 96), ("vorbis", 64), ("vorbis", 128), ("amr-wb", 12.65), ("amr-wb", 23.85)]
    studio.bench.audition.add_versions([(codec, Setting.of(kbps)) for codec, kbps in rates])
    results = studio.bench.audition.workspace.results
    studio.wait(lambda: sum(result.state is State.READY for result in results.values()) >= 16)
    maker = studio.bench.audition.maker
    for version in studio.bench.audition.workspace.versions[3:5]:
        result = results[studio.bench.audition.workspace.clips[0].id, version.id]
        result.state, result.message = (
            State.ERROR,
            "libopus refused the frame (error −4): try another bitrate",
        )
        maker.changed.emit(version)
    studio.bench.audition_page.number_pressed.emit(5)
    studio.rest(1.0)
    studio.shoot(name)


def empty(studio: Studio, name: str) -> None:
    """Nothing opened yet."""
    studio.shoot(name)


def picker(studio: Studio, name: str) -> None:
    """Open the list of codecs and rates."""
    studio.open_demo()
    page = studio.bench.audition_page
    page.open_picker()
    studio.rest()
    studio.folder.mkdir(parents=True, exist_ok=True)
    page.picker.grab().save(str(studio.folder / f"{name}.png"))
    page.picker.close()


def codecs(studio: Studio, name: str) -> None:
    """Show the page of codecs."""
    studio.bench.window.show_page("Codecs")
    studio.wait(lambda: bool(studio.bench.audition._codecs))
    studio.shoot(name)


def shortcuts(studio: Studio, name: str) -> None:
    """Show the overlay of keys."""
    studio.open_demo()
    studio.bench.window.show_shortcuts()
    studio.shoot(name)


SCENES: dict[str, Callable[[Studio, str], None]] = {
    scene.__name__: scene for scene in (audition, difference, crowded, empty, picker, codecs, shortcuts)
}


def main() -> None:
    """Photograph the scenes asked for, in both schemes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENES)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--scheme", choices=("light", "dark", "both"), default="both")
    asked = parser.parse_args()
    home = tempfile.TemporaryDirectory(prefix="earbench-screenshots-")
    os.environ.setdefault("EARBENCH_HOME", home.name)
    for name in asked.names or SCENES:
        for scheme in ("light", "dark") if asked.scheme == "both" else (asked.scheme,):
            studio = Studio(scheme, asked.out)
            SCENES[name](studio, f"{name}-{scheme}")
            studio.close()
    home.cleanup()


if __name__ == "__main__":
    main()
