#!/bin/sh
# Creates .venv with the exact packages of requirements.txt, node_modules with those of package-lock.json, builds the
# figures' JavaScript, and with the argument `browser` finds a Chromium.
# On Debian, as root, it installs what is missing; elsewhere it says in one line what to install.
set -eu
cd "$(dirname "$0")/.."

missing() { # package, what for
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null
  else
    echo "missing: $2. On Debian or Ubuntu: sudo apt-get install $1" >&2
    return 1
  fi
}

python=${PYTHON:-python3}
if ! [ -f .venv/ready ] || [ requirements.txt -nt .venv/ready ]; then
  "$python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "missing: Python 3.11 or newer; name one in PYTHON=" >&2; exit 1; }
  "$python" -c 'import ensurepip' 2>/dev/null || missing python3-venv "the venv module of $python"
  "$python" -m venv .venv
  .venv/bin/python -m pip install --quiet uv==0.13.9 # resolves and unpacks several GB in seconds instead of minutes
  .venv/bin/uv pip install --quiet --python .venv/bin/python -r requirements.txt
  touch .venv/ready
fi

if ! [ -f node_modules/ready ] || [ package-lock.json -nt node_modules/ready ]; then
  PATH="$PWD/.venv/bin:$PATH" .venv/bin/npm ci --loglevel=error
  touch node_modules/ready
fi
.venv/bin/python publish/aebook/bundle.py aelab/figures/dist

if [ "${1:-}" = browser ] && [ -z "${CHROMIUM:-}" ]; then
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
    missing chromium "Chromium, which the browser tests drive (or name one in CHROMIUM=)" || [ -z "${CI:-}" ]
fi
