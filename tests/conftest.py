"""What every test shares."""

from __future__ import annotations

from hypothesis import settings

# A shared machine stalls now and then; how long an example takes says nothing about what is tested.
settings.register_profile("earbench", deadline=None)
settings.load_profile("earbench")

pytest_plugins = ["null_sink"]
