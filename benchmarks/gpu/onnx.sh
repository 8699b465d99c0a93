#!/usr/bin/env bash
# The ONNX engine's laws and speed on a CUDA device; results with its name go to benchmarks/results. Needs a driver from NVIDIA,
# CUDA 12 and cuDNN 9 (let the loader find them: LD_LIBRARY_PATH), and fetches ONNX Runtime's provider once.
#
#     bash benchmarks/gpu/onnx.sh [--models FOLDER,FOLDER] [--tokens 128] [--rounds 5]
#     bash benchmarks/gpu/onnx.sh --device cpu      tries the script where there is no device
set -euo pipefail
cd "$(dirname "$0")/../.."
node -e 'import("./scripts/setup.mjs").then(({ setup }) => setup())'
if [[ " $* " != *" --device cpu "* ]]; then
  command -v nvidia-smi > /dev/null || { echo "There is no nvidia-smi: no driver from NVIDIA is installed." >&2; exit 1; }
  runtime=packages/onnx/node_modules/onnxruntime-node
  provider=$runtime/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so
  # Those who have no device set this variable to skip.
  [ -e "$provider" ] || env -u ONNXRUNTIME_NODE_INSTALL node "$runtime/script/install.js" --onnxruntime-node-install=1
fi
exec node scripts/run.mjs benchmarks/gpu/onnx.ts "$@"
