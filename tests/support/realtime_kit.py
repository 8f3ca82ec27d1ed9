"""A private system bus with the real RealtimeKit on it, as desktops have one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = ("dbus-daemon", "/usr/lib/polkit-1/polkitd", "/usr/libexec/rtkit-daemon")
_BUS = """<busconfig><type>custom</type><listen>unix:path={0}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow receive_sender="*" eavesdrop="true"/></policy></busconfig>"""


def missing_for_realtime_kit() -> str:
    """Say why it cannot run here; empty where it can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install dbus polkitd rtkit"
    return "" if os.geteuid() == 0 else "needs root, as the system's services have it"


@contextmanager
def realtime_kit() -> Iterator[str]:
    """Run it; give the address of the bus, for DBUS_SYSTEM_BUS_ADDRESS."""
    folder = Path(tempfile.mkdtemp(prefix="earbench-bus-"))
    folder.chmod(0o755)  # the services give root up
    (folder / "bus.conf").write_text(_BUS.format(folder / "socket"), encoding="ascii")
    address = f"unix:path={folder / 'socket'}"
    bus, authority, kit = PROGRAMS
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _start(stack, address, bus, f"--config-file={folder / 'bus.conf'}", "--nofork")
        _wait_for((folder / "socket").exists)
        _start(stack, address, authority)
        _wait_for(lambda: _has_owner(address, "org.freedesktop.PolicyKit1"))
        _start(stack, address, kit, "--no-canary")
        _wait_for(lambda: _has_owner(address, "org.freedesktop.RealtimeKit1"))
        yield address


def _start(stack: ExitStack, address: str, *argv: str) -> None:
    process = subprocess.Popen(
        argv,
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait, 10)
    stack.callback(process.kill)


def _has_owner(address: str, name: str) -> bool:
    argv = ["dbus-send", f"--bus={address}", "--print-reply", "--dest=org.freedesktop.DBus", "/"]
    argv += ["org.freedesktop.DBus.NameHasOwner", f"string:{name}"]
    return "true" in subprocess.run(argv, capture_output=True, text=True, timeout=10).stdout


def _wait_for(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    give_up_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_s, "RealtimeKit did not come up"
        time.sleep(0.02)
