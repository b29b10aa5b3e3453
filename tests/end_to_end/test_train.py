"""``ablate train``: what a mask removes stays zero, what is killed goes on to the same weights, and the control is there."""

from __future__ import annotations

import json
import os
import pickle
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from scipy.stats import ttest_1samp
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor, nn

import ablate
from ablate.coordinator.run import execute
from ablate.coordinator.trained_weights import read_weights
from ablate.export.export import export, load
from ablate.models.load import load_model
from ablate.models.sentence_transformer import sentence_transformer
from ablate.models.spec import ModelSpec
from ablate.models.weights import weighted
from ablate.plan.plan import Cell
from ablate.plan.training import prepare_training_job
from ablate.plugins import registry
from ablate.recipe.document import Document
from ablate.recipe.schedule import cubic
from ablate.recipe.training import WAYS, Gradual
from ablate.record import Row
from ablate.report.html.material import Material
from ablate.report.html.page import render_html
from ablate.report.results import Results
from ablate.report.stored_cell import exportable
from ablate.store.store import Store
from ablate.training.enforce_mask import EnforceMask
from tests.bench import Bench, known, make_bench, module_bench  # noqa: F401  # one is a fixture

TRAIN = {"batch_size": 8, "learning_rate": 0.001, "evaluate_every": 4, "gradual": {"prunings": 3}}


def trained(bench: Bench, store: Path | None = None, train: dict[str, Any] | None = None, **given: Any) -> Results:
    recipe = bench.recipe(train=TRAIN | (train or {}), statistics={"resamples": 200}, **given)
    job = prepare_training_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    with Store(store or bench.store) as opened:
        return Results.of(execute(job, opened, keep_going=False, watch=bench.watch))


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    return trained(
        bench, granularities=["head", "unstructured"], confirm=["stsb", "sickr"], train={"train_seeds": [0, 1]}
    )


def entry(bench: Bench, results: Results, **wanted: Any) -> tuple[Row, dict[str, Tensor], dict[str, Any]]:
    """A cell's screen row, its weights, and what the store says of their training."""
    (row,) = [r for r in results.rows if r.stage == "screen" and all(getattr(r, k) == v for k, v in wanted.items())]
    with Store(bench.store, create=False) as store:
        key = store.mask_keys(row.key)[0]
        mask = store.get_mask(key)
        assert mask is not None
        about = store.trained_about(mask.about["trained"])
        assert about is not None
        return row, read_weights(store, mask.about["trained"]), about


def keep(bench: Bench, results: Results, way: str, granularity: str = "head") -> dict[str, Tensor]:
    row, _, _ = entry(bench, results, way=way, granularity=granularity, train_seed=0)
    with Store(bench.store, create=False) as store:
        return dict(exportable(results, store, registry(), row.key).keep)


# the schedule and the mask


def test_the_cubic_schedule_is_zhu_and_guptas() -> None:
    found = cubic(Gradual(prunings=4, until=1.0), 100)
    assert found == {25: 0.578125, 50: 0.875, 75: 0.984375, 100: 1.0}
    assert list(cubic(Gradual(prunings=4, until=0.5), 100)) == [12, 25, 38, 50]


def test_a_schedule_of_more_prunings_than_steps_ends_at_the_whole_sparsity() -> None:
    found = cubic(Gradual(prunings=50, until=0.1), 20)
    assert list(found) == [1, 2]
    assert found[2] == 1.0


Make = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

OPTIMIZERS: dict[str, Make] = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.9, centered=True),
    "adafactor": lambda p: transformers.Adafactor(  # type: ignore[no-untyped-call]
        p, lr=0.1, beta1=0.9, relative_step=False, scale_parameter=False
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_a_mask_removes_is_zero_after_every_step_and_in_the_optimizers_state(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 5)
    gone = torch.zeros(5, 6, dtype=torch.bool)
    gone[1], gone[:, 2] = True, True
    enforce = EnforceMask(layer, {})
    optimizer = OPTIMIZERS[name](layer.parameters())
    for step in range(12):
        if step == 4:  # by now the optimizer remembers gradients of what goes
            enforce.set_mask({"weight": ~gone}, optimizer)
        optimizer.zero_grad()
        torch.autograd.backward(layer(torch.randn(8, 6)).square().sum())
        assert layer.weight.grad is not None
        assert step < 4 or (layer.weight.grad[gone] == 0).all()
        optimizer.step()
        enforce.on_optimizer_step(None, None, None)
        assert step < 4 or (layer.weight[gone] == 0).all()
    assert (layer.weight[~gone] != 0).all()
    states = [s for s in optimizer.state[layer.weight].values() if isinstance(s, Tensor) and s.shape == gone.shape]
    assert states
    assert all((state[gone] == 0).all() for state in states)
    enforce.remove_hooks()
    assert not layer.weight._post_accumulate_grad_hooks


def test_an_infinite_gradient_of_a_removed_weight_does_no_harm() -> None:
    layer = nn.Linear(2, 1, bias=False)
    enforce = EnforceMask(layer, {"weight": torch.tensor([[False, True]])})
    torch.autograd.backward((layer.weight * torch.tensor([[torch.inf, 1.0]])).sum())
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[0.0, 1.0]]
    enforce.remove_hooks()


def test_the_objective_is_simcses(bench: Bench) -> None:
    """Gao et al. 2021, equations 1 (unsupervised) and 5 (supervised), by hand."""
    model: SentenceTransformer = sentence_transformer(ModelSpec(name=str(bench.model))).eval()
    texts = [
        ["the man runs", "a dog", "big red new"],
        ["a man", "the small dog", "red"],
        ["cat", "eats", "woman reads"],
    ]
    loss = MultipleNegativesRankingLoss(model, scale=1 / 0.05)
    for columns in (texts[:2], texts):
        u = [F.normalize(model(model.preprocess(column))["sentence_embedding"], dim=1) for column in columns]
        similar = torch.cat([u[0] @ other.T for other in u[1:]], 1) / 0.05
        expected = -torch.log(similar.exp().diagonal() / similar.exp().sum(1)).mean()
        found = loss([model.preprocess(column) for column in columns], None)
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("pooling", [None, "mean"])
def test_training_applies_the_prompt_of_evaluation(bench: Bench, tmp_path: Path, pooling: str | None) -> None:
    """Training with a prompt is training without one on sentences that begin with it."""
    prompt, texts = "the red dog ", [f"{size} {animal} {verb}" for size in ("big", "small") for animal in ("cat", "dog")
                                    for verb in ("runs", "eats")]  # fmt: skip
    weights = {}
    for name, prepended, begin in (("with", prompt, ""), ("by-hand", "", prompt), ("without", "", "")):
        model, file, store = tmp_path / name, tmp_path / f"{name}.txt", tmp_path / f"{name}.db"
        shutil.copytree(bench.model, model)
        prompts = {"prompts": {"query": prepended}, "default_prompt_name": "query" if prepended else None}
        (model / "config_sentence_transformers.json").write_text(json.dumps(prompts))
        file.write_text("".join(f"{begin}{text}\n" for text in texts))
        settings = {"sentences": str(file), "steps": 2, "evaluate_every": 2, "ways": ["prune-then-train"]}
        of_model = {"name": str(model), "pooling": pooling}
        results = trained(bench, store, settings, model=of_model, granularities=["head"])
        (key,) = {row.key for row in results.rows if row.way == "prune-then-train"}
        with Store(store, create=False) as opened:
            mask = opened.get_mask(opened.mask_keys(key)[0])
            assert mask is not None
            weights[name] = read_weights(opened, mask.about["trained"])
    same = {n: all(torch.equal(tensor, weights["with"][k]) for k, tensor in weights[n].items()) for n in weights}
    assert same == {"with": True, "by-hand": True, "without": False}


# the ways


def test_every_way_and_the_control_are_trained_at_every_seed(results: Results) -> None:
    screened = [row for row in results.rows if row.stage == "screen" and row.way]
    assert {(r.way, r.granularity, r.train_seed) for r in screened} == {
        *((way, kind, seed) for way in WAYS for kind in ("head", "unstructured") for seed in (0, 1)),
        *(("train", None, seed) for seed in (0, 1)),
    }
    assert all(row.status == "ok" for row in results.rows)


@pytest.mark.parametrize("granularity", ["head", "unstructured"])
@pytest.mark.parametrize("way", WAYS)
def test_removed_weights_are_exactly_zero(bench: Bench, results: Results, way: str, granularity: str) -> None:
    row, weights, _ = entry(bench, results, way=way, granularity=granularity, train_seed=0)
    assert row.units_removed == round(0.25 * known(row.units_total))
    kept = keep(bench, results, way, granularity)
    gone = sum(int((~mask).sum()) for mask in kept.values())
    assert gone == row.params_removed
    if way != "train-then-prune":
        assert all((weights[name][~mask] == 0).all() for name, mask in kept.items())
    before = dict(load_model(ModelSpec(name=str(bench.model))).backbone.named_parameters())
    moved = [name for name, mask in kept.items() if not torch.equal(weights[name][mask], before[name].detach()[mask])]
    assert moved == list(kept)


def test_the_mask_of_each_way_is_of_the_right_weights(bench: Bench, results: Results) -> None:
    magnitude = {}
    dense = entry(bench, results, way="train", train_seed=0)[1]
    model = load_model(ModelSpec(name=str(bench.model)))
    for name, weights in (("before", None), ("after", dense)):
        with weighted(model, weights):
            every = {
                f"{n}.weight": model.weight(n).detach().abs()
                for layer in model.architecture.layers
                for n in layer.linears
            }
            bound = torch.cat([w.flatten() for w in every.values()]).quantile(0.25)
            magnitude[name] = {key: w > bound for key, w in every.items()}
    for way, of in (("prune-then-train", "before"), ("train-then-prune", "after"), ("rewind", "after")):
        kept = keep(bench, results, way, "unstructured")
        agree = [(kept[key] == expected).float().mean() for key, expected in magnitude[of].items()]
        assert min(agree) > 0.999, way
    kept = keep(bench, results, "prune-then-train", "unstructured")
    assert any(not torch.equal(kept[key], magnitude["after"][key]) for key in kept)


def test_train_then_prune_has_the_weights_of_the_control(bench: Bench, results: Results) -> None:
    control = entry(bench, results, way="train", train_seed=1)[1]
    found = entry(bench, results, way="train-then-prune", granularity="head", train_seed=1)[1]
    assert all(torch.equal(control[name], found[name]) for name in control)


def test_a_step_of_several_granularities_is_trained_in_every_way(bench: Bench, tmp_path: Path) -> None:
    step = {"granularity": ["head", "neuron"], "scorer": "magnitude", "sparsity": {"head": 0.25, "neuron": 0.125}}
    given: dict[str, Any] = {"scorers": [], "granularities": [], "sparsities": [], "cells": [[step]]}
    store = tmp_path / "store.db"
    results = trained(bench, store=store, **given)
    cells = {row.cell: row for row in results.rows if row.way in WAYS}
    assert set(cells) == {f"head+neuron magnitude 25 % + 12.5 %, {way}" for way in WAYS}
    with Store(store, create=False) as opened:
        for row in cells.values():
            cell = exportable(results, opened, registry(), row.key)
            masks = {json.loads(name)["name"]: int((~mask).sum()) for name, mask in cell.mask.units.items()}
            assert masks == {"head": 2, "neuron": 16}
            assert row.params_removed == sum(int((~kept).sum()) for kept in cell.keep.values()) == 2 * 1048 + 16 * 65
            parameters = dict(cell.model.backbone.named_parameters())
            if row.way != "train-then-prune":
                assert all((parameters[name][~kept] == 0).all() for name, kept in cell.keep.items())
    assert trained(bench, store=store, **given).about.computed == 0


def test_a_name_that_several_train_seeds_share_exports_none_of_them(bench: Bench, results: Results) -> None:
    cell = next(row.cell for row in results.rows if row.way == "gradual")
    with (
        Store(bench.store) as store,
        pytest.raises(ablate.AblateError, match=rf"^'{re.escape(cell)}' matches 2 cells; name one by its key: '"),
    ):
        exportable(results, store, registry(), cell)


def test_seeds_differ(bench: Bench, results: Results) -> None:
    one, two = (entry(bench, results, way="train", train_seed=seed)[1] for seed in (0, 1))
    assert not torch.equal(one["embeddings.word_embeddings.weight"], two["embeddings.word_embeddings.weight"])


def test_the_best_checkpoint_is_what_was_evaluated(bench: Bench, results: Results) -> None:
    for way in ("train", "prune-then-train", "gradual", "rewind"):
        for row in [r for r in results.rows if r.way == way and r.stage == "screen"]:
            _, _, about = entry(bench, results, way=way, granularity=row.granularity, train_seed=row.train_seed)
            history = dict(about["history"])
            assert about["dev"] == max(history.values()) == history[about["best_step"]]
            assert row.score == pytest.approx(about["dev"], abs=1e-3)
            assert about["steps"] == 15  # 120 sentences in batches of 8
            least = 8 if way == "gradual" else 0  # until: 0.5
            assert min(history) >= least


def test_what_sparsity_added_is_against_training_alone(results: Results) -> None:
    items = [e for e in results.evidence if e.against == "trained" and e.stage == "confirm"]
    assert {(e.cell, e.task) for e in items} == {
        (f"{kind} × magnitude 25 %, {way}", task)
        for kind in ("head", "unstructured")
        for way in WAYS
        for task in (None, "stsb", "sickr")
    }
    for item in items:
        if item.task is None:
            continue
        rows = [r for r in results.rows if r.stage == "confirm" and r.task == item.task]
        way = item.cell.rpartition(", ")[2]
        mine = [known(r.score_clean) for r in rows if (r.way, r.granularity) == (way, item.granularity)]
        alone = [known(r.score_clean) for r in rows if r.way == "train"]
        assert len(mine) == len(alone) == 2
        assert item.delta == pytest.approx(fmean(mine) - fmean(alone), abs=1e-4)
        assert item.low <= item.delta <= item.high
        assert known(item.q_better) >= known(item.p_different) or item.delta < 0
        assert item.q_improves is None
        assert item.untested == "no random mask was trained alike; 2 train seeds, and a test needs 3"
    text = results.to_markdown()
    assert "sparsity added" in text
    assert "dense, trained" in text
    assert "Not tested for 'improves': no random mask was trained alike; 2 train seeds, and a test needs 3; it" in text


def test_the_report_answers_by_what_sparsity_added(results: Results) -> None:
    page = render_html(Material(results))
    (said,) = re.findall(r"<dt>trained</dt>\s*<dd>(.*?)</dd>", page, re.DOTALL) or [page]
    best = max(
        (e for e in results.evidence if e.against == "trained" and e.stage == "confirm" and e.task is None),
        key=lambda e: e.delta,
    )
    assert "against the dense model trained for the same number of steps" in said
    assert f"{best.low:+.2f} to {best.high:+.2f}" in page
    assert "dense, as it came" in page
    assert "trained cells have no matched draws" in page


@pytest.fixture(scope="module")
def with_random(bench: Bench) -> Results:
    return trained(
        bench,
        scorers=["magnitude", "random"],
        seeds=[0, 1],
        confirm=["stsb", "sickr"],
        train={"train_seeds": [0, 1, 2], "ways": ["prune-then-train"]},
    )


def per_seed(results: Results, scorer: str | None, task: str) -> list[float]:
    """The clean score at each train seed, a mean over masks; of None the dense model trained."""
    rows = [r for r in results.rows if (r.stage, r.task, r.scorer) == ("confirm", task, scorer) and r.way]
    return [fmean(known(r.score_clean) for r in rows if r.train_seed == seed) for seed in (0, 1, 2)]


@pytest.mark.parametrize("task", ["stsb", "sickr"])
def test_improves_is_tested_over_train_seeds_and_against_random_masks_trained_alike(
    with_random: Results, task: str
) -> None:
    mine, random, alone = (np.array(per_seed(with_random, scorer, task)) for scorer in ("magnitude", "random", None))
    found = {
        e.against: e
        for e in with_random.evidence
        if (e.stage, e.task, e.scorer) == ("confirm", task, "magnitude") and e.against in ("trained", "random")
    }
    over_alone, over_random = (ttest_1samp(mine - other, 0, alternative="greater").pvalue for other in (alone, random))
    assert found["random"].delta == pytest.approx(mine.mean() - random.mean(), abs=1e-4)
    assert known(found["random"].p_beats) >= over_random - 1e-9
    assert found["random"].draws == 2
    assert found["trained"].untested is None
    # The family is this cell alone, since the random masks are tested for no such claim.
    assert known(found["trained"].q_improves) == pytest.approx(
        max(
            known(found["trained"].p_different) if found["trained"].delta > 0 else 1.0,
            over_alone,
            known(found["random"].p_beats),
        )
    )
    (itself,) = (
        e
        for e in with_random.evidence
        if (e.stage, e.task, e.scorer, e.against) == ("confirm", task, "random", "trained")
    )
    assert (itself.q_improves, itself.untested) == (None, "its mask is random itself")
    assert itself.verdict != "improves"
    assert "over random masks" in with_random.to_markdown()


def test_only_the_best_of_a_way_is_confirmed(bench: Bench) -> None:
    ran = trained(bench, sparsities=[0.125, 0.25], confirm=["stsb"], train={"ways": ["prune-then-train", "rewind"]})
    confirmed = {(r.way, r.cell) for r in ran.rows if r.stage == "confirm" and r.way}
    assert sorted(way for way, _ in confirmed) == ["prune-then-train", "rewind", "train"]


def test_the_same_again_costs_nothing_and_a_model_is_given_back(bench: Bench, results: Results) -> None:
    bench.clear()
    state = random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state()
    again = trained(
        bench, granularities=["head", "unstructured"], confirm=["stsb", "sickr"], train={"train_seeds": [0, 1]}
    )
    assert not [event for event in bench.events if event.kind in ("fit", "step")]
    assert [row.score for row in again.rows] == [row.score for row in results.rows]
    assert (random.getstate(), pickle.dumps(np.random.get_state())) == state[:2]
    assert torch.equal(torch.get_rng_state(), state[2])


def test_another_machine_state_does_not_change_the_weights(bench: Bench, results: Results, tmp_path: Path) -> None:
    torch.manual_seed(99)
    random.seed(99)
    ran = trained(bench, store=tmp_path / "other.db", train={"ways": ["prune-then-train"]})
    mine = {row.cell: row.score for row in ran.rows if row.way}
    theirs = {row.cell: row.score for row in results.rows if row.train_seed == 0 and row.stage == "screen"}
    assert len(mine) == 2
    assert all(theirs[cell] == score for cell, score in mine.items())


def test_accumulation_makes_fewer_steps(bench: Bench) -> None:
    ran = trained(bench, train={"accumulate": 2, "ways": ["prune-then-train"], "head": "mlp", "optimizer": "adafactor"})
    assert entry(bench, ran, way="train")[2]["steps"] == 8
    _, weights, _ = entry(bench, ran, way="prune-then-train")
    kept = keep(bench, ran, "prune-then-train")
    assert all((weights[name][~mask] == 0).all() for name, mask in kept.items())
    assert not [name for name in weights if "activation" in name or name.startswith("linear")]  # the head is gone


def test_supervised_pairs_with_hard_negatives(bench: Bench, tmp_path: Path) -> None:
    lines = [f"the man {i} runs\ta man {i} runs\tno dog {i} eats" for i in range(24)]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    items = [dict(zip(("anchor", "positive", "negative"), line.split("\t"), strict=True)) for line in lines]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    ran = [
        trained(bench, train={"pairs": str(tmp_path / f"pairs.{end}"), "ways": ["rewind"]}) for end in ("tsv", "jsonl")
    ]
    assert [r.score for r in ran[0].rows] == [r.score for r in ran[1].rows]
    assert ran[0].about.training is not None
    assert ran[0].about.training.kind == "pairs"
    assert ran[1].about.cached == len({r.key for r in ran[1].rows})  # what counts is what they say


def test_a_trained_cell_is_shipped_with_its_weights(bench: Bench, results: Results, tmp_path: Path) -> None:
    row, weights, _ = entry(bench, results, way="rewind", granularity="head", train_seed=1)
    with Store(bench.store, create=False) as store:
        chosen = exportable(results, store, registry(), row.key)
    exported = export(chosen, results, tmp_path / "out", costs=False)
    assert exported.difference <= 1e-5
    loaded = load(tmp_path / "out")
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(loaded[0].model.state_dict()[name], weights[name])
    assert "trained by SimCSE's objective for 15 steps" in (tmp_path / "out" / "README.md").read_text()


# kills and full disks


def files(root: Path) -> None:
    """A recipe and its data in a folder, for processes of their own."""
    bench = make_bench(root, pytest.MonkeyPatch())
    tree = bench.tree(scorers=["align"], train={**TRAIN, "evaluate_every": 2, "ways": ["gradual"], "epochs": 3})
    (root / "r.yaml").write_text(json.dumps(tree))


def command(root: Path, store: str, **options: Any) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "ablate", "train", "r.yaml", "--store", store, "--format", "json"]
    environment = os.environ | {"PYTHONPATH": str(Path(ablate.__file__).parents[1])}
    return subprocess.Popen(
        words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def weights_of(path: Path) -> dict[str, str]:
    """Each trained cell's name and the hash of its weights."""
    with Store(path, create=False) as store:
        rows = store.rows(store.runs()[-1].id)
        keys = {row["cell"]: store.mask_keys(row["key"])[0] for row in rows if row["way"]}
        abouts = {cell: store.mask_about(key) for cell, key in keys.items()}
        found = {cell: store.trained_about(about["trained"]) for cell, about in abouts.items() if about}
        return {cell: about["hash"] for cell, about in found.items() if about}


@pytest.mark.slow
def test_after_a_kill_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    files(tmp_path)
    out, err = command(tmp_path, "whole.db").communicate(timeout=200)
    assert json.loads(out), err
    for _ in range(3):
        process = command(tmp_path, "killed.db")
        until = time.monotonic() + 60
        marks = set((tmp_path / "killed.db.files").rglob("ablate-mask.safetensors"))
        while process.poll() is None and time.monotonic() < until:
            if set((tmp_path / "killed.db.files").rglob("ablate-mask.safetensors")) - marks:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        process.communicate()
    assert list((tmp_path / "killed.db.files").rglob("ablate-mask.safetensors"))
    process = command(tmp_path, "killed.db")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    # What the whole run took in one piece was taken up in the middle.
    first = next(line for line in err.splitlines() if "steps" in line)
    assert int(first.split(" of ")[1].split()[0]) < 45
    assert weights_of(tmp_path / "killed.db") == weights_of(tmp_path / "whole.db")
    assert not list((tmp_path / "killed.db.files" / "training").iterdir())


def test_a_half_written_checkpoint_is_left_out(tmp_path: Path) -> None:
    from ablate.training.checkpoints import newest_checkpoint

    for step, whole in ((2, True), (4, True), (6, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(
            json.dumps({"best_model_checkpoint": str(tmp_path / "checkpoint-2")})
        )
        if whole:
            (folder / "ablate-mask.safetensors").write_bytes(b"")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-4"
    assert not (tmp_path / "checkpoint-6").exists()
    assert newest_checkpoint(tmp_path / "none") is None


def test_two_processes_train_a_cell_once(tmp_path: Path) -> None:
    files(tmp_path)
    both = [command(tmp_path, "both.db") for _ in range(2)]
    ended = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    one, two = (json.loads(out) for out, _ in ended)
    assert [row["score"] for row in one] == [row["score"] for row in two]
    said = [line.split(":")[0] for _, err in ended for line in err.splitlines() if "45 of 45 steps" in line]
    assert sorted(said) == ["dense, trained", "head align 25 %, gradual"]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    files(tmp_path)
    limit = 60_000  # bytes a file: less than the weights
    process = command(tmp_path, "full.db", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (2, ""), err
    last = err.splitlines()[-1]
    assert last.startswith("ablate: ")
    assert "make room" in last
    assert "Traceback" not in err


def test_cells_of_the_grid_keep_their_keys() -> None:
    """Training came later: what older stores hold is found."""
    assert set(Cell().identity()) == {"steps", "control", "draw"}


def test_a_model_without_dropout_forms_no_positive_pairs(bench: Bench, tmp_path: Path) -> None:
    config = json.loads((bench.model / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    still = tmp_path / "still"
    still.mkdir()
    for file in bench.model.iterdir():
        (still / file.name).symlink_to(file)
    (still / "config.json").unlink()
    (still / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ablate.AblateError,
        match="has no dropout, so that training on single sentences makes no positive pairs; give pairs with `train.pairs",
    ):
        trained(bench, model=str(still), train={"ways": ["rewind"]})


def test_families_train_under_a_mask(tmp_path: Path, bench: Bench) -> None:
    from ablate.testing.tiny import save_tiny

    for family in ("roberta", "distilbert", "mpnet"):
        save_tiny(tmp_path / family, family)
        ran = trained(
            bench, store=tmp_path / "f.db", model=str(tmp_path / family), train={"ways": ["prune-then-train"]}
        )
        assert [row.status for row in ran.rows] == ["ok"] * 3, family
