"""What training relies on, checked in seconds: python -m pytest training/tests"""
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from pocket import countdown as cd
from pocket import data, layout, sample
from pocket import tokenizer as tok
from pocket.model import Config, Model
from pocket.train import STAGES, Run
from pocket.validate import auroc_within, win_or_tie

TINY = Config(width=32, layers=2, heads=2, hidden=48)


@pytest.fixture(scope="module")
def problems():
    return cd.problems()


def reachable(numbers, target):
    """By brute force over orders and operations, without the solver's memory."""
    if len(numbers) == 1:
        return numbers[0] == target
    for i, j in itertools.permutations(range(len(numbers)), 2):
        a, b = numbers[i], numbers[j]
        rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
        results = [a + b, a * b] + ([a - b] if a > b else []) + ([a // b] if a % b == 0 else [])
        if any(1 <= r <= 99 and reachable([*rest, r], target) for r in results):
            return True
    return False


def test_solver_agrees_with_brute_force():
    rng = random.Random(1)
    for _ in range(30):
        numbers = tuple(sorted(rng.randint(1, 20) for _ in range(4)))
        for target in rng.sample(range(10, 100), 5):
            assert (target in cd.solutions(numbers)) == reachable(list(numbers), target)


def test_no_set_of_numbers_is_in_two_parts(problems):
    sets = {name: {numbers for _, numbers in part} for name, part in problems.items()}
    for a, b in itertools.combinations(sets.values(), 2):
        assert not a & b
    assert all(cd.solutions(n)[t] >= 3 for part in problems.values() for t, n in part[:500])


def test_tokens_are_what_the_engine_will_see(problems):
    rng = random.Random(2)
    for p in problems["train"][:50]:
        walk = cd.walk(p, rng)
        assert len(walk) == cd.ANSWER and tok.encode(tok.decode(walk)) == walk[:-1]
        text = tok._TOKENIZER.decode(cd.prompt(p, rng), skip_special_tokens=False)
        assert text.startswith("<|user|>Make ") and len(tok.encode(text)) == cd.PROMPT
    for word in [*map(str, range(100)), "Make", " from", " and", "Yes", "No", "]\n"]:
        assert tok.encode(word) == [tok.single(word)]
    assert tok.decode(tok.CHECK) == tok.QUESTION and len(tok.CHECK) == 20


def test_trace_follows_the_solver(problems):
    rng = random.Random(3)
    for p in problems["train"][:200]:
        assert cd.trace(p, cd.walk(p, rng, 0.0))[0] == 1
        walk = cd.walk(p, rng)
        right, reach = cd.trace(p, walk)
        numbers = [int(tok.decode([i])) for i in (walk[6], walk[8], walk[10])]
        assert reach[12] == (p[0] in cd.solutions(tuple(numbers)))
        assert right == (tok.decode(walk).endswith(f"[{p[0]}]"))


def test_targets_are_distributions_and_follow_live_paths(problems):
    rng = random.Random(4)
    for p in problems["train"][:50]:
        targets = np.zeros((cd.ANSWER, tok.VOCABULARY), np.float32)
        good = cd.walk(p, rng, 0.0)
        cd.trace(p, good, targets)
        assert np.allclose(targets.sum(1), 1) and all(targets[i, t] > 0 for i, t in enumerate(good))
        bad = good[:4] + [tok.number((int(tok.decode([good[4]])) % 99) + 1)] + good[5:]
        assert cd.trace(p, bad)[0] == 0


def test_a_branch_is_a_plain_evaluation_and_the_cache_changes_nothing(problems):
    torch.manual_seed(0)
    model, rng = Model(TINY).eval(), random.Random(5)
    chosen = problems["train"][:6]
    walks = np.array([cd.walk(p, rng) for p in chosen])
    cuts = np.array([[0, 7, 15, 30]] * 6)
    scores, _ = sample.judge(model, chosen, walks, cuts)
    with torch.no_grad():
        for i, p in enumerate(chosen):
            for j, cut in enumerate(cuts[0]):
                ids = torch.tensor([[*cd.prompt(p), *walks[i][:cut], *tok.CHECK]])
                z = model.logits(model(ids)[:, -1]).softmax(-1)[0]
                assert abs((z[tok.NO] / (z[tok.NO] + z[tok.YES])).item() - scores[i, j]) < 1e-5
        drawn, log_probs = sample.draw(model, chosen, seed=1)
        ids = torch.cat([torch.tensor([cd.prompt(p) for p in chosen]), torch.tensor(drawn)], 1)
        z = model.logits(model(ids))[:, cd.PROMPT - 1 : -1].log_softmax(-1)
        own = z.gather(2, torch.tensor(drawn)[..., None])[..., 0]
        live = torch.tensor(drawn) != tok.PAD
        assert (own - torch.tensor(log_probs))[live].abs().max() < 1e-4


def test_labels_have_the_right_sign():
    right = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    label = win_or_tie(right)
    assert np.allclose(label[0], [1, 2 / 3, 2 / 3, 2 / 3]) and (label[1:] == 1).all()
    assert auroc_within(np.array([[0.9, 0.1, 0.2, 0.9]]), np.array([[1, 0, 0, 0]])) == pytest.approx(2.5 / 3)


def test_others_leave_out_oneself_and_the_cold_draft(problems):
    drafts = data.Drafts.__new__(data.Drafts)
    drafts.right = np.array([1, 0, 1, 1, 0, 0, 0, 1], dtype=np.float32)
    assert np.allclose(drafts._others(4), [0.5, 1, 0.5, 2 / 3, 0, 0, 0, 0])


@pytest.mark.parametrize("stage", ["base", "final"])
def test_a_resumed_run_is_the_same_run(problems, stage):
    small = replace(STAGES[stage], steps=6, batch=8, drafts=8 if STAGES[stage].drafts else 0, refresh=4)

    def run():
        return Run(small, problems, seed=3, compiled=False, config=TINY)

    whole = run()
    for _ in range(6):
        whole.advance()
    first = run()
    for _ in range(3):
        first.advance()
    second = run()
    second.load(first.state(), resume=True)
    for _ in range(3):
        second.advance()
    for a, b in zip(whole.model.parameters(), second.model.parameters()):
        assert torch.equal(a, b)


def test_cuts_stay_within_the_answer(problems):
    rng, numpy = random.Random(6), np.random.default_rng(6)
    batch = data.walks(problems["train"], 64, rng)
    cut = data.cuts(batch, 2, numpy)
    assert (cut[:, 0] == layout.lengths(batch.tokens)).all() and (cut >= 0).all() and (cut <= 30).all()
