"""A Llama decoder (RMSNorm, rotary positions, SwiGLU, tied embeddings) with a KV cache and explicit masks."""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from . import tokenizer as tok


@dataclass(frozen=True)
class Config:
    vocabulary: int = tok.VOCABULARY
    width: int = 128
    layers: int = 8
    heads: int = 4
    hidden: int = 344
    rope_theta: float = 1000.0
    context: int = 256


def rope_table(head: int, length: int, theta: float) -> tuple[torch.Tensor, torch.Tensor]:
    frequency = theta ** (-torch.arange(0, head, 2).float() / head)
    angle = torch.arange(length).float()[:, None] * frequency
    return torch.cat([angle, angle], 1).cos(), torch.cat([angle, angle], 1).sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Block(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.heads = c.heads
        self.norm1, self.norm2 = (nn.RMSNorm(c.width, eps=1e-5) for _ in range(2))
        self.q, self.k, self.v, self.o = (nn.Linear(c.width, c.width, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(c.width, c.hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(c.hidden, c.width, bias=False)

    def forward(self, x, cos, sin, mask, cache=None, at=0):
        batch, length, width = x.shape
        y = self.norm1(x)
        # One matrix product for the three; the weights stay apart for the optimiser.
        qkv = F.linear(y, torch.cat([self.q.weight, self.k.weight, self.v.weight]))
        q, k, v = qkv.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if cache is not None:
            cache[0][:, :, at : at + length], cache[1][:, :, at : at + length] = k, v
            k, v = cache[0][:, :, : at + length], cache[1][:, :, : at + length]
        # Written out: for rows this short it is faster on a CPU than the fused kernel.
        weights = (q @ k.transpose(-1, -2)) * (q.shape[-1] ** -0.5)
        mixed = (weights + mask.to(weights.dtype)).softmax(-1) @ v
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, length, width))
        gate, up = F.linear(self.norm2(x), torch.cat([self.gate.weight, self.up.weight])).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, c: Config = Config()):
        super().__init__()
        self.c = c
        self.embedding = nn.Embedding(c.vocabulary, c.width)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.width, eps=1e-5)
        cos, sin = rope_table(c.width // c.heads, c.context, c.rope_theta)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02 if "embedding" in name else p.shape[1] ** -0.5)
                if name.endswith(("o.weight", "down.weight")):
                    p.data *= (2 * c.layers) ** -0.5  # the residual stays in scale at any depth

    def forward(self, ids, positions=None, mask=None, cache=None, at=0, tap=None):
        """ids [B, T]; positions [T] or [B, T]; additive mask [B, 1, T, S] (None: causal). Returns the final hidden states
        [B, T, width], and the residual after block `tap` if one is named."""
        length = ids.shape[1]
        positions = torch.arange(at, at + length, device=ids.device) if positions is None else positions
        cos, sin = self.cos[positions], self.sin[positions]
        if cos.dim() == 3:
            cos, sin = cos[:, None], sin[:, None]
        if mask is None:
            seen = torch.arange(at + length)[None] <= at + torch.arange(length)[:, None]
            mask = torch.zeros(seen.shape).masked_fill(~seen, -1e9).to(ids.device)
        x, middle = self.embedding(ids), None
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, mask, None if cache is None else cache[i], at)
            if i == tap:
                middle = x
        return self.norm(x) if tap is None else (self.norm(x), middle)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(hidden, self.embedding.weight)

    def new_cache(self, batch: int, length: int):
        shape = (batch, self.c.heads, length, self.c.width // self.c.heads)
        return [(torch.zeros(shape, device=self.cos.device), torch.zeros(shape, device=self.cos.device)) for _ in self.blocks]


class Probe(nn.Module):
    """A training-only read-out of the value from the residual after one block, dropped afterwards: it teaches the trunk
    to know at every token how the draft stands, so that the question only has to read it."""

    def __init__(self, width: int, block: int):
        super().__init__()
        self.block, self.norm, self.linear = block, nn.RMSNorm(width, eps=1e-5), nn.Linear(width, 1)

    def forward(self, residual: torch.Tensor) -> torch.Tensor:
        return self.linear(self.norm(residual))[..., 0]
