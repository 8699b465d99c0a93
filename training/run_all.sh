#!/usr/bin/env bash
# Trains the pocket model from nothing and exports it, one command a stage. A stage that was stopped goes on with --resume.
# PYTHON is the interpreter with requirements.lock installed.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
mkdir -p runs
$python -u -m pocket.train --stage base --out runs/base.pt | tee runs/base.log
$python -u -m pocket.train --stage round --init runs/base.pt --out runs/round.pt --seed 1 | tee runs/round.log
$python -u -m pocket.train --stage tie --init runs/round.pt --out runs/tie.pt --seed 2 | tee runs/tie.log
$python -u -m pocket.train --stage final --init runs/tie.pt --out runs/final.pt --seed 3 | tee runs/final.log
$python -u -m pocket.export --checkpoint runs/final.pt
$python -u -m pocket.evaluate --checkpoint runs/final.pt | tee runs/evaluate.log
