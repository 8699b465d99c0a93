"""A byte-level BPE of as many tokens as are wanted: bytes, a space with one to four small letters behind it, the end of text.
So a text of such words has exactly as many tokens as words, in every program that reads it."""
import json
from itertools import product
from pathlib import Path
from string import ascii_lowercase

SPACE = "Ġ"
END = "<|end|>"
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ' ' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)


def characters() -> list[str]:
    """GPT-2's stand-ins for the 256 bytes: what can be printed stands for itself."""
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte if byte in own else next(others)) for byte in range(256)]


def words() -> list[str]:
    """Each is an earlier one and a letter more, so merges from left to right build it and nothing else competes."""
    return ["".join(letters) for length in range(1, 5) for letters in product(ascii_lowercase, repeat=length)]


def build(size: int) -> dict:
    """tokenizer.json; the end of text has the last id."""
    chosen = words()[: size - 257]
    pieces = [*characters(), *(SPACE + word for word in chosen)]
    merges = [[SPACE + word[:-1], word[-1]] for word in chosen]
    splitter = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    end = {"id": size - 1, "content": END, "special": True}
    sides = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end | sides], "normalizer": None,
        "pre_tokenizer": splitter, "post_processor": None, "decoder": splitter,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(pieces)}, "merges": merges,
        },
    }


def write(size: int, context: int, folder: Path) -> None:
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "pad_token": END,
        "clean_up_tokenization_spaces": False, "model_max_length": context, "chat_template": TEMPLATE,
    }
    files = {"tokenizer": build(size), "tokenizer_config": settings, "special_tokens_map": {"eos_token": END, "pad_token": END}}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content) + "\n")
