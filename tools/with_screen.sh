#!/usr/bin/env bash
# Runs a command on a virtual screen of its own, so that tests never open windows on anybody's desktop.
# It starts no sound card: tests that listen have one of their own (tests/support/null_sink.py); any other program
# plays on what the machine has, and says so where that is nothing.
set -euo pipefail
# Widget tests choose Qt's offscreen platform themselves; whole programs use the virtual screen.
unset WAYLAND_DISPLAY QT_QPA_PLATFORM
exec xvfb-run -a -s "-screen 0 1280x800x24 -nolisten tcp" "$@"
