"""The tuned model as a folder that others open: merged safetensors with the tokenizer, and beside them ONNX and GGUF."""
import json
from pathlib import Path

import export_decoder  # of the fixtures
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from . import gguf_file
from .errors import BadInput


def check(formats: list[str], config, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuses a format that this model cannot be written in, before anything is trained."""
    if "gguf" in formats:
        gguf_file.check(config, json.loads(tokenizer.backend_tokenizer.to_str()))
    if "onnx" in formats and getattr(config, "sliding_window", None):
        raise BadInput(
            "No ONNX: this model has sliding windows, which the exporter here does not write. Leave onnx out of --formats, "
            "and export the folder by Optimum or by ONNX Runtime GenAI's model builder."
        )


def write_onnx(folder: Path) -> None:
    """In single precision, with Optimum's names; weights beside the graph, as a file of protobuf holds 2 GB at most."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    export_decoder.export(model.eval(), folder / "model.onnx", external=True)


def name_rotation(folder: Path) -> None:
    """Also as versions of `transformers` before 5 read it, which else take the wrong one without a word, and with them Optimum
    and older servers."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    scaling = dict(config["rope_parameters"])
    config["rope_theta"] = scaling.pop("rope_theta")
    config["rope_scaling"] = None if scaling["rope_type"] == "default" else scaling
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def write(merged: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, formats: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    merged.save_pretrained(folder), tokenizer.save_pretrained(folder)
    name_rotation(folder)
    if "gguf" in formats:
        gguf_file.write(merged, folder, folder / "model.gguf")
    if "onnx" in formats:
        write_onnx(folder)
