#!/usr/bin/env bash
# The training smoke test: installs the locked packages into training/.venv if they are not there, then runs every stage for a few
# steps and the training tests. PYTHON picks the interpreter (3.11).
set -euo pipefail
cd "$(dirname "$0")"
stamp=.venv/installed
if ! cmp -s requirements.lock "$stamp"; then
  echo "Installing requirements.lock into training/.venv (some gigabytes where pip offers only the CUDA build of torch) …"
  "${PYTHON:-python3}" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock || {
    echo "The download failed. Check that pip reaches a package index (python3 -m pip download --no-deps numpy), and run this again."
    exit 1
  }
  cp requirements.lock "$stamp"
fi
.venv/bin/python -m pytest -q tests
.venv/bin/python -m pocket.smoke
