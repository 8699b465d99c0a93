"""Every form of the model says what the training code says: python -m pytest training/tests/test_formats.py"""
import json
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import onnx
import pytest
import torch
from transformers import LlamaForCausalLM

from pocket import bpe, export, families, formats, genai, precision
from pocket import tokenizer as tok
from pocket.model import Config, Model
from pocket.sample import RESERVED

TINY = Config(width=32, layers=2, heads=2, hidden=48)
LEVELS = ("countdown4", "fork6", "digit4")
MOST = 12
TEXTS = [
    "Make 17 from 9 2 11 6", "Grid 6 from 0 to 55 walls 12 13 21", "Start 7 plus 5 times 3",
    tok.SHORT_QUESTION, tok.QUESTION,
    f"{tok.QUESTION} {tok.QUESTION}", " 100", "  7", "x 17y", "\n12\n", "down down", "it's 5",
    "<|end|>", "<|no|> <|yes|>.",
]


@dataclass
class Made:
    folder: Path
    config: dict
    graph: onnx.ModelProto
    tensors: dict[str, np.ndarray]
    model: Model

    def read(self, ids):
        with torch.no_grad():
            return self.model.logits(self.model(torch.tensor([ids])))[0].double().numpy()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Models as small as this wait for each other's threads more than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Random weights; no two norms are alike, for equal ones are stored once."""
    torch.manual_seed(0)
    folder, model = tmp_path_factory.mktemp("model"), Model(TINY).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(10) if p is model.embedding.weight else p.add_(torch.randn_like(p) * 0.1) if p.dim() == 1 else None
    export.write_graph(model, folder / "model.onnx")
    export.write_configs(TINY, folder), tok.save(folder)
    return Made(folder, *formats.read_model(folder), model)


@pytest.fixture(scope="module")
def prompts():
    return [families.prompt(p) for level in LEVELS for p in families.problems(level, "test", 2, seed=1)]


@pytest.fixture(scope="module")
def written(made):
    return json.loads((made.folder / "tokenizer.json").read_text())


def assert_same(made, read, prompts):
    """Greedy answers are identical; next tokens' and both kinds of labels' probabilities are within 1e-4."""
    for prompt in prompts:
        answers = [precision.greedy(r, prompt, tok.END, RESERVED, MOST) for r in (made.read, read)]
        assert answers[0] == answers[1]
        for cut in (0, 3, len(answers[0])):
            for ids in ([*prompt, *answers[0][:cut]], [*prompt, *answers[0][:cut], *tok.FULL]):
                apart = precision.difference(made.read, read, [(ids, 0)], (tok.RESERVED_NO, tok.RESERVED_YES))
                assert apart < 1e-4


def test_onnx_is_the_model(made, prompts):
    assert_same(made, precision.Reader(made.graph), prompts)


def test_genai_is_the_model(made, prompts, tmp_path):
    genai.write(made.folder, made.config, made.tensors, tmp_path)
    assert_same(made, precision.Reader(onnx.load(str(tmp_path / "model.onnx"))), prompts)
    said = json.loads((tmp_path / "genai_config.json").read_text())["model"]
    assert (said["vocab_size"], said["eos_token_id"]) == (tok.VOCABULARY, tok.END)
    assert said["decoder"]["num_hidden_layers"] == TINY.layers


def test_safetensors_are_the_model(made, prompts, tmp_path):
    formats.write_safetensors(made.folder, made.tensors, tmp_path)
    llama = LlamaForCausalLM.from_pretrained(tmp_path).eval()

    def read(ids):
        with torch.no_grad():
            return llama(torch.tensor([ids])).logits[0].double().numpy()

    assert_same(made, read, prompts)


@pytest.fixture(scope="module")
def gguf_file(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "pocket.gguf"
    formats.write_gguf(made.folder, made.config, made.tensors, path)
    return gguf.GGUFReader(path)


def halves(matrix: np.ndarray, heads: int) -> np.ndarray:
    """Rows as the model has them, from pairs of neighbours that llama.cpp rotates."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def test_gguf_is_the_model(made, prompts, gguf_file):
    stored = {t.name: np.array(t.data).reshape(tuple(t.shape)[::-1]) for t in gguf_file.tensors}
    state = {"embedding.weight": stored.pop("token_embd.weight"), "norm.weight": stored.pop("output_norm.weight")}
    names = {
        "attn_q": "q", "attn_k": "k", "attn_v": "v", "attn_output": "o", "ffn_gate": "gate", "ffn_up": "up",
        "ffn_down": "down", "attn_norm": "norm1", "ffn_norm": "norm2",
    }
    for name, value in stored.items():
        _, layer, part, _ = name.split(".")
        own = halves(value, TINY.heads) if part in ("attn_q", "attn_k") else value
        state[f"blocks.{layer}.{names[part]}.weight"] = own
    again = Model(TINY).eval()
    again.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in state.items()})
    assert all(torch.equal(a, b) for a, b in zip(made.model.parameters(), again.parameters()))
    assert_same(made, Made(made.folder, made.config, made.graph, made.tensors, again).read, prompts)


def test_gguf_has_every_token_and_says_what_it_is(gguf_file):
    said = {name: field.contents() for name, field in gguf_file.fields.items() if name.startswith("tokenizer.")}
    pieces, types = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    assert len(pieces) == len(types) == tok.VOCABULARY and said["tokenizer.ggml.pre"] == "gpt-2"
    assert pieces[: len(tok.SPECIAL)] == tok.SPECIAL and tuple(pieces[-3:]) == tok.QUESTION_PARTS
    kind, special = gguf.TokenType, len(tok.SPECIAL)
    assert types == [kind.CONTROL] * special + [kind.NORMAL] * (tok.VOCABULARY - special - 3) + [kind.USER_DEFINED] * 3


def test_merges_alone_give_the_same_tokens(prompts, written):
    """As llama.cpp has it, which takes no word whole because it is a token."""
    assert bpe.unreachable(written) == []
    for text in [*TEXTS, *map(tok.decode, prompts)]:
        assert bpe.encode(text, written) == tok.encode(text)
    with pytest.raises(ValueError, match="ASCII"):
        bpe.encode("Größe", written)


@pytest.mark.parametrize(
    "change, problem",
    [
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": []}}, "does not split texts"),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}}, "does not split texts"),
        ({"model": {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": []}}, "do not build .*ab"),
    ],
)
def test_a_tokenizer_that_llama_cpp_would_read_in_another_way_is_refused(written, change, problem):
    with pytest.raises(SystemExit, match=problem):
        formats.check_splitter(written | change)


def test_fewer_bits_move_probabilities_less_the_more_they_are(made, prompts):
    read = precision.Reader(made.graph)
    at = [([*prompt, *tok.FULL], 0) for prompt in prompts]
    small = {name: precision.reduced(made.graph, reduce) for name, reduce in precision.REDUCTIONS.items()}
    sizes = [model.ByteSize() for model in small.values()]
    assert sizes == sorted(set(sizes)) and sizes[-1] < made.graph.ByteSize()
    reserved = (tok.RESERVED_NO, tok.RESERVED_YES)
    moved = {name: precision.difference(read, precision.Reader(model), at, reserved) for name, model in small.items()}
    assert moved["int8 in blocks of 32"] > moved["fp16"] > moved["int16 in blocks of 32"] > 0
    assert moved["int16 in blocks of 32"] < precision.MOST


def test_the_smallest_precision_that_keeps_the_bound_is_taken(made, monkeypatch, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((made.folder / "tokenizer.json").read_bytes())
    problems = {"validation": {"levels": {"countdown4": ["Make 17 from 9 2 11 6"]}}}
    (tmp_path / "problems.json").write_text(json.dumps(problems))
    monkeypatch.setattr(precision, "MOST", 0.9)
    assert precision.smallest(tmp_path, made.graph)[0] == "int8 in blocks of 32"
    monkeypatch.setattr(precision, "MOST", 0)
    with pytest.raises(SystemExit, match="No smaller precision"):
        precision.smallest(tmp_path, made.graph)
