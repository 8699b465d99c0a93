"""One sequence with branches: prompt, answer, and for every cut a copy of the question that sees only what came before
the cut, at the positions it would have there. So a whole answer and its checks cost one forward pass."""
import random

import numpy as np
import torch

from . import countdown as cd
from . import tokenizer as tok


def lengths(tokens: np.ndarray) -> np.ndarray:
    """Answer tokens before the end of text (all of them if it never came)."""
    ended = tokens == tok.END
    return np.where(ended.any(1), ended.argmax(1), tokens.shape[1])


def with_checks(problems: list, tokens: np.ndarray, cuts: np.ndarray, rng: random.Random | None = None):
    """Returns ids [B, T], positions [B, T] and the additive mask [B, 1, T, T]; cuts [B, checks] count answer tokens."""
    size, checks, check = len(problems), cuts.shape[1], len(tok.CHECK)
    main = cd.PROMPT + tokens.shape[1]
    prompts = np.array([cd.prompt(p, rng) for p in problems])
    ids = np.concatenate([prompts, tokens, np.tile(tok.CHECK, (size, checks)).astype(int)], 1)
    cut = torch.as_tensor(cuts)
    branch = (cd.PROMPT + cut[:, :, None] + torch.arange(check)).reshape(size, checks * check)
    positions = torch.cat([torch.arange(main).expand(size, -1), branch], 1)
    seen = torch.zeros(size, main + checks * check, main + checks * check, dtype=torch.bool)
    seen[:, :main, :main] = torch.ones(main, main, dtype=torch.bool).tril()
    triangle = torch.ones(check, check, dtype=torch.bool).tril()
    for b in range(checks):
        rows = slice(main + b * check, main + (b + 1) * check)
        seen[:, rows, :main] = (torch.arange(main) < cd.PROMPT + cut[:, b, None])[:, None, :]
        seen[:, rows, rows] = triangle
    mask = torch.zeros(seen.shape).masked_fill(~seen, -1e9)
    return torch.from_numpy(ids), positions, mask[:, None]


def check_ends(checks: int, answer: int) -> torch.Tensor:
    """Where each branch predicts its label."""
    return cd.PROMPT + answer + len(tok.CHECK) * torch.arange(1, checks + 1) - 1
