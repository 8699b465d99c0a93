#!/usr/bin/env bash
# The ONNX engine's laws and speed on a CUDA device; results with its name go to benchmarks/results. Needs a driver from NVIDIA,
# CUDA and cuDNN 9 (let the loader find them: LD_LIBRARY_PATH), and fetches ONNX Runtime's provider for CUDA 12 once, unless
# there is one (docs/cuda.md says how to have that for CUDA 13).
#
#     bash benchmarks/gpu/onnx.sh [--only REGEX] [--models FOLDER,FOLDER] [--tokens 128] [--rounds 5]
#     bash benchmarks/gpu/onnx.sh --device cpu      tries the first half where there is no device
set -euo pipefail
cd "$(dirname "$0")/../.."
node -e 'import("./scripts/setup.mjs").then(({ setup }) => setup())'
if [[ " $* " == *" --device cpu "* ]]; then
  exec node scripts/run.mjs benchmarks/gpu/onnx.ts "$@"
fi
command -v nvidia-smi > /dev/null || { echo "There is no nvidia-smi: no driver from NVIDIA is installed." >&2; exit 1; }
runtime=packages/onnx/node_modules/onnxruntime-node
provider=$runtime/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so
# Those who have no device set this variable to skip.
[ -e "$provider" ] || env -u ONNXRUNTIME_NODE_INSTALL node "$runtime/script/install.js" --onnxruntime-node-install=1
node scripts/run.mjs benchmarks/gpu/onnx.ts "$@"
node scripts/run.mjs benchmarks/onnx.ts --device cuda
