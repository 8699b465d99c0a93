"""A byte-level BPE with GPT-2's pre-tokenizer, in which " 17", " right" and the parts of the question are single tokens.

The merges are written down, not learned: each wanted word is built from its bytes left to right. Run as a module to
print the tokens of a draft of each family and of the questions.
"""
import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

QUESTION_PARTS = ("Would you do better", " if you started over?", ' ("Yes." or "No.")')
QUESTION = "".join(QUESTION_PARTS)
SHORT_QUESTION = "Better?"
SPECIAL = ["<|pad|>", "<|user|>", "<|assistant|>", "<|end|>", "<|judge|>", "<|no|>", "<|yes|>"]
NUMBERS = [f" {n}" for n in range(100)]
WORDS = [
    *NUMBERS, " +", " -", " *", " /", " =", " [", " ]", "Make", " from",
    "Grid", " to", " walls", " up", " down", " left", " right",
    "Start", " plus", " minus", " times", " is", "Better", "Yes", "No", "Not",
]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def byte_alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {b: chr(b) for b in kept}
    names.update({b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in kept)})
    return dict(sorted(names.items()))


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Tokens in the order special, bytes, merged; and the merges that build them."""
    alphabet = byte_alphabet()
    tokens = {name: i for i, name in enumerate([*SPECIAL, *alphabet.values()])}
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        pieces = [alphabet[b] for b in word.encode()]
        built = pieces[0]
        for piece in pieces[1:]:
            if (built, piece) not in merges:
                merges.append((built, piece))
            built += piece
            tokens.setdefault(built, len(tokens))
    return tokens, merges


def build() -> Tokenizer:
    tokens, merges = vocabulary()
    tokenizer = Tokenizer(models.BPE(vocab=tokens, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    tokenizer.add_tokens([AddedToken(part, special=False, normalized=False) for part in QUESTION_PARTS])
    return tokenizer


def save(folder: Path) -> None:
    build().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "pad_token": "<|pad|>",
        "clean_up_tokenization_spaces": False, "model_max_length": 256, "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    special = {"eos_token": "<|end|>", "pad_token": "<|pad|>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")


_TOKENIZER = build()
VOCABULARY = _TOKENIZER.get_vocab_size()
PAD, USER, ASSISTANT, END, JUDGE, RESERVED_NO, RESERVED_YES = range(len(SPECIAL))


def encode(text: str) -> list[int]:
    return _TOKENIZER.encode(text, add_special_tokens=False).ids


def decode(ids: list[int]) -> str:
    return _TOKENIZER.decode(ids, skip_special_tokens=True)


def single(text: str) -> int:
    """The id of a text that is one token, in any surroundings."""
    return _TOKENIZER.token_to_id("".join(byte_alphabet()[b] for b in text.encode()))


def chat(text: str) -> list[int]:
    """A user's message, rendered up to where the assistant begins."""
    return [USER, *encode(text), END, ASSISTANT]


NUMBER = [single(n) for n in NUMBERS]
YES, NO = single("Yes"), single("No")
FULL, SHORT, TOKEN = [END, *chat(QUESTION)], [END, *chat(SHORT_QUESTION)], [JUDGE]
CHECKS = (FULL, SHORT, TOKEN)
"""What is read after an answer, finished or not, before `No` or `Yes`: 7, 6 and 1 tokens. The reserved labels need nothing:
their logits stand at the answer's own next position."""


if __name__ == "__main__":
    for title, text in (
        ("countdown", "Make 17 from 9 2 11 6"), ("draft", " 6 / 2 = 3 [ 3 9 11 ] 11 - 3 = 8 [ 8 9 ] 9 + 8 = 17 [ 17 ]"),
        ("maze", "Grid 4 from 0 to 33 walls 11 12"), ("draft", " down 10 down 20 right 21"),
        ("arithmetic", "Start 7 plus 5 times 3"), ("draft", " plus 5 is 12 times 3 is 36"), ("question", QUESTION),
        ("short question", SHORT_QUESTION),
    ):
        ids = encode(text)
        print(f"{title}: {len(ids)} tokens:", " ".join(repr(decode([i])) for i in ids))
