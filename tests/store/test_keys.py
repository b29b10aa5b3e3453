"""Every field of a key, changed alone, gives another key; what is no part of it does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.events import silent
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.plan.plan import Cell, Step, Training
from ablate.recipe.training import Train
from ablate.recipe.values import Sparsity
from ablate.scorers.align import Align
from ablate.scorers.base import Scorer
from ablate.scorers.combined import Combined
from ablate.scorers.correlation import Correlation
from ablate.scorers.magnitude import Magnitude
from ablate.scorers.oracle import Oracle
from ablate.scorers.random import Random
from ablate.scorers.uniform import Uniform
from ablate.store.keys import (
    data_key,
    mask_hash,
    mask_key,
    parts_used,
    result_key,
    scores_key,
    trained_model_hash,
    training_key,
    training_settings,
)
from ablate.store.store import Store
from ablate.tasks.sts import Sts
from ablate.testing.samples import sample_calibration, sample_tasks
from ablate.testing.tiny import save_tiny, tiny_model
from ablate.timing import Timings
from tests.bench import Bench, make_bench, pairs, write_set

ALIGN = {"scorers": ["align"]}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def keys(bench: Bench, **given: Any) -> tuple[str, str, str]:
    """(scores, cell, result) of the recipe's first cell on its first screen task."""
    with Store(bench.store) as store:
        job = bench.job(**given)
        subject: ModelRun = prepare_model_run(job, job.recipe.model[0], store, Timings(), silent)
        cell = job.plan.cells[0]
        (task, *_) = job.load(job.tasks.screen)
        step = cell.steps[0]
        scores = scores_key(subject.model, subject.calibration, step.scorer, step.granularity, step.seed)
        return scores, subject.masks.key(cell), result_key(subject.model, "bits", task)


CALIBRATION = {"pairs": 16, "sentences": 24, "batch_size": 8}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"scorers": [{"scorer": "align", "sign": "signed"}]}, "scores cell"),
        ({"scorers": [{"scorer": "align", "pairs": 9}]}, "scores cell"),
        ({"scorers": ["uniform"]}, "scores cell"),
        ({"granularities": ["neuron"]}, "scores cell"),
        ({"calibration": {**CALIBRATION, "pairs": 12}}, "scores cell"),
        ({"calibration": {**CALIBRATION, "sentences": 20}}, "scores cell"),
        ({"calibration": {**CALIBRATION, "batch_size": 4}}, "scores cell"),
        ({"calibration": {**CALIBRATION, "calibration_seed": 1}}, "scores cell"),
        ({"calibration": {**CALIBRATION, "positives": "dropout"}}, "scores cell"),
        ({"sparsities": [0.5]}, "cell"),
        ({"scopes": ["layer"]}, "cell"),
        ({"steps": 2}, "cell"),
        ({"tie_seed": 1}, "cell"),
        ({"granularities": [{"granularity": "head", "min_keep": 2}]}, "cell"),
        ({"screen": ["sickr-dev"]}, "result"),
        ({"overlap": "keep"}, ""),
        ({"scorers": [{"scorer": "align", "label": "mine"}]}, ""),
        ({"controls": {"matched": 9}}, ""),
    ],
)
def test_recipe_values(bench: Bench, change: dict[str, Any], differs: str) -> None:
    before, after = keys(bench, **ALIGN), keys(bench, **{**ALIGN, **change})
    changed = {name for name, a, b in zip(("scores", "cell", "result"), before, after, strict=True) if a != b}
    assert changed == set(differs.split())


def test_the_seed_is_part_of_seeded_scorers_keys_alone(bench: Bench) -> None:
    assert keys(bench, scorers=["random"], seeds=[0])[:2] != keys(bench, scorers=["random"], seeds=[1])[:2]
    assert keys(bench, **ALIGN, seeds=[0]) == keys(bench, **ALIGN, seeds=[1])


def test_magnitude_does_not_depend_on_calibration(bench: Bench) -> None:
    assert keys(bench) == keys(bench, calibration={**CALIBRATION, "calibration_seed": 1})


@pytest.mark.parametrize("what", ["weights", "pooling", "max_length"])
def test_another_model(bench: Bench, what: str) -> None:
    before = keys(bench, **ALIGN)
    if what == "weights":
        save_tiny(bench.root / "other", seed=1)
        after = keys(bench, **ALIGN, model=str(bench.root / "other"))
    else:
        value: Any = "cls_before_pooler" if what == "pooling" else 9
        after = keys(bench, **ALIGN, model={"name": str(bench.model), what: value})
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_a_copy_of_the_model_is_the_same_model(bench: Bench) -> None:
    save_tiny(bench.root / "copy")
    assert keys(bench, **ALIGN) == keys(bench, **ALIGN, model=str(bench.root / "copy"))


@pytest.mark.parametrize("owner", [Align, Head, Sts])
def test_a_new_version(bench: Bench, monkeypatch: pytest.MonkeyPatch, owner: type[Any]) -> None:
    before = keys(bench, **ALIGN)
    monkeypatch.setattr(owner, "version", 99)
    after = keys(bench, **ALIGN)
    changed = [a != b for a, b in zip(before, after, strict=True)]
    assert changed == ([False, False, True] if owner is Sts else [True, True, False])


def test_one_gold_score_or_sentence(bench: Bench) -> None:
    made = [keys(bench)[2]]
    content = pairs(1, 30)
    for changed in (("a new sentence", *content[0][1:]), (*content[0][:2], 4.99)):
        write_set(bench.data, "stsb-dev", [changed, *content[1:]])
        made.append(keys(bench)[2])
    assert len(set(made)) == 3


def test_precision_and_the_mask_are_part_of_a_result(bench: Bench) -> None:
    with Store(bench.store) as store:
        job = bench.job()
        model = prepare_model_run(job, job.recipe.model[0], store, Timings(), silent).model
        (task,) = job.load(job.tasks.screen)
    made = [
        result_key(model, mask, task, *precision)
        for precision in ((), ("float32",), ("bf16",), ("fp16",))
        for mask in (None, "bits", "other bits")
    ]
    # Stores that are older than the choice of a precision stay valid.
    assert made[:3] == made[3:6]
    assert len(set(made)) == 9


def test_each_dimension_has_a_result_of_its_own() -> None:
    (task,) = TASKS["sts-dev"]
    made = [result_key(MODEL, "bits", task.at(dim)) for dim in (None, 16, 8)]
    assert len({result_key(MODEL, "bits", task), *made}) == len(made) == 3


def test_mask_hash_is_of_the_bits_alone() -> None:
    a, b = np.array([True, False, True]), np.array([False] * 8 + [True])
    everything = np.ones(4, bool)
    one = mask_hash({"head": a, "neuron": b})
    assert one == mask_hash({"neuron": b.copy(), "head": a.copy(), "unstructured": everything})
    others = [
        mask_hash({"head": a}),
        mask_hash({"neuron": a, "head": b}),
        mask_hash({"head": ~a, "neuron": b}),
        mask_hash({"head": np.append(a, False), "neuron": b}),
        mask_hash({"head": np.append(a, True), "neuron": b}),
        mask_hash({"head": a, "neuron": b[:8]}),
    ]
    assert len({one, *others}) == 7
    assert mask_hash({}) is None
    assert mask_hash({"head": everything, "neuron": everything}) is None


MODEL = dataclasses.replace(tiny_model(), hash="model")
SAMPLE = sample_calibration()
TASKS = sample_tasks(["sts-dev"])

STEPS: dict[str, Step] = {
    "align head": Step(((Head(), 0.25),), Align(), "label"),
    "signed neuron": Step(((Neuron(min_keep=8), "negative"),), Align(sign="signed"), "label"),
    "combined weights": Step(((Unstructured(), 0.25),), Combined(lambda_=0.25), "label", "layer", steps=4),
    "correlation head": Step(((Head(), 0.25),), Correlation(), "label"),
    "magnitude head": Step(((Head(), 0.25),), Magnitude(), "label"),
    "random neuron": Step(((Neuron(), 0.25),), Random(), "label", seed=3),
    "oracle head": Step(((Head(), 0.25),), Oracle(), "label"),
}
TWO = Cell((STEPS["align head"], STEPS["random neuron"]))
CELLS: dict[str, Cell] = {
    **{name: Cell((step,)) for name, step in STEPS.items()},
    "dense": Cell(),
    "two steps": TWO,
    "matched": TWO.as_control("matched", 5),
    "flipped": TWO.as_control("flipped"),
    "trained": dataclasses.replace(TWO, training=Training("rewind", 1, "settings")),
}


def scores_of(step: Step, in_force: str | None = None) -> str:
    return scores_key(MODEL, SAMPLE, step.scorer, step.granularity, step.seed, in_force, TASKS)


def mask_of(cell: Cell) -> str:
    return mask_key(MODEL, SAMPLE, [step.scorer for step in cell.steps], cell.identity(), 7, TASKS)


def test_stores_that_are_there_are_found_again() -> None:
    """The keys of what version 0.1.0 stored, taken from it: whoever changes one here orphans every store."""
    (task,) = TASKS["sts-dev"]
    spec = Train(batch_size=8)
    settings = training_settings(spec, "examples", [task])
    bits = mask_hash({"head": np.array([True, False, True])})
    made = {
        **{f"scores {name}": scores_of(step) for name, step in STEPS.items()},
        "scores under a mask": scores_of(STEPS["align head"], "bits"),
        **{f"mask {name}": mask_of(cell) for name, cell in CELLS.items()},
        "result dense": result_key(MODEL, None, task),
        "result masked": result_key(MODEL, "bits", task),
        "settings train": settings,
        "settings gradual": training_settings(spec, "examples", [task], "gradual"),
        "training": training_key(MODEL, None, None, settings, 1),
        "training masked": training_key(MODEL, bits, None, settings, 2),
        "training gradual": training_key(MODEL, None, mask_of(CELLS["align head"]), settings, 2),
    }
    assert made == {
        "scores align head": "f24966fb52047ace56d1366ca81b5fac4f2ca896c32f40cbbf72e06ba513ad5f",
        "mask align head": "201d158f073db74b0c385c8b4ef5d33b77f9287e36fe67702e730d464e68ed7b",
        "scores signed neuron": "2920dbd2c4e57d2fe260f38c8bc772b30a6d9a515787fd5d74cc071da522af4b",
        "mask signed neuron": "5f927a8e86a3ce4881758ab5f8e28619bbf304dc0f4780d3c8e501f47c517541",
        "scores combined weights": "1ab36888939d286d8a3a068269086e42873e798a1779332ddf0828dd9d9f5902",
        "mask combined weights": "1305687046e8df1d18f57b089b2c4661fa88d35de1ea962c36b4882f66862d65",
        "scores correlation head": "243f91cfc25107015bb1ad782d42b227c370e6b8d1325df80d1addf00c46044d",
        "mask correlation head": "784cf1fed97cf0d7d8e1412c2dd2082cf52b27e1f9c590e907bf8c28d7a1d5cc",
        "scores magnitude head": "0e73b25210c553effa8fda95a4881543a5e4bcc45290f485f1039236dc089b73",
        "mask magnitude head": "aab0bb89684477f30920831c34737369a8b5b096acae59a00aa76625571433b5",
        "scores random neuron": "4ad1199ea5f3e02e4d0901b321c32f90646a6f3c45e15354125552810668624f",
        "mask random neuron": "5bdbda41fff657dfa1a4aa31473bedafa03ccc7d7fa87028f63e56688c9e67fd",
        "scores oracle head": "6beb663456a58157adcb63ea3430341442376805519d4bc23b71354cad7e4885",
        "mask oracle head": "918e492e88038bda6fdf81a8acfaa403af50286a61908e0bdf8cf5dfe43ea1ed",
        "scores under a mask": "3ba4cd1ca24ada3fbae92b0a9dd0ec979cd60c5cafb1bc7071e0857abb968a23",
        "mask dense": "10ecc43978636493888cc3f538a7b051ce6a4b0a5111d074572d4dc1bae984a0",
        "mask two steps": "7a05c4e9bfc0017940a3dfa8d732c81c103099caae693988cffc6ec57143f797",
        "mask matched": "b33c9d6e86e49ea92e9279815401c77fa8f327ea3c968d08566bbf848e85386e",
        "mask flipped": "6d6081cb7912af853442c09ed84ed04ddf8c1c765a8c9842a635326308c7cb3e",
        "mask trained": "174b71908fbb143be8d02ed476e79ced679f33f6b97ab8ea7a771a1a4b836342",
        "result dense": "e9a6c69ea77f707e29fb4210fda40533c4c11a9e5f7138a9abf6616c7ffa83de",
        "result masked": "3a07c13ee16c4441843f27b71a0041d47b60df07b4ef89995d02a9261f36b9ad",
        "settings train": "22ad32412eda475a7c90193b3cd45c2c1db16434235454cb30afd82b78402b0d",
        "settings gradual": "a3ecb873fa7576a633ca691a539526efb8380a39f32b5d83bda86763814f766b",
        "training": "f8d365d96245e05ea1286b075a658c99ca581e136f7082d3b50e043bf87de628",
        "training masked": "57325c115e268559c336b3295ec1d681e071db6485b5547b12a0e4077f7c9948",
        "training gradual": "b4313207c3a2b34d49aaf3b66f1e60a523ef0a4407bb947cae65b1db6c48d757",
    }


def test_steps_of_several_granularities_have_keys_of_their_own() -> None:
    def step(*sparsities: tuple[Granularity, Sparsity]) -> Step:
        return Step(sparsities, Combined(), "combined")

    head, neuron = (Head(), 0.25), (Neuron(), 0.1)
    steps = [step(head), step(neuron), step(head, neuron), step(neuron, head), step((Head(), 0.1), neuron)]
    steps += [step((Head(min_keep=2), 0.25), neuron)]
    cells = [Cell((one,)) for one in steps] + [Cell((step(head), step(neuron)))]
    assert len({mask_of(cell) for cell in cells}) == len(cells)


def test_what_is_scored_together_is_part_of_the_scores_key_where_it_counts() -> None:
    def key(*together: Granularity) -> str:
        return scores_key(MODEL, SAMPLE, Combined(), Head(), together=together)

    assert key() == key(Head()) == scores_key(MODEL, SAMPLE, Combined(), Head())
    assert len({key(), key(Head(), Neuron()), key(Head(), Unstructured())}) == 3


def test_a_trained_model_has_another_hash() -> None:
    other = dataclasses.replace(MODEL, hash="other")
    assert len({MODEL.hash, *(trained_model_hash(m, w) for m in (MODEL, other) for w in ("a", "b"))}) == 5


@pytest.mark.parametrize(
    ("scorer", "parts"),
    [
        (Magnitude(), set()),
        (Align(), {"pairs"}),
        (Uniform(), {"sentences"}),
        (Combined(), {"pairs", "sentences"}),
        (Correlation(), {"graded"}),
        (Oracle(on=("align",)), {"pairs", "sentences"}),
        (Oracle(), set()),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_the_parts_of_the_calibration_set_that_a_scorer_uses(scorer: Scorer, parts: set[str]) -> None:
    assert parts_used(scorer) == parts
    data = data_key(scorer, SAMPLE, TASKS)
    assert (data["calibration"] is None) == parts.isdisjoint({"pairs", "sentences"})
    assert ("graded" in data) == ("graded" in parts)
    assert ("tasks" in data) == bool(scorer.tasks())
