"""The child's side of `Worker`: ``python -m earbench_codecs.metrics.worker_main``.

Calls come on standard input, outcomes go out on what standard output was at the start.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
from typing import IO, TYPE_CHECKING, Any

from earbench_codecs.metrics.measurement import NotApplicableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SIZE_BYTES = 8


def send(stream: IO[bytes], message: object) -> None:
    """Write a message, whole, behind its size."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(_SIZE_BYTES, "little"))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read a message.

    Raises
    ------
    EOFError
        The other side is gone.
    ImportError, AttributeError
        What it names cannot be had here; the next message can be read all the same.
    """
    size = int.from_bytes(_exactly(stream, _SIZE_BYTES), "little")
    return pickle.loads(_exactly(stream, size))


def serve(calls: IO[bytes], outcomes: IO[bytes], nowhere: IO[bytes]) -> None:
    """Answer calls until the other side is gone.

    A call that takes longer than its limit ends the process, even inside C code that hangs.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    while True:
        try:
            timeout_s, function, args, kwargs = receive(calls)
        except EOFError:
            return
        except (ImportError, AttributeError) as error:
            send(outcomes, ("failed", f"the function cannot be loaded here: {error}"))
            continue
        _end_after(timeout_s, nowhere)
        outcome = _outcome(function, args, kwargs)
        _end_after(0, nowhere)
        send(outcomes, outcome)


def _end_after(seconds: float, nowhere: IO[bytes]) -> None:
    """Have this process ended by the kernel, on Windows by a thread that needs no interpreter; 0 for never.

    That thread looks at what the others do, and may crash of it: which ends the process as well.
    """
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    elif seconds:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
    else:
        faulthandler.cancel_dump_traceback_later()


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


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main() -> None:
    """Serve, with nothing where libraries chatter."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as outcomes, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
        serve(sys.stdin.buffer, outcomes, nowhere)


if __name__ == "__main__":
    main()
