"""Fine-tuning from data to exports, on a small model of random weights: python -m pytest training/tests/test_finetune.py"""
import gzip
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from finetune import export, rows, tiny
from finetune.__main__ import arguments, main
from finetune.chat import Chat, Encoded
from finetune.run import run
from finetune.trainer import QuestionTrainer
from families import check as onnx_check  # of the fixtures, which finetune finds
from test_finetune_gguf import gguf_state

ROOT = Path(__file__).resolve().parents[2]
SPACES = " \t\n\v\f\r"
"""What an answer's ends are rid of; Python's own `strip` takes more of the bytes that random drafts have."""
EXACT = 1e-5
"""How far apart probabilities of the same weights may be in single precision."""
FAST = ["--batch", "16", "--accumulate", "1", "--lr", "1e-2", "--lora-rank", "8", "--lora-dropout", "0"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Models as small as this wait for each other's threads more than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    tiny.write_model(folder / "model")
    tiny.write_rows(folder / "preferences.jsonl", 800)
    return folder


def asked(source: Path, out: Path, *more: str):
    return ["--model", str(source / "model"), "--data", str(source / "preferences.jsonl"), "--out", str(out), *more]


@dataclass
class Tuned:
    folder: Path
    figures: dict
    rows: list[Encoded]
    """Some of those held out."""
    labels: list[int]


@pytest.fixture(scope="module")
def tuned(source, tmp_path_factory):
    """By the command itself."""
    folder = tmp_path_factory.mktemp("tuned")
    main(asked(source, folder, *FAST, "--steps", "120", "--held-out", "0.2"))
    chat = Chat(AutoTokenizer.from_pretrained(folder))
    held = rows.split(rows.read(source / "preferences.jsonl"), 0.2, 0)[1][:12]
    labels = chat.labels("No", "Yes", tiny.QUESTION)
    figures = json.loads((folder / "figures.json").read_text())
    return Tuned(folder, figures, [chat.row(r) for r in held], [labels.keep, labels.restart])


def read(model, ids: list[int]) -> np.ndarray:
    """Probabilities of what comes after, over the whole vocabulary."""
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0, -1].double().softmax(-1).numpy()


def apart(one, other, ids: list[list[int]]) -> float:
    return max(np.abs(one(x) - other(x)).max() for x in ids)


def test_it_learns_what_drafts_are_worth_on_prompts_that_it_has_not_seen(tuned, source):
    before, after, floor = (tuned.figures[x] for x in ("before", "after", "floor"))
    held = rows.split(rows.read(source / "preferences.jsonl"), 0.2, 0)[1]
    mean = np.mean([r.target for r in held])
    # Who knows nothing of the draft can do no better than always to say the mean.
    blind = -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    assert before["question"] > 5 > blind > 0.6
    assert floor < after["question"] < blind - 0.15
    assert before["mass"] < 0.05 and after["mass"] > 0.98
    assert tuned.figures["heldOut"]["rows"] == len(held)


def test_what_it_writes_hardly_changes_and_would_without_the_kl(tuned, source, tmp_path):
    free = run(arguments(asked(source, tmp_path, *FAST, "--steps", "60", "--held-out", "0.2", "--kl", "0", "--formats")))
    assert tuned.figures["before"]["kl"] == 0 and tuned.figures["after"]["kl"] < 0.02
    assert free["after"]["kl"] > 0.2
    assert not list(tmp_path.glob("*.onnx")) and not list(tmp_path.glob("*.gguf"))


def test_the_merged_model_is_the_adapted_one(tuned, source):
    base = AutoModelForCausalLM.from_pretrained(source / "model")
    merged = AutoModelForCausalLM.from_pretrained(tuned.folder)
    ids = [r.ids for r in tuned.rows]
    adapted = PeftModel.from_pretrained(base, tuned.folder / "adapter")
    assert apart(lambda x: read(adapted, x), lambda x: read(merged, x), ids) < EXACT
    with adapted.disable_adapter():
        assert apart(lambda x: read(adapted, x), lambda x: read(merged, x), ids) > 0.1


def onnx_read(folder: Path):
    graph, about = onnx_check.session(folder / "model.onnx"), json.loads((folder / "config.json").read_text())

    def probabilities(ids: list[int]) -> np.ndarray:
        """In two steps, so that the cache counts too."""
        _, past = onnx_check.step(graph, onnx_check.empty(graph, about), ids[:-3], 0)
        logits, _ = onnx_check.step(graph, past, ids[-3:], len(ids) - 3)
        return torch.from_numpy(logits[-1]).softmax(-1).numpy()

    return probabilities


def test_the_onnx_graph_says_what_the_model_says(tuned):
    merged = AutoModelForCausalLM.from_pretrained(tuned.folder)
    assert apart(lambda x: read(merged, x), onnx_read(tuned.folder), [r.ids for r in tuned.rows]) < EXACT


def test_the_gguf_file_says_what_the_model_says(tuned):
    merged = AutoModelForCausalLM.from_pretrained(tuned.folder)
    again = AutoModelForCausalLM.from_config(merged.config)
    missing = again.load_state_dict(gguf_state(tuned.folder / "model.gguf", merged.config), strict=False)
    assert missing.missing_keys == ["lm_head.weight"] and not missing.unexpected_keys  # tied
    assert apart(lambda x: read(merged, x), lambda x: read(again, x), [r.ids for r in tuned.rows]) < EXACT


def mulligan(*given: str) -> dict:
    """What the command says for programs; the Node that runs it is brought where this machine's is too old."""
    command = ["node", "scripts/run.mjs", "packages/lab/src/cli.ts", *given, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def drawn(recording: Path) -> list[list[str]]:
    """Of each problem the texts of its drafts, from the recording's own format."""
    with gzip.open(recording, "rt", encoding="utf-8") as file:
        lines = [json.loads(line)["value"] for line in file]
    problem = {line["id"]: line["prompt"] for line in lines if line["_tag"] == "Draft"}
    texts = dict.fromkeys(problem, "")
    for line in lines:
        if line["_tag"] == "Tokens":
            texts[line["draft"]] += "".join(line["texts"])
    return [[texts[d] for d in texts if problem[d] == p] for p in sorted(set(problem.values()))]


def test_mulligan_evaluates_the_folder(tuned, tmp_path):
    """The answer is what the first draft says, so that what is told of random words can be counted here."""
    problems, recording = tmp_path / "problems.jsonl", tmp_path / "drafts.jsonl.gz"
    chats = [[{"role": "user", "content": f"Is a fox quicker than {n} dogs?"}] for n in (3, 5, 8)]
    problems.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in chats))
    said = mulligan("record", "--model", str(tuned.folder), "--prompts", str(problems), "--out", str(recording),
                    "--drafts", "4", "--max-tokens", "6", "--depths", "2t,100%")
    texts = [[text.strip(SPACES) for text in drafts] for drafts in drawn(recording)]
    assert (said["problems"], said["drafts"], said["failed"]) == (3, 12, 0) and [len(drafts) for drafts in texts] == [4, 4, 4]
    rows = [{"messages": messages, "answer": next(filter(None, drafts))} for messages, drafts in zip(chats, texts)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    evaluation = mulligan("evaluate", str(recording), "--prompts", str(problems))
    accuracy = {row["name"]: row["accuracy"]["value"] for row in evaluation["rows"]}
    right = [text == row["answer"] for row, drafts in zip(rows, texts) for text in drafts]
    assert accuracy["one sample"] == pytest.approx(np.mean(right)) and np.mean(right) < 1
    assert accuracy["best possible of 4"] == 1
    # The base model has less than a twentieth on both replies.
    depths = evaluation["signal"]["depths"]
    assert {"share": 1} in [quality["depth"] for quality in depths] and len(depths) > 1
    assert min(quality["mass"] for quality in depths) > 0.9


@pytest.mark.parametrize("family", ["llama3", "smollm2"])
def test_the_folder_names_rotation_for_older_readers(tmp_path, family):
    tiny.write_model(tmp_path / "model", family)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path / "model"), AutoTokenizer.from_pretrained(tmp_path / "model")
    export.write(model, tokenizer, tmp_path / "out", [])
    said = json.loads((tmp_path / "out/config.json").read_text())
    assert said["rope_theta"] == model.config.rope_parameters["rope_theta"]
    assert (said["rope_scaling"] or {}).get("rope_type") == ("llama3" if family == "llama3" else None)
    again = AutoConfig.from_pretrained(tmp_path / "out")
    assert again.rope_parameters == model.config.rope_parameters


def adapter(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter/adapter_model.safetensors")


def logged(folder: Path, step: int) -> dict:
    """What the trainer wrote of a step with its checkpoint."""
    state = json.loads((folder / f"checkpoints/checkpoint-{step}/trainer_state.json").read_text())
    return next(line for line in state["log_history"] if line["step"] == step and "loss" in line)


def test_accumulating_batches_is_a_larger_batch(source, tmp_path):
    same = ["--lr", "1e-3", "--lora-rank", "4", "--lora-dropout", "0", "--steps", "10", "--held-out", "0.05", "--formats"]
    for name, batch, accumulate in (("one", "8", "1"), ("two", "2", "4")):
        run(arguments(asked(source, tmp_path / name, "--batch", batch, "--accumulate", accumulate, *same)))
    one, two = adapter(tmp_path / "one"), adapter(tmp_path / "two")
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-4
    assert max(float(one[name].abs().max()) for name in one if "lora_B" in name) > 1e-3
    for name in ("loss", "grad_norm"):
        assert logged(tmp_path / "one", 10)[name] == pytest.approx(logged(tmp_path / "two", 10)[name], rel=1e-3)


def test_a_resumed_run_ends_as_one_that_was_not_stopped(source, tmp_path, monkeypatch):
    same = [*FAST, "--steps", "6", "--save-steps", "3", "--held-out", "0.05", "--formats"]
    real, steps = QuestionTrainer.training_step, []

    def step(self, *given, **named):
        if stop_at == self.state.global_step:
            raise KeyboardInterrupt
        steps.append(self.state.global_step)
        return real(self, *given, **named)

    monkeypatch.setattr(QuestionTrainer, "training_step", step)
    stop_at = None
    run(arguments(asked(source, tmp_path / "whole", *same)))
    stop_at = 4
    with pytest.raises(KeyboardInterrupt):
        run(arguments(asked(source, tmp_path / "stopped", *same)))
    stop_at = None
    run(arguments(asked(source, tmp_path / "stopped", *same, "--resume")))
    assert steps == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 3, 4, 5]
    whole, again = adapter(tmp_path / "whole"), adapter(tmp_path / "stopped")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_the_options_for_a_large_model_run(source, tmp_path):
    more = ["--bf16", "--checkpointing", "--formats", "gguf", "--steps", "2", "--lora-rank", "4", "--accumulate", "2", "--held-out", "0.02"]
    figures = run(arguments(asked(source, tmp_path, *more)))
    assert figures["before"]["kl"] == 0 < figures["after"]["kl"] < 0.01
    assert AutoModelForCausalLM.from_pretrained(tmp_path).dtype == torch.bfloat16
    assert {t.tensor_type.name for t in gguf.GGUFReader(tmp_path / "model.gguf").tensors} == {"BF16", "F32"}


@pytest.mark.parametrize(
    "more, problem",
    [
        (["--model", "nowhere/at all"], "cannot be opened"),
        (["--data", "none.jsonl"], "Give a file of JSON Lines"),
        (["--labels", "Nein", "Yes"], "is not one token"),
        (["--held-out", "0"], "Nothing to be heldOut"),
        (["--max-tokens", "10"], "Nothing to be trained"),
        (["--resume"], "Leave --resume out"),
    ],
)
def test_what_cannot_be_is_refused_before_training(source, tmp_path, more, problem):
    with pytest.raises(SystemExit, match=problem):
        main([*asked(source, tmp_path / "out"), *more])
    assert not (tmp_path / "out").exists()


def test_formats_that_a_model_cannot_have_are_refused_before_training(source, tmp_path):
    tiny.write_model(tmp_path / "model", "mistral")
    for name, problem in (("gguf", "the family mistral is not known"), ("onnx", "sliding windows")):
        with pytest.raises(SystemExit, match=problem):
            main([*asked(source, tmp_path / "out"), "--model", str(tmp_path / "model"), "--formats", name])
    assert not (tmp_path / "out").exists()
