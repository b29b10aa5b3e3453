"""Every field of a key, changed alone, gives another key; what is no part of it does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.engine.evaluate import result_key
from ablate.engine.score import scores_key
from ablate.events import silent
from ablate.granularities.head import Head
from ablate.scorers.align import Align
from ablate.store.store import Store
from ablate.tasks.sts import Sts
from ablate.testing.tiny import save_tiny
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
        scores = scores_key(subject.model, subject.calibration, cell.steps[0], None)
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
    half = dataclasses.replace(model, encoding=dataclasses.replace(model.encoding, precision="bfloat16"))
    made = {result_key(m, mask, task) for m in (model, half) for mask in (None, "bits", "other bits")}
    assert len(made) == 6
