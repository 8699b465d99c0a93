"""A run: data and model in, the tuned model's folder out, with the figures of before and after."""
import argparse
import json
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint

from . import export, objective, rows
from .chat import Chat, Encoded
from .errors import BadInput
from .trainer import QuestionTrainer, config

MEASURED = ("question", "kl", "mass")


def load(name: str, dtype: torch.dtype) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    try:
        return AutoTokenizer.from_pretrained(name), AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be opened: {(str(error).splitlines() or [error])[0]} Give a folder, or owner/name on the Hub.") from None


def encode(a: argparse.Namespace, chat: Chat, read: list[rows.Row]) -> tuple[list[list[Encoded]], dict]:
    """The rows to train on and those held out, and how many there are of each, those left out by their reason."""
    parts, counts = [], {}
    for name, part in zip(("trained", "heldOut"), rows.split(read, a.held_out, a.seed)):
        usable, left = chat.rows(part, a.max_tokens)
        if not usable:
            why = f"no usable row of {len(part)} {dict(left) or ''}"
            raise BadInput(f"Nothing to be {name}: {why}. Give more rows, or another --held-out or --max-tokens.")
        parts.append(usable)
        counts[name] = {"rows": len(usable), "leftOut": dict(left)}
    return parts, counts


def settings(a: argparse.Namespace):
    return config(
        str(a.out / "checkpoints"), per_device_train_batch_size=a.batch, per_device_eval_batch_size=a.batch,
        gradient_accumulation_steps=a.accumulate, learning_rate=a.lr, num_train_epochs=a.epochs, max_steps=a.steps,
        save_steps=a.save_steps, seed=a.seed, bf16=a.bf16, gradient_checkpointing=a.checkpointing,
    )


def adapter(a: argparse.Namespace) -> LoraConfig:
    """On every matrix but the head, which TRL's trainer takes no adapter on."""
    return LoraConfig(r=a.lora_rank, lora_alpha=a.lora_alpha, lora_dropout=a.lora_dropout, target_modules="all-linear", task_type="CAUSAL_LM")


def measure(trainer: QuestionTrainer) -> dict[str, float]:
    found = trainer.evaluate()
    return {name: found[f"eval_{name}"] for name in MEASURED}


def checkpoint(a: argparse.Namespace) -> str | None:
    folder = a.out / "checkpoints"
    last = get_last_checkpoint(str(folder)) if a.resume and folder.is_dir() else None
    if a.resume and last is None:
        raise BadInput(f"{folder} has no checkpoint to go on from. Leave --resume out to begin.")
    return last


def run(a: argparse.Namespace) -> dict:
    """Trains, writes the folder `a.out` and returns what figures.json holds."""
    read, last = rows.read(a.data), checkpoint(a)
    tokenizer, model = load(a.model, torch.bfloat16 if a.bf16 else torch.float32)
    export.check(a.formats, model.config, tokenizer)
    chat = Chat(tokenizer)
    labels = chat.labels(*a.labels, read[0].question)
    (train, held), counts = encode(a, chat, read)
    datasets = {"train_dataset": train, "eval_dataset": held}
    trainer = QuestionTrainer(
        labels=labels, kl=a.kl, tokenizer=tokenizer, model=model, args=settings(a), peft_config=adapter(a),
        **{name: Dataset.from_list([vars(r) for r in part]) for name, part in datasets.items()},
    )
    before = measure(trainer)
    trainer.train(resume_from_checkpoint=last)
    after = measure(trainer)
    trainer.model.save_pretrained(a.out / "adapter")
    export.write(trainer.model.merge_and_unload(), tokenizer, a.out, a.formats)
    spelled = {label: tokenizer.decode([i]) for label, i in zip(a.labels, (labels.keep, labels.restart))}
    figures = {"model": a.model, "labels": spelled, **counts, "floor": objective.floor(held), "before": before, "after": after}
    (a.out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures
