"""Run as a process: copies standard input to a file and notes when each piece came, whatever its parent does.

python stamped_recorder.py SAMPLES TIMES < sound
"""

from __future__ import annotations

import os
import struct
import sys
import time


def main(samples_path: str, times_path: str) -> None:
    with open(samples_path, "wb", 0) as samples, open(times_path, "wb", 0) as times:
        while piece := os.read(0, 1 << 16):
            times.write(struct.pack("=dq", time.perf_counter(), len(piece)))
            samples.write(piece)


if __name__ == "__main__":
    main(*sys.argv[1:])
