"""What every test shares."""

from __future__ import annotations

import signal

from hypothesis import settings

# A shared machine stalls now and then; how long an example takes says nothing about what is tested.
settings.register_profile("earbench", deadline=None)
settings.load_profile("earbench")

# What a shell starts in the background ignores Ctrl-C, and so do its children: some tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["null_sink"]
