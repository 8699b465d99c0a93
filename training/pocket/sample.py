"""Batched drawing with a KV cache, and reading the self-evaluation at any cut."""
import numpy as np
import torch
import torch.nn.functional as F

from . import families
from . import tokenizer as tok
from .layout import arrange, gather, lengths
from .model import Model

RESERVED = [tok.JUDGE, tok.RESERVED_NO, tok.RESERVED_YES]


def without_reserved(logits: torch.Tensor) -> torch.Tensor:
    """The reserved tokens are never drawn and take no part in a token's probability."""
    return logits.index_fill(-1, torch.tensor(RESERVED, device=logits.device), -1e9)


@torch.no_grad()
def draw(model: Model, problems: list, temperatures=1.0, seed: int = 0, batch: int | None = None):
    """One answer per problem (repeat a problem for more). Temperatures: one, or one per problem; 0 is greedy. Returns
    tokens [N, longest answer] (PAD after the end) and each token's log-probability at temperature 1."""
    model.eval()
    device = model.cos.device
    batch = batch or (768 if device.type == "cpu" else 8192)
    noise = torch.Generator(device).manual_seed(seed)
    temperatures = torch.as_tensor(temperatures, dtype=torch.float).expand(len(problems)).to(device)
    longest = max(families.LEVELS[p.level].answer for p in problems)
    tokens, log_probs = np.full((len(problems), longest), tok.PAD), np.zeros((len(problems), longest), np.float32)
    by_level: dict[str, list[int]] = {}
    for i, p in enumerate(problems):
        by_level.setdefault(p.level, []).append(i)
    for level, rows in by_level.items():
        for i in range(0, len(rows), batch):
            at = rows[i : i + batch]
            drawn = _draw_batch(model, [problems[r] for r in at], families.LEVELS[level], temperatures[at][:, None], noise)
            tokens[at, : drawn[0].shape[1]], log_probs[at, : drawn[1].shape[1]] = drawn[0].cpu().numpy(), drawn[1].cpu().numpy()
    return tokens, log_probs


def _draw_batch(model, problems, level, temperature, noise):
    ids = torch.tensor([families.prompt(p) for p in problems], device=temperature.device)
    size = len(ids)
    cache = model.new_cache(size, level.prompt + level.answer)
    hidden = model(ids, cache=cache)[:, -1]
    done = torch.zeros(size, dtype=torch.bool, device=ids.device)
    out, log_probs = torch.full((size, level.answer), tok.PAD, device=ids.device), torch.zeros(size, level.answer, device=ids.device)
    for j in range(level.answer):
        logits = without_reserved(model.logits(hidden).float())
        gumbel = -torch.empty_like(logits).exponential_(generator=noise).log_()
        token = torch.where(done, tok.PAD, (logits + temperature * gumbel).argmax(-1))
        out[:, j] = token
        own = F.log_softmax(logits, -1).gather(1, token[:, None])[:, 0]
        log_probs[:, j] = torch.where(done, 0.0, own)
        done |= token == tok.END
        if done.all() or j == level.answer - 1:
            break
        hidden = model(token[:, None], cache=cache, at=level.prompt + j)[:, -1]
    return out, log_probs


@torch.no_grad()
def judge(model: Model, problems: list, tokens: np.ndarray, cuts: np.ndarray, check=tuple(tok.FULL), batch: int = 256):
    """P(No) among No and Yes after the question, and the mass on the two, at every cut: two arrays [N, cuts]. With an empty
    check: the reserved labels at the answer's own next position (their mass counts for nothing)."""
    model.eval()
    scores, masses = [], []
    no, yes = (tok.NO, tok.YES) if len(check) else (tok.RESERVED_NO, tok.RESERVED_YES)
    for i in range(0, len(problems), batch):
        part = tokens[i : i + batch]
        cut = np.minimum(cuts[i : i + batch], lengths(part)[:, None])
        branches = [list(check)] * cut.shape[1] if len(check) else []
        placed = arrange([families.prompt(p) for p in problems[i : i + batch]], part, branches, cut).on(model.cos.device)
        hidden = model(placed.ids, placed.positions, placed.mask)
        if branches:
            read = hidden[:, placed.ends]
        else:
            every = gather(hidden, placed.begins, part.shape[1] + 1)
            read = every.gather(1, torch.as_tensor(cut, device=every.device)[:, :, None].expand(-1, -1, every.shape[2]))
        p = F.softmax(model.logits(read).float(), -1)
        mass = p[..., no] + p[..., yes]
        scores.append(p[..., no] / mass), masses.append(mass)
    return torch.cat(scores).cpu().numpy(), torch.cat(masses).cpu().numpy()


def fractions(tokens: np.ndarray, shares: list[float]) -> np.ndarray:
    """Cuts after a share of each answer, in whole tokens."""
    return np.stack([np.floor(lengths(tokens) * share + 1e-6).astype(int) for share in shares], 1)
