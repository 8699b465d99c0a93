"""What the families share: a problem, a level, and the part (training, validation, test) that a problem belongs to."""
import zlib
from typing import NamedTuple

from .. import tokenizer as tok


class Problem(NamedTuple):
    family: str
    level: str
    data: tuple


class Level(NamedTuple):
    family: str
    name: str
    prompt: int
    """Tokens of the rendered prompt."""
    answer: int
    """Most tokens of an answer, with the end of text."""


def ended(ids: list[int], at: int, reach: list[int], targets):
    """What a trace says where the last step is done: the end of text is wanted, and the draft is right if it got here alive."""
    if targets is not None:
        targets[at, tok.END] = 1
    if at >= len(ids) or ids[at] != tok.END:
        return 0, reach
    reach[at + 1] = reach[at]
    return reach[at], reach


PARTS = {"test": 5, "validation": 5, "calibration": 4, "train": 86}  # per cent


def part_of(key: str) -> str:
    """By a checksum of what must not be shared between parts (the set of numbers, the walls), so that neither another order
    nor another target of it is in two of them."""
    place = zlib.crc32(key.encode()) % 100
    for part, share in PARTS.items():
        if place < share:
            return part
        place -= share
    raise AssertionError("the shares add up to 100")
