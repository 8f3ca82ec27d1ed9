"""A training run's stand-in: writes events and ends as it is told, in milliseconds.

`fake_training.py FOLDER MODE`; MODE is a name in `MODES`.
"""

import json
import os
import signal
import subprocess
import sys
import time

folder, mode = sys.argv[1:]


def tell(event, **data):
    line = json.dumps({"event": event, "time": time.time(), **data})
    with open(f"{folder}/events.jsonl", "a") as file:
        file.write(line + "\n")
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


asked = []  # a handler must not write while something else is being written


def stop():
    with open(f"{folder}/last.safetensors", "w") as file:
        file.write("a checkpoint")
    tell("checkpoint", step=3, kind="last", path=f"{folder}/last.safetensors")
    tell("stopped", step=3, reason="asked to stop")
    sys.exit(143)


def wait():
    while not asked:
        time.sleep(0.01)
    stop()


def finish():
    tell("finished", step=4, reason="finished")


def fail():
    tell("failed", message="the corpus has gone; put it back and go on with --resume", kind="corpus")
    sys.stderr.write("earbench: the corpus has gone\n")
    sys.exit(1)


def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell("started", step=0)
    wait()


def crash():
    sys.stderr.write("Traceback (most recent call last):\nMemoryError: Unable to allocate 3.0 GiB\n")
    sys.exit(1)


def parent():
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    tell("started", step=0, child=child.pid)
    wait()


def chatter():
    sys.stdout.write("not an event\n")
    for i in range(20):
        sys.stderr.write(f"line {i}\n")
    sys.stdout.write(f"{os.environ['CUDA_VISIBLE_DEVICES']} niceness {os.getpriority(os.PRIO_PROCESS, 0)}\n")
    finish()


def limit():
    tell("stopped", step=3, reason="time limit")


MODES = {
    "finish": finish, "wait": wait, "fail": fail, "deaf": deaf, "crash": crash, "parent": parent,
    "chatter": chatter, "limit": limit,
}  # fmt: skip

signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
if mode != "deaf":
    tell("started", step=0)
MODES[mode]()
