#!/usr/bin/env bash
# The training smoke test: installs the locked packages into training/.venv if they are not there, then runs the training tests, which
# fine-tune a small model from data to exports, which `mulligan record` and `mulligan evaluate` then run on, and every stage for a few
# steps. PYTHON picks the interpreter (3.11); Node is what `npm test` needs.
set -euo pipefail
cd "$(dirname "$0")"
stamp=.venv/installed
locks() { cat requirements.lock finetune/requirements.lock; }
if ! cmp -s <(locks) "$stamp"; then
  echo "Installing the locked packages into training/.venv (some gigabytes where pip offers only the CUDA build of torch) …"
  "${PYTHON:-python3}" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r finetune/requirements.lock || {
    echo "The download failed. Check that pip reaches a package index (python3 -m pip download --no-deps numpy), and run this again."
    exit 1
  }
  locks > "$stamp"
fi
.venv/bin/python -m pytest -q tests
.venv/bin/python -m pocket.smoke
