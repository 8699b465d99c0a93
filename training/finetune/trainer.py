"""TRL's SFTTrainer with the losses of objective.py: rows come encoded, and every step reads the base beside the tuned model."""
import torch
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from . import objective
from .chat import Encoded, Labels


class QuestionTrainer(SFTTrainer):
    """`kl` weighs the policy's loss against the question's."""

    # A mean over rows, whatever their lengths: accumulating steps is then the same as a larger batch.
    loss_is_scaled_for_ga = False

    def __init__(self, *, labels: Labels, kl: float, tokenizer: PreTrainedTokenizerBase, **given):
        self.labels, self.kl = labels, kl
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        super().__init__(processing_class=tokenizer, data_collator=lambda rows: objective.batch([Encoded(**r) for r in rows], pad), **given)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        at = objective.places(inputs)
        # The base first: what switches the adapter off and on must not come between the tuned pass and its gradients.
        with torch.no_grad(), self.accelerator.unwrap_model(model).disable_adapter():
            base = objective.log_probs(model, inputs, at)
        found = objective.losses(objective.log_probs(model, inputs, at), base, inputs, at, self.labels)
        told = self._metrics["train" if model.training else "eval"]
        for name in ("question", "kl", "mass"):
            told[name] += getattr(found, name).tolist()
        loss = found.total(inputs["weight"], self.kl)
        return (loss, {}) if return_outputs else loss


def config(folder: str, **given) -> SFTConfig:
    """Rows are ready, so that TRL's own preparation is left out; nothing is reported anywhere."""
    return SFTConfig(
        output_dir=folder, dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False, max_length=None,
        report_to="none", prediction_loss_only=True, lr_scheduler_type="cosine", warmup_steps=0.05, weight_decay=0.0,
        adam_beta2=0.95, max_grad_norm=1.0, save_total_limit=1,
        # Else bfloat16 is refused on a CPU.
        use_cpu=not torch.accelerator.is_available(), dataloader_pin_memory=torch.accelerator.is_available(), **given,
    )
