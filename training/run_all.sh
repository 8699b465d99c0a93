#!/usr/bin/env bash
# Trains the pocket model from nothing and exports it, one command a stage. A stage that was stopped goes on with --resume.
# PYTHON is the interpreter with requirements.lock installed.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
mkdir -p runs
stage() { # NAME SEED [INIT]
  $python -u -m pocket.train --stage "$1" --seed "$2" ${3:+--init "runs/$3.pt"} --out "runs/$1.pt" | tee "runs/$1.log"
}
stage base 0
stage round 1 base
stage again 2 round
stage tie 3 again
stage final 4 tie
$python -u -m pocket.train --stage tie --seed 3 --init runs/round.pt --out runs/early.pt | tee runs/early.log
$python -u -m pocket.export --checkpoint runs/early.pt --folder ../models/pocket/early --model-only
$python -u -m pocket.export --checkpoint runs/final.pt
