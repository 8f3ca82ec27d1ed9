"""The child's side of `Worker`: ``python -m earbench_codecs.metrics.worker_main FD``."""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from earbench_codecs.metrics.measurement import NotApplicableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def serve(connection: Connection) -> None:
    """Answer calls until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the kernel ends us, even inside C code that hangs
    while True:
        try:
            timeout_s, function, args, kwargs = connection.recv()
        except EOFError:
            return
        except (ImportError, AttributeError) as error:
            connection.send(("failed", f"the function cannot be loaded here: {error}"))
            continue
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        outcome = _outcome(function, args, kwargs)
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send(outcome)


def _outcome(
    function: Callable[..., object], args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[str, object]:
    """Return the result, or the error as text: not every exception survives pickling."""
    try:
        return "done", function(*args, **kwargs)
    except NotApplicableError as error:
        return "not applicable", str(error)
    except Exception as error:  # noqa: BLE001 - the caller, in another process, decides
        return "failed", f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
