"""A small random model of a real family, and drafts whose value can be read in them: what the smoke test fine-tunes, and a way
to try the commands in a minute, without a download.

    python -m finetune.tiny --out ../tmp/tiny
"""
import argparse
import json
import random
from dataclasses import replace
from pathlib import Path

from families import models  # of the fixtures

QUESTION = 'Would you do better if you started over? ("Yes." or "No.")'
GOOD, BAD, LONGEST = " fox", " dog", 6
WIDTH = {"hidden_size": 64, "intermediate_size": 128}
"""Twice that of the fixtures: in less, an adapter has no room for both labels."""


def row(rng: random.Random) -> dict:
    """A draft of good and bad words, most likely kept where good ones are more than half."""
    words = [rng.choice((GOOD, BAD)) for _ in range(rng.randint(1, LONGEST))]
    draft, asked = "".join(words), f"Is a fox quicker than {rng.randint(0, 999)} dogs?"
    said = [("user", asked), ("assistant", draft), ("user", QUESTION)]
    return {
        "messages": [{"role": role, "content": content} for role, content in said],
        "target": 0.9 if 2 * words.count(GOOD) > len(words) else 0.1, "weight": 1.0, "truncated": len(words) < LONGEST,
        "tokens": len(words), "source": "tiny",
    }


def write_rows(path: Path, count: int, seed: int = 0) -> None:
    rng = random.Random(seed)
    path.write_text("".join(json.dumps(row(rng)) + "\n" for _ in range(count)), encoding="utf-8")


def write_model(folder: Path, name: str = "qwen2.5", seed: int = 0) -> None:
    family = replace(models.FAMILIES[name], options={**models.FAMILIES[name].options, **WIDTH})
    tokenizer = models.tokenizer(family)
    models.model(family, tokenizer, seed).save_pretrained(folder), tokenizer.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--family", default="qwen2.5", choices=models.FAMILIES)
    args = parser.parse_args()
    write_model(args.out / "model", args.family)
    write_rows(args.out / "preferences.jsonl", args.rows)


if __name__ == "__main__":
    main()
