#!/usr/bin/env bash
# Sets up a bare Debian machine: system packages through apt when root (else it prints the command),
# then a virtual environment in .venv with the pinned dependencies. Running it again costs a second.
#   tools/setup.sh run | test | test-all
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}

run_packages="python3-venv python3-dev g++ libportaudio2 libvo-amrwbenc0 libegl1 libgl1 libxkbcommon-x11-0
  libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0
  libxcb-xinerama0 libxcb-xkb1 libdbus-1-3 libfontconfig1 libasound2-plugins"
test_packages="xvfb xauth xdotool x11-utils pulseaudio pulseaudio-utils fonts-dejavu-core"

slurm_packages="slurm-wlm munge"

wanted=$run_packages
[ "$what" = run ] || wanted="$wanted $test_packages"
# A Slurm of the tests' own needs root to run as well: without it they are skipped, and say what to do.
if [ "$what" = test-all ] && [ "$(id -u)" = 0 ]; then wanted="$wanted $slurm_packages"; fi

install_system_packages() {
  local missing="" package
  for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    printf 'These system packages are missing. Install them, then run this again:\n\n  sudo apt-get update && sudo apt-get install -y%s\n\n' "$missing" >&2
    exit 1
  fi
  echo "[1/2] system packages:$missing"
  apt-get update -qq
  # shellcheck disable=SC2086 # one word a package
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing | stages
}

# On a terminal all that a program says, with its progress bars; in a log a line for each thing it fetches or installs.
stages() {
  if [ -t 1 ]; then cat; return; fi
  local line
  while IFS= read -r line; do
    case $line in
      *.metadata*) ;; # of a package that is named again when it is fetched
      Get:* | "Setting up "* | *"Downloading "* | *"Using cached "* | "Building "* | "Installing "*)
        echo "  ${line#  }"
        ;;
    esac
  done
}

find_python() {
  local python
  for python in ${PYTHON:-} python3.11 python3; do
    command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$python"; return; }
  done
  echo "Python 3.11 or later is needed; set PYTHON to its command" >&2
  exit 1
}

install_with_pip() {
  if [ -t 1 ]; then
    .venv/bin/pip install --disable-pip-version-check "$@" # straight to the terminal, else it draws no bars
  else
    .venv/bin/pip install --disable-pip-version-check --progress-bar off "$@" | stages
  fi
}

install_python_packages() {
  local stamp=.venv/.installed wanted_stamp
  wanted_stamp=$(cat pyproject.toml requirements/lock.txt "$0" | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted_stamp" ] && return 0
  [ -x .venv/bin/python ] || "$(find_python)" -m venv .venv
  echo "[2/2] Python packages into .venv: some 2 GB to fetch, 10 to 30 minutes the first time"
  install_with_pip -c requirements/lock.txt -e '.[dev]'
  echo "$wanted_stamp" >"$stamp"
}

if command -v dpkg-query >/dev/null; then
  install_system_packages
else
  echo "not a Debian system: PortAudio, and for AMR-WB libvo-amrwbenc, must be there already" >&2
fi
install_python_packages
