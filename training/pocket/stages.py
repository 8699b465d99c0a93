"""The recipe: which levels, in what share, for how many steps, with which labels."""
from dataclasses import dataclass

from .batches import Labels
from .data import Group

# Levels of like length share a batch; the numbers are weights within it.
SMALL = Group("small", {"countdown3": 0.1, "countdown4": 0.64, "maze4": 0.05, "sum2": 0.03, "digit4": 0.05, "wide4": 0.09, "product3": 0.04}, 128)
LARGE = Group("large", {"countdown5": 0.3, "countdown6": 0.05, "maze5": 0.06, "fork6": 0.06, "fork8": 0.12, "fork9": 0.35, "product8": 0.06}, 88)
# Only where the hardest decision falls: the first step of Countdown, the first turns of a maze.
FIRST = Group("first", {"countdown3": 0.07, "countdown4": 0.63, "countdown5": 0.3}, 256, short=True)
TURN = Group("turn", {"fork8": 0.25, "fork9": 0.75}, 128, short=True)
TRAINED = [*SMALL.mix, *LARGE.mix]
CYCLE = (SMALL, LARGE, FIRST, SMALL, LARGE, TURN)


@dataclass(frozen=True)
class Stage:
    steps: int
    lr: float
    lr_end: float
    groups: tuple = CYCLE
    check_weight: float = 0.3
    probe_weight: float = 0.3
    reserved_weight: float = 0.3
    drafts: float = 0  # problems drawn at each refresh
    each: int = 1
    refresh: int = 10**9  # steps between fresh drafts
    walk_share: float = 0.0
    labels: Labels = Labels()


STAGES = {
    "base": Stage(6000, 3e-3, 8e-4),
    "round": Stage(4000, 1.2e-3, 6e-4, drafts=10000, each=3, refresh=1000, walk_share=0.25, labels=Labels(0.7)),
    "again": Stage(4000, 1.1e-3, 4e-4, drafts=11000, each=3, refresh=2000, walk_share=0.25, labels=Labels(0.7)),
    "tie": Stage(1000, 6e-4, 3.8e-4, check_weight=0.5, drafts=5000, each=4, labels=Labels(1.0, tie=True, tie_ramp=300)),
    "final": Stage(1500, 3.8e-4, 0.0, (SMALL, LARGE), check_weight=0.6, drafts=6500, each=5, refresh=750, labels=Labels(0.5, tie=True, tie_ramp=1)),
}
