"""Fine-tunes a chat model to judge its own drafts by one question, and writes it as safetensors, ONNX and GGUF.

    python -m finetune --model Qwen/Qwen2.5-0.5B-Instruct --data preferences.jsonl --out DIR

README.md has the form of the data, what is minimised, and what an 8 B model costs.
"""
import argparse
import sys
from pathlib import Path

from .errors import BadInput

FORMATS = ("onnx", "gguf")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m finetune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def number(name: str, default: float, text: str) -> None:
        p.add_argument(name, default=default, type=type(default), metavar="N", help=f"{text} (default {default})")

    p.add_argument("--model", required=True, help="a folder, or owner/name on the Hub")
    p.add_argument("--data", type=Path, required=True, help="preferences: JSON Lines, a question a line (README.md)")
    p.add_argument("--out", type=Path, required=True, help="folder of the tuned model; checkpoints and adapter go under it")
    p.add_argument("--labels", nargs=2, default=["No", "Yes"], metavar=("KEEP", "RESTART"), help="replies that count (default No Yes)")
    number("--kl", 10.0, "weight of KL(base || tuned) on the draft's tokens; 0 lets the policy move")
    number("--lora-rank", 32, "rank of the adapter")
    number("--lora-alpha", 16, "the adapter is scaled by alpha / rank")
    number("--lora-dropout", 0.05, "dropout of the adapter's input")
    number("--lr", 5e-5, "peak learning rate: warm-up over 5%% of the steps, then a cosine to 0")
    number("--epochs", 1.0, "passes over the data")
    number("--steps", -1, "that many steps, whatever --epochs says; -1: by --epochs")
    number("--batch", 1, "rows at once")
    number("--accumulate", 16, "batches a step")
    number("--max-tokens", 2048, "longer rows are left out, and counted")
    number("--held-out", 0.05, "share of the prompts that is not trained on, for the figures")
    number("--save-steps", 200, "steps between checkpoints")
    number("--seed", 0, "of the adapter, the order and the split")
    p.add_argument("--bf16", action="store_true", help="weights and passes in bfloat16, the adapter in single precision")
    p.add_argument("--checkpointing", action="store_true", help="a third more time for much less memory")
    p.add_argument("--resume", action="store_true", help="go on from the last checkpoint under --out")
    p.add_argument("--formats", nargs="*", choices=FORMATS, default=FORMATS, help="beside safetensors (default onnx gguf; none: give no name)")
    return p.parse_args(given)


def main(given: list[str] | None = None) -> None:
    a = arguments(given)
    from .run import run  # seconds of imports, which --help need not wait for

    try:
        figures = run(a)
    except BadInput as error:
        raise SystemExit(f"finetune: {error}") from None
    for name in ("before", "after"):
        found = figures[name]
        print(f"{name}: question {found['question']:.4f} (at least {figures['floor']:.4f}), kl {found['kl']:.5f}, mass {found['mass']:.4f}")
    print(f"wrote {a.out}")


if __name__ == "__main__":
    sys.exit(main())
