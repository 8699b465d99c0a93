"""What fine-tuning reads and minimises: python -m pytest training/tests/test_finetune_rows.py"""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.data_utils import is_conversational

from finetune import objective, rows, tiny
from finetune.chat import Chat, Encoded, Labels
from finetune.errors import BadInput

TRAINING = Path(__file__).resolve().parents[1]
FIXTURES = TRAINING.parent / "packages/onnx/test/fixtures"
README = (TRAINING / "finetune/README.md").read_text(encoding="utf-8")
EXAMPLE = json.loads(re.search(r"```json\n(.*)\n```", README)[1])
FIELDS = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)


def test_the_example_is_a_row_and_has_the_fields_of_the_table(tmp_path):
    assert list(EXAMPLE) == FIELDS
    read = rows.row(EXAMPLE)
    assert (read.draft, read.target, len(read.prompt)) == (" fox dog", 0.75, 1)
    (tmp_path / "preferences.jsonl").write_text(f"{json.dumps(EXAMPLE)}\n")
    assert rows.read(tmp_path / "preferences.jsonl") == [read]


def test_rows_load_by_datasets_as_a_conversation(tmp_path):
    path = tmp_path / "preferences.jsonl"
    tiny.write_rows(path, 20)
    loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert sorted(loaded.column_names) == sorted(FIELDS) and is_conversational(loaded[0])
    assert [rows.row(x) for x in loaded] == rows.read(path)


def changed(**fields) -> str:
    return json.dumps({**EXAMPLE, **fields})


@pytest.mark.parametrize(
    "line, problem",
    [
        ("{", "line 2: Expecting"),
        ("[]", "line 2: a line must be an object"),
        (changed(messages=[]), "must end with the user's, the draft, the question"),
        (changed(messages=EXAMPLE["messages"][:2]), "must end with"),
        (changed(messages=[{"role": "tool", "content": ""}, *EXAMPLE["messages"]]), "a list of role"),
        (changed(messages=[{"role": "user", "content": 1}]), "a list of role"),
        (changed(messages="hello"), "a list of role"),
        (changed(target=1.01), "from 0 to 1, not 1.01"),
        (changed(target="0.5"), "from 0 to 1"),
        (changed(target=True), "from 0 to 1"),
        (changed(target=float("nan")), "from 0 to 1"),
        (changed(weight=0), "positive number, not 0"),
        (changed(weight=float("inf")), "positive number"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, problem):
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{json.dumps(EXAMPLE)}\n{line}\n")
    with pytest.raises(BadInput, match=re.escape(problem)) as error:
        rows.read(path)
    assert "line 2" in str(error.value)


def test_a_file_that_is_missing_or_empty_says_what_to_give(tmp_path):
    with pytest.raises(BadInput, match="Give a file of JSON Lines"):
        rows.read(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(BadInput, match="is empty"):
        rows.read(tmp_path / "empty.jsonl")


def test_all_rows_of_a_prompt_are_on_one_side_of_the_split():
    asked = [rows.Row([{"role": "user", "content": str(i % 500)}], f"{i}", "?", 0.5, 1) for i in range(1500)]
    train, held = rows.split(asked, 0.2, 0)
    prompts = [{r.prompt[0]["content"] for r in part} for part in (train, held)]
    assert len(train) + len(held) == 1500 and not prompts[0] & prompts[1]
    assert 70 < len(prompts[1]) < 130
    assert rows.split(asked, 0.2, 0)[1] == held and rows.split(asked, 0.2, 1)[1] != held
    assert rows.split(asked, 0, 0)[1] == [] and rows.split(asked, 1, 0)[0] == []


@pytest.mark.parametrize("family", ["llama-gqa", "gpt-neox", "families/torch-qwen3"])
def test_rows_are_encoded_as_the_product_asks(family):
    """The fixtures' references were made by other code, which the product is held to."""
    tokenizer = AutoTokenizer.from_pretrained(FIXTURES / family)
    chat, about = Chat(tokenizer), json.loads((FIXTURES / family / "reference.json").read_text())
    cases = [c for c in about["cases"] if isinstance(c["prompt"], list)]
    assert cases
    for case in cases:
        draft = "  two words "
        row = chat.row(rows.Row(case["prompt"], draft, about["question"], 0.5, 1))
        turns = [*case["prompt"], {"role": "assistant", "content": "\ue000"}, {"role": "user", "content": about["question"]}]
        suffix = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True).split("\ue000")[1]
        drafted = tokenizer(draft, add_special_tokens=False).input_ids
        assert row.ids == [*case["promptIds"], *drafted, *tokenizer(suffix, add_special_tokens=False).input_ids]
        assert row.begin == len(case["promptIds"]) and row.drafted == len(drafted)
    labels = chat.labels("No", "Yes", about["question"])
    assert labels.keep in about["spellings"]["No"] and labels.restart in about["spellings"]["Yes"]


def test_a_label_is_spelled_as_the_template_leads_to_it():
    spelled = {}
    for family in ("llama-gqa", "gpt-neox"):
        tokenizer = AutoTokenizer.from_pretrained(FIXTURES / family)
        spelled[family] = tokenizer.decode([Chat(tokenizer).label("No", tiny.QUESTION)])
    assert spelled == {"llama-gqa": "No", "gpt-neox": " No"}  # "assistant:" asks for a space


CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.fixture
def chat(tmp_path):
    tiny.write_model(tmp_path, "qwen3")
    return Chat(AutoTokenizer.from_pretrained(tmp_path))


def test_labels_of_several_tokens_or_of_the_same_are_refused(chat):
    with pytest.raises(BadInput, match="'Zwölfmal' is not one token"):
        chat.labels("No", "Zwölfmal", tiny.QUESTION)
    with pytest.raises(BadInput, match="same token"):
        chat.labels("No", "No", tiny.QUESTION)


def test_reasoning_that_the_template_opens_is_closed_before_the_label(chat):
    chat.tokenizer.chat_template = CHATML + "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
    assert chat.suffix("Sure?").endswith("assistant\n<think>\n</think>\n\n")
    assert chat.tokenizer.decode([chat.label("No", "Sure?")]) == "No"


def test_templates_that_cannot_ask_are_refused(chat):
    chat.tokenizer.chat_template = "{{ messages[-1].content }}"
    with pytest.raises(BadInput, match="does not write an answer and then a question"):
        chat.suffix("Sure?")
    chat.tokenizer.chat_template = None
    with pytest.raises(BadInput, match="no chat template"):
        Chat(chat.tokenizer)


def test_rows_that_are_too_long_or_spell_a_special_token_are_left_out_and_counted(chat):
    def row(draft="fox", said="Hi"):
        return rows.Row([{"role": "user", "content": said}], draft, "Sure?", 0.5, 1)
    most = len(chat.row(row()).ids)
    kept, left = chat.rows([row(), row("fox fox"), row("<|im_end|>"), row(said="<|im_start|>"), row("")], most)
    assert [k.drafted for k in kept] == [len(chat.encode("fox")), 0]
    assert left == {"spells a special token": 2, f"longer than {most} tokens": 1}


def test_the_losses_are_those_of_each_row_alone_by_their_definition(tmp_path):
    """In numpy, from whole unpadded passes; the batch is padded, and reads only the places that it needs."""
    models, labels = [], Labels(7, 9)
    for seed in (0, 1):
        tiny.write_model(tmp_path / str(seed), "llama3", seed)
        models.append(AutoModelForCausalLM.from_pretrained(tmp_path / str(seed)))
    shapes = ((30, 10, 8, 0.3), (17, 4, 0, 1.0), (41, 3, 20, 0.0))
    many = [Encoded([*range(20, 20 + n)], begin, drafted, target, 1) for n, begin, drafted, target in shapes]
    given = objective.batch(many, pad=0)
    with torch.no_grad():
        at = objective.places(given)
        base, tuned = (objective.log_probs(m, given, at) for m in models)
        found = objective.losses(tuned, base, given, at, labels)
        whole = [[m(torch.tensor([r.ids])).logits[0].double().log_softmax(-1).numpy() for m in models] for r in many]
    for i, (row, (base, tuned)) in enumerate(zip(many, whole)):
        drawn = slice(row.begin - 1, row.begin + row.drafted)
        kl = (np.exp(base) * (base - tuned)).sum(-1)[drawn].mean()
        question = -(row.target * tuned[-1, labels.keep] + (1 - row.target) * tuned[-1, labels.restart])
        mass = np.exp(tuned[-1, [labels.keep, labels.restart]]).sum()
        for name, wanted in (("kl", kl), ("question", question), ("mass", mass)):
            assert getattr(found, name)[i].item() == pytest.approx(wanted, rel=1e-4), (i, name)
    total = 2 * found.question[0] + found.question[1] + 0.5 * found.question[2] + 10 * found.kl.sum()
    assert found.total(torch.tensor([2, 1, 0.5]), 10).item() == pytest.approx(total.item() / 3)
    assert objective.floor(many) == pytest.approx(-(0.3 * np.log(0.3) + 0.7 * np.log(0.7)) / 3)


def test_trl_is_told_to_report_nothing():
    code = "import finetune; from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    bare = {name: value for name, value in os.environ.items() if name != "HF_HUB_DISABLE_TELEMETRY"}
    told = subprocess.run([sys.executable, "-c", code], cwd=TRAINING, env=bare, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True"
