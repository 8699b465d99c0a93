"""One sequence with branches: prompt, answer, and for every cut a copy of a question that sees only what came before the cut,
at the positions it would have there. So a whole answer and its checks cost one forward pass."""
from dataclasses import dataclass, replace

import numpy as np
import torch

from . import tokenizer as tok


def lengths(tokens: np.ndarray) -> np.ndarray:
    """Answer tokens before the end of text (all that there are if it never came). [B, A], filled up with PAD."""
    stop = (tokens == tok.END) | (tokens == tok.PAD)
    return np.where(stop.any(1), stop.argmax(1), tokens.shape[1])


@dataclass
class Layout:
    ids: torch.Tensor  # [B, T]
    positions: torch.Tensor  # [B, T]
    mask: torch.Tensor  # additive [B, 1, T, T]
    begins: torch.Tensor  # [B], where the answer begins
    ends: list[int]  # where each branch predicts its label

    def on(self, device) -> "Layout":
        return replace(self, **{name: getattr(self, name).to(device) for name in ("ids", "positions", "mask", "begins")})


def arrange(prompts: list, tokens: np.ndarray, branches: list, cuts: np.ndarray, main: int | None = None) -> Layout:
    """`branches`: the tokens of each question; `cuts` [B, branches] count answer tokens; `main`: the place for prompt and
    answer (default: as much as the longest needs)."""
    begins = np.array([len(p) for p in prompts])
    size, answer = tokens.shape
    room = int(begins.max()) + answer
    ids = np.full((size, room), tok.PAD)
    for i, p in enumerate(prompts):
        ids[i, : len(p)] = p
        ids[i, len(p) : len(p) + answer] = tokens[i]
    main = room if main is None else main
    ids = ids[:, :main] if main <= room else np.pad(ids, ((0, 0), (0, main - room)))
    questions = [t for branch in branches for t in branch]
    ids = np.concatenate([ids, np.tile(np.array(questions, dtype=int), (size, 1))], 1)
    total = ids.shape[1]
    positions = torch.arange(total).repeat(size, 1)
    seen = torch.zeros(size, total, total, dtype=torch.bool)
    seen[:, :main, :main] = torch.ones(main, main, dtype=torch.bool).tril()
    before, ends, at = torch.as_tensor(begins[:, None] + cuts), [], main
    for b, branch in enumerate(branches):
        rows = slice(at, at + len(branch))
        positions[:, rows] = before[:, b, None] + torch.arange(len(branch))
        seen[:, rows, :main] = (torch.arange(main) < before[:, b, None])[:, None, :]
        seen[:, rows, rows] = torch.ones(len(branch), len(branch), dtype=torch.bool).tril()
        at += len(branch)
        ends.append(at - 1)
    mask = torch.zeros(seen.shape).masked_fill(~seen, -1e9)
    return Layout(torch.from_numpy(ids), positions, mask[:, None], torch.as_tensor(begins), ends)


def gather(hidden: torch.Tensor, begins: torch.Tensor, count: int) -> torch.Tensor:
    """Hidden states [B, count, width] from the last prompt token on: where the answer's tokens, and their values, are read."""
    at = (begins[:, None] - 1 + torch.arange(count, device=begins.device)).clamp(max=hidden.shape[1] - 1)
    return hidden.gather(1, at[:, :, None].expand(-1, -1, hidden.shape[2]))
