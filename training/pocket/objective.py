"""The losses of a step: next tokens, answers to the questions, and the value after every token by the probe and the reserved labels."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from . import batches, data, layout
from . import tokenizer as tok
from .model import Model, Probe


class Objective(nn.Module):
    """For batches of one group, whose shapes are always the same. Returns the language loss and those of the questions, the
    probe and the reserved labels, [4]."""

    def __init__(self, model: Model, probe: Probe, group: data.Group, judging: bool = True, compiled: bool = False):
        super().__init__()
        self.model, self.probe, self.judging = model, probe, judging
        self.register_buffer("ends", torch.tensor(batches.ends_of(group, judging), dtype=torch.long, device=model.cos.device), persistent=False)
        self.run = torch.compile(model, dynamic=False) if compiled else model

    def forward(self, ids, positions, mask, begins, wanted, weights, values, correct, judged, cut, lengths):
        answer = wanted.shape[1]
        # Without autocast's cache of weights, which a captured graph could not renew.
        with torch.autocast(ids.device.type, dtype=torch.bfloat16, cache_enabled=False):
            hidden, middle = self.run(ids, positions, mask, tap=self.probe.block)
            every = layout.gather(hidden, begins, answer + 1)
            logits = self.model.logits(every).float()
            asked = self.model.logits(hidden[:, self.ends]).float() if len(self.ends) else None
        # The reserved labels are in the sum: their ratio is the value, and nobody should ever draw them.
        language = -(weights * F.log_softmax(logits[:, :answer], -1).gather(2, wanted)).sum() / weights.sum()
        if not self.judging:
            return torch.stack([language, *[language.new_zeros(())] * 3])
        guess = layout.gather(self.probe(middle.float())[..., None], begins, answer + 1)[..., 0]
        said = logits[..., tok.RESERVED_NO] - logits[..., tok.RESERVED_YES]
        # The probe always says "right": where the value is a chance to tie, hard problems hardly tell right from wrong any more.
        dense = [self._dense(guess, correct, torch.ones_like(judged), lengths), self._dense(said, values, judged, lengths)]
        check = language.new_zeros(()) if asked is None else self._asked(asked, values, judged, cut)
        return torch.stack([language, check, *dense])

    def _asked(self, logits, values, judged, cut):
        """Loss of the answers to the questions, each at its cut."""
        value, weight = values.gather(1, cut), judged[:, None]
        labels = F.log_softmax(logits, -1)
        each = value * labels[..., tok.NO] + (1 - value) * labels[..., tok.YES]
        return -(each * weight).sum() / (weight.sum() * cut.shape[1]).clamp(min=1)

    def _dense(self, guess, values, judged, lengths):
        """Loss of a guess of the value, in log-odds, after every token of the answer."""
        live = (torch.arange(guess.shape[1], device=guess.device)[None] <= lengths[:, None]) * judged[:, None]
        each = F.binary_cross_entropy_with_logits(guess, values, reduction="none")
        return (each * live).sum() / live.sum().clamp(min=1)


def captured(objective: Objective, sample: tuple[torch.Tensor, ...]):
    """On a GPU the forward and the backward pass each as one graph: at this size a step is mostly launches."""
    return torch.cuda.make_graphed_callables(objective, sample, allow_unused_input=True)
