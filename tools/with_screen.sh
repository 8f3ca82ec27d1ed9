#!/usr/bin/env bash
# Runs a command on a virtual screen of its own, so that tests never open windows on anybody's desktop.
set -euo pipefail
unset WAYLAND_DISPLAY
export QT_QPA_PLATFORM=${EARBENCH_QPA:-xcb}
exec xvfb-run -a -s "-screen 0 1280x800x24 -nolisten tcp" "$@"
