"""GGUF files of fine-tuned models: python -m pytest training/tests/test_finetune_gguf.py"""
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from finetune import gguf_file, tiny
from finetune.errors import BadInput

NAMES = {
    "token_embd": "embed_tokens", "output_norm": "norm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}


def halves(matrix: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows as `transformers` has them, from the pairs of neighbours that llama.cpp rotates."""
    return torch.cat([torch.cat([head[0::2], head[1::2]]) for head in matrix.chunk(heads)])


def gguf_state(path: Path, config) -> dict[str, torch.Tensor]:
    """The file's tensors under their names in `transformers`."""
    out = {}
    for tensor in gguf.GGUFReader(path).tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(tuple(int(n) for n in tensor.shape)[::-1])
        value, (*place, name, kind) = torch.from_numpy(values.copy()), tensor.name.split(".")
        if name == "rope_freqs":
            continue
        if config.model_type == "llama" and name in ("attn_q", "attn_k"):
            value = halves(value, config.num_attention_heads if name == "attn_q" else config.num_key_value_heads)
        prefix = f"model.layers.{place[1]}." if place else "model."
        out[f"{prefix}{NAMES[name]}.{kind}"] = value
    return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", ["llama3", "qwen2.5", "qwen3", "smollm2"])
def test_gguf_holds_each_family(tmp_path, family, dtype):
    tiny.write_model(tmp_path, family)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=dtype)
    gguf_file.write(model, tmp_path, tmp_path / "model.gguf")
    stored, state = gguf_state(tmp_path / "model.gguf", model.config), model.state_dict()
    assert {**stored, "lm_head.weight": None}.keys() == state.keys()
    assert all(torch.equal(stored[name], state[name].float()) for name in stored)
    file = gguf.GGUFReader(tmp_path / "model.gguf")
    said, kinds = {name: field.contents() for name, field in file.fields.items()}, {len(t.shape): t.tensor_type.name for t in file.tensors}
    assert kinds == {1: "F32", 2: "F32" if dtype == torch.float32 else "BF16"}
    kind, c = said["general.architecture"], model.config
    assert kind == c.model_type and said["general.file_type"] == (0 if dtype == torch.float32 else 32)
    wanted = {
        "context_length": c.max_position_embeddings, "embedding_length": c.hidden_size, "block_count": c.num_hidden_layers,
        "feed_forward_length": c.intermediate_size, "attention.head_count": c.num_attention_heads,
        "attention.head_count_kv": c.num_key_value_heads, "attention.key_length": gguf_file.head_width(c),
        "rope.freq_base": c.rope_parameters["rope_theta"], "vocab_size": c.vocab_size,
    }
    assert {name: said[f"{kind}.{name}"] for name in wanted} == wanted
    assert said[f"{kind}.attention.layer_norm_rms_epsilon"] == pytest.approx(c.rms_norm_eps)


def test_gguf_has_the_tokens_and_says_which_are_padding(tmp_path):
    tiny.write_model(tmp_path, "llama3")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    model.resize_token_embeddings(len(tokenizer) + 5)
    gguf_file.write(model, tmp_path, tmp_path / "model.gguf")
    said = {name: field.contents() for name, field in gguf.GGUFReader(tmp_path / "model.gguf").fields.items() if "tokenizer" in name}
    pieces, types = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    assert pieces[:-5] == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    assert types[-5:] == [gguf.TokenType.UNUSED] * 5 and types[: 4] == [gguf.TokenType.CONTROL] * 4
    assert said["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id and said["tokenizer.ggml.pre"] == "gpt-2"
    assert said["tokenizer.chat_template"] == tokenizer.chat_template
    assert len(said["tokenizer.ggml.merges"]) > 10


def test_gguf_slows_rotation_as_the_model_does(tmp_path):
    """llama.cpp divides each frequency by the factor of the file."""
    tiny.write_model(tmp_path, "llama3")
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    gguf_file.write(model, tmp_path, tmp_path / "model.gguf")
    factors = next(t.data for t in gguf.GGUFReader(tmp_path / "model.gguf").tensors if t.name == "rope_freqs.weight")
    plain = 500000.0 ** -(np.arange(0, 16, 2) / 16)
    assert np.allclose(plain / factors, model.model.rotary_emb.inv_freq.numpy(), rtol=1e-5) and factors.max() > 2


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split_by(regex: str, **more) -> dict:
    parts = [{"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", **more}, {**BYTES, "use_regex": False}]
    return {"type": "Sequence", "pretokenizers": parts}


@pytest.mark.parametrize(
    "found, name",
    [
        (BYTES, "gpt-2"),
        ({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTES]}, "smollm"),
        (split_by(LLAMA3), "llama-bpe"),
        (split_by(LLAMA3.replace("{1,3}", "")), "qwen2"),
        ({**BYTES, "add_prefix_space": True}, None),
        ({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": False}, BYTES]}, None),
        (split_by(LLAMA3.replace("{1,3}", "{1,2}")), None),
        (split_by(LLAMA3, behavior="Removed"), None),
        ({"type": "Metaspace"}, None),
        (None, None),
    ],
)
def test_how_texts_are_split_is_told_or_refused(found, name):
    tokenizer = {"pre_tokenizer": found, "model": {"type": "BPE"}}
    if name:
        assert gguf_file.splitter(tokenizer) == name
    else:
        with pytest.raises(BadInput, match="convert_hf_to_gguf"):
            gguf_file.splitter(tokenizer)
