#!/usr/bin/env bash
# Trains on a CUDA device: arms of `pocket.ablate` side by side, each ARM:SHARE:WORKERS[:STAGES TO KEEP]. Logs and checkpoints go to
# the folder named first. Problems are kept in training/runs/gpu, so that the arms need not make them again.
#
#     bash benchmarks/gpu/training.sh OUT full:1:4:round,final alone:1:2:final later:0.333:2
set -uo pipefail
out=$(realpath "$1")
shift
cd "$(dirname "$0")/../../training"
# Small processes share the device better with its multi-process service, where there is one.
command -v nvidia-cuda-mps-control > /dev/null && nvidia-cuda-mps-control -d
nvidia-smi --query-gpu=name --format=csv,noheader
lower=0
for job in "$@"; do
  IFS=: read -r arm share workers keep <<< "$job"
  nice -n "$lower" python3 -u -m pocket.ablate --arm "$arm" --share "$share" --device cuda --workers "$workers" --folder runs/gpu --out "$out" \
    --keep ${keep//,/ } > "$out/$arm-$share.log" 2>&1 &
  lower=5 # the first is the one that is waited for
done
wait
tail -n 9 "$out"/*.log
