"""Muon (Jordan et al. 2024) as torch.optim.Muon has it, but matrices of one shape go through Newton-Schulz together: the same
update in a tenth of the kernels, which is what a step costs on a GPU when the matrices are this small."""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # torch.optim.Muon's


def orthogonal(update: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """[N, rows, columns] -> each nearly orthogonal, in bfloat16."""
    a, b, c = COEFFICIENTS
    tall = update.shape[1] > update.shape[2]
    x = (update.mT if tall else update).bfloat16()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, decoupled weight decay, the learning rate scaled to match AdamW's root mean square."""

    def __init__(self, params, lr: float, weight_decay: float = 0.1, momentum: float = 0.95):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            by_shape: dict[torch.Size, list] = {}
            for p in group["params"]:
                if p.grad is not None:
                    by_shape.setdefault(p.shape, []).append(p)
            for shape, same in by_shape.items():
                self._together(same, shape, **{k: group[k] for k in ("lr", "weight_decay", "momentum")})

    def _together(self, same: list, shape: torch.Size, lr: float, weight_decay: float, momentum: float) -> None:
        grads = torch.stack([p.grad for p in same])
        state = self.state[same[0]]  # of all matrices of this shape
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(grads)
        state["momentum"].lerp_(grads, 1 - momentum)
        update = orthogonal(grads.lerp(state["momentum"], momentum)).float()
        torch._foreach_mul_(same, 1 - lr * weight_decay)
        torch._foreach_add_(same, list(update), alpha=-lr * 0.2 * max(shape) ** 0.5)
