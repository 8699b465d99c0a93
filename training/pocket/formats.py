"""Writes the shipped ONNX model in the other formats that servers read, from the very same weights: safetensors with
its configuration (transformers, vLLM, SGLang) and GGUF (llama.cpp). Needs formats.lock only, not torch.

    python -m pocket.formats --model ../models/pocket --out ../tmp/servers/pocket
"""
import argparse
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from .bpe import unreachable

ROOT = Path(__file__).resolve().parents[2]
# The order in which a block multiplies by its weights, by their names in transformers.
MULTIPLIED = [
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
]
OUTSIDE_BLOCKS = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
IN_BLOCKS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}
COPIED = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]
SPLITTER = "gpt-2"
"""llama.cpp's name for the text splitter that `tokenizers` calls ByteLevel with its regular expression."""


def weights(graph: onnx.GraphProto, layers: int) -> dict[str, np.ndarray]:
    """The graph's weights by their names in transformers; exported matrices have no names, only an order."""
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    out = {"model.embed_tokens.weight": stored["model.embedding.weight"]}
    out["model.norm.weight"] = stored["model.norm.weight"]
    for i in range(layers):
        out[f"model.layers.{i}.input_layernorm.weight"] = stored[f"model.blocks.{i}.norm1.weight"]
        out[f"model.layers.{i}.post_attention_layernorm.weight"] = stored[f"model.blocks.{i}.norm2.weight"]
    matrices = [n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in stored]
    names = [f"model.layers.{i}.{name}.weight" for i in range(layers) for name in MULTIPLIED]
    # One more is the tied embedding, transposed, where the graph folds the transposition.
    if len(matrices) not in (len(names), len(names) + 1):
        raise SystemExit(f"The graph has {len(matrices)} weight matrices; {layers} layers have {len(names)}.")
    for name, matrix in zip(names, matrices):
        out[name] = stored[matrix].T
    return {name: np.ascontiguousarray(tensor, dtype=np.float32) for name, tensor in out.items()}


def write_safetensors(model: Path, tensors: dict[str, np.ndarray], out: Path) -> None:
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    for name in COPIED:
        shutil.copyfile(model / name, out / name)


def interleaved(matrix: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp rotates neighbours where transformers rotates halves."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def gguf_name(name: str) -> str:
    outside = OUTSIDE_BLOCKS.get(name.removesuffix(".weight"))
    if outside:
        return f"{outside}.weight"
    _, _, layer, *rest = name.removesuffix(".weight").split(".")
    return f"blk.{layer}.{IN_BLOCKS['.'.join(rest)]}.weight"


def add_shape(w: gguf.GGUFWriter, config: dict) -> None:
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_rope_dimension_count(config["head_dim"])
    w.add_rope_freq_base(config["rope_theta"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_vocab_size(config["vocab_size"])
    w.add_file_type(gguf.LlamaFileType.ALL_F32)


def check_splitter(tokenizer: dict) -> None:
    """llama.cpp's splitter of this name takes no piece whole because it is a token, so merges must build every one."""
    splitter = tokenizer["pre_tokenizer"]
    if (splitter["type"], splitter.get("add_prefix_space"), splitter.get("use_regex")) != ("ByteLevel", False, True):
        raise SystemExit(f"No GGUF: llama.cpp's {SPLITTER} does not split texts as this does: {splitter}.")
    if unreachable(tokenizer):
        raise SystemExit(f"No GGUF: merges alone do not build {unreachable(tokenizer)}.")


def token_list(tokenizer: dict) -> tuple[list[str], list[gguf.TokenType]]:
    """Pieces by id and what each is, tokens that were added beyond the model's own vocabulary included."""
    added = {t["id"]: t for t in tokenizer["added_tokens"]}
    pieces = {i: piece for piece, i in tokenizer["model"]["vocab"].items()}
    pieces |= {i: token["content"] for i, token in added.items()}
    if sorted(pieces) != list(range(len(pieces))):
        raise SystemExit("No GGUF: the vocabulary has gaps.")

    def kind(i: int) -> gguf.TokenType:
        if i not in added:
            return gguf.TokenType.NORMAL
        return gguf.TokenType.CONTROL if added[i]["special"] else gguf.TokenType.USER_DEFINED

    return [pieces[i] for i in range(len(pieces))], [kind(i) for i in range(len(pieces))]


def add_tokenizer(w: gguf.GGUFWriter, model: Path, config: dict) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    settings = json.loads((model / "tokenizer_config.json").read_text())
    check_splitter(tokenizer)
    pieces, types = token_list(tokenizer)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(SPLITTER)
    w.add_token_list(pieces)
    w.add_token_types(types)
    w.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    w.add_eos_token_id(config["eos_token_id"])
    w.add_pad_token_id(config["pad_token_id"])
    w.add_add_bos_token(False)
    w.add_chat_template(settings["chat_template"])


def write_gguf(model: Path, config: dict, tensors: dict[str, np.ndarray], path: Path) -> None:
    """`model` gives the tokenizer, `config` the shape; named in GGUF as the file is."""
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(path.stem)
    add_shape(w, config)
    add_tokenizer(w, model, config)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, tensor in tensors.items():
        rotated = heads.get(name.split(".")[-2])
        w.add_tensor(gguf_name(name), interleaved(tensor, rotated) if rotated else tensor)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def read_model(folder: Path) -> tuple[dict, onnx.ModelProto, dict[str, np.ndarray]]:
    """Configuration, graph, and the weights by their names in transformers."""
    config = json.loads((folder / "config.json").read_text())
    model = onnx.load(str(folder / "model.onnx"))
    return config, model, weights(model.graph, config["num_hidden_layers"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models/pocket")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config, _, tensors = read_model(args.model)
    write_safetensors(args.model, tensors, args.out)
    write_gguf(args.model, config, tensors, args.out / "pocket.gguf")
    print(f"wrote {len(tensors)} tensors as safetensors and as GGUF to {args.out}")


if __name__ == "__main__":
    main()
