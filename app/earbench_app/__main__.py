"""`python -m earbench_app` and the `earbench` script."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from earbench_app.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
