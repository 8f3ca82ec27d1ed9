"""A screen without a monitor, a mouse and a keyboard, and the real program as a child process on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (1280, 800)


class Desktop:
    """An Xvfb screen; keys and mouse come from xdotool, through the X server as from real ones."""

    def __init__(self) -> None:
        read, write = os.pipe()
        argv = [
            "Xvfb",
            "-displayfd",
            str(write),
            "-screen",
            "0",
            f"{SIZE[0]}x{SIZE[1]}x24",
            "-nolisten",
            "tcp",
            "-r",  # no key repeats itself because the machine is slow to let it go
        ]
        self._server = subprocess.Popen(argv, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = f":{pipe.readline().strip()}"

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(timeout=10)

    def xdotool(self, *arguments: object) -> str:
        env = {**os.environ, "DISPLAY": self.display}
        argv = ["xdotool", *map(str, arguments)]
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True, timeout=20).stdout

    def key(self, *names: str) -> None:
        self.xdotool("key", "--delay", 30, *names)

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", 5, text)

    def click(self, x: float, y: float) -> None:
        self.xdotool("mousemove", round(x), round(y), "click", 1)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
        self.xdotool("mousemove", *map(round, start), "mousedown", 1)
        self.xdotool("mousemove", *map(round, middle))
        self.xdotool("mousemove", *map(round, end), "mouseup", 1)


class Program:
    """`earbench …` on a desktop; its named widgets are known from the map it writes."""

    launch: ClassVar[tuple[str, ...]] = ("-m", "earbench_app")

    def __init__(self, desktop: Desktop, arguments: list[str], folder: Path, env: dict[str, str]) -> None:
        self.desktop = desktop
        self._map = folder / "widgets.json"
        self._map.unlink(missing_ok=True)
        self._log = folder / "log.txt"
        environment = {
            **os.environ,
            **env,
            "DISPLAY": desktop.display,
            "QT_QPA_PLATFORM": "xcb",
            "EARBENCH_WIDGET_MAP": str(self._map),
            "EARBENCH_HOME": str(folder / "home"),
        }
        self.argv = [sys.executable, *self.launch, *arguments]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self.argv, env=environment, stdout=log, stderr=log)
        self.wait_for(self._map.is_file, "the window came up")
        self.window = desktop.xdotool("search", "--sync", "--onlyvisible", "--pid", self.process.pid).split()[
            -1
        ]
        desktop.xdotool("windowfocus", "--sync", self.window)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def title(self) -> str:
        return self.desktop.xdotool("getwindowname", self.window)

    def widgets(self) -> dict[str, dict[str, Any]]:
        return json.loads(self._map.read_text())

    def text(self, name: str) -> str:
        return self.widgets().get(name, {}).get("text", "")

    def enabled(self, name: str) -> bool:
        return bool(self.widgets().get(name, {}).get("enabled"))

    def named(self, name: str) -> str:
        """Return what a screen reader calls a widget."""
        return self.widgets().get(name, {}).get("name", "")

    def box(self, name: str) -> list[int]:
        self.wait_for(lambda: name in self.widgets(), f"{name} is on the screen")
        return self.widgets()[name]["box"]

    def click(self, name: str) -> None:
        x, y, width, height = self.box(name)
        self.desktop.click(x + width / 2, y + height / 2)

    def wait_for(self, holds: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
        give_up_s = time.monotonic() + timeout_s
        while not holds():
            alive = self.process.poll() is None
            assert alive, f"the program ended with {self.process.returncode}: {self.log}"
            assert time.monotonic() < give_up_s, f"waited in vain until {what}; {self.log}"
            time.sleep(0.03)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
