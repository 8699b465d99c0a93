"""Random weights of SmolLM2-135M's shape (arXiv 2502.02737), scaled so that what comes next is neither certain nor anybody's
guess: some hundred tokens stay likely, as in real text at temperature 1."""
import numpy as np

from pocket.formats import MULTIPLIED

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 49152, "hidden_size": 576,
    "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
    "head_dim": 64, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 100000.0,
    "max_position_embeddings": 8192, "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
    "bos_token_id": None, "eos_token_id": 49151, "pad_token_id": 49151, "torch_dtype": "float32",
}
LOGIT = 3.5
"""The logits' standard deviation."""
CONSTANT, BANNED = 0.5, -1000.0


def size_of(name: str) -> tuple[int, int]:
    width, hidden, head = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["head_dim"]
    queries, keys = head * CONFIG["num_attention_heads"], head * CONFIG["num_key_value_heads"]
    kind = name.split(".")[-1]
    return {
        "q_proj": (queries, width), "k_proj": (keys, width), "v_proj": (keys, width), "o_proj": (width, queries),
        "gate_proj": (hidden, width), "up_proj": (hidden, width), "down_proj": (width, hidden),
    }[kind]


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    """By their names in transformers. Dimension 0 is the same for every token and no block writes to it, so that it can make
    the end of text impossible: a draft is as long as it is asked to be."""
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, scale: float) -> np.ndarray:
        return rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(scale)

    width = CONFIG["hidden_size"]
    embedding = matrix(CONFIG["vocab_size"], width, LOGIT / width**0.5)
    embedding[:, 0] = CONSTANT
    embedding[CONFIG["eos_token_id"]] = 0
    embedding[CONFIG["eos_token_id"], 0] = BANNED
    norm = np.ones(width, np.float32)
    out = {"model.embed_tokens.weight": embedding, "model.norm.weight": norm}
    for layer in (f"model.layers.{i}" for i in range(CONFIG["num_hidden_layers"])):
        out |= {f"{layer}.{name}.weight": norm for name in ("input_layernorm", "post_attention_layernorm")}
        for name in MULTIPLIED:
            made = matrix(*size_of(name), 1 / size_of(name)[1] ** 0.5)
            if name.endswith(("o_proj", "down_proj")):
                made[0] = 0
            out[f"{layer}.{name}.weight"] = made
    return out
