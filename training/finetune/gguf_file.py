"""A model of `transformers` as GGUF for llama.cpp: the families whose layout is known here. llama.cpp's own script
(convert_hf_to_gguf.py, in its repository and in no package) takes the folder too, and every other family."""
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from pocket.formats import interleaved, token_list

from .errors import BadInput

ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3}
ROTATIONS = ("default", "llama3")
OTHERWISE = "Leave gguf out of --formats, and convert the folder by llama.cpp's convert_hf_to_gguf.py."

WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITTERS = {
    "llama-bpe": rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|{WORDS}|\p{{N}}{{1,3}}{REST}",
    "qwen2": rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|{WORDS}|\p{{N}}{REST}",
}
"""llama.cpp's names for the regular expressions of Llama 3 and Qwen 2 to 3, by which texts are split before they are merged."""


def splitter(tokenizer: dict) -> str:
    """llama.cpp's name for how this tokenizer.json splits texts."""
    parts = tokenizer.get("pre_tokenizer") or {}
    parts = parts.get("pretokenizers", [parts])
    *before, last = parts or [{}]
    if tokenizer["model"]["type"] == "BPE" and last.get("type") == "ByteLevel" and not last["add_prefix_space"]:
        if last["use_regex"] and not before:
            return "gpt-2"
        if last["use_regex"] and [(p["type"], p.get("individual_digits")) for p in before] == [("Digits", True)]:
            return "smollm"
        if not last["use_regex"] and [p["type"] for p in before] == ["Split"] and before[0]["behavior"] == "Isolated":
            for name, regex in SPLITTERS.items():
                if before[0]["pattern"].get("Regex") == regex:
                    return name
    raise BadInput(f"No GGUF: how the tokenizer splits texts is not known here. {OTHERWISE}")


def check(config, tokenizer: dict) -> None:
    """Refuses what cannot be written, before anything is trained."""
    kind, rotation = config.model_type, config.rope_parameters["rope_type"]
    if kind not in ARCHITECTURES:
        raise BadInput(f"No GGUF: the family {kind} is not known here ({', '.join(ARCHITECTURES)} are). {OTHERWISE}")
    if rotation not in ROTATIONS:
        raise BadInput(f"No GGUF: rotary positions of the kind {rotation} are not known here. {OTHERWISE}")
    splitter(tokenizer)


def head_width(config) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def add_shape(w: gguf.GGUFWriter, c, kind: gguf.LlamaFileType) -> None:
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    w.add_key_length(head_width(c))
    w.add_value_length(head_width(c))
    w.add_rope_dimension_count(head_width(c))
    w.add_rope_freq_base(c.rope_parameters["rope_theta"])
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_vocab_size(c.vocab_size)
    w.add_file_type(kind)


def add_tokenizer(w: gguf.GGUFWriter, folder: Path, vocabulary: int) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    pieces, kinds = token_list(tokenizer)
    # Many models have more embeddings than tokens.
    padding = range(len(pieces), vocabulary)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(splitter(tokenizer))
    w.add_token_list([*pieces, *(f"[PAD{i}]" for i in padding)])
    w.add_token_types([*kinds, *(gguf.TokenType.UNUSED for _ in padding)])
    gguf.SpecialVocab(folder, load_merges=True, n_vocab=vocabulary).add_to_gguf(w, quiet=True)


def rotation_factors(config) -> np.ndarray:
    """By how much Llama 3 slows each frequency down."""
    slowed, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    plain = config.rope_parameters["rope_theta"] ** -(torch.arange(0, head_width(config), 2) / head_width(config))
    return (plain / slowed).float().numpy()


def add_tensors(w: gguf.GGUFWriter, model: PreTrainedModel) -> None:
    c, architecture = model.config, ARCHITECTURES[model.config.model_type]
    names, heads = gguf.get_tensor_name_map(architecture, c.num_hidden_layers), {}
    if architecture == gguf.MODEL_ARCH.LLAMA:
        heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and c.tie_word_embeddings:
            continue
        matrix, rotated = tensor.float().numpy(), heads.get(name.split(".")[-2])
        if rotated:
            matrix = interleaved(matrix.reshape(len(matrix), -1), rotated).reshape(matrix.shape)
        stored = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if tensor.dtype == torch.bfloat16 and tensor.dim() == 2:
            half = gguf.GGMLQuantizationType.BF16
            w.add_tensor(stored, gguf.quants.quantize(matrix, half), raw_dtype=half)
        else:
            w.add_tensor(stored, np.ascontiguousarray(matrix))
    if c.rope_parameters["rope_type"] == "llama3":
        w.add_tensor("rope_freqs.weight", rotation_factors(c))


def write(model: PreTrainedModel, folder: Path, path: Path) -> None:
    """`folder` has the tokenizer. Matrices of bfloat16 are kept so, everything else is single precision."""
    check(model.config, json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
    w = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[ARCHITECTURES[model.config.model_type]])
    w.add_name(folder.name)
    add_shape(w, model.config, gguf.LlamaFileType.MOSTLY_BF16 if model.dtype == torch.bfloat16 else gguf.LlamaFileType.ALL_F32)
    add_tokenizer(w, folder, model.config.vocab_size)
    add_tensors(w, model)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
