"""Writes the shipped ONNX model in every form that other programs read, each in a folder of its own: `safetensors`
(transformers, vLLM, SGLang), `gguf` (llama.cpp), `genai` (ONNX Runtime GenAI), `small` (ONNX in fewer bits).

    python -m pocket.all_formats --model ../models/pocket --out ../tmp/pocket-formats
"""
import argparse
import shutil
from pathlib import Path

import onnx

from . import genai, precision
from .formats import COPIED, ROOT, read_model, write_gguf, write_safetensors


def write_small(model: Path, graph: onnx.ModelProto, out: Path) -> str:
    name, small = precision.smallest(model, graph)
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(small, str(out / "model.onnx"))
    for file in COPIED:
        shutil.copyfile(model / file, out / file)
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models/pocket")
    parser.add_argument("--out", type=Path, default=ROOT / "tmp/pocket-formats")
    args = parser.parse_args()
    config, graph, tensors = read_model(args.model)
    for name in ("safetensors", "gguf"):
        (args.out / name).mkdir(parents=True, exist_ok=True)
    write_safetensors(args.model, tensors, args.out / "safetensors")
    write_gguf(args.model, config, tensors, args.out / "gguf/pocket.gguf")
    genai.write(args.model, config, tensors, args.out / "genai")
    name = write_small(args.model, graph, args.out / "small")
    print(f"wrote safetensors, gguf, genai and small ({name}) to {args.out}")


if __name__ == "__main__":
    main()
