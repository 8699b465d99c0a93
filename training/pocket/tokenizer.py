"""A byte-level BPE with Llama 3's pre-tokenizer, in which numbers and the game's words are single tokens.

The merges are written down, not learned: each wanted word is built from its bytes left to right. Run as a module to
print the tokens of a draft and of the question.
"""
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

QUESTION = 'Would you do better if you started over? ("Yes." or "No.")'
SPECIAL = ["<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WORDS = [
    *map(str, range(10, 100)), " [", "]\n", "Make", " from", " and", "Would", " you", " do", " better", " if", " started",
    " over", ' ("', "Yes", '."', " or", ' "', "No", '.")', " Yes", " No", "Not", " Not",
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
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
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
PAD, USER, ASSISTANT, END = range(4)


def encode(text: str) -> list[int]:
    return _TOKENIZER.encode(text, add_special_tokens=False).ids


def decode(ids: list[int]) -> str:
    return _TOKENIZER.decode(ids, skip_special_tokens=True)


def single(text: str) -> int:
    """The id of a text that is one token, in any surroundings."""
    return _TOKENIZER.token_to_id("".join(byte_alphabet()[b] for b in text.encode()))


ID = {op: single(op) for op in "+-*/"}
_NUMBERS = [single(str(n)) for n in range(100)]
EQUALS, OPEN, CLOSE, CLOSE_LINE = map(single, ("=", " [", "]", "]\n"))
SPACE, COMMA, PERIOD, MAKE, FROM, AND = map(single, (" ", ",", ".", "Make", " from", " and"))
YES, NO = single("Yes"), single("No")
CHECK = [END, USER, *encode(QUESTION), END, ASSISTANT]
"""What is read after an answer, finished or not, before `No` or `Yes`: 20 tokens."""


def number(n: int) -> int:
    return _NUMBERS[n]


if __name__ == "__main__":
    draft = "6/2=3 [3 9 11]\n11-3=8 [8 9]\n9+8=17 [17]"
    for title, text in (("prompt", "Make 17 from 9, 2, 11 and 6."), ("draft", draft), ("question", QUESTION)):
        ids = encode(text)
        print(f"{title}: {len(ids)} tokens:", " ".join(repr(decode([i])) for i in ids))
