"""A real Slurm on this one machine: its own key, ports and folder; nothing of it is left afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
START_S = 30.0
END_S = 90.0

CONFIG = """
ClusterName=earbench
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=1
MessageTimeout=3
SchedulerParameters=sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 Gres=gpu:1 State=UNKNOWN
PartitionName=normal Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=lent Nodes=ALL GraceTime=60 MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL PriorityTier=10 MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Return why no Slurm can be started here and what to do, or an empty string."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        command = "apt-get update && apt-get install -y --no-install-recommends slurm-wlm munge"
        return f"no {', '.join(missing)} here: as root, {command}"
    return "" if os.geteuid() == 0 else "a Slurm of its own needs root: run the tests as root"


_PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"  # the daemons' folders are not on everybody's path


class SlurmCluster:
    """Started when entered, ended with all its jobs when left."""

    def __init__(self) -> None:
        # munged wants the way to its socket open to all, and a path of a hundred characters at most
        self._temporary = TemporaryDirectory(prefix="slurm-", dir="/tmp")
        self.folder = Path(self._temporary.name)
        self.folder.chmod(0o755)
        self.host = socket.gethostname().partition(".")[0]
        self._environment = os.environ | {"SLURM_CONF": str(self.config), "PATH": _PATH}
        self._exits = ExitStack()

    @property
    def config(self) -> Path:
        """What `SLURM_CONF` must name."""
        return self.folder / "slurm.conf"

    def __enter__(self) -> SlurmCluster:
        with ExitStack() as exits:
            exits.callback(self._temporary.cleanup)
            self._write_files()
            munge = self.folder / "munge"
            options = {
                "key-file": munge / "key", "pid-file": munge / "pid", "log-file": munge / "log",
                "seed-file": munge / "seed", "socket": self.folder / "munge.socket",
            }  # fmt: skip
            exits.callback(_end, self._daemon("munged", *(f"--{k}={v}" for k, v in options.items())))
            self.start_controller()
            exits.callback(self.stop_controller)
            exits.callback(_end, self._daemon("slurmd", "-D"))
            self._wait_for_node()
            exits.callback(self.make_idle)
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def start_controller(self) -> None:
        """Start slurmctld; it goes on from the state it saved."""
        self._controller = self._daemon("slurmctld", "-D")

    def stop_controller(self) -> None:
        """End slurmctld; jobs that run go on."""
        _end(self._controller)

    def run(self, *command: str) -> str:
        """Return what a Slurm command prints."""
        result = subprocess.run(
            command, env=self._environment, text=True, capture_output=True, check=False, timeout=60
        )
        assert result.returncode == 0, f"{command}: {result.stderr}"
        return result.stdout

    def set_node(self, state: str) -> None:
        """Set the node's state, such as drain, down or resume."""
        self.run("scontrol", "update", f"nodename={self.host}", f"state={state}", "reason=a test")

    def make_idle(self) -> None:
        """End all jobs, whatever state the node was left in."""
        subprocess.run(["scancel", "--quiet", "--user=root"], env=self._environment, check=False)
        ends_at = time.monotonic() + END_S
        while self.run("squeue", "--noheader").strip() and time.monotonic() < ends_at:
            time.sleep(0.2)
        if self.run("sinfo", "--noheader", "--format=%T").split()[0] != "idle":
            self.set_node("resume")

    def _daemon(self, *command: str) -> subprocess.Popen[bytes]:
        foreground = ("--foreground",) if command[0] == "munged" else ()
        with (self.folder / f"{command[0]}.out").open("ab") as out:
            return subprocess.Popen(
                [*command, *foreground], env=self._environment, stdout=out, stderr=out, start_new_session=True
            )

    def _write_files(self) -> None:
        (self.folder / "munge").mkdir(mode=0o700)
        (self.folder / "munge" / "key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge" / "key").chmod(0o400)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        controller_port, node_port = _free_ports(2)
        text = CONFIG.format(
            host=self.host, folder=self.folder, controller_port=controller_port, node_port=node_port
        )
        self.config.write_text(text)
        # a GPU in name only: what is asked for is granted, and CUDA finds nothing behind it
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/zero\n")

    def _wait_for_node(self) -> None:
        ends_at = time.monotonic() + START_S
        command = ["sinfo", "--noheader", "--format", "%T"]
        while time.monotonic() < ends_at:
            result = subprocess.run(
                command, env=self._environment, text=True, capture_output=True, check=False
            )
            if "idle" in result.stdout.split():
                return
            time.sleep(0.2)
        logs = "\n".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log")))
        raise TimeoutError(f"Slurm did not start within {START_S:g} s:\n{logs}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as exits:
        sockets = [exits.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
