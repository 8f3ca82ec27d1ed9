"""`python -m earbench_codecs.training`: a run as a process of its own, events as JSON lines on stdout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from earbench_codecs.errors import CodecError
from earbench_codecs.training.recipe import read_recipe, recipe_name


def main(argv: list[str] | None = None) -> int:
    """Train; return 0 when done or a limit was reached, 1 after a failure, 128 + N after signal N."""
    arguments = _parser().parse_args(argv)
    from earbench_codecs.training.log_lines import LogLines
    from earbench_codecs.training.run import Job, train
    from earbench_codecs.training.setup import Limits
    from earbench_codecs.training.signals import StopSignals

    try:
        recipe = read_recipe(arguments.recipe)
        job = Job(
            recipe,
            arguments.name or recipe_name(arguments.recipe),
            arguments.data,
            arguments.run,
            arguments.cache,
            arguments.device,
            arguments.resume,
            arguments.tensorboard,
        )
        with StopSignals() as stop:
            limits = Limits(arguments.max_steps, arguments.max_minutes, stop)
            train(job, limits, LogLines(sys.stderr) if arguments.log else None, sys.stdout)
    except CodecError as error:
        sys.stderr.write(f"earbench: {error}\n")
        return 1
    return 128 + stop.number if stop.number else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m earbench_codecs.training", description=__doc__)
    parser.add_argument("recipe", help="a bundled name or a TOML file")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder for decoded corpora")
    parser.add_argument("--name", help="what its checkpoint is called; after the recipe by default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--max-minutes", type=float)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--log", action="store_true", help="say how it goes on standard error")
    parser.add_argument("--no-tensorboard", dest="tensorboard", action="store_false")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
