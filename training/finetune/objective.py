"""What is minimised: the loss of the reply's first token, and how far the policy has moved on the draft."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .chat import Encoded, Labels


@dataclass(frozen=True)
class Losses:
    """Each [rows], in nats."""

    question: torch.Tensor
    """Cross-entropy of the target over the whole vocabulary; at least the target's entropy."""
    kl: torch.Tensor
    """KL(base || tuned) of the next token, a mean over the places where the draft was drawn."""
    mass: torch.Tensor
    """Probability of both labels together; no loss, the product's own check that the question is answered at all."""

    def total(self, weight: torch.Tensor, kl: float) -> torch.Tensor:
        return (self.question * weight + kl * self.kl).mean()


def batch(rows: list[Encoded], pad: int) -> dict[str, torch.Tensor]:
    """Padded at the end, [rows, longest]; everything else [rows]."""
    longest = max(len(r.ids) for r in rows)
    return {
        "input_ids": torch.tensor([r.ids + [pad] * (longest - len(r.ids)) for r in rows]),
        "attention_mask": torch.tensor([[1] * len(r.ids) + [0] * (longest - len(r.ids)) for r in rows]),
        "asked": torch.tensor([len(r.ids) - 1 for r in rows]),
        "begin": torch.tensor([r.begin for r in rows]),
        "drafted": torch.tensor([r.drafted for r in rows]),
        "target": torch.tensor([r.target for r in rows]),
        "weight": torch.tensor([r.weight for r in rows]),
    }


def floor(rows: list[Encoded]) -> float:
    """The least that the question's loss can be: the targets' own entropy, in nats."""
    target = torch.tensor([r.target for r in rows], dtype=torch.float64)
    return float((torch.special.entr(target) + torch.special.entr(1 - target)).mean())


def log_probs(model, given: dict[str, torch.Tensor], places: torch.Tensor) -> torch.Tensor:
    """Of what follows each of these places, [rows, places, vocabulary]; the other places never meet the head."""
    out = model(
        input_ids=given["input_ids"], attention_mask=given["attention_mask"], logits_to_keep=places, use_cache=False
    )
    return out.logits.float().log_softmax(-1)


def places(given: dict[str, torch.Tensor]) -> torch.Tensor:
    """From the last token before the first draft on."""
    return torch.arange(int(given["begin"].min()) - 1, given["input_ids"].shape[1], device=given["input_ids"].device)


def losses(tuned: torch.Tensor, base: torch.Tensor, given: dict[str, torch.Tensor], at: torch.Tensor, labels: Labels) -> Losses:
    """Of log-probabilities at the places `at`."""
    first = given["begin"][:, None] - 1
    drawn = (at >= first) & (at <= first + given["drafted"][:, None])
    each = F.kl_div(tuned, base, log_target=True, reduction="none").sum(-1)
    replied = tuned[torch.arange(len(tuned), device=tuned.device), given["asked"] - at[0]]
    keep, restart, target = replied[:, labels.keep], replied[:, labels.restart], given["target"]
    return Losses(
        question=-(target * keep + (1 - target) * restart),
        kl=(each * drawn).sum(1) / drawn.sum(1),
        mass=keep.exp() + restart.exp(),
    )
