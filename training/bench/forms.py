"""Writes the two models of the benchmarks in the form that each contender reads, all of the same weights: a random one of
SmolLM2-135M's shape and the pocket model, in single precision and in four bits; the random one in half precision too, for
devices (no GGUF of it).

    python -m bench.forms --out ../tmp/bench-models

Under MODEL/PRECISION: `optimum` (Mulligan, transformers.js), `genai` (ONNX Runtime GenAI), `raw` (the limit) and `model.gguf`
(llama.cpp). Needs formats.lock only.
"""
import argparse
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import onnx

from pocket import formats, genai

from . import check, four_bits, fused, half, smol, vocabulary, written_out

TEXTS = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The number of rows as Optimum calls it: transformers.js makes an empty cache by that name."""
    for given in [*model.graph.input, *model.graph.output]:
        dims = given.type.tensor_type.shape.dim
        if dims and dims[0].dim_param:
            dims[0].dim_param = "batch_size"
    return model


def save(model: onnx.ModelProto, path: Path) -> None:
    """Weights beside the graph, as the exports on the Hub have them, so that they can be mapped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = onnx.ModelProto()
    kept.CopyFrom(named(model))  # saving takes the weights out of what is saved
    onnx.save(kept, str(path), save_as_external_data=True, location=f"{path.name}_data", size_threshold=1024)


def write_optimum(graph: onnx.ModelProto, config: dict, texts: Path, out: Path) -> None:
    save(graph, out / "onnx/model.onnx")
    for name in TEXTS:
        shutil.copyfile(texts / name, out / name)
    write_config(config, out)


def write_config(config: dict, out: Path) -> None:
    """Nothing ends a draft: no token is said to be the end of text."""
    endless = config | {"eos_token_id": None, "transformers.js_config": {"use_external_data_format": {"model.onnx": 1}}}
    (out / "config.json").write_text(json.dumps(endless, indent=2) + "\n")
    (out / "generation_config.json").write_text(json.dumps({"do_sample": True, "temperature": 1.0}) + "\n")


def write_genai(graph: onnx.ModelProto, config: dict, texts: Path, out: Path) -> None:
    save(graph, out / "model.onnx")
    for name in TEXTS:
        shutil.copyfile(texts / name, out / name)
    write_config(config, out)
    # GenAI must be told of an end: one that is never drawn, so that the real one is a token as any other, as it is for all.
    settings = genai.settings(config | {"eos_token_id": config["pad_token_id"]})
    (out / "genai_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def write_gguf(config: dict, tensors: dict[str, np.ndarray], texts: Path, path: Path, is_small: bool) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(path.stem)
    formats.add_shape(writer, config)
    formats.add_tokenizer(writer, texts, config)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, tensor in tensors.items():
        rotated = heads.get(name.split(".")[-2])
        matrix = formats.interleaved(tensor, rotated) if rotated else tensor
        if is_small and four_bits.fits(matrix):
            stored = gguf.quants.quantize(matrix, four_bits.KIND)
            writer.add_tensor(formats.gguf_name(name), stored, raw_dtype=four_bits.KIND)
        else:
            writer.add_tensor(formats.gguf_name(name), matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


REDUCED = {"fp32": lambda model: model, "int4": four_bits.reduced, "fp16": half.reduced}


def write(config: dict, tensors: dict, texts: Path, exported: onnx.ModelProto, out: Path, precision: str) -> None:
    folder, of = out / precision, REDUCED[precision]
    folder.mkdir(parents=True, exist_ok=True)
    write_optimum(of(exported), config, texts, folder / "optimum")
    write_genai(of(fused.build(config, tensors, is_raw=False)), config, texts, folder / "genai")
    save(of(fused.build(config, tensors, is_raw=True)), folder / "raw/model.onnx")
    if precision != "fp16":
        write_gguf(config, tensors, texts, folder / "model.gguf", precision == "int4")
    print(check.agree(folder, precision))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--precisions", nargs="+", choices=REDUCED, default=list(REDUCED))
    given = parser.parse_args()
    out, wanted = given.out, given.precisions
    config, tensors = smol.CONFIG, smol.weights()
    (out / "smol").mkdir(parents=True, exist_ok=True)
    vocabulary.write(config["vocab_size"], config["max_position_embeddings"], out / "smol")
    for precision in wanted:
        write(config, tensors, out / "smol", written_out.build(config, tensors), out / "smol", precision)
    pocket = formats.ROOT / "models/pocket"
    config, exported, tensors = formats.read_model(pocket)
    for precision in (one for one in wanted if one != "fp16"):
        write(config, tensors, pocket, exported, out / "pocket", precision)


if __name__ == "__main__":
    main()
