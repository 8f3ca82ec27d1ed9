"""`python -m earbench_app.jobs.next_jobs ROOT N`: what a keeper runs when its job has ended.

So a queue goes on while no window is open.
"""

from __future__ import annotations

import sys
from pathlib import Path


def next_command(root: Path, n_cpu_jobs: int) -> list[str]:
    """Return the command that looks once at all jobs of a folder and starts what there is room for."""
    return [sys.executable, "-m", "earbench_app.jobs.next_jobs", str(root.absolute()), str(n_cpu_jobs)]


def main(argv: list[str]) -> int:
    """Look once at all jobs of a folder."""
    from earbench_app.jobs.board import JobBoard

    JobBoard(Path(argv[0]), n_cpu_jobs=int(argv[1])).poll()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
