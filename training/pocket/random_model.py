"""Writes seeded models of random weights with the pocket model's tokenizer and a long context, as GGUF. `random.gguf` is to
measure servers with drafts that are long and differ, which the pocket model's (31 tokens) are not; `bytes.gguf` writes bytes
that are no whole characters as well, which streams leave out. Needs formats.lock only.

    python -m pocket.random_model --out ../tmp/servers/pocket
"""
import argparse
import json
from pathlib import Path

import numpy as np

from .formats import MULTIPLIED, ROOT, write_gguf

WIDTH, HIDDEN, LAYERS, HEADS, CONTEXT = 192, 512, 4, 6, 4096
SIZES = {"mlp.gate_proj": (HIDDEN, WIDTH), "mlp.up_proj": (HIDDEN, WIDTH), "mlp.down_proj": (WIDTH, HIDDEN)}
LOGIT = 1.5
"""The logits' standard deviation: some hundred tokens stay likely, so drafts at temperature 1 part at once."""
CONSTANT, BANNED = 4.0, -20.0


def shape(model: Path) -> dict:
    return json.loads((model / "config.json").read_text()) | {
        "hidden_size": WIDTH, "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS, "head_dim": WIDTH // HEADS, "max_position_embeddings": CONTEXT,
        "rope_theta": 10000.0, "tie_word_embeddings": False,
    }


def controls(tokenizer: dict) -> list[int]:
    """A draft must not end by itself."""
    return [token["id"] for token in tokenizer["added_tokens"]]


def partial(tokenizer: dict) -> list[int]:
    """Bytes that are no printable ASCII: llama-server streams neither id nor probability of a token whose character is not
    whole yet."""
    return [i for piece, i in tokenizer["model"]["vocab"].items() if len(piece) == 1 and not "!" <= piece <= "~"]


def weights(vocabulary: int, banned: list[int], seed: int) -> dict[str, np.ndarray]:
    """Dimension 0 is the same for every token and no block writes to it, so that it can hold a bias of the logits."""
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, scale: float) -> np.ndarray:
        return rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(scale)

    embedding, output = matrix(vocabulary, WIDTH, 1), matrix(vocabulary, WIDTH, LOGIT / WIDTH**0.5)
    embedding[:, 0], output[:, 0] = CONSTANT, 0
    output[banned] = 0
    output[banned, 0] = BANNED
    norm = np.ones(WIDTH, np.float32)
    out = {"model.embed_tokens.weight": embedding, "model.norm.weight": norm, "lm_head.weight": output}
    for layer in (f"model.layers.{i}" for i in range(LAYERS)):
        out |= {f"{layer}.{name}.weight": norm for name in ("input_layernorm", "post_attention_layernorm")}
        for name in MULTIPLIED:
            rows, columns = SIZES.get(name, (WIDTH, WIDTH))
            made = matrix(rows, columns, 1 / columns**0.5)
            if name in ("self_attn.o_proj", "mlp.down_proj"):
                made[0] = 0
            out[f"{layer}.{name}.weight"] = made
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models/pocket", help="whose tokenizer is taken")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config = shape(args.model)
    tokenizer = json.loads((args.model / "tokenizer.json").read_text())
    for name, banned in [("random", controls(tokenizer) + partial(tokenizer)), ("bytes", controls(tokenizer))]:
        write_gguf(args.model, config, weights(config["vocab_size"], banned, args.seed), args.out / f"{name}.gguf")
    print(f"wrote random weights of seed {args.seed} as GGUF to {args.out}")


if __name__ == "__main__":
    main()
