"""Batches, branch masks, drawing and resuming: python -m pytest training/tests"""
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from pocket import batches, data, families, layout, sample
from pocket import tokenizer as tok
from pocket.model import Config, Model
from pocket.muon import Muon
from pocket.run import Pools, Run
from pocket.stages import LARGE, SMALL, STAGES
from pocket.validate import auroc_within, win_or_tie

TINY = Config(width=32, layers=2, heads=2, hidden=48)


@pytest.fixture(scope="module")
def pools():
    return Pools(40)


@pytest.fixture(scope="module")
def mixed(pools):
    return [p for level in ("countdown4", "fork6", "digit4") for p in pools.of("train", level)[:3]]


def padded(answers):
    longest = max(map(len, answers))
    return np.array([[*a, *[tok.PAD] * (longest - len(a))] for a in answers])


def test_every_question_is_tokens_that_the_engine_will_see():
    assert tok.decode(tok.FULL) == tok.QUESTION and len(tok.FULL) == 7
    assert tok.decode(tok.SHORT) == tok.SHORT_QUESTION and tok.TOKEN == [tok.JUDGE]
    for word in [*tok.NUMBERS, "Make", " walls", " right", " plus", " ]", "Yes", "No"]:
        assert tok.encode(word) == [tok.single(word)]


def test_a_branch_is_a_plain_evaluation(mixed):
    torch.manual_seed(0)
    model, rng = Model(TINY).eval(), random.Random(5)
    tokens = padded([families.walk(p, rng) for p in mixed])
    cuts = np.minimum(np.array([[0, 2, 5, 40]]), layout.lengths(tokens)[:, None])
    for check in (tok.FULL, tok.SHORT, tok.TOKEN, []):
        no, yes = (tok.NO, tok.YES) if check else (tok.RESERVED_NO, tok.RESERVED_YES)
        scores, _ = sample.judge(model, mixed, tokens, cuts, check)
        with torch.no_grad():
            for i, p in enumerate(mixed):
                for j, cut in enumerate(cuts[i]):
                    ids = torch.tensor([[*families.prompt(p), *tokens[i][:cut], *check]])
                    z = model.logits(model(ids)[:, -1]).softmax(-1)[0]
                    assert abs((z[no] / (z[no] + z[yes])).item() - scores[i, j]) < 1e-5


def test_the_layout_of_training_is_a_plain_evaluation(mixed):
    """With room to spare and several different questions, as a training step lays them out."""
    torch.manual_seed(1)
    model, rng = Model(TINY).eval(), random.Random(6)
    answers = [families.walk(p, rng) for p in mixed]
    tokens = padded(answers)
    cuts = np.random.default_rng(0).integers(0, layout.lengths(tokens)[:, None] + 1, (len(mixed), 3))
    prompts = [families.prompt(p) for p in mixed]
    placed = layout.arrange(prompts, tokens, list(tok.CHECKS), cuts, main=90)
    with torch.no_grad():
        hidden = model(placed.ids, placed.positions, placed.mask)
        every = layout.gather(hidden, placed.begins, tokens.shape[1] + 1)
        for i, answer in enumerate(answers):
            plain = model(torch.tensor([[*prompts[i], *answer]]))[0, len(prompts[i]) - 1 :]
            assert (plain - every[i, : len(answer) + 1]).abs().max() < 1e-5
            for b, check in enumerate(tok.CHECKS):
                plain = model(torch.tensor([[*prompts[i], *answer[: cuts[i, b]], *check]]))[0, -1]
                assert (plain - hidden[i, placed.ends[b]]).abs().max() < 1e-5


def test_the_cache_changes_nothing_and_reserved_tokens_are_never_drawn(mixed):
    torch.manual_seed(0)
    model = Model(TINY).eval()
    with torch.no_grad():
        model.embedding.weight[sample.RESERVED] += 1.0  # likely, if they were allowed
    drawn, log_probs = sample.draw(model, mixed, seed=1)
    assert not np.isin(drawn, sample.RESERVED).any()
    with torch.no_grad():
        for i, p in enumerate(mixed):
            stop = (drawn[i] == tok.PAD).argmax() or len(drawn[i])  # random weights may say PAD as well
            answer = drawn[i][:stop].tolist()
            z = model.logits(model(torch.tensor([[*families.prompt(p), *answer]])))[0, len(families.prompt(p)) - 1 : -1]
            own = sample.without_reserved(z).log_softmax(-1).gather(1, torch.tensor(answer)[:, None])[:, 0]
            assert (own - torch.tensor(log_probs[i, : len(answer)])).abs().max() < 1e-4


def test_labels_have_the_right_sign():
    right = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    label = win_or_tie(right)
    assert np.allclose(label[0], [1, 2 / 3, 2 / 3, 2 / 3]) and (label[1:] == 1).all()
    assert auroc_within(np.array([[0.9, 0.1, 0.2, 0.9]]), np.array([[1, 0, 0, 0]])) == pytest.approx(2.5 / 3)


def test_others_leave_out_oneself_and_the_cold_draft():
    drafts = data.Drafts.__new__(data.Drafts)
    drafts.right = np.array([1, 0, 1, 1, 0, 0, 0, 1], dtype=np.float32)
    assert np.allclose(drafts._others(4), [0.5, 1, 0.5, 2 / 3, 0, 0, 0, 0])


def test_only_problems_held_out_of_the_policy_are_judged_against_a_restart(pools):
    run = Run(replace(STAGES["final"], drafts=60, each=3), pools, seed=4, config=TINY)
    run.fresh_drafts()
    held = {p for level in SMALL.mix | LARGE.mix for p in pools.of("calibration", level)}
    assert 0 < run.drafts.judged.mean() < 1
    assert all((p in held) == bool(j) for p, j in zip(run.drafts.problems, run.drafts.judged))


@pytest.mark.parametrize("stage", ["base", "round", "final"])
def test_a_resumed_run_is_the_same_run(pools, stage):
    small = replace(STAGES[stage], steps=6, groups=tuple(replace(g, size=6) for g in STAGES[stage].groups), refresh=4)
    small = replace(small, drafts=24 if small.drafts else 0)

    def run():
        return Run(small, pools, seed=3, config=TINY)

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


def test_without_judging_the_policy_is_trained_alone(pools):
    small = replace(STAGES["base"], steps=2, groups=tuple(replace(g, size=6) for g in STAGES["base"].groups))
    run = Run(small, pools, seed=3, config=TINY, judging=False)
    loss = run.advance()
    assert loss[0] > 0 and loss[1:].tolist() == [0, 0, 0]


def test_sparse_targets_are_the_targets(pools):
    dense = data.walks(pools.train(), LARGE, 30, random.Random(1)).targets
    wanted, weights = batches.sparse(dense)
    back = np.zeros_like(dense)
    np.add.at(back, (*np.indices(wanted.shape)[:2], wanted), weights)
    assert np.array_equal(back, dense) and (weights > 0).sum() == (dense > 0).sum() > 0


def test_questions_are_read_where_the_layout_puts_them(pools):
    for group in (SMALL, LARGE):
        batch = data.walks(pools.train(), group, 3, random.Random(1))
        prompts = [families.prompt(p) for p in batch.problems]
        placed = layout.arrange(prompts, batch.tokens, list(tok.CHECKS), np.zeros((3, 3), int), group.main)
        assert batches.ends_of(group, judging=True) == placed.ends


def test_workers_make_the_batches_that_the_training_process_makes(pools):
    stage = replace(STAGES["base"], steps=3)
    alone, beside = (Run(stage, pools, seed=3, config=TINY, workers=n) for n in (0, 2))
    for _ in range(3):
        for one, other in zip(alone._next(), beside._next()):
            assert torch.equal(one, other)
        alone.step, beside.step = alone.step + 1, beside.step + 1


def test_matrices_together_are_updated_as_one_by_one():
    torch.manual_seed(2)
    shapes = [(16, 16), (16, 16), (40, 16), (16, 40)]
    ours, theirs = ([torch.nn.Parameter(torch.full(s, 0.1)) for s in shapes] for _ in range(2))
    muon = Muon(ours, lr=0.01)
    reference = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for a, b in zip(ours, theirs):
            a.grad = torch.randn(a.shape)
            b.grad = a.grad.clone()
        muon.step(), reference.step()
    for a, b in zip(ours, theirs):
        assert (a - b).abs().max() < 2e-4  # Newton-Schulz in bfloat16, steps of about 2e-3


def test_cuts_stay_within_the_answer(pools):
    rng, numpy = random.Random(6), np.random.default_rng(6)
    for group in (SMALL, LARGE):
        batch = data.walks(pools.train(), group, 64, rng)
        cut = data.cuts(batch, 3, numpy)
        length = layout.lengths(batch.tokens)[:, None]
        assert (cut >= 0).all() and (cut <= length).all() and (cut == length).mean() > 0.1
