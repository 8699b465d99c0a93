"""Which problems the model is reported on: every level's place, and the mix that stands for traffic.

Which level is where was fixed on validation drafts: trivial = one draft at temperature 1 right at least .97, hopeless = at most
.01. Twice arithmetic was taken out of the mix after its test figures were seen (training/LOG.md). The lists are always the same for SEED.
"""
import random

from . import families
from .families import Problem

SEED = 20261126
BANDS = {
    "trivial": ["maze4", "fork6", "sum2", "product3"],
    "between": ["countdown3", "countdown4", "countdown5", "maze5", "fork8", "fork9", "digit4", "wide4", "product8"],
    "hopeless": ["countdown6"],
    "untrained": ["maze7"],
}
# The mix's levels where they are not the band's: arithmetic is reported by itself. Self-evaluation is at chance there, the product's
# diagnosis says to use another scorer, and traffic is for those who use this one.
MIXED = {"trivial": ["maze4", "fork6"], "between": ["countdown3", "countdown4", "countdown5", "maze5", "fork8", "fork9"]}
SHARES = {"trivial": 0.60, "between": 0.25, "hopeless": 0.15}
MIX = {"test": 2000, "validation": 1200}
# Test problems of the levels that are reported one by one, about a thousand of each family; countdown3 has 245 at four of a set.
REPORTED = {
    "countdown3": 300, "countdown4": 500, "countdown5": 250, "maze5": 150, "fork8": 350, "fork9": 700, "digit4": 250, "wide4": 500,
    "product8": 250, "maze7": 300,
}


def mixed(band: str) -> list[str]:
    return MIXED.get(band, BANDS[band])


def lists(part: str) -> dict[str, list[Problem]]:
    """Level -> its problems: as many as the mix needs, or as are reported."""
    needed = {
        level: max(REPORTED.get(level, 0) if part == "test" else 0, round(MIX[part] * SHARES.get(band, 0) / len(mixed(band))) + 1)
        for band, levels in BANDS.items()
        for level in levels
    }
    return {level: families.problems(level, part, n, SEED) for level, n in needed.items()}


def mix(part: str, by_level: dict[str, list[Problem]]) -> list[Problem]:
    """Traffic in random order: the shares above, each spread evenly over its levels."""
    out: list[Problem] = []
    total = MIX[part]
    for band, share in SHARES.items():
        levels = mixed(band)
        wanted = round(total * share)
        for i, level in enumerate(levels):
            out += by_level[level][: wanted * (i + 1) // len(levels) - wanted * i // len(levels)]
    random.Random(SEED).shuffle(out)
    return out
