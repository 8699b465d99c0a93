"""Batched drawing with a KV cache, and reading the self-evaluation at any cut."""
import numpy as np
import torch
import torch.nn.functional as F

from . import countdown as cd
from . import tokenizer as tok
from .layout import check_ends, lengths, with_checks
from .model import Model


@torch.no_grad()
def draw(model: Model, problems: list, temperatures=1.0, seed: int = 0, batch: int = 512):
    """One answer per problem (repeat a problem for more). Temperatures: one, or one per problem; 0 is greedy. Returns
    tokens [N, 31] (PAD after the end) and each token's log-probability at temperature 1 [N, 31]."""
    model.eval()
    noise = torch.Generator().manual_seed(seed)
    temperatures = torch.as_tensor(temperatures, dtype=torch.float).expand(len(problems))
    tokens, log_probs = [], []
    for i in range(0, len(problems), batch):
        drawn = _draw_batch(model, problems[i : i + batch], temperatures[i : i + batch, None], noise)
        tokens.append(drawn[0]), log_probs.append(drawn[1])
    return torch.cat(tokens).numpy(), torch.cat(log_probs).numpy()


def _draw_batch(model, problems, temperature, noise):
    ids = torch.tensor([cd.prompt(p) for p in problems])
    size = len(ids)
    cache = model.new_cache(size, cd.PROMPT + cd.ANSWER)
    hidden = model(ids, cache=cache)[:, -1]
    done = torch.zeros(size, dtype=torch.bool)
    out, log_probs = torch.full((size, cd.ANSWER), tok.PAD), torch.zeros(size, cd.ANSWER)
    for j in range(cd.ANSWER):
        logits = model.logits(hidden).float()
        gumbel = -torch.log(-torch.log(torch.rand(logits.shape, generator=noise).clamp_(1e-9, 1 - 1e-7)))
        token = torch.where(done, tok.PAD, (logits + temperature * gumbel).argmax(-1))
        out[:, j] = token
        own = F.log_softmax(logits, -1).gather(1, token[:, None])[:, 0]
        log_probs[:, j] = torch.where(done, 0.0, own)
        done |= token == tok.END
        if done.all() or j == cd.ANSWER - 1:
            break
        hidden = model(token[:, None], cache=cache, at=cd.PROMPT + j)[:, -1]
    return out, log_probs


@torch.no_grad()
def judge(model: Model, problems: list, tokens: np.ndarray, cuts: np.ndarray, batch: int = 256):
    """P(No) among No and Yes, and the mass on the two, at every cut: two arrays [N, cuts]."""
    model.eval()
    scores, masses = [], []
    for i in range(0, len(problems), batch):
        part = tokens[i : i + batch]
        cut = np.minimum(cuts[i : i + batch], lengths(part)[:, None])
        ids, positions, mask = with_checks(problems[i : i + batch], part, cut)
        hidden = model(ids, positions, mask)[:, check_ends(cut.shape[1], part.shape[1])]
        p = F.softmax(model.logits(hidden).float(), -1)
        mass = p[..., tok.NO] + p[..., tok.YES]
        scores.append(p[..., tok.NO] / mass), masses.append(mass)
    return torch.cat(scores).numpy(), torch.cat(masses).numpy()


def fractions(tokens: np.ndarray, shares: list[float]) -> np.ndarray:
    """Cuts after a share of each answer, in whole tokens."""
    return np.stack([np.floor(lengths(tokens) * share + 1e-6).astype(int) for share in shares], 1)
