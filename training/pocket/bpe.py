"""Byte-level BPE as llama.cpp's `gpt-2` does it: merges alone decide, and no piece is taken whole because it is a token
(`ignore_merges`). For ASCII texts, without the `tokenizers` package."""
import re

# GPT-2's pre-tokenizer, its classes of letters and digits cut down to ASCII.
SPLIT = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
BYTE_LEVEL = {i: 256 + i for i in range(33)}
"""GPT-2's stand-ins for the space and the control characters."""


def merged(word: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """The pieces of a word: the earliest merge first, the leftmost of equals."""
    pieces = list(word)
    while True:
        pairs = [(ranks[pair], i) for i, pair in enumerate(zip(pieces, pieces[1:])) if pair in ranks]
        if not pairs:
            return pieces
        _, i = min(pairs)
        pieces[i : i + 2] = [pieces[i] + pieces[i + 1]]


def ranks(tokenizer: dict) -> dict[tuple[str, str], int]:
    return {tuple(pair): i for i, pair in enumerate(tokenizer["model"]["merges"])}


def unreachable(tokenizer: dict) -> list[str]:
    """Pieces of the vocabulary that no text gives: merges alone do not build them."""
    added, order = {t["content"] for t in tokenizer["added_tokens"]}, ranks(tokenizer)
    return [piece for piece in tokenizer["model"]["vocab"] if piece not in added and merged(piece, order) != [piece]]


def encode(text: str, tokenizer: dict) -> list[int]:
    """Added tokens are found first, control tokens included; `tokenizer` is tokenizer.json, parsed."""
    if not text.isascii():
        raise ValueError("only ASCII is split as GPT-2 does")
    added = {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
    vocabulary, order = tokenizer["model"]["vocab"], ranks(tokenizer)
    longest_first = sorted(added, key=len, reverse=True)
    ids: list[int] = []
    for part in re.split(f"({'|'.join(map(re.escape, longest_first))})", text):
        if part in added:
            ids.append(added[part])
        else:
            words = SPLIT.findall(part)
            ids += [vocabulary[piece] for word in words for piece in merged(word.translate(BYTE_LEVEL), order)]
    return ids
